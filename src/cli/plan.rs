//! `plan` and `--dry-run`: what `run`, `retry` and `collect` would do. Reads only, without the lock.

use std::{collections::HashMap, path::Path};

use chrono::Utc;
use tracing::{error, info, warn};

use super::{
    Asked, CalendarArgs, CliResult, Connection, Context, Exit, Format, Mode, PlanArgs, RepairNote,
    Signals, WorkCommand, credentials, discovered, find_trace, format_or, missing_folder,
    plan_with_selected, print_view, read_ledger, recorded_of, tell_leftovers, tell_repairs,
    trace_of, warn_of_closed, warn_of_plan, warn_of_run, warn_where_refused,
};
use crate::{
    collect::hash_of,
    files::folder_of,
    ledger::{Ledger, Row, RowIndex, State, read_file, real_ledger, refuse_mixing},
    manifest::{Discovered, Manifest},
    output::{Action, PlanView, Reporters, Would},
    plan::{Plan, Planned, Selection, WorkList},
    run::EventKind,
    text::count,
};
use request::{ReportStatus, RequestId, RequestIds};

pub(super) async fn plan(args: &PlanArgs) -> CliResult {
    let signals = Signals::listen();
    let selection = args.selection.selection(&[])?;
    let (context, manifest) =
        Context::with_manifest(&args.manifest, &args.calendar, selection.partition)?;
    let asked = (&selection, &manifest, &args.calendar);
    let has_warnings = show_plan(context, asked, (None, args.format), &signals).await?;
    if args.strict && has_warnings {
        error!("the plan has warnings, and --strict takes them for errors");
        return Ok(Exit::Usage);
    }
    Ok(Exit::Success)
}

/// Returns whether the plan has warnings; other warnings do not count. Writes nothing; asks only what `discover` needs. `forced`: whether collecting
/// overwrites files; none where nothing is collected.
async fn show_plan(
    context: Context,
    (selection, manifest, calendar): (&Selection, &Manifest, &CalendarArgs),
    (forced, format): (Option<bool>, Format),
    signals: &Signals,
) -> CliResult<bool> {
    let mut context = context.forgetful();
    context.tell_sandbox();
    context.refuse_as_for_real()?;
    let path = real_ledger(&context.ledger)?;
    if let Some(folder) = missing_folder(&path) {
        let name = folder.display();
        warn!("the folder {name} does not exist; make it before the run, whose ledger goes there");
    }
    let reading = read_file(&path)?;
    let discovered = if manifest.discovers().is_empty() {
        Discovered::new()
    } else {
        let credentials = credentials(&context)?;
        let connection = Connection::open(&mut context, credentials).await?;
        let session = connection.read_session(&context.settings, &path, signals);
        discovered(&session, manifest, signals).await?
    };
    let ledger_exists = reading.is_some();
    warn_where_refused(&context.ledger, reading.as_ref().map(|reading| &reading.ledger));
    let reading = reading.unwrap_or_default();
    tell_repairs(&context.ledger, &reading, RepairNote::Left);
    let ledger = &reading.ledger;
    let (plan, ids) = plan_with_selected(manifest, calendar, selection, ledger, &discovered)?;
    warn_of_closed(&path);
    let trace =
        trace_of(&context.ledger).or_else(|| find_trace(&context, &reading, (&plan, &ids), None));
    if !warn_of_run(&path)
        && let Some(trace) = trace
    {
        trace.warn(&context.ledger);
    }
    let planned = plan.requests().iter();
    let selected: Vec<&Planned> = planned.filter(|planned| ids.contains(&planned.id)).collect();
    let warnings = warn_of_plan(manifest, &plan, calendar);
    tell_leftovers(ledger, &plan);
    let collects = forced.map(|forced| collecting(&created_rows(ledger, &ids), &path, forced));
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

pub(super) async fn dry_run(
    work: &WorkCommand<'_>,
    context: Context,
    (selection, manifest): Asked<'_>,
    signals: &Signals,
) -> CliResult {
    let (force, format) = (work.how.force, format_or(work.format.format, Format::Table));
    match (work.mode, manifest) {
        (Mode::Run { .. }, Some(manifest)) => {
            let forced = work.collects.then_some(force);
            let asked = (selection, manifest, work.calendar);
            show_plan(context, asked, (forced, format), signals).await?;
        }
        (mode, _) => {
            context.tell_sandbox();
            context.refuse_as_for_real()?;
            let (path, reading) = read_ledger(&context.ledger)?;
            warn_of_closed(&path);
            refuse_mixing(&path, Some(&reading.ledger), context.is_rehearsal())?;
            let mut would = Would { command: work.name(), collects: None };
            let (ledger, shown): (Ledger, Vec<RowIndex>) = if mode == Mode::Collect {
                let ledger = reading.into_ledger(&context.ledger)?;
                let selected = selection.of_ledger(&ledger)?;
                let created = created_rows(&ledger, &selected);
                would.collects = Some(collecting(&created, &path, force));
                let places = created.iter().filter_map(|row| ledger.place(row.key())).collect();
                (ledger, places)
            } else {
                let mut reading = reading;
                let selected = selection.of_ledger(&reading.ledger)?;
                if mode == (Mode::Retry { recreate_failed: true }) {
                    give_up_failed(&mut reading.ledger, &selected, None);
                }
                let work_list = WorkList::to_retry(reading, &selected);
                let work_list = work_list.map_err(|e| context.torn_line(&e))?;
                tell_nothing_to_do(&work_list);
                (work_list.ledger, work_list.work)
            };
            let plan = Plan::of_rows(shown.iter().map(|place| ledger.row(*place)));
            let view = PlanView {
                name: &context.manifest.1,
                limits: &context.settings.limits,
                would,
                warnings: &[],
                plan: &plan,
                selected: plan.requests().iter().collect(),
                ledger: &ledger,
                ledger_path: context.ledger.display().to_string(),
                ledger_exists: true,
            };
            print_view(&view, format)?;
        }
    }
    info!("a dry run: nothing was sent or written");
    Ok(Exit::Success)
}

pub(super) fn created_rows<'l>(ledger: &'l Ledger, selected: &RequestIds) -> Vec<&'l Row> {
    let mut rows = selected_rows(ledger, selected);
    rows.retain(|row| matches!(row.state, State::Created(_)));
    rows
}

