//! `monthend run`

use std::{cell::RefCell, collections::HashSet};

use chrono::Utc;
use tracing::{info, warn};

use super::{
    args::{OnExisting, RunArgs},
    connection::Connection,
    error::CliError,
    existing,
    exit::Exit,
    finish::{Run, listener, session},
    plan::discovered,
    signals,
    target::Target,
};
use crate::{
    ledger::{LedgerFile, Lock},
    output::Progress,
    plan::{Agenda, Plan},
    request::RequestId,
};

/// Converges: every selected request of the plan that is not created is sent, or looked up.
pub(super) async fn run(args: &RunArgs, quiet: bool) -> Result<Exit, CliError> {
    let RunArgs {
        retry: args,
        existing: on_existing,
    } = args;
    let signals = signals::listen();
    let (mut target, manifest) = Target::with_manifest(&args.manifest)?;
    let connection = Connection::open(&mut target).await?;
    let (mut held, lock) = hold(&target, &connection)?;
    let exit = async {
        let reading = held.reading.take();
        if reading.is_none() {
            info!(
                "no ledger at {}: this run starts a new one",
                held.path.display()
            );
        }
        let reading = reading.unwrap_or_default();
        let progress = Progress::new(quiet);
        let pause = lock.borrow().pause(&connection.server);
        let listener = listener(&lock, &connection, &progress);
        let session = session(&target, &connection, &listener, pause);
        let discovered = discovered(&session, &manifest, &signals).await?;
        let plan = Plan::expand(&manifest, &discovered)?;
        let selection = args.selection.selection();
        let selected = selection.of_plan(&plan, &manifest, &discovered, &reading.ledger)?;
        let planned: HashSet<RequestId> = plan.requests().iter().map(|p| p.id).collect();
        for repair in &reading.repairs {
            warn!("{}: {repair}", held.path.display());
        }
        let mut agenda =
            Agenda::to_run(reading, &plan, &selected).map_err(|source| CliError::TornLine {
                path: held.path.clone(),
                source,
            })?;
        if *on_existing != OnExisting::Ignore {
            let found = existing::find(&session, &agenda, &target, &signals).await?;
            match on_existing {
                OnExisting::Stop if !found.is_empty() => return existing::name(&agenda, &found),
                _ => existing::adopt(&mut agenda, found),
            }
        }
        let run = Run {
            target: &target,
            held: &held,
            progress: &progress,
            grace: args.grace,
            signals: signals.clone(),
        };
        run.finish(&session, agenda, &selected, Some(&planned))
            .await
    }
    .await;
    lock.into_inner().release(Utc::now());
    connection.close().await;
    exit
}

/// Takes the ledger and its lock; whatever is wrong with it is found before anything is sent.
pub(super) fn hold(
    target: &Target,
    connection: &Connection,
) -> Result<(LedgerFile, RefCell<Lock>), CliError> {
    let (held, lock) = LedgerFile::hold(&target.ledger, Utc::now())?;
    if let Err(e) = held.refuse_mixing(connection.is_rehearsal) {
        lock.release(Utc::now());
        return Err(e.into());
    }
    Ok((held, RefCell::new(lock)))
}
