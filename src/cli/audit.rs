use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use tracing::{info, warn};

use super::{
    AuditArgs, CalendarArgs, CliError, CliResult, CommandLine, Connection, Context, Exit,
    FileSources, Format, LedgerTrace, LockedLedger, ManifestArgs, OpenedLedger, RepairNote,
    Signals, after_audit, credentials, discover_note, discovered, find_trace, forgotten_of_history,
    history_of, ledger_or_of_manifest, named_rows, on_manifest, plan_with_selected, print_view,
    refuse_mixed_up, relabelled, summarised_lists, tell_repairs, trace_of, warn_of_lost_close,
    warn_of_run, warn_of_unlike, warn_where_refused,
};
use crate::{
    api::Credentials,
    audit::{
        Acceptances, Audit, Checked, FileChecks, Files, MaxDrop, Previous, Remedy, Scope, is_closed,
    },
    files::{folder_of, replace},
    ledger::{
        Ledger, LedgerError, LedgerRead, Row, read_file, real_ledger, refuse_mixing,
        refuse_unmerged,
    },
    manifest::{Discovered, Manifest},
    output::{
        AuditView, TotalsView, audit_cases, checks_junit, console,
        history::{self, HistoryLine},
    },
    plan::{Plan, Selection, take_known},
    text::{count, named},
};
use request::{RequestId, RequestIds};

/// Ids in a message.
const NAMED: usize = 10;

/// Reads only, without the lock.
pub(super) async fn audit(args: &AuditArgs, command_line: &CommandLine) -> CliResult {
    let asked = AuditRequest {
        manifest: &args.manifest,
        calendar: &args.calendar,
        selection: args.selection.selection(&[])?,
        is_offline: args.offline,
        without_files: args.no_files,
        locks: false,
    };
    let signals = Signals::listen();
    let mut input = AuditInput::open(asked)?;
    // What is wrong with the earlier ledger is said before the server is asked.
    let is_rehearsal = input.context.is_rehearsal();
    let ledger_of = |named: &Path| ledger_or_of_manifest(named, args.manifest.sandbox.sandbox);
    let previous = args.previous.as_deref().map(ledger_of).transpose()?;
    input.earlier = OpenedLedger::earlier(previous.as_deref(), &args.max_drop, is_rehearsal)?;
    let mut guard = input.context.guard()?;
    if let Some(typed) = &args.previous {
        guard.input("--previous", typed);
    }
    let junit = args.junit.as_deref().map(|file| guard.document("--junit", file)).transpose()?;
    guard.spare_collected(&input.reading.ledger, folder_of(&input.path))?;
    if args.totals && (args.no_files || input.context.settings.audit.totals.is_none()) {
        let lacks = if args.no_files {
            "--no-files reads none"
        } else {
            "the manifest has no `audit.totals`"
        };
        return Err(CliError::Usage(format!("--totals shows the sums of `audit.totals`: {lacks}")));
    }
    let audited = input.audit(&signals).await?;
    warn_of_unlike(&input.path, command_line);

    let mut notes = Vec::new();
    let narrowed = command_line.narrowed_by_environment();
    if !narrowed.is_empty() {
        notes.push(format!("narrowed by the environment: {}", narrowed.join(" ")));
    }
    let selection = &input.asked.selection;
    let is_whole = *selection == Selection::default() && !args.offline && !args.no_files;
    if is_whole {
        input.warn_of_unused(&audited.audit, args.offline);
    }
    notes.extend(audited.notes.iter().cloned());
    if args.format == Format::Csv {
        notes.iter().for_each(|note| info!("{note}"));
    }
    let exit = audited.exit();
    let mut view = audited.view(&input, &notes, command_line);
    let leaves = selection.leftover(&input.reading.ledger, &audited.plan, &input.manifest);
    if is_whole && exit == Exit::Success && view.accept.is_some() && leaves.is_empty() {
        let close = command_line.on_same("close");
        view.next = Some(("to close the month, once nothing more is to come", close));
    }
    if let Some(place) = &junit {
        checks_junit("audit", &input.manifest.name, audit_cases(&audited.audit, &audited.requests))
            .and_then(|xml| replace(place, xml.as_bytes()))
            .map_err(|why| CliError::unwritable(place, &why))?;
    }
    if args.totals && args.format == Format::Csv {
        if let Some(differences) = view.counts() {
            warn!("{differences}; without --totals they are named");
        }
        console::print_csv(|out| TotalsView(&audited.audit.totals).csv(out))?;
    } else {
        print_view(&view, args.format)?;
    }
    Ok(exit)
}

