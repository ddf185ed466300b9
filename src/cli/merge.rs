use std::{
    collections::HashSet,
    path::{Path, PathBuf},
};

use chrono::Utc;
use tracing::warn;

use super::{
    CliError, Exit, Guard, MergeArgs, MissingShares, RepairNote, chain, of_ledger,
    sandbox_state_of, tell_repairs,
};
use crate::{
    collect::{located, spelled},
    files::{self, folder_of},
    ledger::{
        Ledger, LedgerError, LedgerFile, Lock, MergeInput, Row, RowIndex, merge as merge_ledgers,
        merged_name, real_path,
    },
    output::{console, history},
    text::{count, system_says},
};
use request::ReportId;
use sandbox::merge_states;

/// Merges ledgers into one. All are locked meanwhile, and the inputs stay as they are.
pub(super) async fn merge(args: &MergeArgs) -> Result<Exit, CliError> {
    let output = real_path(&args.output)?;
    let parts = parts(args, &output)?;
    let mut guard = Guard::new();
    for ledger in parts.iter().map(|part| &part.real).chain([&output]) {
        guard.around_ledger(ledger);
    }
    guard.refuse("--output", &args.output)?;
    let prefer = match &args.prefer {
        None => None,
        Some(preferred) => {
            let real = real_path(preferred)?;
            let place = parts.iter().position(|part| part.real == real);
            Some(place.ok_or_else(|| {
                let name = preferred.display();
                CliError::Usage(format!("--prefer {name}: it is none of the ledgers to merge"))
            })?)
        }
    };

    for missing in MissingShares::among(parts.iter().map(|part| part.name.as_path())) {
        warn!("{missing}");
    }
    let mut locks = Locks::default();
    let mut locked = locks.hold(parts.iter().map(|part| &part.real).chain([&output]))?;
    let ledgers = parts.iter().map(|part| read(&mut locked, part));
    let mut ledgers = all(ledgers.collect())?;
    for (part, ledger) in parts.iter().zip(&mut ledgers) {
        move_files(ledger, folder_of(&part.real), folder_of(&output));
    }
    let named =
        parts.iter().zip(&ledgers).map(|(part, ledger)| MergeInput { name: &part.name, ledger });
    let merged = merge_ledgers(&named.collect::<Vec<_>>(), prefer).map_err(LedgerError::from)?;
    find(&mut locked, &output)?.write(&merged, Utc::now()).await?;

    if !args.history.no_history {
        merge_histories(&parts, &output);
    }
    merge_sandboxes(&parts, &output, &merged);
    for part in &parts {
        if let Some(name) = merged_name(&output, &part.real) {
            put_away(&part.real, &name);
        }
    }
    let text = format!(
        "{}: {} from {}\n",
        args.output.display(),
        count(merged.len(), "row"),
        count(parts.len(), "ledger"),
    );
    console::say(text);
    Ok(Exit::Success)
}

struct MergeSource {
    /// As given, for messages.
    name: PathBuf,
    real: PathBuf,
}

/// In their order, each once. An output that exists is one of them: the first, unless it is named.
fn parts(args: &MergeArgs, output: &Path) -> Result<Vec<MergeSource>, CliError> {
    let given = args.ledgers.iter().map(|name| {
        let real = real_path(name)?;
        if real.exists() {
            Ok(MergeSource { name: name.clone(), real })
        } else {
            Err(LedgerError::Missing(name.clone()))
        }
    });
    let mut parts: Vec<MergeSource> = Vec::new();
    let given = all(given.collect())?;
    if output.exists() && !given.iter().any(|part| part.real == output) {
        parts.push(MergeSource { name: args.output.clone(), real: output.to_owned() });
    }
    for part in given {
        if !parts.iter().any(|known| known.real == part.real) {
            parts.push(part);
        }
    }
    Ok(parts)
}

fn all<T>(results: Vec<Result<T, LedgerError>>) -> Result<Vec<T>, CliError> {
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    for result in results {
        match result {
            Ok(value) => good.push(value),
            Err(e) => bad.push(e),
        }
    }
    if bad.is_empty() {
        return Ok(good);
    }
    let lines: Vec<String> = bad.iter().map(of_ledger).collect();
    Err(CliError::BadLedger(lines.join("\n")))
}

fn find<'a>(locked: &'a mut [LedgerFile], real: &Path) -> Result<&'a mut LedgerFile, LedgerError> {
    let file = locked.iter_mut().find(|file| file.path == real);
    file.ok_or_else(|| LedgerError::Missing(real.to_owned()))
}

