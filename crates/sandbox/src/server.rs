use std::{net::Ipv4Addr, sync::Arc, time::Duration};

use axum::Router;
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};

use super::{
    connection::{Link, LinkedListener},
    error::SandboxError,
    exchange::{self, Exchange, SandboxApi},
    files::{self, Download},
    journal::Journal,
    reading::BASE_PATH,
    world::World,
};
use crate::model::{Fault, SandboxConfig, StoredReport};

const STOP_GRACE: Duration = Duration::from_secs(1);

/// The simulator of the API.
#[derive(Debug)]
pub struct Sandbox;

/// A running sandbox. Dropping it stops it without waiting.
#[derive(Debug)]
pub struct RunningSandbox {
    world: Arc<World>,
    stopping: watch::Sender<bool>,
    servers: Vec<JoinHandle<()>>,
}

impl Sandbox {
    /// Serves until the handle is stopped or dropped. Needs a tokio runtime.
    pub async fn start(config: SandboxConfig) -> Result<RunningSandbox, SandboxError> {
        check(&config)?;
        let (api_listener, api_origin) = bind(config.port).await?;
        let (files_listener, files_origin) = bind(config.files_port).await?;
        let world = Arc::new(World::new(config, api_origin, files_origin)?);
        let (stopping, stopped) = watch::channel(false);

        let api = SandboxApi { world: Arc::clone(&world), stopping: stopped.clone() };
        let api = Router::new().fallback(exchange::handle).with_state(api);
        let files = Router::new().fallback(files::handle).with_state(Arc::clone(&world));
        let servers =
            vec![serve(api_listener, api, stopped.clone()), serve(files_listener, files, stopped)];
        Ok(RunningSandbox { world, stopping, servers })
    }
}

fn check(config: &SandboxConfig) -> Result<(), SandboxError> {
    let refused = |key, text: String| Err(SandboxError::config(key, text));
    let accepted = &config.reports.accepted_with;
    if let Some(status) = accepted.iter().find(|status| !(200..300).contains(*status)) {
        return refused("accepted_with", format!("{status} is not from 200 to 299"));
    }
    let mut shares = config.faults.iter().filter_map(|rule| rule.when.probability);
    if let Some(share) = shares.find(|share| !(0.0..=1.0).contains(share)) {
        return refused("probability", format!("{share} is not from 0 to 1"));
    }
    let faults = config.faults.iter().flat_map(|rule| &rule.then);
    if let Some(status) = faults.filter_map(Fault::status).find(|s| !(200..600).contains(s)) {
        return refused("status", format!("{status} is not from 200 to 599"));
    }
    Ok(())
}

async fn bind(port: u16) -> Result<(TcpListener, String), SandboxError> {
    let failed = |source| SandboxError::Bind { port, source };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, format!("http://{address}")))
}

fn serve(
    listener: TcpListener,
    router: Router,
    mut stopping: watch::Receiver<bool>,
) -> JoinHandle<()> {
    let service = router.into_make_service_with_connect_info::<Link>();
    let server = axum::serve(LinkedListener(listener), service);
    tokio::spawn(async move {
        let stopped = async move {
            let _ = stopping.wait_for(|stopping| *stopping).await;
        };
        if let Err(error) = server.with_graceful_shutdown(stopped).await {
            tracing::error!(%error, "the sandbox stopped serving");
        }
    })
}

impl RunningSandbox {
    /// The API's base URL: `http://127.0.0.1:PORT/sandbox/v1`.
    pub fn base_url(&self) -> String {
        format!("{}{BASE_PATH}", self.world.api_origin)
    }

    /// The host of the downloads: `http://127.0.0.1:PORT`.
    pub fn files_origin(&self) -> &str {
        &self.world.files_origin
    }

    /// The bearer token that is valid now; [`super::ACCESS_TOKEN`] until the first renewal.
    pub fn token(&self) -> String {
        self.world.state().server.token().to_owned()
    }

    /// All requests to the API in the order of arrival; empty unless `record` is on.
    pub fn exchanges(&self) -> Vec<Exchange> {
        self.world.state().exchanges.clone()
    }

    /// All requests to the host of the downloads; empty unless `record` is on.
    pub fn downloads(&self) -> Vec<Download> {
        self.world.state().downloads.clone()
    }

    /// The reports that exist, in the order in which they were created.
    pub fn reports(&self) -> Vec<StoredReport> {
        let now = self.world.elapsed();
        self.world.state().server.reports(now).cloned().collect()
    }

    /// Cuts off waiting clients, sends the answers in flight, and frees the ports and the state file.
    pub async fn stop(mut self) {
        let _ = self.stopping.send(true);
        for mut server in std::mem::take(&mut self.servers) {
            if tokio::time::timeout(STOP_GRACE, &mut server).await.is_err() {
                server.abort();
            }
        }
        // A connection that outlasts the grace period must not keep the file from the next sandbox.
        self.world.state().journal = Journal::Closed;
    }
}