pub(super) fn selected_rows<'l>(ledger: &'l Ledger, selected: &RequestIds) -> Vec<&'l Row> {
    ledger.rows().filter(|row| selected.contains(&row.key())).collect()
}

/// What collecting would do with created rows.
pub(super) fn collecting(
    rows: &[&Row],
    path: &Path,
    is_forced: bool,
) -> HashMap<RequestId, Action> {
    let recorded = recorded_of(path);
    let action = |row: &Row| {
        let recorded = recorded.get(&row.id());
        let collected = &row.collected;
        let file = folder_of(path).join(&collected.file);
        let there = if collected.file.is_empty() { Ok(None) } else { hash_of(&file) };
        match there {
            Ok(Some(hash)) if collected.is_file(&hash, recorded) => Action::Skip,
            Ok(Some(_)) | Err(_) if !is_forced => Action::Leave,
            Ok(_) | Err(_) => Action::Collect,
        }
    };
    rows.iter().map(|row| (row.key(), action(row))).collect()
}

/// Discards the reports of `selected` that the server could not generate, as `resolve --resend --replace` does.
pub(super) fn give_up_failed(ledger: &mut Ledger, selected: &RequestIds, told: Option<&Reporters>) {
    let failed = ledger.places().filter(|(_, row)| {
        matches!(row.state, State::Created(_))
            && selected.contains(&row.key())
            && row.collected.status() == ReportStatus::Failed
    });
    let failed: Vec<RowIndex> = failed.map(|(place, _)| place).collect();
    for place in &failed {
        let mut row = ledger.row(*place).clone().given_up();
        let now = Utc::now();
        row.updated_at = Some(now);
        if let Some(readers) = told {
            readers.tell(EventKind::GivenUp(row.clone()), now);
        }
        ledger.replace(*place, row);
    }
    if !failed.is_empty() {
        info!("reports that the server could not generate, to be recreated: {}", failed.len());
    }
}

pub(super) fn tell_nothing_to_do(work_list: &WorkList) {
    if !work_list.work.is_empty() {
        return;
    }
    let decide = match work_list.untouched.failed {
        0 => String::new(),
        n => format!(" ({} in doubt, for you to decide)", count(n, "row")),
    };
    info!(
        "nothing to retry{decide}; requests that the ledger does not have are created by `monthend run`"
    );
}