/// What only a torn line says must not be lost.
fn read(locked: &mut [LedgerFile], part: &MergeSource) -> Result<Ledger, LedgerError> {
    let missing = || LedgerError::Missing(part.name.clone());
    let reading = find(locked, &part.real)?.reading.take().ok_or_else(missing)?;
    tell_repairs(&part.name, &reading, RepairNote::Written);
    reading.into_ledger(&part.name)
}

/// Makes file paths relative to `to` instead of `from`. Both are absolute.
fn move_files(ledger: &mut Ledger, from: &Path, to: &Path) {
    if from == to {
        return;
    }
    let is_collected = |(_, row): &(RowIndex, &Row)| !row.collected.file.is_empty();
    let collected: Vec<RowIndex> =
        (ledger.places().filter(is_collected)).map(|(place, _)| place).collect();
    for place in collected {
        let mut row = ledger.row(place).clone();
        row.collected_mut().file = spelled(&located(from, &row.collected.file), to);
        ledger.replace(place, row);
    }
}

/// Dropped, all are released.
#[derive(Default)]
struct Locks(Vec<Lock>);

impl Locks {
    /// Locks every ledger once, in the order of their paths: of two commands that want the same ones, one gets all.
    fn hold<'p>(
        &mut self,
        paths: impl Iterator<Item = &'p PathBuf>,
    ) -> Result<Vec<LedgerFile>, CliError> {
        let mut paths: Vec<&PathBuf> = paths.collect();
        paths.sort();
        paths.dedup();
        let mut locked = Vec::new();
        for path in paths {
            let taken = match LedgerFile::take(path, Utc::now()) {
                Err(e @ LedgerError::InUse { .. }) => return Err(e.into()),
                taken => taken,
            };
            locked.push(taken.map(|(file, lock)| {
                self.0.push(lock);
                file
            }));
        }
        all(locked)
    }
}

impl Drop for Locks {
    fn drop(&mut self) {
        for lock in self.0.drain(..) {
            lock.release(Utc::now());
        }
    }
}

/// Whatever is wrong with a history, the ledgers are merged all the same.
fn merge_histories(parts: &[MergeSource], output: &Path) {
    let histories = parts.iter().map(|part| history::path_of(&part.real));
    let merged = match history::merge(&histories.collect::<Vec<_>>()) {
        Ok(None) => return,
        Ok(Some(lines)) => lines,
        Err((path, e)) => {
            warn!(
                "the history {} cannot be read ({}); no histories are merged",
                path.display(),
                system_says(&e)
            );
            return;
        }
    };
    let place = history::path_of(output);
    let there = files::read_regular(&place, merged.len() as u64);
    let is_there = there.is_ok_and(|there| there == merged);
    let replaced = || {
        history::refuse_foreign(&place)?;
        files::replace(&place, &merged)
    };
    if !is_there && let Err(e) = replaced() {
        warn!("the history {} cannot be written ({})", place.display(), system_says(&e));
    }
}

/// So that the next rehearsal finds the reports of all.
fn merge_sandboxes(parts: &[MergeSource], output: &Path, merged: &Ledger) {
    let place = sandbox_state_of(output);
    let states: Vec<PathBuf> = (parts.iter().map(|part| sandbox_state_of(&part.real)))
        .filter(|state| state.exists())
        .collect();
    if states.iter().all(|state| *state == place) {
        return;
    }
    let locked: HashSet<&str> = merged.report_ids().map(ReportId::as_str).collect();
    let written = match merge_states(&states, |id| locked.contains(id)) {
        Ok(Some(state)) => files::replace(&place, &state).map_err(|e| e.to_string()),
        Ok(None) => Ok(()),
        Err(e) => Err(chain(&e)),
    };
    if let Err(why) = written {
        let place = place.display();
        warn!(
            "the sandboxes of these ledgers could not be merged into {place} ({why}): an audit of the rehearsal misses reports"
        );
    }
}

/// A rescued ledger is done with. Where it keeps its name it holds nothing new, and stops nobody.
fn put_away(rescued: &Path, merged: &Path) {
    if merged.exists() {
        return;
    }
    if let Err(e) = std::fs::rename(rescued, merged) {
        warn!("{} could not be renamed: {}", rescued.display(), system_says(&e));
    }
}
