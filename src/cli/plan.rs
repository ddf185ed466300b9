use tracing::{error, warn};

use super::{
    args::{CalendarArgs, CollectArgs, ManifestArgs, PlanArgs, PlanFormat, SelectionArgs},
    connection::{Connection, credentials},
    context::{Context, RepairNote, real_ledger, tell_repairs},
    dry_run::collecting,
    error::CliError,
    exit::Exit,
    gone::{TraceSearch, trace_of},
    locked_ledger::missing_folder,
    planning::Planning,
    read_session::ReadSession,
    results,
    signals::Signals,
    status::warn_where_refused,
    warnings::{tell_leftovers, warn_of_plan},
};
use crate::{
    api::Api,
    ledger::{State, read_file},
    manifest::{Discovered, Manifest},
    output::{PlanView, Would},
    plan::Planned,
    sending::{Session, discover},
};

pub(super) async fn plan(args: &PlanArgs) -> Result<Exit, CliError> {
    let shown = show_run(&args.manifest, &args.calendar, &args.selection, args.format, None);
    let has_warnings = shown.await?;
    if args.strict && has_warnings {
        error!("the plan has warnings, and --strict takes them for errors");
        return Ok(Exit::Usage);
    }
    Ok(Exit::Success)
}

/// Says whether it warned of anything. Writes nothing; asks only what `discover` needs. `collects`: none where nothing
/// is collected.
pub(super) async fn show_run(
    manifest: &ManifestArgs,
    calendar: &CalendarArgs,
    selection: &SelectionArgs,
    format: PlanFormat,
    collects: Option<&CollectArgs>,
) -> Result<bool, CliError> {
    let signals = Signals::listen();
    let selection = selection.selection()?;
    let (context, manifest) = Context::with_manifest(manifest, calendar, selection.partition)?;
    let mut context = context.forgetful();
    context.tell_sandbox();
    context.refuse_as_for_real()?;
    let ledger = real_ledger(&context.ledger)?;
    if let Some(folder) = missing_folder(&ledger) {
        let folder = folder.display();
        warn!(
            "the folder {folder} does not exist; make it before the run, whose ledger goes there"
        );
    }
    let reading = read_file(&ledger)?;
    let discovered = if !manifest.discovers().is_empty() {
        let credentials = credentials(&context)?;
        let connection = Connection::open(&mut context, credentials).await?;
        let server = ReadSession::begin(&connection, &context.settings, &ledger, &signals);
        discovered(&server.session, &manifest, &signals).await?
    } else {
        Discovered::new()
    };
    let ledger_exists = reading.is_some();
    warn_where_refused(&context.ledger, reading.as_ref().map(|reading| &reading.ledger));
    let reading = reading.unwrap_or_default();
    tell_repairs(&context.ledger, &reading, RepairNote::Left);
    let planning = Planning {
        manifest: &manifest,
        calendar,
        selection: &selection,
        ledger: &reading.ledger,
        is_offline: false,
    };
    let (plan, ids) = planning.plan(&discovered)?;
    let search = TraceSearch {
        context: &context,
        plan: &plan,
        selected: &ids,
        reading: &reading,
        share: selection.partition,
        output: None,
    };
    let trace = trace_of(&context.ledger).or_else(|| search.run());
    if let Some(trace) = trace {
        trace.warn(&context.ledger);
    }
    let planned = plan.requests().iter();
    let selected: Vec<&Planned> = planned.filter(|planned| ids.contains(&planned.id)).collect();
    let warnings = warn_of_plan(&manifest, &plan, calendar);
    tell_leftovers(&reading.ledger, &plan);
    let view = PlanView {
        name: &manifest.name,
        limits: &manifest.settings.limits,
        would: Would {
            command: "run",
            collects: collects.map(|how| {
                let rows = reading.ledger.rows().filter(|row| ids.contains(&row.key()));
                let created = rows.filter(|row| matches!(row.state, State::Created(_)));
                collecting(created, &ledger, how.force)
            }),
        },
        warnings: &warnings,
        plan: &plan,
        selected,
        ledger: &reading.ledger,
        ledger_path: context.ledger.display().to_string(),
        ledger_exists,
    };
    results::show(&view, format)?;
    Ok(!warnings.is_empty())
}

pub(super) async fn discovered<A: Api>(
    session: &Session<'_, A>,
    manifest: &Manifest,
    signals: &Signals,
) -> Result<Discovered, CliError> {
    Ok(signals.or(discover(session, manifest.discovers())).await??)
}
