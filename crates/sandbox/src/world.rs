//! The lock is held for single steps that never wait for the network.

use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::Utc;

use super::{
    SandboxConfig,
    clock::Clock,
    error::SandboxError,
    journal::Journal,
    record::{Download, Exchange},
};
use request::{Period, Request};

use crate::model::{ExistingReport, OtherReport, Server};

#[derive(Debug)]
pub(super) struct World {
    pub(super) config: SandboxConfig,
    pub(super) clock: Clock,
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
        let clock = Clock::starting_at(config.now.unwrap_or_else(Utc::now));
        let mut state = State {
            server: Server::new(config.clone(), clock.now(), files_origin.clone()),
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
                    made: clock.now() - existing.age.0,
                    listed_at_once: false,
                    category: existing.category,
                    by: existing.by,
                });
            }
            state.write().map_err(|source| SandboxError::Existing { source })?;
        }
        Ok(World { config, clock, api_origin, files_origin, state: Mutex::new(state) })
    }

    /// A panic in another handler does not poison the state: each step leaves it whole.
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    pub(super) fn write(&mut self) -> std::io::Result<()> {
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
