//! `close`: proves a month, then keeps a hash of everything that proves it. `close --reopen` opens it again.

use std::{
    collections::{BTreeSet, HashSet},
    path::{Path, PathBuf},
};

use chrono::{SubsecRound as _, Utc};
use sha2::{Digest as _, Sha256};
use tracing::{error, info, warn};

use super::{
    AuditInput, AuditRequest, Audited, CliError, CliResult, CloseArgs, CommandLine, Context, Exit,
    Format, LockedLedger, Signals, account, add_to_history, by, history_line, print_view,
    verify_command,
};
use crate::{
    audit::{
        AcceptedDifference, CloseFile, ClosedFile, ClosedFileKind, Difference, DifferenceKind,
        accepted_path, close_path, is_closed, set_reopened,
    },
    collect::{located, spelled},
    files::{create, folder_of},
    ledger::{Ledger, LedgerError, Row, State, StatusCounts, read_file},
    manifest::OtherSide,
    output::{
        console,
        history::{self, Account, HistoryEvent},
    },
    plan::Selection,
    text::{count, hexadecimal, named, system_says},
};
use request::{Period, RequestIds};

pub(super) async fn close(args: &CloseArgs, command_line: &CommandLine) -> CliResult {
    let account = account();
    let by = by(args.by.as_ref(), &account)?;
    if args.reopen {
        return reopen(args, by, account);
    }
    let signals = Signals::listen();
    let asked = AuditRequest {
        manifest: &args.manifest,
        calendar: &args.calendar,
        selection: Selection::default(),
        is_offline: args.offline,
        without_files: false,
        locks: true,
    };
    let mut input = AuditInput::open(asked)?;
    let month = Month::of(&input)?;
    let inputs = month.hash_inputs()?;
    let audited = input.audit(&signals).await?;
    input.warn_of_unused(&audited.audit, args.offline);

    let mut notes = audited.notes.clone();
    if input.manifest.is_relative {
        notes.push(RELATIVE.to_owned());
    }
    notes.extend(list_notes(&input));
    let unplanned = unplanned_periods(&input, &audited);
    if !unplanned.is_empty() {
        notes.push(format!(
            "the ledger has rows of a period that the plan does not have: {}. Keep one ledger for each month (`ledger:` in the \
             manifest, or --ledger)",
            named(&unplanned, unplanned.len())
        ));
    }
    let undecided = undecided_leftovers(&input, &audited);
    if undecided > 0 {
        let rows = count(undecided, "row");
        notes.push(format!(
            "in doubt, and not in the plan: {rows} of the ledger; `monthend resolve` lists them"
        ));
    }
    if audited.exit() != Exit::Success || !unplanned.is_empty() || undecided > 0 {
        print_view(&audited.view(&input, &notes, command_line), Format::Table)?;
        error!("{} is not closed, and nothing was written", input.context.ledger.display());
        return Ok(Exit::Failures);
    }
    notes.iter().for_each(|note| info!("{note}"));

    let is_same = inputs == month.hash_inputs()?
        && inputs.first().is_some_and(|it| it.sha256 == input.manifest.origin.sha256);
    let collected = month.hash_collected(&input.reading.ledger, &audited)?;
    let Some(collected) = collected.filter(|_| is_same) else {
        error!(
            "a file was changed while the month was being closed; nothing was written. Close it again"
        );
        return Ok(Exit::Failures);
    };
    let now = Utc::now().trunc_subsecs(3);
    let mut counts = StatusCounts::default();
    input.reading.ledger.rows().for_each(|row| counts.add(row));
    let close = CloseFile {
        version: CloseFile::VERSION,
        closed_at: now,
        by: by.clone(),
        manifest: input.manifest.name.clone(),
        as_of: args.calendar.as_of(),
        rehearsal: input.context.is_rehearsal(),
        offline: args.offline,
        counts,
        accepted: accepted(&audited),
        files: [inputs, collected].concat(),
    };
    let place = close_path(&input.path);
    let unwritten = LedgerError::io("write the close file", &place);
    let json = close.json().map_err(|e| unwritten(e.into()))?;
    create(&place, json.as_bytes()).map_err(unwritten)?;
    let sha256 = hexadecimal(&Sha256::digest(&json));
    let reason = args.reason.clone();
    let what = HistoryEvent::Closed { by, sha256: Some(sha256.clone()), reason, account };
    if !args.history.no_history {
        add_to_history(&input.path, now, what);
    }
    let verify = verify_command(&input.path, command_line);
    console::say(format!(
        "{} is closed, by {}: {} has the hashes of {}, and {} accepted\nSHA-256 of the close file: {sha256}\n\nto see later whether the files are as they were, here or \
         in a copy of the folder:\n  {verify}\n",
        close.manifest,
        close.by,
        place.display(),
        count(close.files.len(), "file"),
        count(close.accepted.len(), "difference"),
    ));
    Ok(Exit::Success)
}

