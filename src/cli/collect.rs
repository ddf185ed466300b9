//! `monthend collect`

use std::collections::HashSet;

use super::{
    args::CollectCommandArgs,
    collection::Collection,
    connection::credentials,
    drive::tell_end,
    error::CliError,
    exit::Exit,
    held::HeldLedger,
    signals::Signals,
    target::{Target, real_ledger, tell_repairs},
    typed::Typed,
    work::{Door, Means},
};
use crate::ledger::{Counts, LedgerError, Row, State};

/// Fetches the files of the ledger's created rows. The manifest's jobs are not looked at.
pub(super) async fn collect(
    args: &CollectCommandArgs,
    quiet: bool,
    typed: &Typed,
) -> Result<Exit, CliError> {
    // Settings and credentials: whatever is wrong is found before the next thing is touched.
    let signals = Signals::listen();
    let selection = args.common.selection.selection()?;
    let mut target = Target::with_settings(&args.common.manifest, selection.partition)?;
    let credentials = credentials(&target)?;

    // The ledger. Where there is none, not even a lock is made.
    let missing = || LedgerError::Missing(target.ledger.clone());
    if !real_ledger(&target.ledger)?.exists() {
        return Err(missing().into());
    }
    let mut held = HeldLedger::take(&target.ledger)?;
    held.file.refuse_mixing(target.is_rehearsal())?;
    let reading = held.file.reading.take().ok_or_else(missing)?;
    let selected = selection.of_ledger(&reading.ledger)?;
    let repairs = reading.repairs.clone();
    let ledger = reading.into_ledger(&target.ledger)?;
    let collection = Collection::prepare(&args.collect, &target, &held)?;

    // The server, and what is done with it.
    let door = Door {
        target: &mut target,
        credentials,
        held: &held,
        signals: &signals,
        common: &args.common,
        quiet,
        typed,
    };
    let work = async |means: &Means<'_>| {
        // The work.
        tell_repairs(&means.target.ledger, &repairs, "");
        held.write(&ledger).await?;
        // Rows that are not created are not its business.
        let is_created = |row: &&Row| matches!(row.state, State::Created(_));
        let created = ledger.rows().filter(is_created).map(Row::key);
        let selected: HashSet<_> = created.filter(|key| selected.contains(key)).collect();
        let finished = collection
            .run(ledger, Counts::default(), &selected, means)
            .await;

        // The words.
        tell_end(&finished, means, &selected, |_| false);
        collection.combine(&finished, &selected)?;
        Ok(Exit::of_collecting(&finished))
    };
    door.open(work).await
}
