//! `run`, `retry` and `collect`: from the ledger to the end of its rows, with a work list of their own each.

use std::ops::ControlFlow;

use super::{
    CalendarArgs, CliResult, CollectArgs, CollectCommandArgs, Collection, CommandLine, Connection,
    Context, Exit, LockedLedger, OnExisting, Outputs, RepairNote, RetryArgs, Rows, RunArgs,
    RunContext, Signals, WorkArgs, WorkFormatArgs, created_rows, credentials, discovered, dry_run,
    find_trace, give_up_failed, plan_with_selected, refuse_gone, repair_notes, requests_to_combine,
    run_session, take_existing, tell_leftovers, tell_nothing_to_do, ticking, warn_all,
    warn_of_plan,
};
use crate::{
    ledger::{Ledger, LedgerError, LedgerRead, Row, State},
    manifest::Manifest,
    plan::{Plan, Selection, WorkList},
    run::Creates,
};
use request::{ReportStatus, RequestId, RequestIds};

/// One of the three commands, as it was typed.
#[derive(Debug, Clone, Copy)]
pub(super) struct WorkCommand<'a> {
    pub(super) mode: Mode,
    pub(super) common: &'a WorkArgs,
    pub(super) calendar: &'a CalendarArgs,
    pub(super) format: &'a WorkFormatArgs,
    pub(super) collects: bool,
    pub(super) how: &'a CollectArgs,
    causes: &'a [String],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Run { existing: Option<OnExisting> },
    Retry { recreate_failed: bool },
    Collect,
}

impl<'a> WorkCommand<'a> {
    pub(super) fn of_run(args: &'a RunArgs) -> Self {
        WorkCommand {
            mode: Mode::Run { existing: args.existing },
            common: &args.common,
            calendar: &args.calendar,
            format: &args.format,
            collects: args.and_collect.collect,
            how: &args.and_collect.how,
            causes: &[],
        }
    }

    pub(super) fn of_retry(args: &'a RetryArgs) -> Self {
        WorkCommand {
            mode: Mode::Retry { recreate_failed: args.recreate_failed },
            common: &args.common,
            calendar: &args.calendar,
            format: &args.format,
            collects: args.and_collect.collect,
            how: &args.and_collect.how,
            causes: &args.cause.cause,
        }
    }

    pub(super) fn of_collect(args: &'a CollectCommandArgs) -> Self {
        WorkCommand {
            mode: Mode::Collect,
            common: &args.common,
            calendar: &args.calendar,
            format: &args.format,
            collects: true,
            how: &args.collect,
            causes: &[],
        }
    }

    pub(super) fn name(&self) -> &'static str {
        match self.mode {
            Mode::Run { .. } => "run",
            Mode::Retry { .. } => "retry",
            Mode::Collect => "collect",
        }
    }

    /// With the whole manifest for `run`, and where files are combined: those of the requests that `run` would take.
    fn context(&self, selection: &Selection) -> CliResult<(Context, Option<Manifest>)> {
        let (args, share) = (&self.common.manifest, selection.partition);
        let combines = self.collects && self.how.combine.is_some();
        if combines || matches!(self.mode, Mode::Run { .. }) {
            let (context, manifest) = Context::with_manifest(args, self.calendar, share)?;
            Ok((context, Some(manifest)))
        } else {
            Ok((Context::with_settings(args, share)?, None))
        }
    }
}

/// What the command is about: the selection, and the manifest where it was read.
pub(super) type Asked<'a> = (&'a Selection, Option<&'a Manifest>);

pub(super) async fn run(work: WorkCommand<'_>, command_line: &CommandLine) -> CliResult {
    // Whatever is wrong with settings and credentials is found before the ledger is touched.
    let signals = Signals::listen();
    let selection = work.common.selection.selection(work.causes)?;
    let (context, manifest) = work.context(&selection)?;
    let asked = (&selection, manifest.as_ref());
    if work.format.dry_run {
        return dry_run(&work, context, asked, &signals).await;
    }
    let outputs = Outputs::prepare(&work, asked, &context, command_line)?;
    let result = execute(&work, asked, context, &signals, &outputs).await;
    outputs.end(result)
}

