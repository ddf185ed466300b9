//! One line of the ledger, and how it goes from state to state.

use std::{borrow::Cow, sync::Arc};

use chrono::{DateTime, Utc};

use super::{Empty, LastAnswer, Rare, Reason, State, state::spell_error};
use crate::api::Doubt;
use request::{ReportId, Request, RequestId};

/// A request's line. [`super::Column`] says which cells spell it.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    pub(super) id: RequestId,
    pub(super) request: Request,
    /// The job that named it first.
    pub job: Arc<str>,
    /// The label people read, where there is one.
    pub label: Option<Arc<str>>,
    /// What became of it.
    pub state: State,
    /// Reports that a person gave up for it: they are nobody's candidates any more.
    pub replaces: Rare<Vec<ReportId>>,
    /// The last answer to a create; none while one is under way.
    pub last_answer: LastAnswer,
    /// Creates that left us, all runs together.
    pub attempts: u32,
    /// When the line was written, by the local clock.
    pub updated_at: Option<DateTime<Utc>>,
    /// Where its report is on disk.
    pub collected: Rare<Collected>,
    /// Cells of columns that are not ours, in [`super::Ledger::extra_columns`]' order.
    pub extra: Rare<Vec<String>>,
}

/// What is known of the report and its file: the columns `report_…`, as they stand.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Collected {
    /// What the server said last of the report; empty where it was never asked.
    pub status: String,
    /// The collected file, relative to the ledger's folder, with `/`; empty until it is whole under that name.
    pub file: String,
    /// The SHA-256 of that file, 64 hexadecimal digits. Without a file: that of the report which the row gave up, so
    /// that its file is known for ours.
    pub sha256: String,
    /// Why a created report is not collected, one line; empty where it is, or where nothing was tried.
    pub error: String,
    /// The rows of the file without its header; 0 is a report that is there and empty.
    pub rows: Option<u64>,
}

impl Collected {
    /// Whether a file with the SHA-256 `found` is the one that was collected: by this, and by what the history has
    /// `recorded`, where it knows the file.
    pub fn is_file(&self, found: &str, recorded: Option<&str>) -> bool {
        let is_found = |known: &str| known.eq_ignore_ascii_case(found);
        is_found(&self.sha256) && recorded.is_none_or(is_found)
    }

    /// Whether the server's word is one of those for a report that it is at work on, or has said nothing.
    pub fn is_in_progress(&self) -> bool {
        self.is_one_of(["", "IN_PROGRESS", "REQUESTED"])
    }

    /// Whether the server's word is one that the API reference does not have. It may be final.
    pub fn is_unknown(&self) -> bool {
        !self.is_in_progress() && !self.is_one_of(["COMPLETED", "FAILED"])
    }

    fn is_one_of<const N: usize>(&self, words: [&str; N]) -> bool {
        words
            .iter()
            .any(|word| self.status.eq_ignore_ascii_case(word))
    }

    /// How [`Collected::error`] ends where the report is only not ready yet.
    pub const WAITS: &str = "; `monthend collect` waits again";

    /// Whether the report was waited for in vain, and nothing worse is known of it.
    pub fn is_waiting(&self) -> bool {
        self.error.ends_with(Collected::WAITS)
    }

    /// [`Collected::error`] without what it advises to do.
    pub fn why_not(&self) -> &str {
        self.error.split("; `monthend ").next().unwrap_or_default()
    }
}

impl Empty for Collected {
    fn empty() -> &'static Self {
        static EMPTY: Collected = Collected {
            status: String::new(),
            file: String::new(),
            sha256: String::new(),
            error: String::new(),
            rows: None,
        };
        &EMPTY
    }

    fn is_empty(&self) -> bool {
        let texts = [&self.status, &self.file, &self.sha256, &self.error];
        self.rows.is_none() && texts.iter().all(|text| text.is_empty())
    }
}

impl Row {
    /// A request that is planned and not sent.
    pub fn planned(request: Request, job: Arc<str>, label: Option<Arc<str>>) -> Self {
        Row {
            job,
            label,
            ..Row::read_as(request.id(), request)
        }
    }

    /// A row that a file calls `id`: an older version may have hashed another spelling of the organisation.
    pub(super) fn read_as(id: RequestId, request: Request) -> Self {
        Row {
            id,
            request,
            job: Arc::default(),
            label: None,
            state: State::planned(),
            replaces: Rare::default(),
            last_answer: LastAnswer::default(),
            attempts: 0,
            updated_at: None,
            collected: Rare::default(),
            extra: Rare::default(),
        }
    }

