use std::future::ready;

use tracing::info;

use super::{
    args::{OnExisting, RunArgs},
    collection::{Collection, collecting},
    command_line::CommandLine,
    connection::{Connection, credentials},
    context::{Context, RepairNote, repairs, tell},
    drive::{begin, require_room, tell_work, ticking},
    dry_run::dry_run_of_run,
    error::CliError,
    existing,
    exit::Exit,
    finish::{Ended, finish},
    gone::{TraceSearch, trace_of},
    locked_ledger::LockedLedger,
    outputs::{OutputOptions, Outputs},
    plan::discovered,
    planning::Planning,
    run_context::RunContext,
    signals::Signals,
    warnings::{tell_leftovers, warn_of_plan},
};
use crate::{
    ledger::{Ledger, Row, State},
    manifest::Manifest,
    output::history,
    plan::{Plan, Selection, WorkList},
    run::Creates,
};
use request::RequestIds;

/// `monthend run`: settings and outputs, then [`run`].
pub(super) async fn command(
    args: &RunArgs,
    quiet: bool,
    command_line: &CommandLine,
) -> Result<Exit, CliError> {
    // Whatever is wrong with settings and credentials is found before the ledger is touched.
    if args.format.dry_run {
        return dry_run_of_run(args).await;
    }
    let signals = Signals::listen();
    let selection = args.common.selection.selection()?;
    let (context, manifest) =
        Context::with_manifest(&args.common.manifest, &args.calendar, selection.partition)?;
    let told = OutputOptions {
        command: "run",
        common: &args.common,
        selection: &selection,
        quiet,
        command_line,
        format: args.format.summary_format().ok_or(CliError::CsvOfSummary)?,
        as_of: Some(args.calendar.as_of()),
        is_relative: manifest.is_relative,
        collects: args.and_collect.if_wanted(),
    };
    let outputs = Outputs::prepare(&told, &context)?;
    let result = run(args, context, (&manifest, &selection), &signals, &outputs).await;
    outputs.end(result)
}

/// Sends, or looks up, every selected request of the plan that is not created.
async fn run(
    args: &RunArgs,
    mut context: Context,
    (manifest, selection): (&Manifest, &Selection),
    signals: &Signals,
    outputs: &Outputs,
) -> Result<Exit, CliError> {
    let credentials = credentials(&context)?;
    context.refuse_as_for_real()?;

    let mut locked = LockedLedger::take(&context.ledger)?;
    locked.file.refuse_mixing(context.is_rehearsal())?;
    let reading = locked.file.reading.take();
    let is_undecided = reading.is_none() && args.existing.is_none();
    if args.existing.is_none() {
        context.refuse_gone_for_real()?;
    }
    if is_undecided && let Some(trace) = trace_of(&context.ledger) {
        let ledger = context.ledger.clone();
        return Err(CliError::Gone { ledger, trace });
    }

    let collection = args.and_collect.if_wanted();
    let collection =
        collection.map(|how| Collection::prepare(how, &context, &locked)).transpose()?;

    context.tell_server();
    let connection = Connection::open(&mut context, credentials).await?;
    let means = RunContext::begin(&context, &connection, &locked, outputs, &args.common);
    let interrupt = signals.interrupt_in_order(args.common.grace);
    let discovered = discovered(&means.session, manifest, signals).await?;
    let is_new = reading.is_none();
    let reading = reading.unwrap_or_default();
    let repairs = repairs(&context.ledger, &reading, RepairNote::Written);
    let planning = Planning {
        manifest,
        calendar: &args.calendar,
        selection,
        ledger: &reading.ledger,
        is_offline: false,
    };
    let (plan, selected) = planning.plan(&discovered)?;
    if args.existing.is_none() {
        TraceSearch {
            context: &context,
            plan: &plan,
            selected: &selected,
            reading: &reading,
            share: selection.partition,
            output: args.and_collect.how.output.as_deref(),
        }
        .refuse()?;
    }
    let work_list = WorkList::to_run(reading, &plan, &selected);
    if let Ok(work_list) = &work_list {
        tell_work(work_list, &context.settings.limits);
    }
    if is_new {
        let path = context.ledger.display();
        info!("no ledger at {path}: this run starts a new one");
    }
    tell(&repairs);
    let mut work_list = work_list.map_err(|e| context.torn_line(e))?;
    warn_of_plan(manifest, &plan, &args.calendar);
    tell_leftovers(&work_list.ledger, &plan);
    let all = plan.requests().len();
    if let Some(on_existing @ (OnExisting::Adopt | OnExisting::Stop)) = args.existing {
        if !work_list.work.is_empty() {
            require_room(&work_list.ledger, &selected, &means)?;
        }
        // Rows in doubt come first: their reports must not be taken for their twins'.
        if let Some(doubts) = work_list.take_doubts() {
            let rows = (all, &selected);
            let (driver, _) = begin(doubts, Creates::None, rows, &means, interrupt.clone()).await?;
            let looked_up = ticking(&outputs.readers, driver.drive(ready(Vec::new()))).await;
            if looked_up.stop.is_some() || looked_up.unsaved.is_some() {
                let exit = Exit::of_run(&looked_up);
                let ended = Ended { finished: looked_up, exit, selected, to_combine: None };
                return finish(ended, &means, |_| false, None);
            }
            work_list = WorkList::of(looked_up.ledger, &selected);
        }
        let limits = &context.settings.limits;
        let found = existing::find(&means.session, &work_list, &plan, limits, signals).await;
        let mut found = found.inspect_err(|_| outputs.waiting(&work_list.ledger, &selected))?;
        let history = history::path_of(&locked.file.path);
        existing::prefer_known(&means.session, &work_list, &mut found, &history).await?;
        if on_existing == OnExisting::Stop && !found.is_empty() {
            outputs.waiting(&work_list.ledger, &selected);
            let (format, command_line) = (outputs.format, &outputs.command_line);
            return Ok(existing::tell(&work_list, &found, format, command_line));
        }
        existing::adopt(&mut work_list, found, &outputs.readers);
    }

    // The plan is as large as a third of the rows, and not needed any more.
    let outside = left_outside(&work_list.ledger, &plan);
    drop(plan);
    let (rows, settings) = ((all, &selected), &context.settings);
    let (driver, new_reports) = begin(work_list, Creates::All, rows, &means, interrupt).await?;
    let collecting =
        collecting(collection.as_ref(), driver.shared(), new_reports, &selected, settings);
    let mut finished = ticking(&outputs.readers, driver.drive(collecting)).await;
    if let Some(collection) = &collection {
        collection.count_uncollected(&mut finished, &selected);
    }

    let is_left =
        |row: &Row| outside.contains(&row.key()) && !matches!(row.state, State::Created(_));
    let ended = Ended { exit: Exit::of_run(&finished), finished, selected, to_combine: None };
    finish(ended, &means, is_left, collection.as_ref())
}

/// Unfinished rows that the plan does not have: planned rows stand before all others.
fn left_outside(ledger: &Ledger, plan: &Plan) -> RequestIds {
    let planned = plan.requests().iter().map(|planned| planned.id);
    let others = ledger.rows().skip(planned.filter(|id| ledger.place(*id).is_some()).count());
    let unfinished = others.filter(|row| !matches!(row.state, State::Created(_)));
    unfinished.map(Row::key).collect()
}