async fn execute(
    work: &WorkCommand<'_>,
    (selection, manifest): Asked<'_>,
    mut context: Context,
    signals: &Signals,
    outputs: &Outputs,
) -> CliResult {
    let credentials = credentials(&context)?;
    context.refuse_as_for_real()?;
    if work.mode == Mode::Collect {
        context.require_ledger()?;
    }
    let mut locked = LockedLedger::take(&context.ledger)?;
    locked.file.refuse_mixing(context.is_rehearsal())?;
    let reading = locked.file.reading.take();
    let is_new = reading.is_none();
    match work.mode {
        Mode::Run { existing: None } => {
            context.refuse_gone_for_real()?;
            refuse_gone(&context.ledger)?;
        }
        Mode::Retry { .. } | Mode::Collect if is_new => {
            return Err(LedgerError::Missing(context.ledger.clone()).into());
        }
        Mode::Run { .. } | Mode::Retry { .. } | Mode::Collect => {}
    }
    let mut reading = reading.unwrap_or_default();
    let repairs = repair_notes(&context.ledger, &reading, RepairNote::Written);
    if work.mode == Mode::Collect {
        selection.of_ledger(&reading.ledger)?;
        let ledger = reading.into_ledger(&context.ledger)?;
        reading = LedgerRead { ledger, ..LedgerRead::default() };
    }
    let prepare = || Collection::prepare(work.how, &context, &locked, &reading.ledger);
    let collection = work.collects.then(prepare).transpose()?;

    context.tell_server();
    let connection = Connection::open(&mut context, credentials).await?;
    let session = run_session(work, &context, &connection, &locked, outputs);
    signals.end_in_order();
    let run = RunContext {
        work,
        selection,
        manifest,
        context: &context,
        locked: &locked,
        outputs,
        session,
        signals,
    };
    let (work_list, creates, rows) = match work.mode {
        Mode::Run { existing } => {
            match to_run(&run, reading, (is_new, &repairs), existing).await? {
                ControlFlow::Continue((work_list, rows)) => (work_list, Creates::All, rows),
                ControlFlow::Break(exit) => return Ok(exit),
            }
        }
        Mode::Retry { recreate_failed } => {
            let (work_list, rows) = to_retry(&run, reading, &repairs, recreate_failed).await?;
            (work_list, Creates::All, rows)
        }
        Mode::Collect => {
            warn_all(&repairs);
            let to_combine = requests_to_combine(&run, &reading.ledger).await?;
            let (all, selected) = (reading.ledger.len(), selection.of_ledger(&reading.ledger)?);
            let work_list = WorkList::to_collect(reading.ledger, &selected);
            (work_list, Creates::None, Rows { all, selected, to_combine, ..Rows::default() })
        }
    };
    run.refuse_to_collect(&work_list.ledger, &rows.selected)?;
    let (driver, new_reports) = run.begin(work_list, creates, &rows).await?;
    let (collection, settings) = (collection.as_ref(), &context.settings);
    let collecting = async {
        match collection {
            Some(it) => it.collect(driver.shared(), new_reports, &rows.selected, settings).await,
            None => Vec::new(),
        }
    };
    let mut finished = ticking(&outputs.readers, driver.drive(collecting)).await;
    if let Some(collection) = collection {
        collection.count_uncollected(&mut finished, &rows.selected);
    }

    // For `collect`, a planned request that the ledger lacks is not collected either.
    let is_in_ledger = |id: &RequestId| finished.ledger.get(*id).is_some();
    let lacks = rows.to_combine.iter().flatten().any(|id| !is_in_ledger(id));
    let exit = match Exit::of_run(&finished, creates) {
        Exit::Success if work.mode == Mode::Collect && lacks => Exit::Failures,
        exit => exit,
    };
    run.finish((finished, exit), rows, collection)
}

/// Every selected request of the plan that is not created; of rows that are there on the server already, what
/// `--existing` says.
async fn to_run(
    run: &RunContext<'_>,
    reading: LedgerRead,
    told: (bool, &[String]),
    existing: Option<OnExisting>,
) -> CliResult<ControlFlow<Exit, (WorkList, Rows)>> {
    let Some(manifest) = run.manifest else { unreachable!("`run` reads the manifest") };
    let (context, calendar, selection) = (run.context, run.work.calendar, run.selection);
    let discovered = discovered(&run.session, manifest, run.signals).await?;
    let ledger = &reading.ledger;
    let (plan, selected) = plan_with_selected(manifest, calendar, selection, ledger, &discovered)?;
    if existing.is_none() {
        let output = run.work.how.output.as_deref();
        if let Some(trace) = find_trace(context, &reading, (&plan, &selected), output) {
            trace.refuse(&context.ledger)?;
        }
    }
    let mut work_list = run.announced(WorkList::to_run(reading, &plan, &selected), told)?;
    warn_of_plan(manifest, &plan, calendar);
    tell_leftovers(&work_list.ledger, &plan);
    let mut rows = Rows { all: plan.requests().len(), selected, ..Rows::default() };
    if let Some(on_existing @ (OnExisting::Adopt | OnExisting::Stop)) = existing {
        let settled = take_existing(run, work_list, (&plan, &rows), on_existing).await?;
        work_list = match settled {
            ControlFlow::Continue(left) => left,
            ControlFlow::Break(exit) => return Ok(ControlFlow::Break(exit)),
        };
    }
    rows.outside = left_outside(&work_list.ledger, &plan);
    Ok(ControlFlow::Continue((work_list, rows)))
}

/// Unfinished rows that the plan does not have.
fn left_outside(ledger: &Ledger, plan: &Plan) -> RequestIds {
    let others = plan.leftover(ledger);
    others.filter(|row| !matches!(row.state, State::Created(_))).map(Row::key).collect()
}

/// The ledger's selected rows that are not created; the manifest's jobs are not looked at.
async fn to_retry(
    run: &RunContext<'_>,
    mut reading: LedgerRead,
    repairs: &[String],
    recreate_failed: bool,
) -> CliResult<(WorkList, Rows)> {
    let context = run.context;
    let selected = run.selection.of_ledger(&reading.ledger)?;
    let plan = Plan::of_rows(reading.ledger.rows());
    if let Some(trace) = find_trace(context, &reading, (&plan, &selected), None) {
        trace.refuse(&context.ledger)?;
    }
    drop(plan);
    if recreate_failed {
        let failed = created_rows(&reading.ledger, &selected).into_iter();
        if failed.into_iter().any(|row| row.collected.status() == ReportStatus::Failed) {
            run.locked.refuse_closed()?;
        }
        give_up_failed(&mut reading.ledger, &selected, Some(&run.outputs.readers));
    }
    let work_list = WorkList::to_retry(reading, &selected).inspect(tell_nothing_to_do);
    let work_list = run.announced(work_list, (false, repairs))?;
    let to_combine = requests_to_combine(run, &work_list.ledger).await?;
    let all = work_list.ledger.len();
    Ok((work_list, Rows { all, selected, to_combine, ..Rows::default() }))
}
