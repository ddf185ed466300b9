//! `resolve`: lists the rows in doubt with their candidates, or decides one by hand.

use std::{collections::HashMap, io, path::Path, time::Duration};

use chrono::Utc;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use tracing::{info, warn};

use super::{
    CliError, CliResult, CommandLine, Connection, Context, Exit, LEDGER, LockedLedger,
    ManifestArgs, RehearsalArgs, RepairNote, ResolveArgs, Signals, account, add_to_history,
    credentials, credentials_of_sandbox, history_of, is_manifest, limit_patience, of_manifest,
    print_table, read_error_text, read_ledger, tell_repairs, variable, warn_of_run,
};
use crate::{
    api::Listed,
    inventory::{ShownCandidate, show_candidates},
    ledger::{Ledger, LedgerError, Row, RowIndex, State},
    manifest::BaseUrl,
    output::{
        CandidateReport, DecisionCommands, Hint, Knowledge, UndecidedRow, console, decisions,
        history::{HistoryEvent, HistoryLine, SeenReport},
        request_name,
    },
    sending::ReadError,
    text::count,
};
use request::{ReportId, RequestId};

pub(super) async fn resolve(args: &ResolveArgs, command_line: &CommandLine) -> CliResult {
    match args.request {
        None => list(args, command_line).await,
        Some(request) => decide(args, request, command_line).await,
    }
}

async fn decide(args: &ResolveArgs, request: RequestId, command_line: &CommandLine) -> CliResult {
    let mut context = target_of(args)?;
    context.tell_rehearsal();
    context.require_ledger()?;
    let mut locked = LockedLedger::take(&context.ledger)?;
    let missing = || LedgerError::Missing(context.ledger.clone());
    let reading = locked.file.reading.take().ok_or_else(missing)?;
    tell_repairs(&context.ledger, &reading, RepairNote::Written);
    let mut ledger = reading.into_ledger(&context.ledger)?;
    let place = open_row(&ledger, request, args).map_err(|why| {
        let resolve = command_line.next("resolve", LEDGER);
        CliError::Usage(format!("{why}. All rows to decide are listed by\n  {resolve}"))
    })?;
    locked.refuse_closed()?;
    let row = ledger.row(place);
    // What the row itself names was seen in its lists: the server may show it wrongly, and a person may know better.
    let is_candidate = |id: &&ReportId| row.error().contains(id.as_str());
    if let Some(id) = args.adopt.as_ref().filter(|id| !is_candidate(id)) {
        refuse_other_report(args, &mut context, &locked.file.path, row, id).await?;
    }
    let is_created = matches!(row.state, State::Created(_));
    let open = if is_created { row.clone().given_up() } else { row.clone() };
    let name = request_name(row);
    let (mut decided, said) = match &args.adopt {
        Some(id) => (open.created(id.clone()), format!("{name} is created, with report {id}\n")),
        None => (open.to_be_sent(), format!("{name} is pending; the next run sends it\n")),
    };
    decided.updated_at = Some(Utc::now());
    let what = HistoryEvent::Resolve {
        request_id: decided.id().to_string(),
        report_id: args.adopt.as_ref().map(ToString::to_string),
        replaced: decided.replaces.last().filter(|_| args.replace).map(ToString::to_string),
        reason: args.reason.clone(),
        account: account(),
    };
    ledger.replace(place, decided);
    locked.write(&ledger).await?;
    if !args.history.no_history {
        add_to_history(&locked.file.path, Utc::now(), what);
    } else if args.reason.is_some() {
        warn!("--no-history (or MONTHEND_NO_HISTORY) is given, so the reason is not recorded");
    }
    console::say(said);
    for hint in next_steps(&ledger, args, &context, command_line) {
        console::say(format!("\n{}:\n  {}\n", hint.why, hint.command));
    }
    Ok(Exit::Success)
}

/// Without a manifest the settings are the defaults.
fn target_of(args: &ResolveArgs) -> CliResult<Context> {
    let share = args.share.partition()?;
    if is_manifest(&args.place) {
        return Context::with_settings(&args.manifest(), share);
    }
    match &args.named {
        Some(named) => Err(CliError::two_ledgers(&args.place, named)),
        None => Context::without_manifest(&ManifestArgs {
            ledger: Some(args.place.clone()),
            sandbox: RehearsalArgs::default(),
            ..args.manifest()
        }),
    }
}

