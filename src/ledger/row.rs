use std::{
    collections::HashMap,
    sync::{Arc, LazyLock},
};

use chrono::{DateTime, Utc};

use super::{LastAnswer, Reason, State, state::spell_error};
use request::{Doubt, ReportId, ReportStatus, Request, RequestId};

/// A request's line; [`super::Column`] spells its cells.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// As the file has it: an older version may have hashed another spelling of the organisation.
    pub(super) id: RequestId,
    pub(super) request: Request,
    /// The first job that named it.
    pub job: Arc<str>,
    /// For people.
    pub label: Option<Arc<str>>,
    pub state: State,
    /// Reports that a person gave up for it: no longer candidates of any row.
    pub replaces: Vec<ReportId>,
    /// The last answer to a create; none while one is in flight.
    pub last_answer: LastAnswer,
    /// Creates sent, all runs together.
    pub attempts: u32,
    /// By the local clock.
    pub updated_at: Option<DateTime<Utc>>,
    /// The columns `report_…`; one for all rows of which nothing is known.
    pub collected: Arc<Collected>,
    /// Cells of columns that are not ours, in [`super::Ledger::extra_columns`]' order.
    pub extra: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Collected {
    /// The report status in the server's own word; empty where it was never read.
    pub status: String,
    /// Relative to the ledger's folder, with `/`; empty until the file is whole under that name.
    pub file: String,
    /// 64 hexadecimal digits. Without a file: that of a report which the row gave up, whose file stays known for ours.
    pub sha256: String,
    /// Why a created report is not collected, one line; empty where it is, or where nothing was tried.
    pub error: String,
    /// Without the header; 0 is an empty report.
    pub rows: Option<u64>,
}

/// The SHA-256 of collected files, as the history has them.
pub type RecordedHashes = HashMap<RequestId, String>;

impl Collected {
    pub(super) fn shared(self) -> Arc<Self> {
        static NOTHING: LazyLock<Arc<Collected>> = LazyLock::new(Arc::default);
        if self == **NOTHING { Arc::clone(&NOTHING) } else { Arc::new(self) }
    }

    /// Whether SHA-256 `found` is that of the collected file, also by what the history has `recorded`.
    pub fn is_file(&self, found: &str, recorded: Option<&String>) -> bool {
        let is_found = |known: &str| known.eq_ignore_ascii_case(found);
        is_found(&self.sha256) && recorded.is_none_or(|known| is_found(known))
    }

    /// What the server's last word on the report means.
    pub fn status(&self) -> ReportStatus {
        ReportStatus::of(&self.status)
    }

    /// How [`Collected::error`] ends where the report is only not ready yet.
    pub const WAITS: &str = "; `monthend collect` waits again";

    /// Whether the report was not ready in time, and nothing worse is known of it.
    pub fn is_waiting(&self) -> bool {
        self.error.ends_with(Collected::WAITS)
    }

    /// [`Collected::error`] without its advice.
    pub fn why_not(&self) -> &str {
        self.error.split("; `monthend ").next().unwrap_or_default()
    }
}

impl Row {
    pub fn planned(request: Request, job: Arc<str>, label: Option<Arc<str>>) -> Self {
        Row {
            id: request.id(),
            request,
            job,
            label,
            state: State::planned(),
            replaces: Vec::new(),
            last_answer: LastAnswer::default(),
            attempts: 0,
            updated_at: None,
            collected: Collected::default().shared(),
            extra: Vec::new(),
        }
    }

    pub fn request(&self) -> &Request {
        &self.request
    }

    pub fn who(&self) -> &str {
        self.request.who(self.label.as_deref())
    }

    /// The id as the file spells it: an older version hashed the organisation's id as it was written.
    pub fn id(&self) -> RequestId {
        self.id
    }

    /// The id by which plans and selections know the request, whatever the file's spelling.
    pub fn key(&self) -> RequestId {
        match &self.request.sub_partner {
            Some(org) if !org.is_canonical() => self.request.id(),
            _ => self.id,
        }
    }

    /// What is known of the report and its file, to be changed.
    pub fn collected_mut(&mut self) -> &mut Collected {
        Arc::make_mut(&mut self.collected)
    }

    /// Whether its file is in place, and nothing was found wrong with it since.
    pub fn is_collected(&self) -> bool {
        let Collected { file, error, .. } = &*self.collected;
        matches!(self.state, State::Created(_)) && !file.is_empty() && error.is_empty()
    }

