//! `close`: proves a month, then keeps a hash of everything that proves it. `close --reopen` opens it again.

use std::{
    collections::{BTreeSet, HashSet},
    io,
    path::{Path, PathBuf},
};

use chrono::{SubsecRound as _, Utc};
use tracing::{error, info, warn};

use super::{
    AuditInput, AuditRequest, Audited, CliError, CliResult, CloseArgs, CommandLine, Context, Exit,
    Format, LockedLedger, Signals, account, add_to_history, by, history_line, print_view,
};
use crate::{
    audit::{
        AcceptedDifference, CloseFile, ClosedFile, ClosedFileKind, Difference, DifferenceKind,
        accepted_path, close_path, set_reopened,
    },
    collect::{located, spelled},
    files::{create, folder_of},
    ledger::{Ledger, LedgerError, StatusCounts, read_file},
    manifest::{OtherSide, SubPartners},
    output::{
        console,
        history::{self, Account, HistoryEvent},
    },
    plan::Selection,
    text::{count, named, system_says},
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
        previous: args.previous.as_deref(),
        max_drop: &args.max_drop,
        junit: None,
        locks: true,
    };
    let mut input = AuditInput::open(&asked)?;
    let month = Month::of(&input)?;
    let inputs = month.hash()?;
    let audited = input.audit(&asked, &signals).await?;
    input.warn_of_unused(&audited.audit);

    let mut notes = audited.notes.clone();
    if input.manifest.is_relative {
        notes.push(
            "the manifest has periods that count from the day of the run: the next month needs another ledger, and who edits \
             the manifest after closing changes the month"
                .to_owned(),
        );
    }
    let unplanned = unplanned_periods(&input, &audited);
    if !unplanned.is_empty() {
        notes.push(format!(
            "the ledger has rows of a period that the plan does not have: {}. Keep one ledger for each month (`ledger:` in the \
             manifest, or --ledger)",
            named(&unplanned, unplanned.len())
        ));
    }
    if audited.exit() != Exit::Success || !unplanned.is_empty() {
        print_view(&audited.view(&input, &notes, command_line), Format::Table)?;
        error!("{} is not closed, and nothing was written", input.context.ledger.display());
        return Ok(Exit::Failures);
    }
    notes.iter().for_each(|note| info!("{note}"));

    let mut files = month.hash()?;
    let is_as_read = files.first().is_none_or(|it| it.sha256 == input.manifest.origin.sha256);
    if let Some(changed) = (files.iter().zip(&inputs))
        .find_map(|(now, before)| (now != before).then_some(&now.path))
        .or(files.first().filter(|_| !is_as_read).map(|manifest| &manifest.path))
    {
        return Ok(changed_meanwhile(changed));
    }
    match month.hash_collected(&input.reading.ledger, &audited)? {
        Ok(collected) => files.extend(collected),
        Err(changed) => return Ok(changed_meanwhile(&changed)),
    }
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
        files,
    };
    let place = close_path(&input.path);
    let failed =
        |source| LedgerError::Io { doing: "write the close file", path: place.clone(), source };
    let json = close.json().map_err(|e| failed(io::Error::from(e)))?;
    create(&place, json.as_bytes()).map_err(failed)?;
    if !args.history.no_history {
        let what = HistoryEvent::Closed { by: by.clone(), reason: args.reason.clone(), account };
        add_to_history(&input.path, now, what);
    } else if args.reason.is_some() {
        warn!("--no-history (or MONTHEND_NO_HISTORY) is given, so the reason is not recorded");
    }
    tell_closed(&close, &input, command_line);
    Ok(Exit::Success)
}

fn tell_closed(close: &CloseFile, input: &AuditInput, command_line: &CommandLine) {
    let place = close_path(&input.path);
    let (name, by, files) = (&close.manifest, &close.by, count(close.files.len(), "file"));
    let accepted = match close.accepted.len() {
        0 => String::new(),
        n => format!(", and {} accepted", count(n, "difference")),
    };
    let verify = command_line.with("verify", [place.display().to_string()]);
    console::say(format!(
        "{name} is closed, by {by}: {} lists {files} with their hashes{accepted}\n\nto see later whether they are as they were, here \
         or in a copy of the folder:\n  {verify}\n",
        place.display()
    ));
}

fn changed_meanwhile(path: &str) -> Exit {
    error!(
        "{path} was changed while the month was being closed; nothing was written. Close it again"
    );
    Exit::Failures
}

