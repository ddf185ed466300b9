use std::time::Duration;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::StopReason;
use crate::{
    api::{Answer, Listed, Outcome},
    ledger::{Counts, Row},
    sending::{SessionEvent, Stats},
};
use request::{ReportId, RequestId};

/// Something happened. An event is complete: a reporter needs nothing else.
#[derive(Debug, Clone)]
pub struct Event {
    /// When, by the local clock.
    pub at: DateTime<Utc>,
    pub elapsed: Duration,
    /// The rows by status, this event included.
    pub counts: Counts,
    pub pace: Stats,
    pub kind: EventKind,
}

#[derive(Debug, Clone)]
pub enum EventKind {
    /// Before the run: `--existing` found something for a row that was not sent.
    Existing(Row),
    /// The candidates of a row for the partner itself that waits for a decision.
    Candidates(RequestId, Vec<Listed>),
    /// Before the run: the row's report is discarded, since the server could not generate it.
    GivenUp(Row),
    Started,
    /// A create was answered, or its answer was lost. The result for the row comes in its own event.
    Attempted(Attempt),
    /// The row needs nothing more in this run; its line is durable.
    Settled(Row),
    Retrying {
        row: Row,
        after: Duration,
    },
    /// A create's answer was lost; the row is looked up before anything else happens to it.
    InDoubt(Row),
    /// The report of a row in doubt, or after a 409, was found; its line is durable.
    Adopted(Row),
    /// The server did not create the report of a row in doubt: the request is sent again.
    NotMade(Row),
    /// A look-up failed; its row stays `sending`.
    NotLookedUp(Row),
    /// The file of a created row is in its place; its line is durable.
    Collected(Row, Fetched),
    /// A created row gets no file in this run; its line, with the reason, is durable.
    NotCollected(Row, NotCollected),
    /// A report is in progress for much longer than others were.
    Lagging {
        row: Row,
        age: Duration,
    },
    /// Something about all requests. Also comes before [`EventKind::Started`], from the reads before a run.
    News(SessionEvent),
    /// Nothing more is sent; requests in flight are waited for.
    Stopping(StopReason),
    Finished,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fetched {
    Now,
    Before,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotCollected {
    /// Still in progress after the longest wait; a later `collect` continues.
    InProgress,
    Failed,
    Refused,
}

/// A create, from when it left to its answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Attempt {
    /// By the local clock.
    #[serde(skip)]
    pub left_at: DateTime<Utc>,
    /// Whose.
    pub request_id: String,
    /// Which one of this request, all runs together, from 1.
    pub attempt: u32,
    /// Until the answer was read, or nothing more was expected.
    pub latency_ms: u64,
    /// `created`; `refused`: certainly not processed; `not_sent`: the server never saw it; `in_doubt`.
    pub outcome: String,
    /// The id that the answer gave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report_id: Option<String>,
    /// The status of the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http_status: Option<u16>,
    /// The server's code, or our word, as in the ledger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_code: Option<String>,
    /// What the answer said, one line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The server's id for its support desk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tracking_id: Option<String>,
}

impl Attempt {
    /// The outcome of a create whose report the row has.
    pub const CREATED: &str = "created";

    pub(super) fn new(
        row: &Row,
        left_at: DateTime<Utc>,
        latency: Duration,
        answer: &Answer<ReportId>,
    ) -> Self {
        let (outcome, report_id, cause) = match &answer.outcome {
            Outcome::Done(id) => (Attempt::CREATED, Some(id), None),
            Outcome::Refused(_, cause) => ("refused", None, Some(cause)),
            Outcome::NotSent(cause) => ("not_sent", None, Some(cause)),
            Outcome::InDoubt(_, cause) => ("in_doubt", cause.report_id.as_ref(), Some(cause)),
        };
        let said = cause.and_then(|cause| cause.tracking_id.as_ref());
        Attempt {
            left_at,
            request_id: row.id().to_string(),
            attempt: row.attempts,
            latency_ms: u64::try_from(latency.as_millis()).unwrap_or(u64::MAX),
            outcome: outcome.to_owned(),
            report_id: report_id.map(ToString::to_string),
            http_status: answer.notice.status,
            error_code: cause.map(|cause| cause.code.clone()),
            error: cause.map(|cause| cause.text.clone()),
            tracking_id: answer.notice.tracking_id.as_ref().or(said).cloned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{Cause, Notice, Refusal};
    use request::Doubt;
    use request::{Period, ReportType, Request};

    /// Whatever came of a create, its attempt says it in the words of the ledger.
    #[test]
    fn an_attempt_says_what_came_of_a_create() {
        let request = Request {
            sub_partner: None,
            report_type: ReportType::User,
            period: Period::month(2026, 9).unwrap(),
            internal: false,
        };
        let mut row = Row::planned(request, "job".into(), None);
        row.attempts = 3;
        let id: ReportId = "Y2lz".parse().unwrap();
        let cause = Cause {
            http_status: None,
            code: "timeout".to_owned(),
            text: "text".to_owned(),
            tracking_id: Some("of the body".to_owned()),
            report_id: None,
        };
        let in_head = || Some("of the head".to_owned());
        for (outcome, word, tracking_id) in [
            (Outcome::Done(id.clone()), "created", None),
            (Outcome::Done(id.clone()), "created", in_head()),
            (Outcome::Refused(Refusal::Final, cause.clone()), "refused", in_head()),
            (Outcome::NotSent(cause.clone()), "not_sent", None),
            (Outcome::InDoubt(Doubt::Open, cause.clone()), "in_doubt", None),
        ] {
            let is_created = matches!(outcome, Outcome::Done(_));
            let notice = Notice {
                status: is_created.then_some(200),
                tracking_id: tracking_id.clone(),
                ..Notice::default()
            };
            let latency = Duration::from_millis(70);
            let answer = Answer { outcome, notice };
            let in_body = cause.tracking_id.clone().filter(|_| !is_created);
            assert_eq!(
                Attempt::new(&row, DateTime::UNIX_EPOCH, latency, &answer),
                Attempt {
                    left_at: DateTime::UNIX_EPOCH,
                    request_id: row.id().to_string(),
                    attempt: 3,
                    latency_ms: 70,
                    outcome: word.to_owned(),
                    report_id: is_created.then(|| id.to_string()),
                    http_status: is_created.then_some(200),
                    error_code: (!is_created).then(|| "timeout".to_owned()),
                    error: (!is_created).then(|| "text".to_owned()),
                    tracking_id: tracking_id.or(in_body),
                }
            );
        }
    }
}