/// What is audited, and how.
pub(super) struct AuditRequest<'a> {
    pub(super) manifest: &'a ManifestArgs,
    pub(super) calendar: &'a CalendarArgs,
    pub(super) selection: Selection,
    pub(super) is_offline: bool,
    pub(super) without_files: bool,
    /// Whether the ledger is locked, so that nobody changes it meanwhile. Then it has to be there, and open.
    pub(super) locks: bool,
}

/// What an audit reads before it asks the server.
pub(super) struct AuditInput<'a> {
    asked: AuditRequest<'a>,
    pub(super) context: Context,
    pub(super) manifest: Manifest,
    pub(super) reading: LedgerRead,
    /// The real path of the ledger.
    pub(super) path: PathBuf,
    /// The ledger to compare with, and by how much a figure may fall.
    earlier: Option<(OpenedLedger, MaxDrop)>,
    acceptances: Acceptances,
    credentials: Option<Credentials>,
    /// What shows that a ledger was there.
    gone: Option<LedgerTrace>,
    /// Jobs whose sub-partners are those of the ledger.
    discovering: Vec<Arc<str>>,
    _lock: Option<LockedLedger>,
}

impl<'a> AuditInput<'a> {
    pub(super) fn open(asked: AuditRequest<'a>) -> CliResult<Self> {
        let (context, mut manifest) =
            Context::with_manifest(asked.manifest, asked.calendar, asked.selection.partition)?;
        context.tell_rehearsal();
        context.refuse_as_for_real()?;
        let credentials = (!asked.is_offline).then(|| credentials(&context)).transpose();
        let credentials = credentials
            .inspect_err(|_| info!("--offline asks no server and needs no credentials"))?;
        let path = real_ledger(&context.ledger)?;
        let acceptances = Acceptances::read(&path, asked.calendar.as_of())?;
        let (reading, gone, lock) = if asked.locks {
            let (reading, lock) = read_locked(&context)?;
            (reading, None, Some(lock))
        } else {
            let (reading, gone) = read(&context, &path)?;
            (reading, gone, None)
        };
        let discovering = if asked.is_offline {
            take_known(&mut manifest, &reading.ledger, &asked.selection.jobs)?
        } else {
            Vec::new()
        };
        Ok(AuditInput {
            asked,
            context,
            manifest,
            reading,
            path,
            earlier: None,
            acceptances,
            credentials,
            gone,
            discovering,
            _lock: lock,
        })
    }

