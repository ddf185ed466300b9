//! `monthend retry`

use chrono::Utc;
use tracing::warn;

use super::{
    args::RetryArgs,
    connection::Connection,
    error::CliError,
    exit::Exit,
    finish::{Run, listener, session},
    run::hold,
    signals,
    target::Target,
};
use crate::{ledger::LedgerError, output::Progress, plan::Agenda};

/// Sends the ledger's rows that are failed, pending or sending. The manifest's jobs are not looked at.
pub(super) async fn retry(args: &RetryArgs, quiet: bool) -> Result<Exit, CliError> {
    let signals = signals::listen();
    let mut target = Target::with_settings(&args.manifest)?;
    let connection = Connection::open(&mut target).await?;
    let (mut held, lock) = hold(&target, &connection)?;
    let exit = async {
        let missing = || LedgerError::Missing(held.path.clone());
        let reading = held.reading.take().ok_or_else(missing)?;
        let progress = Progress::new(quiet);
        let pause = lock.borrow().pause(&connection.server);
        let listener = listener(&lock, &connection, &progress);
        let session = session(&target, &connection, &listener, pause);
        let selected = args.selection.selection().of_ledger(&reading.ledger)?;
        for repair in &reading.repairs {
            warn!("{}: {repair}", held.path.display());
        }
        let agenda = Agenda::to_retry(reading, &selected).map_err(|source| CliError::TornLine {
            path: held.path.clone(),
            source,
        })?;
        let run = Run {
            target: &target,
            held: &held,
            progress: &progress,
            grace: args.grace,
            signals: signals.clone(),
        };
        run.finish(&session, agenda, &selected, None).await
    }
    .await;
    lock.into_inner().release(Utc::now());
    connection.close().await;
    exit
}
