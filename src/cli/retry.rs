//! `monthend retry`

use super::{
    args::RetryArgs,
    collection::Collection,
    connection::credentials,
    drive::{drive, tell_end},
    dry_run::dry_run,
    error::CliError,
    exit::Exit,
    held::HeldLedger,
    signals::Signals,
    target::{Target, Then, tell_repairs},
    to_retry::to_retry,
    work::{Door, Means},
};
use crate::{ledger::LedgerError, runner::Creates};

/// Sends the ledger's rows that are failed, pending or sending. The manifest's jobs are not looked at.
pub(super) async fn retry(args: &RetryArgs, quiet: bool) -> Result<Exit, CliError> {
    // Settings and credentials: whatever is wrong is found before the next thing is touched.
    let signals = Signals::listen();
    let selection = args.selection()?;
    let mut target = Target::with_settings(&args.common.manifest, selection.partition)?;
    if args.dry_run {
        return dry_run(args, &target, &selection);
    }
    let credentials = credentials(&target)?;

    // The ledger.
    let mut held = HeldLedger::take(&target.ledger)?;
    held.file.refuse_mixing(target.is_rehearsal())?;
    let missing = || LedgerError::Missing(target.ledger.clone());
    let reading = held.file.reading.take().ok_or_else(missing)?;

    let collection = Collection::if_wanted(&args.and_collect, &target, &held)?;

    // The server, and what is done with it.
    let door = Door {
        target: &mut target,
        credentials,
        held: &held,
        signals: &signals,
        common: &args.common,
        quiet,
    };
    let work = async |means: &Means<'_>| {
        // The work.
        let selected = selection.of_ledger(&reading.ledger)?;
        tell_repairs(&means.target.ledger, &reading, Then::Written);
        let agenda = to_retry(reading, &selected, args).map_err(|e| means.target.torn_line(e))?;
        let all = agenda.ledger.len();
        let mut finished = drive(agenda, Creates::All, all, means).await?;
        if let Some(collection) = &collection {
            finished = collection.after(finished, &selected, means).await;
        }

        // The words.
        tell_end(&finished, means, &selected, |_| false);
        if let Some(collection) = &collection {
            collection.combine(&finished, &selected)?;
        }
        Ok(Exit::of(&finished))
    };
    door.open(work).await
}
