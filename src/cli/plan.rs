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
    status::warn_of_rescued,
    target::Target,
};
use crate::{
    api::Api,
    ledger::{Lock, Pause, read_file},
    manifest::{Manifest, Source, SubPartners},
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
    let discovered = if asks_the_api(&manifest) {
        ask(&mut target, &manifest, &signals).await?
    } else {
        Discovered::new()
    };
    let ledger_exists = reading.is_some();
    warn_of_rescued(
        &target.ledger,
        reading.as_ref().map(|reading| &reading.ledger),
    );
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

fn asks_the_api(manifest: &Manifest) -> bool {
    manifest.jobs.iter().any(|job| match &job.sub_partners {
        SubPartners::Own => false,
        SubPartners::Listed(sources) => sources.iter().any(|s| matches!(s, Source::Discovered(_))),
    })
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
        if let News::Paused { until, .. } = news {
            *announced.borrow_mut() = Some(*until);
        }
    };
    let pause = Lock::peek_pause(&target.ledger, &connection.server);
    let found = {
        let session = session(target, &connection, &listener, pause);
        discovered(&session, manifest, signals).await
    };
    // Noted for the next command, unless a run holds the lock: it will be told by the server itself.
    if let Some(until) = announced.into_inner()
        && let Ok(mut lock) = Lock::take(&target.ledger, Utc::now())
    {
        let server = connection.server.clone();
        if let Err(e) = lock.remember(Pause { server, until }) {
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
        found = discover(session, manifest) => found.map_err(|e| match e {
            DiscoveryError::Nobody(which) => CliError::Nobody(which),
            DiscoveryError::Read(ReadError::Failed(cause)) => CliError::Discovery(cause),
            DiscoveryError::Read(ReadError::Halted(halt)) => CliError::Stopped(halt.into()),
        }),
    }
}
