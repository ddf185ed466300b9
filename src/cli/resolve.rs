use chrono::Utc;
use tracing::warn;

use super::{
    CliError, CommandLine, Context, Exit, LEDGER, LockedLedger, ManifestArgs, RehearsalArgs,
    RepairNote, ResolveArgs, add_to_history, candidates, is_manifest, of_manifest,
    refuse_other_report, tell_repairs,
};
use crate::{
    ledger::{Ledger, LedgerError, RowIndex, State},
    output::{Hint, console, history::HistoryEvent, request_name},
    text::count,
};
use request::{ReportId, RequestId};

pub(super) async fn resolve(
    args: &ResolveArgs,
    command_line: &CommandLine,
) -> Result<Exit, CliError> {
    match args.request {
        None => candidates::list(args, command_line).await,
        Some(request) => decide(args, request, command_line).await,
    }
}

async fn decide(
    args: &ResolveArgs,
    request: RequestId,
    command_line: &CommandLine,
) -> Result<Exit, CliError> {
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
    let row = ledger.row(place);
    // What the row itself names was seen in its lists: the server may show it wrongly, and a person may know better.
    let is_candidate = |id: &&ReportId| row.error().contains(id.as_str());
    if let Some(id) = args.adopt.as_ref().filter(|id| !is_candidate(id)) {
        refuse_other_report(args, &mut context, &locked.file.path, row, id).await?;
    }
    let is_created = matches!(row.state, State::Created(_));
    let open = if is_created { row.clone().given_up() } else { row.clone() };
    let name = request_name(row);
    let (mut row, said) = match &args.adopt {
        Some(id) => (open.created(id.clone()), format!("{name} is created, with report {id}\n")),
        None => (open.to_be_sent(), format!("{name} is pending; the next run sends it\n")),
    };
    row.updated_at = Some(Utc::now());
    let what = HistoryEvent::Resolve {
        request_id: row.id().to_string(),
        report_id: args.adopt.as_ref().map(ToString::to_string),
        replaced: row.replaces.last().filter(|_| args.replace).map(ToString::to_string),
        reason: args.reason.clone(),
    };
    ledger.replace(place, row);
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
pub(super) fn target_of(args: &ResolveArgs) -> Result<Context, CliError> {
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
