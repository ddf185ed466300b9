//! What comes after an answer: plain functions over values.

use std::{collections::HashSet, time::Duration};

use tokio::time::Instant;

use crate::{
    api::{Cause, Doubt, Outcome, Refusal, WaitKind},
    ledger::{Row, Status},
    pacing::Stage,
    request::ReportId,
};

/// From this 423 or 503 on one request, each counts as an attempt when others were accepted since its first
/// (contract, section 3: `max_attempts`).
const BUSY_FROM: u32 = 6;

/// What this run knows about a row beyond its line.
#[derive(Debug, Clone, Default)]
pub struct Progress {
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

/// Takes the outcome of a create into the row and says what comes next.
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
    row: &mut Row,
    progress: &mut Progress,
    outcome: Outcome<ReportId>,
    around: &Around<'_>,
) -> Next {
    let tried_again = |row: &mut Row, progress: &mut Progress, counts: bool, next: Next| {
        progress.tries += u32::from(counts);
        row.status = Status::Pending;
        if counts && progress.tries >= around.max_attempts {
            row.status = Status::Failed;
            row.intent_at = None;
            return Next::Settled;
        }
        next
    };
    if let Outcome::Refused(_, cause) | Outcome::NotSent(cause) | Outcome::InDoubt(_, cause) =
        &outcome
    {
        row.cause = cause.clone();
    }
    match outcome {
        Outcome::Done(id) => {
            created(row, id);
            Next::Settled
        }
        Outcome::Refused(Refusal::Wait(WaitKind::RateLimit) | Refusal::Unauthorized, _) => {
            tried_again(row, progress, false, Next::AtOnce)
        }
        Outcome::Refused(Refusal::Wait(WaitKind::Busy), _) => {
            if progress.busy == 0 {
                progress.accepted_at_first_busy = around.accepted;
            }
            progress.busy += 1;
            let others = around.accepted > progress.accepted_at_first_busy;
            let counts = progress.busy >= BUSY_FROM && others;
            let next = if counts { Next::Last } else { Next::AtOnce };
            tried_again(row, progress, counts, next)
        }
        Outcome::Refused(Refusal::Locked, _) => {
            let after = (around.backoff)(progress.tries + 1);
            tried_again(row, progress, true, Next::After(after))
        }
        Outcome::Refused(Refusal::Conflict, cause) => {
            progress.tries += 1;
            row.status = Status::Pending;
            ask(progress, QuestionKind::WhichExists, cause)
        }
        Outcome::Refused(Refusal::Forbidden | Refusal::Final, _) => {
            row.status = Status::Failed;
            row.intent_at = None;
            Next::Settled
        }
        Outcome::NotSent(_) => {
            let after = (around.backoff)(progress.tries + 1);
            tried_again(
                row,
                progress,
                around.stage == Stage::Closed,
                Next::After(after),
            )
        }
        Outcome::InDoubt(doubt, cause) => {
            progress.tries += 1;
            row.status = Status::Sending;
            ask(progress, QuestionKind::WasItMade(doubt), cause)
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

/// The report exists and is the row's.
pub(super) fn created(row: &mut Row, id: ReportId) {
    row.cause = Cause {
        http_status: row.cause.http_status,
        tracking_id: row.cause.tracking_id.take(),
        ..Cause::default()
    };
    row.status = Status::Created(id);
    row.intent_at = None;
}
