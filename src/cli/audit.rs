use std::{path::Path, sync::Arc};

use tracing::{info, warn};

use super::{
    AuditArgs, CliError, CommandLine, Connection, Context, Exit, Format, OpenedLedger, Planning,
    ReadSession, RepairNote, Signals, after_audit, credentials, discovered, find_trace,
    forgotten_of_history, history_of, named_rows, print_view, relabelled, tell_repairs, trace_of,
    warn_of_run, warn_where_refused,
};
use crate::{
    api::HttpApi,
    audit::{Checked, Files, MaxDrop, Previous, Remedy, Scope},
    inventory::ServerReports,
    ledger::{
        Ledger, LedgerError, RecordedHashes, Row, read_file, real_ledger, refuse_mixing,
        refuse_unmerged,
    },
    manifest::{Discovered, Manifest},
    output::{AuditView, history},
    plan::{Plan, Selection, take_known},
    sending::Session,
    text::count,
};
use request::RequestIds;

/// Reads only, without the lock.
pub(super) async fn audit(args: &AuditArgs, command_line: &CommandLine) -> Result<Exit, CliError> {
    let signals = Signals::listen();
    let selection = args.selection.selection()?;
    let (mut context, mut manifest) =
        Context::with_manifest(&args.manifest, &args.calendar, selection.partition)?;
    context.tell_rehearsal();
    context.refuse_as_for_real()?;
    let credentials = if args.offline { None } else { Some(credentials(&context)?) };

    let path = real_ledger(&context.ledger)?;
    let reading = read_file(&path)?;
    let known = reading.as_ref().map(|reading| &reading.ledger);
    refuse_mixing(&path, known, context.is_rehearsal())?;
    warn_where_refused(&context.ledger, known);
    warn_of_run(&path);
    let trace = trace_of(&context.ledger);
    if reading.is_none() {
        let name = context.ledger.display();
        let trace = trace.as_ref().map_or_else(String::new, |trace| format!(", but {trace}"));
        warn!("there is no ledger at {name}{trace}: every planned report counts as missing");
    }
    let reading = reading.unwrap_or_default();
    tell_repairs(&context.ledger, &reading, RepairNote::Left);
    let ledger = &reading.ledger;
    let discovering =
        if args.offline { take_known(&mut manifest, ledger, &selection.jobs)? } else { Vec::new() };

    // What is wrong with the earlier ledger is said before the server is asked.
    let earlier = (args.previous.as_deref())
        .map(|previous| OpenedLedger::to_compare_with(previous, context.is_rehearsal()))
        .transpose()?;
    let max_drop = match earlier {
        Some(_) => args.max_drop.value()?,
        None => MaxDrop::default(),
    };

    let planning = Planning {
        manifest: &manifest,
        calendar: &args.calendar,
        selection: &selection,
        ledger,
        is_offline: args.offline,
    };
    let concurrency = context.settings.limits.concurrency.get();
    let totals = context.settings.audit.totals.clone();
    let (plan, selected, server_reports) = match credentials {
        None => {
            let (plan, selected) = planning.plan(&Discovered::new())?;
            (plan, selected, None)
        }
        Some(credentials) => {
            let connection = Connection::open(&mut context, credentials).await?;
            let server = ReadSession::begin(&connection, &context.settings, &path, &signals);
            let discovered = discovered(&server.session, &manifest, &signals).await?;
            let (plan, selected) = planning.plan(&discovered)?;
            let scope = Scope::new(&plan, &selected, ledger);
            let server_reports = ask(&scope, &server.session, concurrency, &signals).await?;
            (plan, selected, Some(server_reports))
        }
    };

    signals.end_at_once();
    let hashes = history::recorded_hashes(&history_of(&path).lines);
    let ledger_folder = path.parent().unwrap_or(Path::new(""));
    let files = |folder, recorded| (!args.no_files).then_some(Files { folder, recorded });
    let not_compared = RecordedHashes::new();
    let previous = earlier.as_ref().map(|earlier| Previous {
        ledger: &earlier.ledger,
        selected: earlier_rows(&selection, earlier, &manifest, (&plan, &path)),
        files: files(&earlier.folder, &not_compared),
        max_drop: &max_drop,
        totals: totals.as_ref(),
    });
    let scope = Scope::new(&plan, &selected, ledger);
    let mut audit = scope.compare(
        server_reports.as_deref(),
        files(ledger_folder, &hashes),
        totals.as_ref(),
        previous.as_ref(),
    );

    let search = || find_trace(&context, &reading, (&plan, &selected), None);
    let found = trace.is_none().then(search).flatten();
    if let Some(found) = &found {
        found.warn(&context.ledger);
    }
    let trace = trace.or(found);
    let merge = trace.as_ref().and_then(|it| it.merge(&context.ledger, command_line));
    if let Some(trace) = &trace {
        let is_known = |id| trace.requests.is_empty() || trace.requests.contains(&id);
        let to_create = (audit.differences.iter_mut())
            .filter(|it| it.remedy == Remedy::Run && is_known(it.request_id));
        to_create.for_each(|it| match merge {
            Some(_) => it.remedy = Remedy::Merge,
            None => it.remedy = Remedy::Adopt,
        });
    }

    let exit = if audit.differences.is_empty() { Exit::Success } else { Exit::Failures };
    let mut notes = Vec::new();
    let narrowed = command_line.narrowed_by_environment();
    if !narrowed.is_empty() {
        notes.push(format!("narrowed by the environment: {}", narrowed.join(" ")));
    }
    if args.offline {
        notes.extend(offline_notes(&discovering));
        // A lost row may have been that of a discovered sub-partner; only the server can say.
        let lost = forgotten_of_history(&path, &reading).filter(|_| !discovering.is_empty());
        notes.extend(lost.map(|lost| {
            format!(
                "{} lacks rows: {lost}; ask the server (without --offline)",
                context.ledger.display()
            )
        }));
    }
    notes.extend(earlier.as_ref().and_then(|it| incomparable_note(it, &audit.checked)));
    notes.extend(relabelled(ledger, &plan));
    notes.extend(leftover_note(&selection.leftover(ledger, &plan, &manifest)));
    let view = AuditView {
        audit: &audit,
        is_offline: args.offline,
        notes: &notes,
        next: match to_merge_first(&path, Some(ledger), command_line) {
            Some(command) => Some(("to merge the rescued ledger first", command)),
            None => after_audit(&audit, ledger_folder, &context, merge, command_line),
        },
        exit_code: exit.code(),
    };
    if args.format == Format::Csv {
        notes.iter().for_each(|note| info!("{note}"));
    }
    print_view(&view, args.format)?;
    Ok(exit)
}