    /// What is asked for.
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// The request's id as the file spells it: an older version hashed the organisation's id as it was written.
    pub fn id(&self) -> RequestId {
        self.id
    }

    /// The request's id, whatever spelling the file has: what plans and selections know it by.
    pub fn key(&self) -> RequestId {
        match &self.request.sub_partner {
            Some(org) if !org.is_canonical() => self.request.id(),
            _ => self.id,
        }
    }

    /// Whether its report is collected: a file is there under its name, and nothing was found wrong with it since.
    pub fn is_collected(&self) -> bool {
        let Collected { file, error, .. } = &*self.collected;
        matches!(self.state, State::Created(_)) && !file.is_empty() && error.is_empty()
    }

    /// `error`: what went wrong, one line, and which reports the row gave up.
    pub fn error(&self) -> Cow<'_, str> {
        match &self.state {
            State::Failed { reason, .. }
            | State::Pending { reason, .. }
            | State::Sending { reason, .. }
                if self.replaces.is_empty() =>
            {
                Cow::Borrowed(&reason.text)
            }
            state => Cow::Owned(spell_error(&self.replaces, state.text())),
        }
    }
}

/// The transitions. Each gives the row as it is afterwards; whoever records it sets `updated_at`.
impl Row {
    /// A create is about to leave at `now`, by the server's clock where that is known. The earliest intent whose
    /// outcome is unknown stays.
    pub fn sent(&self, now: DateTime<Utc>) -> Row {
        Row {
            state: State::Sending {
                doubt: Doubt::Open,
                reason: Rare::default(),
                intent: self.state.intent().or(Some(now)),
            },
            last_answer: LastAnswer::default(),
            attempts: self.attempts.saturating_add(1),
            ..self.clone()
        }
    }

    /// The report exists.
    pub fn created(self, id: ReportId) -> Row {
        Row {
            state: State::Created(id),
            ..self
        }
    }

    /// It came to nothing.
    pub fn failed(self, reason: Reason) -> Row {
        Row {
            state: State::Failed {
                reason: reason.into(),
                intent: None,
            },
            ..self
        }
    }

    /// It was certainly not processed this time, and will be sent again. An earlier create may still be, so `intent`
    /// is that of the row before it was sent.
    pub fn waiting(self, reason: impl Into<Rare<Reason>>, intent: Option<DateTime<Utc>>) -> Row {
        Row {
            state: State::Pending {
                reason: reason.into(),
                intent,
            },
            ..self
        }
    }

    /// The answer to its create was lost.
    pub fn lost(self, doubt: Doubt, reason: Reason) -> Row {
        Row {
            state: State::Sending {
                doubt,
                reason: reason.into(),
                intent: self.state.intent(),
            },
            ..self
        }
    }

    /// In doubt because the file was damaged: a create may have left at `intent` or later.
    pub fn doubted(self, intent: Option<DateTime<Utc>>) -> Row {
        Row {
            state: State::Sending {
                doubt: Doubt::Open,
                reason: Rare::default(),
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
            _ => Rare::default(),
        };
        self.waiting(reason, intent)
    }

    /// Its intent was announced and it was held back before it left: as it was before, and to be sent.
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

    /// A person has to decide.
    pub fn undecided(self, text: String, candidates: Vec<ReportId>) -> Row {
        Row {
            state: State::InDoubt {
                text: text.into(),
                candidates: candidates.into(),
                intent: self.state.intent(),
            },
            ..self
        }
    }

    /// A person gives its report up: it is to be made anew, and the old one is nobody's candidate any more. Its file
    /// stays known by its hash.
    pub fn given_up(self) -> Row {
        let mut replaces = self.replaces.clone();
        replaces.extend(self.state.report_id().cloned());
        let sha256 = self.collected.sha256.clone();
        Row {
            replaces,
            collected: Rare::from(Collected {
                sha256,
                ..Collected::default()
            }),
            ..self.to_be_sent()
        }
    }

    /// A person says that it is to be sent. What they ruled out must not be found again, so no intent stays, and not
    /// even the status of the last answer: a 2xx would say that a report exists.
    pub fn to_be_sent(self) -> Row {
        Row {
            state: State::planned(),
            last_answer: LastAnswer::default(),
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// docs/performance.md says it.
    #[test]
    fn a_row_is_small() {
        assert!(size_of::<Row>() <= 160, "{}", size_of::<Row>());
    }
}