/// Of rows of the ledger. The plan has no request of these periods, so the audit says nothing of them.
fn unplanned_periods(input: &AuditInput, audited: &Audited) -> Vec<Period> {
    let planned: BTreeSet<Period> =
        audited.plan.requests().iter().map(|planned| planned.request.period).collect();
    let periods = input.reading.ledger.rows().map(|row| row.request().period);
    let unplanned: BTreeSet<Period> = periods.filter(|it| !planned.contains(it)).collect();
    unplanned.into_iter().collect()
}

fn accepted(audited: &Audited) -> Vec<AcceptedDifference> {
    let of_audit = audited.audit.differences.iter().filter_map(|it| {
        let acceptance = it.acceptance.as_deref().filter(|acceptance| !acceptance.is_ended)?;
        Some(AcceptedDifference {
            id: it.id.to_string(),
            kind: it.kind.word().to_owned(),
            message: format!("{}: {}", it.subject, it.what),
            acceptance: acceptance.clone(),
        })
    });
    let keys = audited.audit.lists.iter().flat_map(|list| &list.accepted);
    let of_lists = keys.map(|key| AcceptedDifference {
        id: key.id.to_string(),
        kind: DifferenceKind::NotReconciled.word().to_owned(),
        message: key.what.clone(),
        acceptance: (*key.acceptance).clone(),
    });
    of_audit.chain(of_lists).collect()
}

/// The files that prove a month.
struct Month {
    /// The ledger's folder, absolute and without links: paths are relative to it.
    folder: PathBuf,
    /// All but the history and the collected files; the manifest comes first.
    inputs: Vec<(PathBuf, ClosedFileKind)>,
    history: PathBuf,
    /// Earlier ledgers with their files.
    earlier: Vec<(PathBuf, Ledger)>,
}

impl Month {
    fn of(input: &AuditInput) -> CliResult<Self> {
        let (manifest, context) = (&input.manifest, &input.context);
        let failed = |source| month_unreadable(&input.path, source);
        let folder = folder_of(&input.path).canonicalize().map_err(failed)?;
        let mut inputs = vec![
            (context.manifest.0.clone(), ClosedFileKind::Manifest),
            (input.path.clone(), ClosedFileKind::Ledger),
            (accepted_path(&input.path), ClosedFileKind::Accepted),
        ];
        let lists = lists(input);
        let is_partners = |path: &&PathBuf| !lists.named.contains(*path);
        let has_partners =
            manifest.jobs.iter().any(|job| matches!(job.sub_partners, SubPartners::Listed(_)));
        let named = manifest.origin.inputs();
        let partners = named.iter().filter(is_partners).filter(|_| has_partners);
        inputs.extend(partners.map(|path| (path.clone(), ClosedFileKind::Partners)));
        inputs.extend(lists.read.into_iter().map(|path| (path, ClosedFileKind::List)));
        let mut earlier = Vec::new();
        let of_entries = manifest.reconcile.iter().filter_map(|entry| match &entry.with {
            OtherSide::Ledger(path) => Some(context.as_rehearsed(path)),
            OtherSide::List(_) | OtherSide::Report(_) => None,
        });
        let of_option = input.earlier.iter().map(|earlier| earlier.path.clone());
        for path in of_entries.chain(of_option) {
            if let Ok(Some(read)) = read_file(&path) {
                inputs.push((path.clone(), ClosedFileKind::Ledger));
                earlier.push((path, read.ledger));
            }
        }
        let history = history::path_of(&input.path);
        Ok(Month { folder, inputs, history, earlier })
    }

    /// Each file once. A list that is not there is a difference that is accepted.
    fn hash(&self) -> CliResult<Vec<ClosedFile>> {
        let mut known = HashSet::new();
        let mut files = Vec::new();
        for (place, kind) in &self.inputs {
            let Ok(real) = place.canonicalize() else { continue };
            if known.insert(real) {
                let hashed = ClosedFile::of(place, self.spelled(place)?, *kind);
                files.push(hashed.map_err(|source| month_unreadable(place, source))?);
            }
        }
        Ok(files)
    }