/// An error where the row is not for a person to decide.
fn open_row(ledger: &Ledger, request: RequestId, args: &ResolveArgs) -> Result<RowIndex, String> {
    let Some(place) = ledger.place(request) else {
        return Err(format!("{request}: the ledger has no such request"));
    };
    let row = ledger.row(place);
    let named = |why: &str| format!("{} ({request}): {why}", request_name(row));
    let why_not = match &row.state {
        State::Sending { .. } | State::InDoubt { .. } => None,
        State::Created(_) if args.replace => None,
        State::Created(_) => Some("is created and has a report; add --replace to discard it"),
        State::Pending { .. } => Some("is pending, and the next run sends it"),
        State::Failed { .. } => Some("has failed, and the next run or retry sends it again"),
    };
    if let Some(why) = why_not {
        let only = "only a row in doubt is for a person to decide";
        return Err(named(&format!("this row {why}; {only}")));
    }
    if let Some(id) = &args.adopt {
        adoptable(ledger, id).map_err(|why| named(&why))?;
    }
    if matches!(row.state, State::Sending { .. }) {
        let look_up = "`monthend run` looks it up where the server lets it";
        warn!("{}: no look-up has decided this row; {look_up}", request_name(row));
    }
    Ok(place)
}

/// Whether a report may be taken for a row that has none.
fn adoptable(ledger: &Ledger, id: &ReportId) -> Result<(), String> {
    if let Some(other) = ledger.rows().find(|row| row.state.report_id() == Some(id)) {
        return Err(format!("report {id} belongs to {} already", request_name(other)));
    }
    if let Some(other) = ledger.rows().find(|row| row.replaces.contains(id)) {
        return Err(format!("report {id} was discarded for {}", request_name(other)));
    }
    let is_other = |known: &ReportId| known.is_from_sandbox() != id.is_from_sandbox();
    if ledger.report_ids().any(is_other) {
        let server = if id.is_from_sandbox() { "real server" } else { "sandbox" };
        return Err(format!(
            "\"{id}\" is not a report id of the {server} that this ledger's reports are from"
        ));
    }
    Ok(())
}

/// What is to be sent, what is to be decided, and when neither is left, what is to be collected.
fn next_steps(
    ledger: &Ledger,
    args: &ResolveArgs,
    context: &Context,
    command_line: &CommandLine,
) -> Vec<Hint> {
    let (mut to_decide, mut to_send, mut to_look_up, mut to_collect) = (0, 0, 0, 0);
    for row in ledger.rows() {
        match row.state {
            State::InDoubt { .. } => to_decide += 1,
            State::Pending { .. } | State::Failed { .. } => to_send += 1,
            State::Sending { .. } => to_look_up += 1,
            State::Created(_) => to_collect += usize::from(row.collected.file.is_empty()),
        }
    }
    let mut hints = Vec::new();
    if to_decide > 0 {
        let rows = count(to_decide, "row");
        let why = format!("to list what is still in doubt ({rows}), and decide");
        hints.push(Hint::new(why, command_line.next("resolve", LEDGER)));
    }
    let why = match (to_send, to_look_up) {
        (0, 0) => None,
        (n, 0) => Some(format!("to send {}", count(n, "row"))),
        (0, n) => Some(format!("to look up {}", count(n, "row"))),
        (n, m) => Some(format!("to send {}, and look up {m}", count(n, "row"))),
    };
    if let Some(why) = why {
        hints.push(Hint::new(why, of_manifest("retry", args, context, command_line)));
    }
    if hints.is_empty() && to_collect > 0 {
        let collect = of_manifest("collect", args, context, command_line);
        hints.push(Hint::new("to download the reports", collect));
    }
    hints
}

const LONGEST_WAIT: Duration = Duration::from_secs(5);

type ShownCandidates = HashMap<RequestId, Vec<ShownCandidate>>;

/// Reads only, without the lock.
async fn list(args: &ResolveArgs, command_line: &CommandLine) -> CliResult {
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
    let text = decisions(&context.ledger.display().to_string(), &rows, &commands);
    print_table(&text.map_err(|e| CliError::Stdout(io::Error::other(e)))?)?;
    Ok(Exit::Success)
}

/// Refuses a report that the server does not have, or that is of another request. Where the server cannot be asked, a
/// person's word counts.
async fn refuse_other_report(
    args: &ResolveArgs,
    context: &mut Context,
    path: &Path,
    row: &Row,
    id: &ReportId,
) -> CliResult<()> {
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
) -> CliResult<ShownCandidates> {
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
            let session = connection.read_session(&context.settings, path, signals);
            let is_taken = |id: &ReportId| taken_by(ledger, id).is_some();
            let asked = stream::iter(rows).map(async |row| {
                let named = row.state.candidates();
                let shown = show_candidates(&session, row.request(), named, is_taken).await?;
                Ok((row.id(), shown))
            });
            let asked = asked.buffer_unordered(context.settings.limits.concurrency.get());
            let shown: Result<ShownCandidates, ReadError> = signals.or(asked.try_collect()).await?;
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
    shown: &ShownCandidates,
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
