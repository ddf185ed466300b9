//! `monthend collect`

use super::{
    args::CollectCommandArgs,
    collection::Collection,
    connection::credentials,
    drive::drive,
    dry_run::dry_run_of_collect,
    error::CliError,
    exit::Exit,
    finish::{Ended, finish},
    held::HeldLedger,
    outputs::{Does, Outputs, Told},
    signals::Signals,
    target::{Target, Then, real_ledger, repairs, tell},
    to_combine,
    typed::Typed,
    work::{Door, Means},
};
use crate::{
    ledger::LedgerError,
    manifest::Manifest,
    plan::{Agenda, Selection},
    runner::Creates,
};

/// Fetches the files of the ledger's created rows. The manifest's jobs are not looked at.
pub(super) async fn collect(
    args: &CollectCommandArgs,
    quiet: bool,
    typed: &Typed,
) -> Result<Exit, CliError> {
    // Settings and credentials: whatever is wrong is found before the next thing is touched.
    let signals = Signals::listen();
    let selection = args.common.selection.selection()?;
    let how = Some(&args.collect);
    let (target, manifest) =
        to_combine::target(&args.common.manifest, &args.calendar, how, &selection)?;
    if args.format.dry_run {
        return dry_run_of_collect(args, &target, &selection);
    }
    let told = Told {
        command: "collect",
        common: &args.common,
        selection: &selection,
        quiet,
        typed,
        format: args.format.summary_format().ok_or(CliError::CsvOfSummary)?,
        as_of: manifest.as_ref().map(|_| args.calendar.as_of()),
        is_relative: manifest.as_ref().is_some_and(|it| it.is_relative),
        does: Does::Collects,
        collects: Some(&args.collect),
    };
    let outputs = Outputs::prepare(&told, &target)?;
    let asked = (manifest.as_ref(), &selection);
    let result = fetch(args, target, asked, &signals, &outputs).await;
    outputs.end(result)
}

async fn fetch(
    args: &CollectCommandArgs,
    mut target: Target,
    (manifest, selection): (Option<&Manifest>, &Selection),
    signals: &Signals,
    outputs: &Outputs,
) -> Result<Exit, CliError> {
    let credentials = credentials(&target)?;
    target.refuse_as_for_real()?;

    // The ledger. Where there is none, not even a lock is made.
    let missing = || LedgerError::Missing(target.ledger.clone());
    if !real_ledger(&target.ledger)?.exists() {
        return Err(missing().into());
    }
    let mut held = HeldLedger::take(&target.ledger)?;
    held.file.refuse_mixing(target.is_rehearsal())?;
    let reading = held.file.reading.take().ok_or_else(missing)?;
    let selected = selection.of_ledger(&reading.ledger)?;
    let repairs = repairs(&target.ledger, &reading, Then::Written);
    let ledger = reading.into_ledger(&target.ledger)?;
    let collection = Collection::prepare(&args.collect, &target, &held)?;

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
        tell(&repairs);
        let to_combine =
            to_combine::requests(means.session, manifest, selection, &ledger, signals).await?;
        let rows = (ledger.len(), &selected);
        let agenda = Agenda::to_collect(ledger);
        let finished = drive(agenda, Creates::None, rows, Some(&collection), means).await?;

        // The words.
        let ended = Ended {
            exit: Exit::of_collecting(&finished),
            finished,
            selected,
            to_combine,
        };
        finish(ended, means, |_| false, Some(&collection))
    };
    door.open(work).await
}
