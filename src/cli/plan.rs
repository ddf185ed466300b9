use tracing::{error, warn};

use super::{
    CalendarArgs, CliError, Connection, Context, Exit, Format, PlanArgs, Planning, ReadSession,
    RepairNote, Signals, collecting, created_rows, credentials, discovered, find_trace,
    missing_folder, print_view, tell_leftovers, tell_repairs, trace_of, warn_of_plan,
    warn_where_refused,
};
use crate::{
    ledger::{read_file, real_ledger},
    manifest::{Discovered, Manifest},
    output::{PlanView, Would},
    plan::{Planned, Selection},
};

pub(super) async fn plan(args: &PlanArgs) -> Result<Exit, CliError> {
    let signals = Signals::listen();
    let selection = args.selection.selection()?;
    let (context, manifest) =
        Context::with_manifest(&args.manifest, &args.calendar, selection.partition)?;
    let asked = (&selection, &manifest, &args.calendar);
    let has_warnings = show_run(context, asked, (None, args.format), &signals).await?;
    if args.strict && has_warnings {
        error!("the plan has warnings, and --strict takes them for errors");
        return Ok(Exit::Usage);
    }
    Ok(Exit::Success)
}

/// Says whether it warned of anything. Writes nothing; asks only what `discover` needs. `forced`: whether collecting
/// overwrites files; none where nothing is collected.
pub(super) async fn show_run(
    context: Context,
    (selection, manifest, calendar): (&Selection, &Manifest, &CalendarArgs),
    (forced, format): (Option<bool>, Format),
    signals: &Signals,
) -> Result<bool, CliError> {
    let mut context = context.forgetful();
    context.tell_sandbox();
    context.refuse_as_for_real()?;
    let path = real_ledger(&context.ledger)?;
    if let Some(folder) = missing_folder(&path) {
        let folder = folder.display();
        warn!(
            "the folder {folder} does not exist; make it before the run, whose ledger goes there"
        );
    }
    let reading = read_file(&path)?;
    let discovered = if manifest.discovers().is_empty() {
        Discovered::new()
    } else {
        let credentials = credentials(&context)?;
        let connection = Connection::open(&mut context, credentials).await?;
        let server = ReadSession::begin(&connection, &context.settings, &path, signals);
        discovered(&server.session, manifest, signals).await?
    };
    let ledger_exists = reading.is_some();
    warn_where_refused(&context.ledger, reading.as_ref().map(|reading| &reading.ledger));
    let reading = reading.unwrap_or_default();
    tell_repairs(&context.ledger, &reading, RepairNote::Left);
    let ledger = &reading.ledger;
    let planning = Planning { manifest, calendar, selection, ledger, is_offline: false };
    let (plan, ids) = planning.plan(&discovered)?;
    let trace =
        trace_of(&context.ledger).or_else(|| find_trace(&context, &reading, (&plan, &ids), None));
    if let Some(trace) = trace {
        trace.warn(&context.ledger);
    }
    let planned = plan.requests().iter();
    let selected: Vec<&Planned> = planned.filter(|planned| ids.contains(&planned.id)).collect();
    let warnings = warn_of_plan(manifest, &plan, calendar);
    tell_leftovers(ledger, &plan);
    let collects =
        forced.map(|forced| collecting(created_rows(ledger, &ids).into_iter(), &path, forced));
    let view = PlanView {
        name: &manifest.name,
        limits: &manifest.settings.limits,
        would: Would { command: "run", collects },
        warnings: &warnings,
        plan: &plan,
        selected,
        ledger,
        ledger_path: context.ledger.display().to_string(),
        ledger_exists,
    };
    print_view(&view, format)?;
    Ok(!warnings.is_empty())
}
