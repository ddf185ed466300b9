//! `monthend retry`

use chrono::Utc;

use super::{
    args::RetryArgs,
    connection::{Connection, credentials},
    error::CliError,
    exit::Exit,
    finish::{Ready, Whole},
    run::hold,
    signals,
    target::Target,
};
use crate::{ledger::LedgerError, output::Progress, plan::Agenda};

/// Sends the ledger's rows that are failed, pending or sending. The manifest's jobs are not looked at.
pub(super) async fn retry(args: &RetryArgs, quiet: bool) -> Result<Exit, CliError> {
    let signals = signals::listen();
    let mut target = Target::with_settings(&args.manifest)?;
    let credentials = credentials(&target)?;
    let (held, lock) = hold(&target)?;
    let exit = match Connection::open(&mut target, credentials).await {
        Ok(connection) => {
            let ready = Ready {
                target,
                connection,
                held,
                lock: &lock,
                progress: Progress::new(quiet),
                grace: args.grace,
                signals,
            };
            again(args, ready).await
        }
        Err(e) => Err(e),
    };
    lock.into_inner().release(Utc::now());
    exit
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
