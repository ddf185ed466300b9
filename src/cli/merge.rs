//! `merge`: several ledgers become one; all are locked meanwhile, and the inputs stay as they are.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    path::{Path, PathBuf},
};

use tracing::warn;

use super::{
    CliError, CliResult, Exit, Guard, LockedLedger, MergeArgs, RepairNote, chain, of_ledger,
    sandbox_state_of, tell_repairs,
};
use crate::{
    audit::{accepted_path, merge_accepted},
    collect::{located, spelled},
    files::{self, folder_of},
    ledger::{
        Ledger, LedgerError, MergeInput, RowIndex, merge as merge_ledgers, merged_name, real_path,
    },
    output::{console, history},
    plan::Partition,
    text::{count, system_says},
};
use request::ReportId;
use sandbox::merge_states;

pub(super) async fn merge(args: &MergeArgs) -> CliResult {
    let output = real_path(&args.output)?;
    let parts = parts(args, &output)?;
    let mut guard = Guard::new();
    let all_places: BTreeSet<&PathBuf> =
        parts.iter().map(|part| &part.real).chain([&output]).collect();
    for ledger in &all_places {
        guard.around_ledger(ledger);
    }
    guard.refuse("--output", &args.output)?;
    let prefer = args.prefer.as_ref().map(|preferred| {
        let real = real_path(preferred)?;
        parts.iter().position(|part| part.real == real).ok_or_else(|| {
            let name = preferred.display();
            CliError::Usage(format!("--prefer {name}: it is none of the ledgers to merge"))
        })
    });
    let prefer = prefer.transpose()?;

    for missing in missing_shares(parts.iter().map(|part| part.name.as_path())) {
        warn!("{missing}");
    }
    let mut locked = lock_all(&all_places)?;
    let accepted = parts.iter().map(|part| &part.real).chain([&output]).map(|it| accepted_path(it));
    let accepted = merge_accepted(&accepted.collect::<Vec<_>>())?;
    locked[&output].refuse_closed()?;
    let ledgers = parts.iter().map(|part| read(&mut locked, part));
    let mut ledgers = all(ledgers.collect())?;
    for (part, ledger) in parts.iter().zip(&mut ledgers) {
        move_files(ledger, folder_of(&part.real), folder_of(&output));
    }
    let named =
        parts.iter().zip(&ledgers).map(|(part, ledger)| MergeInput { name: &part.name, ledger });
    let merged = merge_ledgers(&named.collect::<Vec<_>>(), prefer).map_err(LedgerError::from)?;
    locked[&output].write(&merged).await?;

    if let Some(accepted) = accepted {
        let place = accepted_path(&output);
        files::replace(&place, &accepted).map_err(|why| CliError::unwritable(&place, &why))?;
    }
    if !args.history.no_history {
        merge_histories(&parts, &output);
    }
    merge_sandboxes(&parts, &output, &merged);
    for part in &parts {
        // A rescued ledger is done with. Where it keeps its name it holds nothing new, and stops nobody.
        if let Some(name) = merged_name(&output, &part.real).filter(|name| !name.exists())
            && let Err(e) = std::fs::rename(&part.real, name)
        {
            warn!("{} could not be renamed: {}", part.real.display(), system_says(&e));
        }
    }
    let (rows, from) = (count(merged.len(), "row"), count(parts.len(), "ledger"));
    console::say(format!("{}: {rows} from {from}\n", args.output.display()));
    Ok(Exit::Success)
}

/// All that take part, by their real paths.
type LockedLedgers = BTreeMap<PathBuf, LockedLedger>;

struct MergeSource {
    /// As given, for messages.
    name: PathBuf,
    real: PathBuf,
}

