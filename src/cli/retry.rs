//! `monthend retry`

use super::{
    args::RetryArgs,
    collection::Collection,
    connection::credentials,
    drive::{drive, tell_work},
    dry_run::dry_run_of_retry,
    error::CliError,
    exit::Exit,
    finish::{Ended, finish},
    held::HeldLedger,
    outputs::{Does, Outputs, Told},
    signals::Signals,
    target::{Target, Then, repairs, tell},
    to_combine,
    to_retry::to_retry,
    typed::Typed,
    work::{Door, Means},
};
use crate::{
    ledger::{LedgerError, Row},
    manifest::Manifest,
    plan::Selection,
    runner::{Creates, EventKind},
};

/// Sends the ledger's rows that are failed, pending or sending. The manifest's jobs are not looked at.
pub(super) async fn retry(args: &RetryArgs, quiet: bool, typed: &Typed) -> Result<Exit, CliError> {
    // Settings and credentials: whatever is wrong is found before the next thing is touched.
    let signals = Signals::listen();
    let selection = args.selection()?;
    let how = args.and_collect.if_wanted();
    let (target, manifest) =
        to_combine::target(&args.common.manifest, &args.calendar, how, &selection)?;
    if args.format.dry_run {
        return dry_run_of_retry(args, &target, &selection);
    }
    let told = Told {
        command: "retry",
        common: &args.common,
        selection: &selection,
        quiet,
        typed,
        format: args.format.summary_format().ok_or(CliError::CsvOfSummary)?,
        as_of: manifest.as_ref().map(|_| args.calendar.as_of()),
        is_relative: manifest.as_ref().is_some_and(|it| it.is_relative),
        does: Does::creates(args.and_collect.collect),
        collects: args.and_collect.if_wanted(),
    };
    let outputs = Outputs::prepare(&told, &target)?;
    let asked = (manifest.as_ref(), &selection);
    let result = send_again(args, target, asked, &signals, &outputs).await;
    outputs.end(result)
}

async fn send_again(
    args: &RetryArgs,
    mut target: Target,
    (manifest, selection): (Option<&Manifest>, &Selection),
    signals: &Signals,
    outputs: &Outputs,
) -> Result<Exit, CliError> {
    let credentials = credentials(&target)?;
    target.refuse_as_for_real()?;

    // The ledger.
    let mut held = HeldLedger::take(&target.ledger)?;
    held.file.refuse_mixing(target.is_rehearsal())?;
    let missing = || LedgerError::Missing(target.ledger.clone());
    let reading = held.file.reading.take().ok_or_else(missing)?;

    let collection = args.and_collect.if_wanted();
    let collection = collection
        .map(|how| Collection::prepare(how, &target, &held))
        .transpose()?;

    // The server, and what is done with it.
    let door = Door {
        target: &mut target,
        credentials,
        held: &held,
        signals,
        common: &args.common,
        outputs,
    };
    let work = async |means: &Means<'_>| {
        // The work.
        let selected = selection.of_ledger(&reading.ledger)?;
        let repairs = repairs(&means.target.ledger, &reading, Then::Written);
        let given_up = |row: &Row, now| {
            let readers = &means.outputs.readers;
            readers.tell(EventKind::GivenUp(row.clone()), now);
        };
        let agenda = to_retry(reading, &selected, args, given_up);
        if let Ok(agenda) = &agenda {
            tell_work(agenda, &means.target.settings.limits);
        }
        tell(&repairs);
        let agenda = agenda.map_err(|e| means.target.torn_line(e))?;
        let ledger = &agenda.ledger;
        let to_combine =
            to_combine::requests(means.session, manifest, selection, ledger, signals).await?;
        let all = agenda.ledger.len();
        let rows = (all, &selected);
        let finished = drive(agenda, Creates::All, rows, collection.as_ref(), means).await?;

        // The words.
        let ended = Ended {
            exit: Exit::of(&finished),
            finished,
            selected,
            to_combine,
        };
        finish(ended, means, |_| false, collection.as_ref())
    };
    door.open(work).await
}
