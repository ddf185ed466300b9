//! `monthend plan`

use super::{
    args::{PlanArgs, PlanFormat},
    connection::credentials,
    converse::converse,
    error::CliError,
    exit::Exit,
    signals::Signals,
    status::warn_of_rescued,
    target::{Target, real_ledger, tell_repairs, tell_spellings},
};
use crate::{
    api::{Api, HttpApi},
    ledger::read_file,
    manifest::Manifest,
    output::{PlanView, console},
    plan::{Discovered, Plan},
    session::{Session, discover},
};

/// Shows what a manifest means, and what a run would do given the ledger.
pub(super) async fn plan(args: &PlanArgs) -> Result<Exit, CliError> {
    let signals = Signals::listen();
    let selection = args.selection.selection()?;
    let (mut target, manifest) =
        Target::with_manifest(&args.manifest, &args.calendar, selection.partition)?;
    let ledger = real_ledger(&target.ledger)?;
    let reading = read_file(&ledger)?;
    let discovered = if !manifest.discovers().is_empty() {
        let credentials = credentials(&target)?;
        let ask =
            async |session: &Session<'_, HttpApi>| discovered(session, &manifest, &signals).await;
        converse(&mut target, credentials, &ledger, &signals, ask).await?
    } else {
        Discovered::new()
    };
    let ledger_exists = reading.is_some();
    warn_of_rescued(
        &target.ledger,
        reading.as_ref().map(|reading| &reading.ledger),
    );
    let reading = reading.unwrap_or_default();
    tell_repairs(
        &target.ledger,
        &reading.repairs,
        "; the next run repairs it",
    );
    let plan = Plan::expand(&manifest, &discovered)?;
    tell_spellings(&plan);
    let selected = selection.of_plan(&plan, &manifest, &discovered, &reading.ledger)?;
    let view = PlanView {
        manifest: &manifest,
        plan: &plan,
        selected: plan
            .requests()
            .iter()
            .filter(|p| selected.contains(&p.id))
            .collect(),
        ledger: &reading.ledger,
        ledger_path: target.ledger.display().to_string(),
        ledger_exists,
    };
    let text = match args.format {
        PlanFormat::Table => view.table(),
        PlanFormat::Csv => view
            .csv()
            .map_err(|e| CliError::Stdout(std::io::Error::other(e)))?,
        PlanFormat::Json => view.json().map_err(|e| CliError::Stdout(e.into()))?,
    };
    console::print(&text).map_err(CliError::Stdout)?;
    Ok(Exit::Success)
}

/// Asks for the sub-partners that the manifest discovers, until a signal comes.
pub(super) async fn discovered<A: Api>(
    session: &Session<'_, A>,
    manifest: &Manifest,
    signals: &Signals,
) -> Result<Discovered, CliError> {
    tokio::select! {
        biased;
        signal = signals.caught() => Err(CliError::Interrupted(signal)),
        found = discover(session, manifest.discovers()) => Ok(found?),
    }
}