    /// Asks the server, unless the audit is offline, and reads the files.
    pub(super) async fn audit(&mut self, signals: &Signals) -> CliResult<Audited> {
        let (asked, ledger) = (&self.asked, &self.reading.ledger);
        let history = history_of(&self.path);
        refuse_mixed_up(ledger, &self.path, &history.lines)?;
        let connection = match self.credentials.take() {
            Some(credentials) => Some(Connection::open(&mut self.context, credentials).await?),
            None => None,
        };
        let settings = &self.context.settings;
        let session = connection.as_ref().map(|it| it.read_session(settings, &self.path, signals));
        let discovered = match &session {
            Some(session) => discovered(session, &self.manifest, signals).await?,
            None => Discovered::new(),
        };
        let (plan, selected) = plan_with_selected(
            &self.manifest,
            asked.calendar,
            &asked.selection,
            ledger,
            &discovered,
        )?;
        let scope = Scope::new(&plan, &selected, ledger);
        let mut server_reports = None;
        if let Some(session) = &session {
            let reports = scope.ask(session, settings.limits.concurrency.get());
            let unread = |error| CliError::unread("the server for its reports", &error);
            server_reports = Some(signals.or(reports).await?.map_err(unread)?);
        }
        drop(session);
        drop(connection);

        signals.end_at_once();
        let is_closed = is_closed(&self.path);
        if !is_closed {
            warn_of_lost_close(&self.path, &history.lines);
        }
        let recorded = history::recorded_hashes(&history.lines);
        let folder = self.path.parent().unwrap_or(Path::new(""));
        let files = |files| Some(files).filter(|_| !asked.without_files);
        let previous = self.earlier.as_ref().map(|(earlier, max_drop)| Previous {
            ledger: &earlier.ledger,
            selected: earlier_rows(&asked.selection, earlier, &self.manifest, (&plan, &self.path)),
            files: files(earlier.files()),
            max_drop,
            totals: settings.audit.totals.as_ref(),
        });
        let files = files(Files { folder, recorded: &recorded, is_closed });
        let checks = FileChecks::from(settings);
        let mut audit = scope.compare(server_reports.as_deref(), files, checks, previous.as_ref());
        let list_note = files.and_then(|files| {
            let sources = FileSources {
                context: &self.context,
                manifest: &self.manifest,
                discovered: &discovered,
                selection: &asked.selection,
                plan: &plan,
                ledger,
                files,
            };
            let (lists, note) = summarised_lists(&sources, &self.acceptances);
            audit.add_lists(lists);
            note
        });
        audit.accept(&self.acceptances);

        let mut trace = self.gone.take().or_else(|| {
            let found = find_trace(&self.context, &self.reading, (&plan, &selected), None);
            let found = found.filter(|_| !is_closed)?;
            found.warn(&self.context.ledger);
            Some(found)
        });
        if let Some(trace) = &mut trace {
            let remedy = if trace.can_merge() { Remedy::Merge } else { Remedy::Adopt };
            let is_known = |id| trace.requests.is_empty() || trace.requests.contains(&id);
            let differences = audit.differences.iter_mut();
            let to_create = differences.filter(|it| it.remedy == Remedy::Run);
            let lost = to_create.filter(|it| it.request_id.is_some_and(is_known));
            lost.for_each(|it| it.remedy = remedy);
        }
        if is_closed {
            audit.differences.iter_mut().for_each(|it| it.remedy = it.remedy.once_closed());
        }

        let mut notes = Vec::new();
        if asked.is_offline {
            notes.extend(self.offline_notes(&history.lines));
        }
        notes.extend(
            self.earlier.as_ref().and_then(|(it, _)| incomparable_note(it, &audit.checked)),
        );
        notes.extend(list_note);
        notes.extend(relabelled(ledger, &plan));
        notes.extend(leftover_note(&asked.selection.leftover(ledger, &plan, &self.manifest)));
        let requests = scope.requests();
        Ok(Audited { audit, plan, requests, notes, trace })
    }

    /// What an audit without a server leaves out, and which sub-partners it takes for discovered ones.
    fn offline_notes(&self, lines: &[HistoryLine]) -> Vec<String> {
        let mut notes = vec![
            "offline: no server was asked; gone, server_failed, duplicate and unknown were not looked for".to_owned(),
        ];
        if !self.discovering.is_empty() {
            notes.push(format!("offline: {}", discover_note(&self.discovering)));
            // A lost row may have been that of a discovered sub-partner; only the server can say.
            let lost = forgotten_of_history(&self.path, &self.reading, lines);
            let name = self.context.ledger.display();
            notes.extend(lost.map(|lost| {
                format!("{name} lacks rows: {lost}; ask the server (without --offline)")
            }));
        }
        notes
    }

    /// Names the accepted ids that no difference has.
    pub(super) fn warn_of_unused(&self, audit: &Audit, is_offline: bool) {
        let unused = self.acceptances.unused(&audit.found_ids());
        if !unused.is_empty() {
            let names = named(unused.iter().take(NAMED), unused.len());
            let ids = count(unused.len(), "accepted id");
            let note = if is_offline { " (the server was not asked)" } else { "" };
            warn!("{ids} with no difference that was found{note}: {names}");
        }
    }
}

pub(super) struct Audited {
    pub(super) audit: Audit,
    pub(super) plan: Plan,
    /// The selected ones, as [`Scope::requests`] gives them.
    requests: Vec<(RequestId, String, String)>,
    pub(super) notes: Vec<String>,
    /// What shows reports that the ledger lacks.
    trace: Option<LedgerTrace>,
}

impl Audited {
    pub(super) fn exit(&self) -> Exit {
        if self.audit.counting().next().is_none() { Exit::Success } else { Exit::Failures }
    }

