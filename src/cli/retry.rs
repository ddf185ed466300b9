use super::{
    args::RetryArgs,
    collection::Collection,
    command_line::CommandLine,
    connection::credentials,
    context::{Context, RepairNote, repairs, tell},
    drive::{drive, tell_work},
    dry_run::dry_run_of_retry,
    error::CliError,
    exit::Exit,
    finish::{Ended, finish},
    gone::TraceSearch,
    locked_ledger::LockedLedger,
    outputs::{OutputOptions, Outputs},
    run_context::{Door, RunContext},
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
pub(super) async fn retry(
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
    let result = send_again(args, context, asked, &signals, &outputs).await;
    outputs.end(result)
}

async fn send_again(
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

    let door = Door {
        context: &mut context,
        credentials,
        locked: &locked,
        signals,
        common: &args.common,
        outputs,
    };
    let work = async |means: &RunContext<'_>| {
        let selected = selection.of_ledger(&reading.ledger)?;
        TraceSearch {
            context: means.context,
            plan: &Plan::of_rows(reading.ledger.rows()),
            selected: &selected,
            reading: &reading,
            share: selection.partition,
            output: None,
        }
        .refuse()?;
        let repairs = repairs(&means.context.ledger, &reading, RepairNote::Written);
        let given_up = |row: &Row, now| {
            let readers = &means.outputs.readers;
            readers.tell(EventKind::GivenUp(row.clone()), now);
        };
        let work_list = to_retry(reading, &selected, args, given_up);
        if let Ok(work_list) = &work_list {
            tell_work(work_list, &means.context.settings.limits);
        }
        tell(&repairs);
        let work_list = work_list.map_err(|e| means.context.torn_line(e))?;
        let ledger = &work_list.ledger;
        let to_combine =
            to_combine::requests(means.session, manifest, selection, ledger, signals).await?;
        let all = work_list.ledger.len();
        let rows = (all, &selected);
        let finished = drive(work_list, Creates::All, rows, collection.as_ref(), means).await?;

        let ended = Ended { exit: Exit::of(&finished), finished, selected, to_combine };
        finish(ended, means, |_| false, collection.as_ref())
    };
    door.open(work).await
}
