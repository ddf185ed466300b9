//! `monthend retry`

use super::{
    args::RetryArgs,
    error::CliError,
    exit::Exit,
    finish::{Ready, Whole, with_ledger},
    signals,
    target::Target,
};
use crate::{ledger::LedgerError, plan::Agenda};

/// Sends the ledger's rows that are failed, pending or sending. The manifest's jobs are not looked at.
pub(super) async fn retry(args: &RetryArgs, quiet: bool) -> Result<Exit, CliError> {
    let signals = signals::listen();
    let target = Target::with_settings(&args.manifest)?;
    let work = async |ready: Ready<'_>| again(args, ready).await;
    with_ledger(target, args, quiet, signals, work).await
}

/// With the ledger held and the server at hand.
async fn again(args: &RetryArgs, mut ready: Ready<'_>) -> Result<Exit, CliError> {
    let missing = || LedgerError::Missing(ready.target.ledger.clone());
    let reading = ready.held.reading.take().ok_or_else(missing)?;
    let listener = ready.listener();
    let session = ready.session(&listener);
    let selected = args.selection.selection().of_ledger(&reading.ledger)?;
    ready.tell_repairs(&reading);
    let agenda = Agenda::to_retry(reading, &selected).map_err(|e| ready.torn_line(e))?;
    ready
        .finish(&session, agenda, &selected, &Whole::Ledger)
        .await
}