const RELATIVE: &str = "the manifest has periods that count from the day of the run: the next month needs another ledger, and who \
     edits the manifest after closing changes the month";

/// Rows outside the plan, of which the audit says nothing, that may have a report which nobody knows.
fn undecided_leftovers(input: &AuditInput<'_>, audited: &Audited) -> usize {
    let is_open =
        |row: &&Row| row.state.is_in_doubt() || matches!(row.state, State::Sending { .. });
    audited.plan.leftover(&input.reading.ledger).filter(is_open).count()
}

/// What a closed month does not prove, and what changes it by accident.
fn list_notes(input: &AuditInput<'_>) -> Vec<String> {
    let manifest = &input.manifest;
    if manifest.reconcile.is_empty() {
        return vec![
            "no invoice and no list was compared: the manifest has no `reconcile:`".to_owned(),
        ];
    }
    let lists = manifest.reconcile.iter().filter_map(|entry| match &entry.with {
        OtherSide::List(list) if !list.is_per_period() => Some(list.written.as_str()),
        OtherSide::List(_) | OtherSide::Ledger(_) | OtherSide::Report(_) => None,
    });
    let for_all_months: BTreeSet<&str> = lists.collect();
    let note = |list: &&str| {
        format!(
            "{list} is a part of the closed month: for the next one, save the list under another name ({{period}} in `with`)"
        )
    };
    for_all_months.iter().map(note).collect()
}

/// Of rows of the ledger. The plan has no request of these periods, so the audit says nothing of them.
fn unplanned_periods(input: &AuditInput<'_>, audited: &Audited) -> Vec<Period> {
    let planned: BTreeSet<Period> =
        audited.plan.requests().iter().map(|planned| planned.request.period).collect();
    let periods = input.reading.ledger.rows().map(|row| row.request().period);
    let unplanned: BTreeSet<Period> = periods.filter(|it| !planned.contains(it)).collect();
    unplanned.into_iter().collect()
}

/// Differences of the audit, and keys of its comparisons.
fn accepted(audited: &Audited) -> Vec<AcceptedDifference> {
    let of_audit = audited.audit.differences.iter().filter(|it| !it.counts()).filter_map(|it| {
        let what = format!("{}: {}", it.subject, it.what);
        Some((it.id, it.kind, what, it.acceptance.as_deref()?))
    });
    let keys = audited.audit.lists.iter().flat_map(|list| &list.accepted);
    let of_lists =
        keys.map(|key| (key.id, DifferenceKind::NotReconciled, key.what.clone(), &*key.acceptance));
    let all = of_audit.chain(of_lists).map(|(id, kind, message, acceptance)| AcceptedDifference {
        id: id.to_string(),
        kind: kind.word().to_owned(),
        message,
        acceptance: acceptance.clone(),
    });
    all.collect()
}

/// The files that prove a month.
struct Month {
    /// The ledger's folder, absolute and without links: paths are relative to it.
    folder: PathBuf,
    /// All but the history and the collected files; the manifest comes first.
    inputs: Vec<(PathBuf, ClosedFileKind)>,
    history: PathBuf,
    /// Earlier ledgers that the month is compared with.
    earlier: Vec<(PathBuf, Ledger)>,
}

impl Month {
    fn of(input: &AuditInput<'_>) -> CliResult<Self> {
        let (manifest, path) = (&input.manifest, &input.path);
        let periods: BTreeSet<Period> =
            manifest.jobs.iter().flat_map(|job| job.periods.iter().copied()).collect();
        // Lists of other periods, and translations of theirs, prove nothing of this month.
        let (mut lists, mut no_partners, mut earlier) = (Vec::new(), HashSet::new(), Vec::new());
        for entry in &manifest.reconcile {
            lists.extend(entry.translate.values().cloned());
            match &entry.with {
                OtherSide::List(list) => {
                    lists.extend(periods.iter().map(|period| list.path(*period)));
                    no_partners.insert(list.folder.join(&list.written));
                    no_partners.extend(manifest.origin.files_of(&list.written));
                }
                OtherSide::Ledger(named) => {
                    let named = input.context.as_rehearsed(named);
                    if let Ok(Some(read)) = read_file(&named) {
                        earlier.push((named, read.ledger));
                    }
                }
                OtherSide::Report(_) => {}
            }
        }
        no_partners.extend(lists.iter().cloned());
        let mut partners = manifest.origin.inputs();
        partners.retain(|named| !no_partners.contains(named));
        let own = [
            (input.context.manifest.0.clone(), ClosedFileKind::Manifest),
            (path.clone(), ClosedFileKind::Ledger),
            (accepted_path(path), ClosedFileKind::Accepted),
        ];
        let earlier_paths =
            earlier.iter().map(|(named, _)| (named.clone(), ClosedFileKind::Ledger));
        let partners = partners.into_iter().map(|it| (it, ClosedFileKind::Partners));
        let lists = lists.into_iter().map(|it| (it, ClosedFileKind::List));
        Ok(Month {
            folder: folder_of(path)
                .canonicalize()
                .map_err(LedgerError::io("find the folder of", path))?,
            inputs: own.into_iter().chain(partners).chain(lists).chain(earlier_paths).collect(),
            history: history::path_of(path),
            earlier,
        })
    }

