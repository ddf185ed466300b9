//! What comes after the answer to a create: plain functions over values.

use std::{collections::HashSet, time::Duration};

use tokio::time::Instant;

use crate::{
    api::{Answer, Cause, Doubt, Outcome, Refusal, WaitKind},
    ledger::{LastAnswer, Reason, Row},
    pacing::Stage,
    request::ReportId,
};

/// From this 423 or 503 on one request, each counts as an attempt when others were accepted since its first
/// (`docs/manifest.md`, `retry.max_attempts`).
const BUSY_FROM: u32 = 6;

/// What this run knows about a row beyond its line.
#[derive(Debug, Clone, Default)]
pub(super) struct Progress {
    /// Tries that count against `retry.max_attempts`.
    pub(super) tries: u32,
    /// 423 and 503 with an announced wait so far.
    busy: u32,
    /// What the gate had accepted when the first of them came.
    accepted_at_first_busy: u64,
    /// What has to be found out before anything else happens to the row.
    pub(super) question: Option<Question>,
    /// The reports that a list showed before the last create left; `None` where nobody looked.
    pub(super) listed_before: Option<HashSet<ReportId>>,
}

/// What has to be found out on the server.
#[derive(Debug, Clone)]
pub(super) struct Question {
    pub(super) kind: QuestionKind,
    /// From when on `retry.settle` counts.
    pub(super) since: Instant,
    /// Looks so far.
    pub(super) looks: u32,
    /// What the row fails with where nothing is found and it may not be sent again.
    pub(super) cause: Cause,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum QuestionKind {
    /// Was this create processed?
    WasItMade(Doubt),
    /// Which report does the server mean by 409?
    WhichExists,
}

/// What comes next for a row whose line is durable.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Next {
    /// Nothing more in this run.
    Settled,
    /// Sent again as soon as the gate lets it, before those that were not sent yet.
    AtOnce,
    /// Sent again after all others.
    Last,
    /// Sent again after a backoff.
    After(Duration),
    /// Looked up.
    LookUp,
}

/// What is known around a row when its answer comes.
pub(super) struct Around<'a> {
    pub(super) max_attempts: u32,
    /// How far the breaker was when the request left.
    pub(super) stage: Stage,
    /// What the gate has accepted so far.
    pub(super) accepted: u64,
    /// The wait after so many tries.
    pub(super) backoff: &'a dyn Fn(u32) -> Duration,
}

/// The row after its create was answered, and what comes next. `before` is the row as it was before it was sent,
/// `sent` as its intent says.
///
/// | outcome | status | counts as a try | next |
/// | --- | --- | --- | --- |
/// | done | created | | settled |
/// | 429 | pending | no | at once |
/// | 423, 503 with a wait | pending | from the 6th, if others got through | at once; last where it counts |
/// | 423 without | pending | yes | after a backoff |
/// | 401 | pending | no | at once (the session has renewed the token, or has stopped) |
/// | 409 | pending | yes | looked up |
/// | 403, other refusals | failed | | settled |
/// | not sent | pending | unless the breaker slows or probes | after a backoff |
/// | in doubt | sending | yes | looked up |
///
/// Where a try that counts was the last one, the row is failed and settled instead of tried again.
pub(super) fn after_create(
    before: &Row,
    mut sent: Row,
    progress: &mut Progress,
    answer: Answer<ReportId>,
    around: &Around<'_>,
) -> (Row, Next) {
    let notice = answer.notice;
    let cause = match &answer.outcome {
        Outcome::Done(_) => None,
        Outcome::Refused(_, cause) | Outcome::NotSent(cause) | Outcome::InDoubt(_, cause) => {
            Some(cause.clone())
        }
    };
    let tracking_id = cause.as_ref().and_then(|cause| cause.tracking_id.clone());
    sent.last_answer = LastAnswer {
        http_status: notice.status,
        tracking_id: tracking_id.or(notice.tracking_id),
    };
    let reason = cause.as_ref().map(Reason::from).unwrap_or_default();
    // Of what was refused or never left the outcome is known; an earlier create's may still not be.
    let waiting = |sent: Row, progress: &mut Progress, counts: bool, next: Next| {
        progress.tries += u32::from(counts);
        if counts && progress.tries >= around.max_attempts {
            return (sent.failed(reason.clone()), Next::Settled);
        }
        (sent.waiting(reason.clone(), before.state.intent()), next)
    };
    match answer.outcome {
        Outcome::Done(id) => (sent.created(id), Next::Settled),
        Outcome::Refused(Refusal::Wait(WaitKind::RateLimit) | Refusal::Unauthorized, _) => {
            waiting(sent, progress, false, Next::AtOnce)
        }
        Outcome::Refused(Refusal::Wait(WaitKind::Busy), _) => {
            if progress.busy == 0 {
                progress.accepted_at_first_busy = around.accepted;
            }
            progress.busy += 1;
            let others = around.accepted > progress.accepted_at_first_busy;
            let counts = progress.busy >= BUSY_FROM && others;
            let next = if counts { Next::Last } else { Next::AtOnce };
            waiting(sent, progress, counts, next)
        }
        Outcome::Refused(Refusal::Locked, _) => {
            let after = (around.backoff)(progress.tries + 1);
            waiting(sent, progress, true, Next::After(after))
        }
        Outcome::Refused(Refusal::Conflict, cause) => {
            progress.tries += 1;
            let next = ask(progress, QuestionKind::WhichExists, cause);
            (sent.waiting(reason, before.state.intent()), next)
        }
        Outcome::Refused(Refusal::Forbidden | Refusal::Final, _) => {
            (sent.failed(reason), Next::Settled)
        }
        Outcome::NotSent(_) => {
            let after = (around.backoff)(progress.tries + 1);
            sent.attempts = before.attempts;
            let counts = around.stage == Stage::Closed;
            waiting(sent, progress, counts, Next::After(after))
        }
        Outcome::InDoubt(doubt, cause) => {
            progress.tries += 1;
            let next = ask(progress, QuestionKind::WasItMade(doubt), cause);
            (sent.lost(doubt, reason), next)
        }
    }
}

fn ask(progress: &mut Progress, kind: QuestionKind, cause: Cause) -> Next {
    progress.question = Some(Question {
        kind,
        since: Instant::now(),
        looks: 0,
        cause,
    });
    Next::LookUp
}
