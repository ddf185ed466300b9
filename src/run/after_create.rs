use std::{collections::HashSet, time::Duration};

use tokio::time::Instant;

use crate::{
    api::{Answer, Cause, Outcome, Refusal},
    inventory::{AttemptOrigin, Departure, QuestionKind},
    ledger::{LastAnswer, Reason, Row},
    sending::{RetryContext, RetryDecision, TryCount},
};
use request::ReportId;

#[derive(Debug, Clone)]
pub(super) struct RowProgress {
    pub(super) tries: TryCount,
    /// Must be answered before anything else happens to the row.
    pub(super) open: Option<LookUpState>,
    /// The reports that a list showed before the last create left; `None` without such a list.
    pub(super) listed_before: Option<HashSet<ReportId>>,
    /// The list before a create failed. It is requested once, not before each create.
    pub(super) looked_in_vain: bool,
    /// Which process sent the first of its creates whose outcome is unknown.
    pub(super) origin: AttemptOrigin,
    pub(super) sent: Option<Departure>,
}

impl RowProgress {
    pub(super) fn found(row: &Row) -> Self {
        RowProgress {
            tries: TryCount::default(),
            open: None,
            listed_before: None,
            looked_in_vain: false,
            origin: match row.state.intent() {
                None => AttemptOrigin::ThisProcess,
                Some(_) => AttemptOrigin::EarlierProcess,
            },
            sent: None,
        }
    }
}

#[derive(Debug, Clone)]
pub(super) struct LookUpState {
    pub(super) kind: QuestionKind,
    /// `retry.settle` counts from here.
    pub(super) since: Instant,
    pub(super) looks: u32,
    /// Repeats of the last look-up, because it failed to read a report.
    pub(super) reread: u32,
    /// The row's cause if nothing is found and it may not be sent again.
    pub(super) cause: Cause,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum NextStep {
    Settled,
    /// Sent again as soon as the gate allows it, before new rows.
    AtOnce,
    Last,
    After(Duration),
    LookUp,
}

/// Whether it is sent again, [`TryCount`] decides. `before`: the row before it was sent; `sent`: with its intent.
///
/// | outcome | sent again | not sent again |
/// | --- | --- | --- |
/// | done | | created |
/// | refused (but 409), not sent | pending | failed |
/// | 409 | | pending, and looked up |
/// | in doubt | | sending, and looked up |
pub(super) fn after_create(
    before: &Row,
    mut sent: Row,
    progress: &mut RowProgress,
    answer: Answer<ReportId>,
    around: &RetryContext<'_>,
) -> (Row, NextStep) {
    let cause = answer.outcome.cause().cloned().unwrap_or_default();
    sent.last_answer = LastAnswer {
        http_status: answer.notice.status,
        tracking_id: (cause.tracking_id.clone()).or(answer.notice.tracking_id).map(Into::into),
    };
    if matches!(answer.outcome, Outcome::NotSent(_)) {
        sent.attempts = before.attempts;
    }
    let reason = Reason::from(&cause);
    let again = progress.tries.after(&answer.outcome, around);
    match (answer.outcome, again) {
        (Outcome::Done(id), _) => (sent.created(id), NextStep::Settled),
        (Outcome::InDoubt(doubt, _), _) => {
            (sent.lost(doubt, reason), ask(progress, QuestionKind::WasItMade(doubt), cause))
        }
        (Outcome::Refused(Refusal::Conflict, _), _) => (
            sent.waiting(reason, before.state.intent()),
            ask(progress, QuestionKind::WhichExists, cause),
        ),
        (Outcome::Refused(..) | Outcome::NotSent(_), RetryDecision::Never) => {
            (sent.failed(reason), NextStep::Settled)
        }
        (Outcome::Refused(..) | Outcome::NotSent(_), again) => {
            let next = match again {
                RetryDecision::AtOnce | RetryDecision::Never => NextStep::AtOnce,
                RetryDecision::Last => NextStep::Last,
                RetryDecision::After(wait) => NextStep::After(wait),
            };
            // The outcome of this create is known, but perhaps not that of an earlier one.
            (sent.waiting(reason, before.state.intent()), next)
        }
    }
}

fn ask(progress: &mut RowProgress, kind: QuestionKind, cause: Cause) -> NextStep {
    progress.open = Some(LookUpState { kind, since: Instant::now(), looks: 0, reread: 0, cause });
    NextStep::LookUp
}

impl From<&Cause> for Reason {
    fn from(cause: &Cause) -> Self {
        Reason { code: cause.code.clone(), text: cause.text.clone() }
    }
}