    /// The history, and the collected files. The error is the path of one that is not as the audit has seen it.
    fn hash_collected(
        &self,
        ledger: &Ledger,
        audited: &Audited,
    ) -> CliResult<Result<Vec<ClosedFile>, String>> {
        let of_file = |it: &&Difference| {
            matches!(it.kind, DifferenceKind::FileMissing | DifferenceKind::FileChanged)
        };
        let accepted = audited.audit.differences.iter().filter(of_file);
        let accepted: RequestIds = accepted.filter_map(|it| it.request_id).collect();
        let planned: RequestIds = audited.plan.requests().iter().map(|it| it.id).collect();
        let mut files = Vec::new();
        if self.history.exists() {
            let hashed = ClosedFile::of(
                &self.history,
                self.spelled(&self.history)?,
                ClosedFileKind::History,
            );
            files.push(hashed.map_err(|source| month_unreadable(&self.history, source))?);
        }
        let own = std::iter::once((self.folder.as_path(), ledger));
        let earlier = self.earlier.iter().map(|(path, ledger)| (folder_of(path), ledger));
        let mut known = HashSet::new();
        for (place, (folder, ledger)) in own.chain(earlier).enumerate() {
            let absolute = folder.canonicalize().map_err(|e| month_unreadable(folder, e))?;
            for row in ledger.rows().filter(|row| !row.collected.file.is_empty()) {
                let file = located(&absolute, &row.collected.file);
                let is_audited =
                    place == 0 && planned.contains(&row.key()) && !accepted.contains(&row.id());
                let path = spelled(&file, &self.folder);
                match ClosedFile::of(&file, path.clone(), ClosedFileKind::Report) {
                    Ok(hashed) if is_audited && hashed.sha256 != row.collected.sha256 => {
                        return Ok(Err(path));
                    }
                    Ok(hashed) => files.extend(known.insert(file).then_some(hashed)),
                    Err(_) if is_audited => return Ok(Err(path)),
                    Err(why) => warn!("{path} is not listed ({})", system_says(&why)),
                }
            }
        }
        Ok(Ok(files))
    }

    /// Relative to the close file. A link keeps its own name: it may be a file where the folder is copied to.
    fn spelled(&self, place: &Path) -> CliResult<String> {
        let folder = folder_of(place).canonicalize();
        let folder = folder.map_err(|source| month_unreadable(place, source))?;
        Ok(spelled(&folder.join(place.file_name().unwrap_or_default()), &self.folder))
    }
}

struct Lists {
    /// Those that the entries compare in this month, with their translations.
    read: Vec<PathBuf>,
    /// All that the manifest names.
    named: HashSet<PathBuf>,
}

fn lists(input: &AuditInput) -> Lists {
    let manifest = &input.manifest;
    let periods: BTreeSet<Period> =
        manifest.jobs.iter().flat_map(|job| job.periods.iter().copied()).collect();
    let (mut read, mut named) = (Vec::new(), HashSet::new());
    for entry in &manifest.reconcile {
        if let OtherSide::List(list) = &entry.with {
            read.extend(periods.iter().map(|period| list.path(*period)));
            named.insert(list.folder.join(&list.written));
            named.extend(manifest.origin.files_of(&list.written));
        }
        read.extend(entry.translate.values().cloned());
    }
    named.extend(read.iter().cloned());
    Lists { read, named }
}

fn month_unreadable(path: &Path, source: io::Error) -> CliError {
    LedgerError::Io { doing: "read", path: path.to_owned(), source }.into()
}

/// Kept in the history first: where that cannot be written, the month stays closed.
fn reopen(args: &CloseArgs, by: String, account: Account) -> CliResult {
    let context = Context::with_settings(&args.manifest, None)?;
    context.tell_sandbox();
    context.guard()?;
    context.require_ledger()?;
    let locked = LockedLedger::take(&context.ledger)?;
    let (name, path) = (context.ledger.display(), &locked.file.path);
    if locked.closed.is_none() {
        return Err(CliError::BadLedger(format!("{name} is not closed; nothing was changed")));
    }
    let failed = |doing| move |source| LedgerError::Io { doing, path: path.clone(), source };
    if args.history.no_history {
        warn!("--no-history (or MONTHEND_NO_HISTORY) is given, so the reason is not recorded");
    } else {
        let reason = args.reason.clone().unwrap_or_default(); // clap requires it
        let what = HistoryEvent::Reopened { by, reason, account };
        history_line(path, Utc::now(), what).map_err(failed("write the history of"))?;
    }
    let kept = set_reopened(path).map_err(failed("rename the close file of"))?;
    console::say(format!("{name} is open again; {} shows what was closed\n", kept.display()));
    Ok(Exit::Success)
}