    /// Each file once. A list that is not there is a difference that is accepted.
    fn hash_inputs(&self) -> CliResult<Vec<ClosedFile>> {
        let mut known = HashSet::new();
        let there = self
            .inputs
            .iter()
            .filter(|(place, _)| place.canonicalize().is_ok_and(|real| known.insert(real)));
        there.map(|(place, kind)| self.hash(place, *kind)).collect()
    }

    /// The history, and the collected files. `None`: one is not as the audit has seen it.
    fn hash_collected(
        &self,
        ledger: &Ledger,
        audited: &Audited,
    ) -> CliResult<Option<Vec<ClosedFile>>> {
        let of_file = |it: &&Difference| {
            matches!(it.kind, DifferenceKind::FileMissing | DifferenceKind::FileChanged)
        };
        let accepted = audited.audit.differences.iter().filter(of_file);
        let accepted: RequestIds = accepted.filter_map(|it| it.request_id).collect();
        let planned: RequestIds = audited.plan.ids().collect();
        let history = self.history.exists().then_some(&self.history);
        let history = history.map(|path| self.hash(path, ClosedFileKind::History)).transpose()?;
        let mut files: Vec<ClosedFile> = history.into_iter().collect();
        let earlier = self.earlier.iter().map(|(path, theirs)| (path.as_path(), theirs));
        let mut known = HashSet::new();
        for (path, of_path) in [(self.history.as_path(), ledger)].into_iter().chain(earlier) {
            let folder = folder_of(path).canonicalize();
            let folder = folder.map_err(LedgerError::io("find the folder of", path))?;
            for row in of_path.rows().filter(|row| !row.collected.file.is_empty()) {
                let file = located(&folder, &row.collected.file);
                let name = self.spell(&file)?;
                let is_audited = std::ptr::eq(of_path, ledger)
                    && planned.contains(&row.key())
                    && !accepted.contains(&row.id());
                match ClosedFile::of(&file, name.clone(), ClosedFileKind::Report) {
                    Ok(hashed) if is_audited && hashed.sha256 != row.collected.sha256 => {
                        return Ok(None);
                    }
                    Ok(hashed) => files.extend(known.insert(file).then_some(hashed)),
                    Err(_) if is_audited => return Ok(None),
                    Err(why) => warn!("{name} is not listed ({})", system_says(&why)),
                }
            }
        }
        Ok(Some(files))
    }

    /// A link keeps its own name: it may be a file where the folder is copied to.
    fn hash(&self, place: &Path, kind: ClosedFileKind) -> CliResult<ClosedFile> {
        let name = place.file_name().unwrap_or_default();
        let folder = folder_of(place).canonicalize().map_err(LedgerError::io("read", place))?;
        let spelled = self.spell(&folder.join(name))?;
        let hashed = ClosedFile::of(place, spelled, kind);
        Ok(hashed.map_err(LedgerError::io("read", place))?)
    }

    /// Relative to the close file. A name that is not UTF-8 could not be found by it.
    fn spell(&self, place: &Path) -> CliResult<String> {
        let name = spelled(place, &self.folder);
        if name.contains(char::REPLACEMENT_CHARACTER) {
            let why = "its name is not UTF-8, so a close file cannot name it; rename it";
            return Err(CliError::Usage(format!("{}: {why}", place.display())));
        }
        Ok(name)
    }
}

/// Kept in the history first: where that cannot be written, the month stays closed.
fn reopen(args: &CloseArgs, by: String, account: Account) -> CliResult {
    let context = Context::with_settings(&args.manifest, None)?;
    context.tell_sandbox();
    context.guard()?;
    context.require_ledger()?;
    let locked = LockedLedger::take(&context.ledger)?;
    let (name, path) = (context.ledger.display(), &locked.file.path);
    locked.file.refuse_mixing(context.is_rehearsal())?;
    if !is_closed(path) {
        return Err(CliError::BadLedger(format!("{name} is not closed; nothing was changed")));
    }
    let reason = args.reason.clone().unwrap_or_default(); // clap requires it
    let what = HistoryEvent::Reopened { by, reason, account };
    if args.history.no_history {
        warn!("--no-history (or MONTHEND_NO_HISTORY) is given, so the reason is not recorded");
    } else {
        history_line(path, Utc::now(), what)
            .map_err(LedgerError::io("write the history of", path))?;
    }
    let kept = set_reopened(path).map_err(LedgerError::io("rename the close file of", path))?;
    console::say(format!("{name} is open again; {} shows what was closed\n", kept.display()));
    Ok(Exit::Success)
}
