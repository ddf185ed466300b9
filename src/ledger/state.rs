use chrono::{DateTime, Utc};

use request::{Doubt, ReportId};

/// What became of a request so far; `docs/ledger.md` describes the columns that spell it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Not sent, or safely known not to have been processed.
    Pending {
        /// Why it waits, where it was sent before.
        reason: Reason,
        /// By the server's clock: when an earlier create left whose report may still appear.
        intent: Option<DateTime<Utc>>,
    },
    /// In doubt: a create may have reached the server.
    Sending {
        doubt: Doubt,
        /// How the answer was lost; empty while the create is in flight.
        reason: Reason,
        /// When the earliest create in doubt left, by the server's clock. Only damage to the file takes it away.
        intent: Option<DateTime<Utc>>,
    },
    Created(ReportId),
    Failed {
        reason: Reason,
        /// Set only by a merge: another ledger has a create whose report may still appear.
        intent: Option<DateTime<Utc>>,
    },
    /// A person has to decide whether a report was made for it, or which.
    InDoubt {
        /// One sentence.
        text: String,
        /// The reports that could be its own.
        candidates: Vec<ReportId>,
        /// As in [`State::Sending`].
        intent: Option<DateTime<Utc>>,
    },
}

/// Why a row failed or waits: `error_code` and `error`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reason {
    /// The server's code, else one of our words.
    pub code: String,
    /// One line for people.
    pub text: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LastAnswer {
    pub http_status: Option<u16>,
    /// For the server's support desk.
    pub tracking_id: Option<Box<str>>,
}

/// The `error_code` of a row that only a person can decide.
pub(super) const IN_DOUBT: &str = "in_doubt";
/// Before the ids of the candidates in `error`.
const CANDIDATES: &str = "; decide with `monthend resolve` between: ";
const NO_CANDIDATES: &str = "; decide with `monthend resolve`";
/// Before the ids that a row gave up.
const REPLACES: &str = "replaces ";

impl State {
    pub fn word(&self) -> &'static str {
        match self {
            State::Created(_) => "created",
            State::Failed { .. } | State::InDoubt { .. } => "failed",
            State::Pending { .. } => "pending",
            State::Sending { .. } => "sending",
        }
    }

    /// A request that is planned and was never sent.
    pub fn planned() -> Self {
        State::Pending { reason: Reason::default(), intent: None }
    }

    pub fn report_id(&self) -> Option<&ReportId> {
        match self {
            State::Created(id) => Some(id),
            _ => None,
        }
    }

    /// When the earliest create in doubt left.
    pub fn intent(&self) -> Option<DateTime<Utc>> {
        match self {
            State::Pending { intent, .. }
            | State::Sending { intent, .. }
            | State::Failed { intent, .. }
            | State::InDoubt { intent, .. } => *intent,
            State::Created(_) => None,
        }
    }

    pub(super) fn set_intent(&mut self, to: Option<DateTime<Utc>>) {
        match self {
            State::Pending { intent, .. }
            | State::Sending { intent, .. }
            | State::InDoubt { intent, .. } => *intent = to,
            State::Created(_) | State::Failed { .. } => {}
        }
    }

    pub fn is_in_doubt(&self) -> bool {
        matches!(self, State::InDoubt { .. })
    }

    fn reason(&self) -> Option<&Reason> {
        match self {
            State::Pending { reason, .. }
            | State::Sending { reason, .. }
            | State::Failed { reason, .. } => Some(reason),
            State::Created(_) | State::InDoubt { .. } => None,
        }
    }

    pub fn error_code(&self) -> &str {
        if self.is_in_doubt() { IN_DOUBT } else { self.reason().map_or("", |reason| &reason.code) }
    }

    /// `error` without the reports that a person has to decide between.
    pub fn why(&self) -> String {
        match self {
            State::InDoubt { text, .. } => text.clone(),
            state => state.text(),
        }
    }

    /// The reports that a person has to decide between.
    pub fn candidates(&self) -> &[ReportId] {
        match self {
            State::InDoubt { candidates, .. } => candidates,
            _ => &[],
        }
    }

    /// `error` without what a row replaces.
    pub fn text(&self) -> String {
        match self {
            State::InDoubt { text, candidates, .. } if candidates.is_empty() => {
                format!("{text}{NO_CANDIDATES}")
            }
            State::InDoubt { text, candidates, .. } => {
                format!("{text}{CANDIDATES}{}", list(candidates))
            }
            state => state.reason().map_or_else(String::new, |reason| reason.text.clone()),
        }
    }
}

/// `error`: the reports that the row gave up, then what went wrong.
pub(super) fn spell_error(replaces: &[ReportId], text: String) -> String {
    match (replaces, text.is_empty()) {
        ([], _) => text,
        (_, true) => format!("{REPLACES}{}", list(replaces)),
        (_, false) => format!("{REPLACES}{}; {text}", list(replaces)),
    }
}

/// The inverse of [`spell_error`].
pub(super) fn read_error(error: &str) -> (Vec<ReportId>, &str) {
    let Some(rest) = error.strip_prefix(REPLACES) else {
        return (Vec::new(), error);
    };
    let (ids, text) = rest.split_once("; ").unwrap_or((rest, ""));
    match read_list(ids) {
        Some(ids) => (ids, text),
        None => (Vec::new(), error),
    }
}

pub(super) fn read_candidates(text: &str) -> (String, Vec<ReportId>) {
    if let Some((text, ids)) = text.split_once(CANDIDATES)
        && let Some(ids) = read_list(ids)
    {
        return (text.to_owned(), ids);
    }
    let text = text.strip_suffix(NO_CANDIDATES).unwrap_or(text);
    (text.to_owned(), Vec::new())
}

fn list(ids: &[ReportId]) -> String {
    let ids: Vec<&str> = ids.iter().map(ReportId::as_str).collect();
    ids.join(", ")
}

/// `None` where `text` is no list. Webex ids are base64, so none holds a comma or a semicolon.
fn read_list(text: &str) -> Option<Vec<ReportId>> {
    text.split(", ").map(|id| id.parse().ok()).collect()
}