/// In their order, each once. An output that exists is one of them: the first, unless it is named.
fn parts(args: &MergeArgs, output: &Path) -> CliResult<Vec<MergeSource>> {
    let given = args.ledgers.iter().map(|name| match real_path(name)? {
        real if real.exists() => Ok(MergeSource { name: name.clone(), real }),
        _ => Err(LedgerError::Missing(name.clone())),
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

fn all<T>(results: Vec<Result<T, LedgerError>>) -> CliResult<Vec<T>> {
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

/// What only a torn line says must not be lost.
fn read(locked: &mut LockedLedgers, part: &MergeSource) -> Result<Ledger, LedgerError> {
    let missing = || LedgerError::Missing(part.name.clone());
    let there = locked.get_mut(&part.real).and_then(|ledger| ledger.file.reading.take());
    let reading = there.ok_or_else(missing)?;
    tell_repairs(&part.name, &reading, RepairNote::Written);
    reading.into_ledger(&part.name)
}

/// Makes file paths relative to `to` instead of `from`. Both are absolute.
fn move_files(ledger: &mut Ledger, from: &Path, to: &Path) {
    if from == to {
        return;
    }
    let collected = ledger.places().filter(|(_, row)| !row.collected.file.is_empty());
    let places: Vec<RowIndex> = collected.map(|(place, _)| place).collect();
    for place in places {
        let mut row = ledger.row(place).clone();
        row.collected_mut().file = spelled(&located(from, &row.collected.file), to);
        ledger.replace(place, row);
    }
}

/// Locks every ledger once, in the order of their paths: of two commands that want the same ones, one gets all.
fn lock_all(paths: &BTreeSet<&PathBuf>) -> CliResult<LockedLedgers> {
    let mut locked = Vec::new();
    for path in paths {
        match LockedLedger::to_merge(path) {
            Err(e @ LedgerError::InUse { .. }) => return Err(e.into()),
            taken => locked.push(taken.map(|ledger| (PathBuf::clone(path), ledger))),
        }
    }
    all(locked).map(LockedLedgers::from_iter)
}

/// Whatever is wrong with a history, the ledgers are merged all the same.
fn merge_histories(parts: &[MergeSource], output: &Path) {
    let histories = parts.iter().map(|part| history::path_of(&part.real));
    let merged = match history::merge(&histories.collect::<Vec<_>>()) {
        Ok(None) => return,
        Ok(Some(lines)) => lines,
        Err((path, e)) => {
            let (path, why) = (path.display(), system_says(&e));
            warn!("the history {path} cannot be read ({why}); no histories are merged");
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
    let states = parts.iter().map(|part| sandbox_state_of(&part.real));
    let states: Vec<PathBuf> = states.filter(|state| state.exists()).collect();
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

const NAMED: usize = 5;

/// Shares that are missing in a merge, by the names of the others (`NAME.K-of-N.csv`): a sentence for each incomplete
/// set.
fn missing_shares<'p>(ledgers: impl Iterator<Item = &'p Path>) -> Vec<String> {
    let mut sets: BTreeMap<(PathBuf, u32), Vec<Partition>> = BTreeMap::new();
    for ledger in ledgers {
        let name = ledger.file_name().and_then(|name| name.to_str());
        if let Some((stem, share)) = name.and_then(Partition::of_name) {
            let set = (ledger.with_file_name(stem), share.count().get());
            sets.entry(set).or_default().push(share);
        }
    }
    let missing = sets.into_iter().filter_map(|((stem, count), mut there)| {
        let first = *there.first()?;
        there.sort_by_key(Partition::number);
        there.dedup();
        let missing = count as usize - there.len();
        let (are, rows, shares) = match missing {
            0 => return None,
            1 => ("one is".to_owned(), "its rows", "that share"),
            n => (format!("{n} are"), "their rows", "those shares"),
        };
        let absent = first.all().filter(|share| !there.contains(share)).take(NAMED.min(missing));
        let names = absent.map(|share| format!("{}.{}.csv", stem.display(), share.in_names()));
        let names = names.collect::<Vec<_>>().join(", ");
        let more = if missing > NAMED { " and so on" } else { "" };
        Some(format!(
            "of {count} shares, {are} not among these ledgers: {names}{more}; unless another of the ledgers has {rows}, run \
             {shares} again, and merge again"
        ))
    });
    missing.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(ledgers: &[&str]) -> Vec<String> {
        missing_shares(ledgers.iter().map(Path::new))
    }

    #[test]
    fn a_set_that_is_whole_or_none_is_not_spoken_of() {
        for ledgers in [
            &["a.csv", "b.csv"][..],
            &["a.2-of-2.csv", "a.1-of-2.csv", "a.csv"],
            &["x/a.1-of-1.csv", "b.0-of-2.csv"],
        ] {
            assert_eq!(told(ledgers), <[String; 0]>::default());
        }
    }

    #[test]
    fn what_is_missing_is_named_set_by_set() {
        let said = told(&["d/a.1-of-3.csv", "d/a.3-of-3.csv", "a.1-of-2.csv", "a.1-of-2.csv"]);
        assert_eq!(said.len(), 2);
        assert!(
            said[0].starts_with("of 2 shares, one is not among these ledgers: a.2-of-2.csv;"),
            "{said:?}"
        );
        assert!(
            said[1].starts_with("of 3 shares, one is not among these ledgers: d/a.2-of-3.csv;"),
            "{said:?}"
        );
        let many = told(&["a.1-of-4000000000.csv"]);
        assert!(
            many[0].contains("3999999999 are not among")
                && many[0].contains("a.6-of-4000000000.csv and so on"),
            "{many:?}"
        );
    }
}