/// Every other command is refused until this one is done: a rescued ledger has what this ledger lacks.
fn to_merge_first(
    path: &Path,
    ledger: Option<&Ledger>,
    command_line: &CommandLine,
) -> Option<String> {
    let Err(LedgerError::Unmerged { path, rescued }) = refuse_unmerged(path, ledger) else {
        return None;
    };
    Some(command_line.merge([&path].into_iter().chain(&rescued), &path))
}

async fn ask(
    scope: &Scope<'_>,
    session: &Session<'_, HttpApi>,
    concurrency: usize,
    signals: &Signals,
) -> Result<Vec<ServerReports>, CliError> {
    let asked = signals.or(scope.ask(session, concurrency)).await?;
    asked.map_err(|error| CliError::unread("the server for its reports", &error))
}

/// What an audit without a server leaves out, and which sub-partners it takes for discovered ones.
fn offline_notes(discovering: &[Arc<str>]) -> Vec<String> {
    let mut notes = vec![
        "offline: no server was asked; gone, server_failed, duplicate and unknown were not looked for".to_owned(),
    ];
    if !discovering.is_empty() {
        let jobs: Vec<String> = discovering.iter().map(|job| job.to_string()).collect();
        notes.push(format!(
            "offline: `discover` means the sub-partners that the ledger has in rows of the job: {}",
            jobs.join(", ")
        ));
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
    let names = named_rows(rows);
    match rows.len() {
        0 => None,
        1 => Some(format!("1 row of the ledger is not in the plan and not compared: {names}")),
        n => Some(format!(
            "{} of the ledger are not in the plan and not compared: {names}",
            count(n, "row")
        )),
    }
}