    /// `error`: what went wrong, one line, and which reports the row gave up.
    pub fn error(&self) -> String {
        spell_error(&self.replaces, self.state.text())
    }
}

/// The transitions; whoever records the new row sets `updated_at`.
impl Row {
    /// A create is about to leave at `now`, by the server's clock where that is known. The earliest intent in doubt
    /// stays.
    pub fn sent(&self, now: DateTime<Utc>) -> Row {
        Row {
            last_answer: LastAnswer::default(),
            attempts: self.attempts.saturating_add(1),
            ..self.clone().doubted(Some(now))
        }
    }

    pub fn created(self, id: ReportId) -> Row {
        Row { state: State::Created(id), ..self }
    }

    pub fn failed(self, reason: Reason) -> Row {
        Row { state: State::Failed { reason, intent: None }, ..self }
    }

    /// It was certainly not processed this time, and will be sent again. An earlier create may still be, so `intent` is
    /// that of the row before it was sent.
    pub fn waiting(self, reason: Reason, intent: Option<DateTime<Utc>>) -> Row {
        Row { state: State::Pending { reason, intent }, ..self }
    }

    pub fn lost(self, doubt: Doubt, reason: Reason) -> Row {
        Row { state: State::Sending { doubt, reason, intent: self.state.intent() }, ..self }
    }

    /// In doubt: a create may have left at `intent` or later.
    pub fn doubted(self, intent: Option<DateTime<Utc>>) -> Row {
        Row {
            state: State::Sending {
                doubt: Doubt::Open,
                reason: Reason::default(),
                intent: self.state.intent().or(intent),
            },
            ..self
        }
    }

    /// No report was found for its create: it is sent again. The intent stays, since the report may still appear.
    pub fn not_made(self) -> Row {
        let intent = self.state.intent();
        let reason = match &self.state {
            State::Sending { reason, .. } => reason.clone(),
            _ => Reason::default(),
        };
        self.waiting(reason, intent)
    }

    /// Its create was announced and never left: it is as before, and to be sent.
    pub fn held_back(self) -> Row {
        let intent = self.state.intent();
        match &self.state {
            State::Failed { reason, .. } => {
                let reason = reason.clone();
                self.waiting(reason, intent)
            }
            _ => self,
        }
    }

    pub fn undecided(self, text: String, candidates: Vec<ReportId>) -> Row {
        Row { state: State::InDoubt { text, candidates, intent: self.state.intent() }, ..self }
    }

    /// A person gives its report up: it is to be recreated, and its file stays known by its hash.
    pub fn given_up(self) -> Row {
        let mut replaces = self.replaces.clone();
        replaces.extend(self.state.report_id().cloned());
        let sha256 = self.collected.sha256.clone();
        Row {
            replaces,
            collected: Collected { sha256, ..Collected::default() }.shared(),
            ..self.to_be_sent()
        }
    }

    /// A person says that it is to be sent. No intent stays, so that what they ruled out is not found again, nor the
    /// last status: a 2xx would say that a report exists.
    pub fn to_be_sent(self) -> Row {
        Row { state: State::planned(), last_answer: LastAnswer::default(), ..self }
    }
}

/// Why a created report has no file, as far as it decides what helps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Obstacle {
    /// The report has to be recreated.
    ServerFailed,
    /// A person has to say that the report is recreated.
    Gone,
    /// The status may be final: a person has to say whether the report is recreated.
    UnknownStatus,
    OtherFile,
    /// Collecting again may help.
    Other,
}

impl Obstacle {
    /// How `report_error` begins where the report is gone.
    pub const GONE: &str = "the server does not have this report any more";
    /// How `report_error` begins where a folder, which nothing replaces, is in the place of the file.
    pub const FOLDER: &str = "a folder is in the place of";
    const FORCE: &str = "--force";

    pub fn of(row: &Row) -> Option<Self> {
        let collected = &row.collected;
        let is_failed = collected.status() == ReportStatus::Failed;
        if !matches!(row.state, State::Created(_)) || (collected.error.is_empty() && !is_failed) {
            return None;
        }
        Some(if is_failed {
            Obstacle::ServerFailed
        } else if collected.error.starts_with(Obstacle::GONE) {
            Obstacle::Gone
        } else if collected.status() == ReportStatus::Unknown {
            Obstacle::UnknownStatus
        } else if collected.error.contains(Obstacle::FORCE) {
            Obstacle::OtherFile
        } else {
            Obstacle::Other
        })
    }
}
