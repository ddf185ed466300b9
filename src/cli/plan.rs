//! `monthend plan`

use std::cell::RefCell;

use chrono::Utc;
use tokio::sync::watch;
use tracing::warn;

use super::{
    args::{PlanArgs, PlanFormat},
    connection::{Connection, credentials},
    error::CliError,
    exit::Exit,
    finish::session,
    signals,
    target::Target,
};
use crate::{
    api::Api,
    ledger::{Lock, Pause, read_file},
    manifest::Manifest,
    output::{PlanView, console},
    plan::{Discovered, Plan},
    runner::Signal,
    session::{DiscoveryError, News, ReadError, Session, discover},
};

/// Shows what a manifest means, and what a run would do given the ledger.
pub(super) async fn plan(args: &PlanArgs) -> Result<Exit, CliError> {
    let signals = signals::listen();
    let (mut target, manifest) = Target::with_manifest(&args.manifest)?;
    let reading = read_file(&target.ledger)?;
    let discovered = if manifest.discovers().is_empty() {
        Discovered::new()
    } else {
        ask(&mut target, &manifest, &signals).await?
    };
    let ledger_exists = reading.is_some();
    let reading = reading.unwrap_or_default();
    for repair in &reading.repairs {
        warn!(
            "{}: {repair}; the next run repairs it",
            target.ledger.display()
        );
    }
    let plan = Plan::expand(&manifest, &discovered)?;
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
    manifest: &Manifest,
    signals: &watch::Receiver<Option<Signal>>,
) -> Result<Discovered, CliError> {
    let credentials = credentials(target)?;
    let connection = Connection::open(target, credentials).await?;
    let announced = RefCell::new(None);
    let listener = |news: &News| {
        if let News::Paused { wait, until, .. } = news {
            *announced.borrow_mut() = Some((*until - *wait, *until));
        }
    };
    let pause = Lock::peek_pause(&target.ledger, &connection.server, Utc::now());
    let found = {
        let session = session(target, &connection, &listener, pause);
        discovered(&session, manifest, signals).await
    };
    // Noted for the next command, unless a run holds the lock: it will be told by the server itself.
    if let Some((since, until)) = announced.into_inner()
        && let Ok(mut lock) = Lock::take(&target.ledger, Utc::now())
    {
        let pause = Pause {
            server: connection.server.clone(),
            since,
            until,
        };
        if let Err(e) = lock.remember(pause) {
            warn!("the pause could not be noted for the next run: {e}");
        }
        lock.release(Utc::now());
    }
    found
}

/// Asks for the sub-partners that the manifest discovers, until a signal comes.
pub(super) async fn discovered<A: Api>(
    session: &Session<'_, A>,
    manifest: &Manifest,
    signals: &watch::Receiver<Option<Signal>>,
) -> Result<Discovered, CliError> {
    tokio::select! {
        biased;
        signal = signals::caught(signals.clone()) => Err(CliError::Interrupted(signal)),
        found = discover(session, manifest.discovers()) => found.map_err(|e| match e {
            DiscoveryError::Nobody(which) => CliError::Nobody(which),
            DiscoveryError::Read(ReadError::Failed(cause)) => CliError::Discovery(cause),
            DiscoveryError::Read(ReadError::Halted(halt)) => CliError::Stopped(halt.into()),
        }),
    }
}
