//! The lock is held for single steps that never wait for the network.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use chrono::Utc;
use tokio::time::Instant;

use super::{
    SandboxConfig, error::SandboxError, exchange::Exchange, files::Download, journal::Journal,
};
use request::{Period, Request};

use crate::model::{ExistingReport, OtherReport, Server};

#[derive(Debug)]
pub(super) struct World {
    pub(super) config: SandboxConfig,
    began: Instant,
    pub(super) api_origin: String,
    pub(super) files_origin: String,
    state: Mutex<State>,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) server: Server,
    pub(super) journal: Journal,
    pub(super) exchanges: Vec<Exchange>,
    pub(super) downloads: Vec<Download>,
}

impl World {
    pub(super) fn new(
        config: SandboxConfig,
        api_origin: String,
        files_origin: String,
    ) -> Result<Self, SandboxError> {
        let now = config.now.unwrap_or_else(Utc::now);
        let mut state = State {
            server: Server::new(config.clone(), now, files_origin.clone()),
            journal: Journal::Forgetful,
            exchanges: Vec::new(),
            downloads: Vec::new(),
        };
        let mut is_new = true;
        if let Some(path) = &config.state {
            state.journal = Journal::open(path, |record| {
                is_new = false;
                state.server.replay(record)
            })?;
        }
        if is_new {
            for existing in &config.existing {
                state.server.put(OtherReport {
                    request: existing_request(existing)?,
                    made: now - existing.age.0,
                    listed_at_once: false,
                    category: existing.category,
                    by: existing.by,
                });
            }
            state.write().map_err(|source| SandboxError::Existing { source })?;
        }
        Ok(World {
            config,
            began: Instant::now(),
            api_origin,
            files_origin,
            state: Mutex::new(state),
        })
    }

    /// One step of the server; what it records is in the state file when this returns.
    pub(super) fn step<T>(
        &self,
        step: impl FnOnce(&mut Server, Duration) -> T,
    ) -> std::io::Result<T> {
        let mut state = self.state();
        let done = step(&mut state.server, self.elapsed());
        state.write()?;
        Ok(done)
    }

    /// Since the start. It follows tokio's time, so that a paused runtime stops it.
    pub(super) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// A panic in another handler does not poison the state: each step leaves it whole.
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn write(&mut self) -> std::io::Result<()> {
        let records = self.server.take_records();
        records.iter().try_for_each(|record| self.journal.append(record))
    }
}

fn existing_request(existing: &ExistingReport) -> Result<Request, SandboxError> {
    let sub_partner = existing
        .sub_partner
        .as_deref()
        .map(|text| text.parse().map_err(|e| SandboxError::config("sub_partner", e)))
        .transpose()?;
    Ok(Request {
        sub_partner,
        report_type: existing.report_type,
        period: Period::new(existing.start, existing.end)
            .map_err(|e| SandboxError::config("end", e))?,
        internal: existing.internal,
    })
}
