//! `monthend run`

use tracing::info;

use super::{
    args::{OnExisting, RunArgs},
    error::CliError,
    existing,
    exit::Exit,
    finish::{Ready, Whole, with_ledger},
    plan::discovered,
    signals,
    target::Target,
};
use crate::{
    manifest::Manifest,
    plan::{Agenda, Plan},
};

/// Converges: every selected request of the plan that is not created is sent, or looked up.
pub(super) async fn run(args: &RunArgs, quiet: bool) -> Result<Exit, CliError> {
    let signals = signals::listen();
    let (target, manifest) = Target::with_manifest(&args.retry.manifest)?;
    let work = async |ready: Ready<'_>| converge(args, &manifest, ready).await;
    with_ledger(target, &args.retry, quiet, signals, work).await
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
