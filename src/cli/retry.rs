use super::{
    args::RetryArgs,
    collection::{Collection, collecting},
    command_line::CommandLine,
    connection::{Connection, credentials},
    context::{Context, RepairNote, repairs, tell},
    drive::{begin, tell_work, ticking},
    dry_run::dry_run_of_retry,
    error::CliError,
    exit::Exit,
    finish::{Ended, finish},
    gone::TraceSearch,
    locked_ledger::LockedLedger,
    outputs::{OutputOptions, Outputs},
    run_context::RunContext,
    signals::Signals,
    to_combine,
    to_retry::to_retry,
};
use crate::{
    ledger::{LedgerError, Row},
    manifest::Manifest,
    plan::{Plan, Selection},
    run::{Creates, EventKind},
};

/// The manifest's jobs are not looked at.
pub(super) async fn command(
    args: &RetryArgs,
    quiet: bool,
    command_line: &CommandLine,
) -> Result<Exit, CliError> {
    // Whatever is wrong with settings and credentials is found before the ledger is touched.
    let signals = Signals::listen();
    let selection = args.selection()?;
    let how = args.and_collect.if_wanted();
    let (context, manifest) =
        to_combine::target(&args.common.manifest, &args.calendar, how, &selection)?;
    if args.format.dry_run {
        return dry_run_of_retry(args, &context, &selection);
    }
    let told = OutputOptions {
        command: "retry",
        common: &args.common,
        selection: &selection,
        quiet,
        command_line,
        format: args.format.summary_format().ok_or(CliError::CsvOfSummary)?,
        as_of: manifest.as_ref().map(|_| args.calendar.as_of()),
        is_relative: manifest.as_ref().is_some_and(|it| it.is_relative),
        collects: args.and_collect.if_wanted(),
    };
    let outputs = Outputs::prepare(&told, &context)?;
    let asked = (manifest.as_ref(), &selection);
    let result = retry(args, context, asked, &signals, &outputs).await;
    outputs.end(result)
}

async fn retry(
    args: &RetryArgs,
    mut context: Context,
    (manifest, selection): (Option<&Manifest>, &Selection),
    signals: &Signals,
    outputs: &Outputs,
) -> Result<Exit, CliError> {
    let credentials = credentials(&context)?;
    context.refuse_as_for_real()?;

    let mut locked = LockedLedger::take(&context.ledger)?;
    locked.file.refuse_mixing(context.is_rehearsal())?;
    let missing = || LedgerError::Missing(context.ledger.clone());
    let reading = locked.file.reading.take().ok_or_else(missing)?;

    let collection = args.and_collect.if_wanted();
    let collection =
        collection.map(|how| Collection::prepare(how, &context, &locked)).transpose()?;

    context.tell_server();
    let connection = Connection::open(&mut context, credentials).await?;
    let means = RunContext::begin(&context, &connection, &locked, outputs, &args.common);
    let interrupt = signals.interrupt_in_order(args.common.grace);
    let selected = selection.of_ledger(&reading.ledger)?;
    TraceSearch {
        context: &context,
        plan: &Plan::of_rows(reading.ledger.rows()),
        selected: &selected,
        reading: &reading,
        share: selection.partition,
        output: None,
    }
    .refuse()?;
    let repairs = repairs(&context.ledger, &reading, RepairNote::Written);
    let given_up = |row: &Row, now| {
        let readers = &outputs.readers;
        readers.tell(EventKind::GivenUp(row.clone()), now);
    };
    let work_list = to_retry(reading, &selected, args, given_up);
    if let Ok(work_list) = &work_list {
        tell_work(work_list, &context.settings.limits);
    }
    tell(&repairs);
    let work_list = work_list.map_err(|e| context.torn_line(e))?;
    let ledger = &work_list.ledger;
    let to_combine =
        to_combine::requests(&means.session, manifest, selection, ledger, signals).await?;
    let all = work_list.ledger.len();
    let (rows, settings) = ((all, &selected), &context.settings);
    let (driver, new_reports) = begin(work_list, Creates::All, rows, &means, interrupt).await?;
    let collecting =
        collecting(collection.as_ref(), driver.shared(), new_reports, &selected, settings);
    let mut finished = ticking(&outputs.readers, driver.drive(collecting)).await;
    if let Some(collection) = &collection {
        collection.count_uncollected(&mut finished, &selected);
    }

    let ended = Ended { exit: Exit::of_run(&finished), finished, selected, to_combine };
    finish(ended, &means, |_| false, collection.as_ref())
}
