use std::time::Duration;

use super::after_create::{NextStep, RowProgress, after_create};
use crate::{
    api::{Answer, Cause, Notice, Outcome, Refusal, WaitKind},
    inventory::QuestionKind,
    ledger::{LastAnswer, Reason, Row, State},
    manifest::RetryPolicy,
    sending::{Backoff, RetryContext, Stage},
};

use request::{Doubt, Period, ReportId, ReportType, Request};

const BACKOFF: Duration = Duration::ZERO;

/// A row whose earlier create is still in doubt.
fn row() -> Row {
    let request = Request {
        sub_partner: None,
        report_type: ReportType::User,
        period: Period::month(2026, 9).unwrap(),
        internal: false,
    };
    let intent = chrono::DateTime::from_timestamp(1_793_600_000, 0);
    Row::planned(request, "job".into(), None).waiting(Reason::default(), intent)
}

/// The row after its next create was answered with `outcome`, and what comes next.
fn after(
    before: &Row,
    progress: &mut RowProgress,
    outcome: Outcome<ReportId>,
    around: &RetryContext<'_>,
) -> (Row, NextStep) {
    let sent = before.sent(chrono::DateTime::from_timestamp(1_793_600_060, 0).unwrap());
    let status = match &outcome {
        Outcome::Done(_) => Some(200),
        Outcome::Refused(..) => Some(418),
        Outcome::NotSent(_) | Outcome::InDoubt(..) => None,
    };
    let notice = Notice { status, ..Notice::default() };
    after_create(before, sent, progress, Answer { outcome, notice }, around)
}

fn failed() -> State {
    State::Failed { reason: reason(), intent: None }
}

fn reason() -> Reason {
    Reason::from(&cause())
}

fn around(max_attempts: u32, stage: Stage, accepted: u64) -> RetryContext<'static> {
    let policy = RetryPolicy { base_delay: BACKOFF, ..RetryPolicy::default() };
    let backoff = Box::leak(Box::new(Backoff::new(&policy, 7)));
    RetryContext { max_attempts, stage, accepted, backoff }
}

fn cause() -> Cause {
    Cause {
        http_status: Some(418),
        code: "code".to_owned(),
        text: "text".to_owned(),
        tracking_id: None,
        report_id: None,
    }
}

fn id() -> ReportId {
    "Y2lz".parse().unwrap()
}

/// Every outcome that a create can have.
fn outcomes() -> Vec<Outcome<ReportId>> {
    let refusals = [
        Refusal::Wait(WaitKind::RateLimit),
        Refusal::Wait(WaitKind::Busy),
        Refusal::Locked,
        Refusal::Unauthorized,
        Refusal::Forbidden,
        Refusal::Conflict,
        Refusal::Final,
    ];
    let refusals = refusals.into_iter().map(|r| Outcome::Refused(r, cause()));
    let others = [
        Outcome::Done(id()),
        Outcome::NotSent(cause()),
        Outcome::InDoubt(Doubt::Open, cause()),
        Outcome::InDoubt(Doubt::SaidYes, cause()),
    ];
    refusals.chain(others).collect()
}

/// The table of [`after_create`], enumerated: status, whether it counts as a try, what comes next.
#[tokio::test(start_paused = true)]
async fn every_outcome_leads_where_the_table_says() {
    use Refusal as R;
    for stage in [Stage::Closed, Stage::Slow, Stage::Probing] {
        for outcome in outcomes() {
            let before = row();
            let intent = before.state.intent();
            let waiting = State::Pending { reason: reason(), intent };
            let (state, counts, next) = match &outcome {
                Outcome::Done(id) => (State::Created(id.clone()), false, NextStep::Settled),
                Outcome::Refused(R::Wait(_) | R::Unauthorized, _) => {
                    (waiting, false, NextStep::AtOnce)
                }
                Outcome::Refused(R::Locked, _) => (waiting, true, NextStep::After(BACKOFF)),
                Outcome::Refused(R::Forbidden | R::Final, _) => {
                    (failed(), false, NextStep::Settled)
                }
                Outcome::Refused(R::Conflict, _) => (waiting, true, NextStep::LookUp),
                Outcome::NotSent(_) => (waiting, stage == Stage::Closed, NextStep::After(BACKOFF)),
                Outcome::InDoubt(doubt, _) => {
                    let (doubt, reason) = (*doubt, reason());
                    let state = State::Sending { doubt, reason, intent };
                    (state, true, NextStep::LookUp)
                }
            };
            let mut progress = RowProgress::found(&row());
            let (row, came) = after(&before, &mut progress, outcome.clone(), &around(8, stage, 0));
            assert_eq!((&row.state, &came), (&state, &next), "{outcome:?}");
            let counted = progress.tries.counted();
            assert_eq!(counted, u32::from(counts), "{outcome:?} {stage:?}");
            let left = !matches!(outcome, Outcome::NotSent(_));
            assert_eq!(row.attempts, u32::from(left), "{outcome:?}");
            let status = match &outcome {
                Outcome::Done(_) => Some(200),
                Outcome::Refused(..) => Some(418),
                Outcome::NotSent(_) | Outcome::InDoubt(..) => None,
            };
            let expected = LastAnswer { http_status: status, tracking_id: None };
            assert_eq!(row.last_answer, expected, "{outcome:?}");
            let asked = progress.open.map(|q| (q.kind, q.looks, q.cause));
            let expected = match &outcome {
                Outcome::Refused(R::Conflict, _) => Some(QuestionKind::WhichExists),
                Outcome::InDoubt(doubt, _) => Some(QuestionKind::WasItMade(*doubt)),
                _ => None,
            };
            assert_eq!(asked, expected.map(|kind| (kind, 0, cause())), "{outcome:?}");
        }
    }
}

/// The last try that counts fails the row, but never one whose answer is still to be looked up.
#[tokio::test(start_paused = true)]
async fn the_last_try_fails_what_may_not_be_sent_again() {
    for outcome in outcomes() {
        let mut progress = RowProgress::found(&row());
        let last = around(1, Stage::Closed, 0);
        let (row, next) = after(&row(), &mut progress, outcome.clone(), &last);
        let fails = matches!(outcome, Outcome::Refused(Refusal::Locked, _) | Outcome::NotSent(_));
        if fails {
            assert_eq!((row.state, next), (failed(), NextStep::Settled));
        } else if progress.tries.counted() > 0 {
            assert_eq!(next, NextStep::LookUp, "{outcome:?}");
        }
    }
}

/// 423 and 503 with a wait count from the sixth on one request, and only where others got through meanwhile.
#[test]
fn a_request_that_alone_is_busy_goes_last_from_the_sixth_time() {
    let busy = || Outcome::Refused(Refusal::Wait(WaitKind::Busy), cause());
    for (others, tries_after_ten) in [(true, 5), (false, 0)] {
        let (mut row, mut progress) = (row(), RowProgress::found(&row()));
        for number in 1..=10 {
            let accepted = if others { number } else { 0 };
            let around = around(8, Stage::Closed, accepted);
            let (waiting, next) = after(&row, &mut progress, busy(), &around);
            let counts = others && number >= 6;
            let expected = if counts { NextStep::Last } else { NextStep::AtOnce };
            assert_eq!((next, waiting.state.word()), (expected, "pending"), "{number}");
            row = waiting;
        }
        assert_eq!(progress.tries.counted(), tries_after_ten);
    }
}