    pub(super) fn view<'v>(
        &'v self,
        input: &AuditInput<'_>,
        notes: &'v [String],
        command_line: &CommandLine,
    ) -> AuditView<'v> {
        let (context, path) = (&input.context, &input.path);
        let merge = || self.trace.as_ref().and_then(|it| it.merge(&context.ledger, command_line));
        let merge_first = to_merge_first(path, &input.reading.ledger, command_line);
        AuditView {
            audit: &self.audit,
            is_offline: input.asked.is_offline,
            notes,
            next: match merge_first.filter(|_| !is_closed(path)) {
                Some(command) => Some(("to merge the rescued ledger first", command)),
                None => after_audit(&self.audit, path, context, merge(), command_line),
            },
            accept: on_manifest(command_line, "accept", &context.ledger)
                .filter(|_| !is_closed(path) && path.exists()),
            exit_code: self.exit().code(),
        }
    }
}

/// The ledger, empty where there is none, and what shows that it was there.
fn read(context: &Context, path: &Path) -> CliResult<(LedgerRead, Option<LedgerTrace>)> {
    let reading = read_file(path)?;
    let known = reading.as_ref().map(|reading| &reading.ledger);
    refuse_mixing(path, known, context.is_rehearsal())?;
    warn_where_refused(&context.ledger, known);
    warn_of_run(path);
    let gone = trace_of(&context.ledger);
    if reading.is_none() {
        let name = context.ledger.display();
        let trace = gone.as_ref().map_or_else(String::new, |trace| format!(", but {trace}"));
        warn!("there is no ledger at {name}{trace}: every planned report counts as missing");
    }
    let reading = reading.unwrap_or_default();
    tell_repairs(&context.ledger, &reading, RepairNote::Left);
    Ok((reading, gone))
}

/// The ledger, which nobody else changes as long as the lock is held.
fn read_locked(context: &Context) -> CliResult<(LedgerRead, LockedLedger)> {
    context.require_ledger()?;
    let mut locked = LockedLedger::take(&context.ledger)?;
    locked.refuse_closed()?;
    locked.file.refuse_mixing(context.is_rehearsal())?;
    let missing = || LedgerError::Missing(context.ledger.clone());
    let reading = locked.file.reading.take().ok_or_else(missing)?;
    tell_repairs(&context.ledger, &reading, RepairNote::Left);
    Ok((reading, locked))
}

/// Every other command is refused until this one is done: a rescued ledger has what this ledger lacks.
fn to_merge_first(path: &Path, ledger: &Ledger, command_line: &CommandLine) -> Option<String> {
    let Err(LedgerError::Unmerged { path, rescued }) = refuse_unmerged(path, Some(ledger)) else {
        return None;
    };
    Some(command_line.merge(&[vec![path.clone()], rescued].concat(), &path))
}

/// Rows of an earlier ledger that may have vanished. If it is the audited ledger itself, only rows that end before the
/// plan's last period count as earlier.
fn earlier_rows(
    selection: &Selection,
    earlier: &OpenedLedger,
    manifest: &Manifest,
    (plan, path): (&Plan, &Path),
) -> RequestIds {
    let mut selected = selection.of_earlier(&earlier.ledger, manifest);
    let periods = plan.requests().iter().map(|planned| planned.request.period);
    let last = periods.max_by_key(|period| (period.end(), period.start()));
    if path.canonicalize().is_ok_and(|path| path == earlier.path) {
        let is_earlier =
            |row: &Row| last.is_some_and(|last| row.request().period.end() < last.start());
        for row in earlier.ledger.rows().filter(|row| !is_earlier(row)) {
            selected.remove(&row.key());
        }
    }
    selected
}

/// Said where an earlier ledger tells nothing, so that nobody takes that for good news.
fn incomparable_note(earlier: &OpenedLedger, checked: &Checked) -> Option<String> {
    let path = earlier.path.display();
    if earlier.ledger.report_ids().next().is_none() {
        return Some(format!("{path} has no created report: nothing was compared with it"));
    }
    (checked.compared == 0 && checked.incomparable > 0).then(|| {
        let n = count(checked.incomparable, "report");
        format!("nothing was compared with {path}: {n} lack a figure, now or then")
    })
}

fn leftover_note(rows: &[&Row]) -> Option<String> {
    let is = if rows.len() == 1 { "is" } else { "are" };
    let (n, names) = (count(rows.len(), "row"), named_rows(rows));
    (!rows.is_empty())
        .then(|| format!("{n} of the ledger {is} not in the plan and not compared: {names}"))
}
