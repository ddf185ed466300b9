use std::{path::Path, sync::Arc};

use tracing::{info, warn};

use super::{
    AuditArgs, CliError, CliResult, CommandLine, Connection, Context, Exit, FileSources, Format,
    LedgerTrace, OpenedLedger, Planning, ReadSession, RepairNote, Signals, after_audit,
    credentials, discover_note, discovered, find_trace, forgotten_of_history, history_of,
    named_rows, print_view, relabelled, summarised_lists, tell_repairs, trace_of, warn_of_run,
    warn_where_refused,
};
use crate::{
    audit::{Checked, FileChecks, Files, Previous, Remedy, Scope},
    files::{folder_of, replace},
    ledger::{
        Ledger, LedgerError, LedgerRead, Row, read_file, real_ledger, refuse_mixing,
        refuse_unmerged,
    },
    manifest::{Discovered, Manifest},
    output::{AuditView, audit_cases, checks_junit, history},
    plan::{Plan, Selection, take_known},
    text::count,
};
use request::RequestIds;

/// Reads only, without the lock.
pub(super) async fn audit(args: &AuditArgs, command_line: &CommandLine) -> CliResult {
    let signals = Signals::listen();
    let selection = args.selection.selection(&[])?;
    let (mut context, mut manifest) =
        Context::with_manifest(&args.manifest, &args.calendar, selection.partition)?;
    context.tell_rehearsal();
    context.refuse_as_for_real()?;
    let credentials = if args.offline { None } else { Some(credentials(&context)?) };
    let path = real_ledger(&context.ledger)?;
    let mut guard = context.guard()?;
    let junit = args.junit.as_deref().map(|file| guard.document("--junit", file)).transpose()?;
    let (reading, gone) = read(&context, &path)?;
    let ledger = &reading.ledger;
    guard.spare_collected(ledger, folder_of(&path))?;
    let discovering =
        if args.offline { take_known(&mut manifest, ledger, &selection.jobs)? } else { Vec::new() };
    // What is wrong with the earlier ledger is said before the server is asked.
    let (earlier, max_drop) =
        OpenedLedger::earlier(args.previous.as_deref(), &args.max_drop, context.is_rehearsal())?;

    let planning = Planning {
        manifest: &manifest,
        calendar: &args.calendar,
        selection: &selection,
        ledger,
        is_offline: args.offline,
    };
    let mut known_sub_partners = Discovered::new();
    let (plan, selected, server_reports) = match credentials {
        None => {
            let (plan, selected) = planning.plan(&Discovered::new())?;
            (plan, selected, None)
        }
        Some(credentials) => {
            let concurrency = context.settings.limits.concurrency.get();
            let connection = Connection::open(&mut context, credentials).await?;
            let server = ReadSession::begin(&connection, &context.settings, &path, &signals);
            let discovered = discovered(&server.session, &manifest, &signals).await?;
            let (plan, selected) = planning.plan(&discovered)?;
            let scope = Scope::new(&plan, &selected, ledger);
            let asked = signals.or(scope.ask(&server.session, concurrency)).await?;
            let unread = |error| CliError::unread("the server for its reports", &error);
            let server_reports = asked.map_err(unread)?;
            known_sub_partners = discovered;
            (plan, selected, Some(server_reports))
        }
    };

    signals.end_at_once();
    let totals = context.settings.audit.totals.as_ref();
    let recorded = history::recorded_hashes(&history_of(&path).lines);
    let folder = path.parent().unwrap_or(Path::new(""));
    let files = |files| Some(files).filter(|_| !args.no_files);
    let previous = earlier.as_ref().map(|earlier| Previous {
        ledger: &earlier.ledger,
        selected: earlier_rows(&selection, earlier, &manifest, (&plan, &path)),
        files: files(earlier.files()),
        max_drop: &max_drop,
        totals,
    });
    let scope = Scope::new(&plan, &selected, ledger);
    let files = files(Files { folder, recorded: &recorded });
    let checks = FileChecks::from(&context.settings);
    let mut audit = scope.compare(server_reports.as_deref(), files, checks, previous.as_ref());
    let list_note = files.and_then(|files| {
        let (lists, note) = summarised_lists(&FileSources {
            context: &context,
            manifest: &manifest,
            discovered: &known_sub_partners,
            selection: &selection,
            plan: &plan,
            ledger,
            files,
        });
        audit.add_lists(lists);
        note
    });

    let trace = gone.or_else(|| {
        let found = find_trace(&context, &reading, (&plan, &selected), None)?;
        found.warn(&context.ledger);
        Some(found)
    });
    let merge = trace.as_ref().and_then(|it| it.merge(&context.ledger, command_line));
    if let Some(trace) = &trace {
        let remedy = if merge.is_some() { Remedy::Merge } else { Remedy::Adopt };
        let is_known = |id| trace.requests.is_empty() || trace.requests.contains(&id);
        let differences = audit.differences.iter_mut();
        let to_create = differences.filter(|it| it.remedy == Remedy::Run);
        let lost = to_create.filter(|it| it.request_id.is_some_and(is_known));
        lost.for_each(|it| it.remedy = remedy);
    }

    let mut notes = Vec::new();
    let narrowed = command_line.narrowed_by_environment();
    if !narrowed.is_empty() {
        notes.push(format!("narrowed by the environment: {}", narrowed.join(" ")));
    }
    if args.offline {
        notes.extend(offline_notes(&context.ledger, &reading, &discovering));
    }
    notes.extend(earlier.as_ref().and_then(|it| incomparable_note(it, &audit.checked)));
    notes.extend(list_note);
    notes.extend(relabelled(ledger, &plan));
    notes.extend(leftover_note(&selection.leftover(ledger, &plan, &manifest)));
    if args.format == Format::Csv {
        notes.iter().for_each(|note| info!("{note}"));
    }
    let exit = if audit.differences.is_empty() { Exit::Success } else { Exit::Failures };
    let view = AuditView {
        audit: &audit,
        is_offline: args.offline,
        notes: &notes,
        next: match to_merge_first(&path, ledger, command_line) {
            Some(command) => Some(("to merge the rescued ledger first", command)),
            None => after_audit(&audit, folder, &context, merge, command_line),
        },
        exit_code: exit.code(),
    };
    if let Some(place) = &junit {
        checks_junit("audit", &manifest.name, audit_cases(&audit, &scope.requests()))
            .and_then(|xml| replace(place, xml.as_bytes()))
            .map_err(|why| CliError::unwritable(place, &why))?;
    }
    print_view(&view, args.format)?;
    Ok(exit)
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

/// Every other command is refused until this one is done: a rescued ledger has what this ledger lacks.
fn to_merge_first(path: &Path, ledger: &Ledger, command_line: &CommandLine) -> Option<String> {
    let Err(LedgerError::Unmerged { path, rescued }) = refuse_unmerged(path, Some(ledger)) else {
        return None;
    };
    Some(command_line.merge(&[vec![path.clone()], rescued].concat(), &path))
}

/// What an audit without a server leaves out, and which sub-partners it takes for discovered ones.
fn offline_notes(path: &Path, reading: &LedgerRead, discovering: &[Arc<str>]) -> Vec<String> {
    let mut notes = vec![
        "offline: no server was asked; gone, server_failed, duplicate and unknown were not looked for".to_owned(),
    ];
    if !discovering.is_empty() {
        notes.push(format!("offline: {}", discover_note(discovering)));
        // A lost row may have been that of a discovered sub-partner; only the server can say.
        notes.extend(forgotten_of_history(path, reading).map(|lost| {
            format!("{} lacks rows: {lost}; ask the server (without --offline)", path.display())
        }));
    }
    notes
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
