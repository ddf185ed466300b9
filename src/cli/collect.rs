use super::{
    args::CollectCommandArgs,
    collection::{Collection, collecting},
    command_line::CommandLine,
    connection::{Connection, credentials},
    context::{Context, RepairNote, real_ledger, repairs, tell},
    drive::{begin, ticking},
    dry_run::dry_run_of_collect,
    error::CliError,
    exit::Exit,
    finish::{Ended, finish},
    locked_ledger::LockedLedger,
    outputs::{OutputOptions, Outputs},
    run_context::RunContext,
    signals::Signals,
    to_combine,
};
use crate::{
    ledger::LedgerError,
    manifest::Manifest,
    plan::{Selection, WorkList},
    run::Creates,
};
use request::RequestId;

/// The manifest's jobs are not looked at.
pub(super) async fn command(
    args: &CollectCommandArgs,
    quiet: bool,
    command_line: &CommandLine,
) -> Result<Exit, CliError> {
    // Whatever is wrong with settings and credentials is found before the ledger is touched.
    let signals = Signals::listen();
    let selection = args.common.selection.selection()?;
    let how = Some(&args.collect);
    let (context, manifest) =
        to_combine::target(&args.common.manifest, &args.calendar, how, &selection)?;
    if args.format.dry_run {
        return dry_run_of_collect(args, &context, &selection);
    }
    let told = OutputOptions {
        command: "collect",
        common: &args.common,
        selection: &selection,
        quiet,
        command_line,
        format: args.format.summary_format().ok_or(CliError::CsvOfSummary)?,
        as_of: manifest.as_ref().map(|_| args.calendar.as_of()),
        is_relative: manifest.as_ref().is_some_and(|it| it.is_relative),
        collects: Some(&args.collect),
    };
    let outputs = Outputs::prepare(&told, &context)?;
    let asked = (manifest.as_ref(), &selection);
    let result = collect(args, context, asked, &signals, &outputs).await;
    outputs.end(result)
}

async fn collect(
    args: &CollectCommandArgs,
    mut context: Context,
    (manifest, selection): (Option<&Manifest>, &Selection),
    signals: &Signals,
    outputs: &Outputs,
) -> Result<Exit, CliError> {
    let credentials = credentials(&context)?;
    context.refuse_as_for_real()?;

    // Where there is no ledger, not even a lock is made.
    let missing = || LedgerError::Missing(context.ledger.clone());
    if !real_ledger(&context.ledger)?.exists() {
        return Err(missing().into());
    }
    let mut locked = LockedLedger::take(&context.ledger)?;
    locked.file.refuse_mixing(context.is_rehearsal())?;
    let reading = locked.file.reading.take().ok_or_else(missing)?;
    let selected = selection.of_ledger(&reading.ledger)?;
    let repairs = repairs(&context.ledger, &reading, RepairNote::Written);
    let ledger = reading.into_ledger(&context.ledger)?;
    let collection = Collection::prepare(&args.collect, &context, &locked)?;

    context.tell_server();
    let connection = Connection::open(&mut context, credentials).await?;
    let means = RunContext::begin(&context, &connection, &locked, outputs, &args.common);
    let interrupt = signals.interrupt_in_order(args.common.grace);
    tell(&repairs);
    let to_combine =
        to_combine::requests(&means.session, manifest, selection, &ledger, signals).await?;
    let (rows, settings) = ((ledger.len(), &selected), &context.settings);
    let work_list = WorkList::to_collect(ledger, &selected);
    let (driver, new_reports) = begin(work_list, Creates::None, rows, &means, interrupt).await?;
    let collecting =
        collecting(Some(&collection), driver.shared(), new_reports, &selected, settings);
    let mut finished = ticking(&outputs.readers, driver.drive(collecting)).await;
    collection.count_uncollected(&mut finished, &selected);

    // A planned request that the ledger lacks is not collected either.
    let is_in_ledger = |id: &RequestId| finished.ledger.get(*id).is_some();
    let lacks = to_combine.iter().flatten().any(|id| !is_in_ledger(id));
    let ended = Ended {
        exit: match Exit::of_collecting(&finished) {
            Exit::Success if lacks => Exit::Failures,
            exit => exit,
        },
        finished,
        selected,
        to_combine,
    };
    finish(ended, &means, |_| false, Some(&collection))
}
