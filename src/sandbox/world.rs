//! All that a sandbox knows: its configuration, which never changes, and its state behind one lock.
//!
//! The lock is held for single steps that never wait for the network.

use std::sync::{Mutex, MutexGuard, PoisonError};

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use chrono::{DateTime, Utc};

use super::{
    Download, Exchange, SandboxConfig, SandboxError, StoredReport, Throttle,
    call::{Call, org_contains},
    clock::Clock,
    config::{ExistingReport, RefusalStatus},
    dice::Dice,
    faults::{Fault, Faults},
    journal::{Journal, Record},
    store::Store,
    token::Tokens,
};
use crate::request::{Period, ReportId, Request};

/// What does not change while the sandbox runs, and the state.
#[derive(Debug)]
pub(super) struct World {
    pub(super) config: SandboxConfig,
    pub(super) clock: Clock,
    pub(super) dice: Dice,
    /// `http://host:port` of the API and of the downloads.
    pub(super) api_origin: String,
    pub(super) files_origin: String,
    state: Mutex<State>,
}

/// What changes.
#[derive(Debug)]
pub(super) struct State {
    pub(super) throttle: Throttle,
    pub(super) tokens: Tokens,
    pub(super) store: Store,
    pub(super) journal: Journal,
    pub(super) exchanges: Vec<Exchange>,
    pub(super) downloads: Vec<Download>,
    faults: Faults,
    arrived: u64,
}

impl World {
    /// A world as the configuration and the state file say.
    pub(super) fn new(
        config: SandboxConfig,
        api_origin: String,
        files_origin: String,
    ) -> Result<Self, SandboxError> {
        let clock = Clock::starting_at(config.now.unwrap_or_else(Utc::now));
        let dice = Dice::new(config.seed);
        let mut state = State {
            throttle: Throttle::new(config.rate_limit.clone()),
            tokens: Tokens::new(),
            store: Store::default(),
            journal: Journal::Forgetful,
            exchanges: Vec::new(),
            downloads: Vec::new(),
            faults: Faults::new(config.faults.clone(), dice),
            arrived: 0,
        };
        let mut is_new = true;
        if let Some(path) = &config.state {
            state.journal = Journal::open(path, |record| {
                is_new = false;
                state.replay(record)
            })?;
        }
        if is_new {
            for existing in &config.existing {
                let created = clock.now() - existing.age.0;
                let request = existing_request(existing)?;
                let report = state.next_report(dice, request, created);
                state
                    .add(report)
                    .map_err(|source| SandboxError::Existing { source })?;
            }
        }
        Ok(World {
            config,
            clock,
            dice,
            api_origin,
            files_origin,
            state: Mutex::new(state),
        })
    }

    /// The state, for one step. A panic in another handler does not make it unusable: each step leaves it whole.
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How the sub-partner `org` refuses everything, if it does.
    pub(super) fn refusal(&self, org: &str) -> Option<RefusalStatus> {
        if self.config.mended {
            return None;
        }
        let configured = self
            .config
            .refuse
            .iter()
            .find(|(text, _)| org_contains(org, text))
            .map(|(_, status)| *status);
        configured.or_else(|| {
            RefusalStatus::ALL
                .into_iter()
                .find(|status| org_contains(org, &format!("refused-{}", status.code())))
        })
    }
}

impl State {
    fn replay(&mut self, record: Record) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        match record {
            Record::Sandbox { .. } => {}
            Record::Made(made) => {
                let report = StoredReport::try_from(made)?;
                if report.number < self.store.next_number() {
                    return Err("a report out of order".into());
                }
                self.store.insert(report);
            }
            Record::Deleted { id } => {
                self.store.remove(&id);
            }
            Record::Renewed {
                access_token,
                refresh_token,
                renewals,
            } => self.tokens = Tokens::restored(access_token, refresh_token, renewals),
            Record::Tried { endpoint, key } => {
                self.faults.count_try(endpoint, key);
            }
        }
        Ok(())
    }

    /// The number of the request that has just arrived, from 1.
    pub(super) fn arrive(&mut self) -> u64 {
        self.arrived += 1;
        self.arrived
    }

    /// Counts this try of the call's request and says what goes wrong with it.
    ///
    /// # Errors
    /// The try could not be written down; nothing was counted.
    pub(super) fn fault(&mut self, call: &Call) -> std::io::Result<Option<Fault>> {
        if !self.faults.any() {
            return Ok(None);
        }
        self.journal.append(&Record::Tried {
            endpoint: call.endpoint,
            key: call.key.clone(),
        })?;
        let tries = self.faults.count_try(call.endpoint, call.key.clone());
        Ok(self.faults.choose(call, tries))
    }

    /// The report that `request` would make now; its id follows from the seed and its number alone.
    pub(super) fn next_report(
        &self,
        dice: Dice,
        request: Request,
        created: DateTime<Utc>,
    ) -> StoredReport {
        let number = self.store.next_number();
        let address = format!(
            "{}BILLING_REPORT/{}",
            ReportId::SANDBOX_PREFIX,
            dice.uuid("report", number)
        );
        StoredReport {
            number,
            id: BASE64_URL_SAFE_NO_PAD.encode(address),
            request,
            created,
        }
    }

    /// Makes a report, durably for the next process.
    pub(super) fn add(&mut self, report: StoredReport) -> std::io::Result<()> {
        self.journal.append(&Record::Made((&report).into()))?;
        self.store.insert(report);
        Ok(())
    }
}

fn existing_request(existing: &ExistingReport) -> Result<Request, SandboxError> {
    let sub_partner = existing
        .sub_partner
        .as_deref()
        .map(|text| {
            text.parse()
                .map_err(|e| SandboxError::config("sub_partner", e))
        })
        .transpose()?;
    Ok(Request {
        sub_partner,
        report_type: existing.report_type,
        period: Period::new(existing.start, existing.end)
            .map_err(|e| SandboxError::config("end", e))?,
        internal: existing.internal,
    })
}
