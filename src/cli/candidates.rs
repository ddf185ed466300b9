//! `monthend resolve` without `--request`: the rows that a person may decide, with their candidates.

use std::{collections::HashMap, path::Path, time::Duration};

use futures::{StreamExt as _, TryStreamExt as _, stream};
use tracing::{info, warn};

use super::{
    CliError, CommandLine, Connection, Context, Exit, LEDGER, ReadSession, ResolveArgs, Signals,
    credentials, credentials_of_sandbox, history_of, is_manifest, limit_patience, of_manifest,
    print_table, read_error_text, read_ledger, target_of, variable, warn_of_run,
};
use crate::{
    api::Listed,
    inventory::{ShownCandidate, show_candidates},
    ledger::{Ledger, Row, State},
    manifest::BaseUrl,
    output::{
        CandidateReport, DecisionCommands, Knowledge, UndecidedRow, decisions,
        history::{HistoryEvent, HistoryLine, SeenReport},
        request_name,
    },
    sending::ReadError,
};
use request::{ReportId, RequestId};

const LONGEST_WAIT: Duration = Duration::from_secs(5);

type Shown = HashMap<RequestId, Vec<ShownCandidate>>;

/// Reads only, without the lock.
pub(super) async fn list(args: &ResolveArgs, command_line: &CommandLine) -> Result<Exit, CliError> {
    let signals = Signals::listen();
    let mut context = target_of(args)?;
    context.tell_rehearsal();
    let (path, reading) = read_ledger(&context.ledger)?;
    warn_of_run(&path);
    let ledger = &reading.ledger;
    let is_open = |row: &&Row| matches!(row.state, State::InDoubt { .. } | State::Sending { .. });
    let open: Vec<&Row> = ledger.rows().filter(is_open).collect();

    let known = history_of(&path).lines;
    let shown = match server(args, &context, &known) {
        Some(server) if !open.is_empty() => {
            ask(&mut context, server, &path, (ledger, &open), &signals).await?
        }
        _ => HashMap::new(),
    };
    let undecided = |row| UndecidedRow { row, candidates: candidates(row, ledger, &shown, &known) };
    let rows: Vec<UndecidedRow<'_>> = open.iter().copied().map(undecided).collect();
    let commands = DecisionCommands {
        resolve: command_line.next("resolve", LEDGER),
        look_up: of_manifest("retry", args, &context, command_line),
    };
    print_table(&decisions(&context.ledger.display().to_string(), &rows, &commands))?;
    Ok(Exit::Success)
}

/// Refuses a report that the server does not have, or that is of another request. Where the server cannot be asked, a
/// person's word counts.
pub(super) async fn refuse_other_report(
    args: &ResolveArgs,
    context: &mut Context,
    path: &Path,
    row: &Row,
    id: &ReportId,
) -> Result<(), CliError> {
    let state = context.sandbox.as_ref().and_then(|sandbox| sandbox.state.as_ref());
    let server = if state.is_some_and(|state| state.exists()) {
        Some(None)
    } else {
        server(args, context, &history_of(path).lines)
    };
    let Some(server) = server else {
        return Ok(());
    };
    let asked = row.clone().undecided(String::new(), vec![id.clone()]);
    let rows = (&Ledger::default(), &[&asked][..]);
    let shown = ask(context, server, path, rows, &Signals::listen()).await?;
    let shown = shown.into_values().flatten().find(|(shown, _)| shown == id);
    let why = match shown {
        Some((_, None)) => "the server has no such report",
        Some((_, Some(found))) if !found.can_answer(row.request()) => {
            "it is of another type, period or sub-partner"
        }
        _ => return Ok(()),
    };
    let name = request_name(row);
    Err(CliError::Usage(format!("report {id} is not taken for {name}: {why}")))
}

