//! `monthend plan`

use std::{cell::RefCell, path::Path};

use chrono::Utc;

use super::{
    args::{PlanArgs, PlanFormat},
    connection::{Connection, credentials},
    error::CliError,
    exit::Exit,
    held::remember,
    signals::Signals,
    status::warn_of_rescued,
    target::{Target, real_ledger, tell_repairs, tell_spellings},
};
use crate::{
    api::Api,
    ledger::{Lock, Pause, read_file},
    manifest::Manifest,
    output::{PlanView, console},
    plan::{Discovered, Plan},
    session::{DiscoveryError, News, ReadError, Session, discover},
};

/// Shows what a manifest means, and what a run would do given the ledger.
pub(super) async fn plan(args: &PlanArgs) -> Result<Exit, CliError> {
    let signals = Signals::listen();
    let (mut target, manifest) = Target::with_manifest(&args.manifest, &args.calendar)?;
    let ledger = real_ledger(&target.ledger)?;
    let reading = read_file(&ledger)?;
    let discovered = if !manifest.discovers().is_empty() {
        ask(&mut target, &ledger, &manifest, &signals).await?
    } else {
        Discovered::new()
    };
    let ledger_exists = reading.is_some();
    warn_of_rescued(
        &target.ledger,
        reading.as_ref().map(|reading| &reading.ledger),
    );
    let reading = reading.unwrap_or_default();
    tell_repairs(&target.ledger, &reading, "; the next run repairs it");
    let plan = Plan::expand(&manifest, &discovered)?;
    tell_spellings(&plan);
    let selection = args.selection.selection();
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

/// Discovers without holding the ledger, but keeps the pauses that are noted beside it.
async fn ask(
    target: &mut Target,
    ledger: &Path,
    manifest: &Manifest,
    signals: &Signals,
) -> Result<Discovered, CliError> {
    let credentials = credentials(target)?;
    let connection = Connection::open(target, credentials).await?;
    let announced = RefCell::new(None);
    let listener = |news: &News| {
        if let News::Paused { until, wait, .. } = news {
            *announced.borrow_mut() = Some((*until - *wait, *until));
        }
    };
    let pause = Lock::peek_pause(ledger, &connection.server, Utc::now());
    let found = {
        let session = connection.session(&target.settings, pause, &listener);
        signals.end_in_order();
        discovered(&session, manifest, signals).await
    };
    // Noted for the next command, unless a run holds the lock: it will be told by the server itself.
    if let Some((since, until)) = announced.into_inner()
        && let Ok(mut lock) = Lock::take(ledger, Utc::now())
    {
        let server = connection.server.clone();
        remember(
            &mut lock,
            Pause {
                server,
                since,
                until,
            },
        );
        lock.release(Utc::now());
    }
    found
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
        found = discover(session, manifest.discovers()) => found.map_err(|e| match e {
            DiscoveryError::Nobody(which) => CliError::Nobody(which),
            DiscoveryError::Read(ReadError::Failed(cause)) => CliError::Discovery(cause),
            DiscoveryError::Read(ReadError::Halted(halt)) => CliError::Stopped(halt.into()),
        }),
    }
}
