//! `monthend run`

use std::cell::RefCell;

use chrono::Utc;
use tracing::info;

use super::{
    args::{OnExisting, RunArgs},
    connection::{Connection, credentials},
    error::CliError,
    existing,
    exit::Exit,
    finish::{Ready, Whole},
    plan::discovered,
    signals,
    target::Target,
};
use crate::{
    ledger::{LedgerFile, Lock},
    manifest::Manifest,
    output::Progress,
    plan::{Agenda, Plan},
};

/// Converges: every selected request of the plan that is not created is sent, or looked up.
pub(super) async fn run(args: &RunArgs, quiet: bool) -> Result<Exit, CliError> {
    let signals = signals::listen();
    let (mut target, manifest) = Target::with_manifest(&args.retry.manifest)?;
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
                grace: args.retry.grace,
                signals,
            };
            converge(args, &manifest, ready).await
        }
        Err(e) => Err(e),
    };
    lock.into_inner().release(Utc::now());
    exit
}

/// With the ledger held and the server at hand.
async fn converge(
    args: &RunArgs,
    manifest: &Manifest,
    mut ready: Ready<'_>,
) -> Result<Exit, CliError> {
    let reading = ready.held.reading.take();
    if reading.is_none() {
        let option = match args.existing {
            OnExisting::Ignore => {
                "; if an earlier one was lost, --existing adopt takes over what the server holds"
            }
            OnExisting::Adopt | OnExisting::Stop => "",
        };
        let path = ready.target.ledger.display();
        info!("no ledger at {path}: this run starts a new one{option}");
    }
    let reading = reading.unwrap_or_default();
    let listener = ready.listener();
    let session = ready.session(&listener);
    let discovered = discovered(&session, manifest, &ready.signals).await?;
    let plan = Plan::expand(manifest, &discovered)?;
    let selection = args.retry.selection.selection();
    let selected = selection.of_plan(&plan, manifest, &discovered, &reading.ledger)?;
    ready.tell_repairs(&reading);
    let mut agenda = Agenda::to_run(reading, &plan, &selected).map_err(|e| ready.torn_line(e))?;
    if args.existing != OnExisting::Ignore {
        let found = existing::find(&session, &agenda, &ready.target, &ready.signals).await?;
        match args.existing {
            OnExisting::Stop if !found.is_empty() => return existing::name(&agenda, &found),
            _ => existing::adopt(&mut agenda, found),
        }
    }
    let planned = plan.requests().iter().map(|p| p.id).collect();
    ready
        .finish(&session, agenda, &selected, &Whole::Plan(planned))
        .await
}

/// Takes the ledger and its lock; whatever is wrong with it is found before anything is sent.
pub(super) fn hold(target: &Target) -> Result<(LedgerFile, RefCell<Lock>), CliError> {
    let (held, lock) = LedgerFile::hold(&target.ledger, Utc::now())?;
    if let Err(e) = held.refuse_mixing(target.is_rehearsal()) {
        lock.release(Utc::now());
        return Err(e.into());
    }
    Ok((held, RefCell::new(lock)))
}