/// Which server to ask: the named one, or that of the last run (`Some(Some(url))`). None where only records are left: a
/// rehearsal's sandbox lives in its command alone.
fn server(args: &ResolveArgs, context: &Context, lines: &[HistoryLine]) -> Option<Option<BaseUrl>> {
    if context.sandbox.is_some() {
        return None;
    }
    let is_named = is_manifest(&args.place)
        || args.base_url.is_some()
        || variable("MONTHEND_BASE_URL").is_some();
    if is_named {
        return Some(None);
    }
    let mut runs = lines.iter().rev().filter_map(|line| match &line.what {
        HistoryEvent::Run(run) => run.base_url.parse().ok(),
        _ => None,
    });
    runs.next().map(Some)
}

/// What the server shows of each row's candidates. Where it cannot be asked, what a run recorded is enough.
async fn ask(
    context: &mut Context,
    of_history: Option<BaseUrl>,
    path: &Path,
    (ledger, rows): (&Ledger, &[&Row]),
    signals: &Signals,
) -> Result<Shown, CliError> {
    // A sandbox gets no other token than its own.
    let is_old_sandbox = of_history.as_ref().is_some_and(BaseUrl::is_sandbox);
    if let Some(url) = of_history {
        context.settings.api.base_url = url;
    }
    let credentials = if is_old_sandbox { credentials_of_sandbox() } else { credentials(context) };
    let credentials = match credentials {
        Ok(credentials) => credentials,
        Err(error) => {
            info!("the server is not asked about the candidates: {}", error.text());
            return Ok(HashMap::new());
        }
    };
    limit_patience(&mut context.settings, LONGEST_WAIT);
    let asked = match Connection::open(context, credentials).await {
        Ok(connection) => {
            let reads = ReadSession::begin(&connection, &context.settings, path, signals);
            let is_taken = |id: &ReportId| taken_by(ledger, id).is_some();
            let asked = stream::iter(rows).map(async |row| {
                let named = row.state.candidates();
                let shown = show_candidates(&reads.session, row.request(), named, is_taken).await?;
                Ok((row.id(), shown))
            });
            let asked = asked.buffer_unordered(context.settings.limits.concurrency.get());
            let shown: Result<Shown, ReadError> = signals.or(asked.try_collect()).await?;
            shown.map_err(|error| read_error_text(&error))
        }
        Err(error) => Err(error.text()),
    };
    Ok(asked.unwrap_or_else(|why| {
        warn!("the server cannot be asked about the candidates: {why}");
        HashMap::new()
    }))
}

/// The name of the row that has this report, or discarded it.
fn taken_by(ledger: &Ledger, id: &ReportId) -> Option<String> {
    let has_it = |row: &&Row| row.state.report_id() == Some(id) || row.replaces.contains(id);
    ledger.rows().find(has_it).map(request_name)
}

fn candidates(
    row: &Row,
    ledger: &Ledger,
    shown: &Shown,
    lines: &[HistoryLine],
) -> Vec<CandidateReport> {
    let known: Vec<(&ReportId, Knowledge)> = match shown.get(&row.id()) {
        Some(shown) => shown.iter().map(|(id, found)| (id, of_server(found.as_ref()))).collect(),
        None => row.state.candidates().iter().map(|id| (id, of_records(lines, id))).collect(),
    };
    let report = |(id, knowledge): (&ReportId, Knowledge)| CandidateReport {
        id: id.clone(),
        knowledge,
        taken_by: taken_by(ledger, id),
    };
    known.into_iter().map(report).collect()
}

fn of_server(found: Option<&Listed>) -> Knowledge {
    found.map_or(Knowledge::Gone, |found| {
        let (by, status) = (found.created_by.as_ref(), found.status.as_deref());
        Knowledge::Shown(SeenReport::new(&found.id, found.created, by, status))
    })
}

/// What the history's last line about a report says.
fn of_records(lines: &[HistoryLine], id: &ReportId) -> Knowledge {
    let seen = lines.iter().rev().find_map(|line| match &line.what {
        HistoryEvent::Candidates { reports, .. } => {
            let seen = reports.iter().rev().find(|report| report.report_id == id.as_str())?;
            Some(Knowledge::Recorded(seen.clone(), line.at))
        }
        _ => None,
    });
    seen.unwrap_or(Knowledge::Nothing)
}
