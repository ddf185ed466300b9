use std::time::Duration;

use super::decide::{Around, Next, Progress, QuestionKind, after_create};
use crate::{
    api::{Cause, Doubt, Outcome, Refusal, WaitKind},
    ledger::{Row, Status},
    pacing::Stage,
    request::{Period, ReportId, ReportType, Request},
};

const BACKOFF: Duration = Duration::from_secs(7);

fn row() -> Row {
    let request = Request {
        sub_partner: None,
        report_type: ReportType::User,
        period: Period::month(2026, 9).unwrap(),
        internal: false,
    };
    let mut row = Row::pending(request, "job".into(), None);
    row.status = Status::Sending;
    row.intent_at = chrono::DateTime::from_timestamp(1_793_600_000, 0);
    row
}

fn around(max_attempts: u32, stage: Stage, accepted: u64) -> Around<'static> {
    Around {
        max_attempts,
        stage,
        accepted,
        backoff: &|_| BACKOFF,
    }
}

fn cause() -> Cause {
    Cause {
        http_status: Some(418),
        code: "code".to_owned(),
        text: "text".to_owned(),
        tracking_id: None,
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
            let (status, counts, next) = match &outcome {
                Outcome::Done(id) => (Status::Created(id.clone()), false, Next::Settled),
                Outcome::Refused(R::Wait(_) | R::Unauthorized, _) => {
                    (Status::Pending, false, Next::AtOnce)
                }
                Outcome::Refused(R::Locked, _) => (Status::Pending, true, Next::After(BACKOFF)),
                Outcome::Refused(R::Forbidden | R::Final, _) => {
                    (Status::Failed, false, Next::Settled)
                }
                Outcome::Refused(R::Conflict, _) => (Status::Pending, true, Next::LookUp),
                Outcome::NotSent(_) => (
                    Status::Pending,
                    stage == Stage::Closed,
                    Next::After(BACKOFF),
                ),
                Outcome::InDoubt(..) => (Status::Sending, true, Next::LookUp),
            };
            let (mut row, mut progress) = (row(), Progress::default());
            let came = after_create(
                &mut row,
                &mut progress,
                outcome.clone(),
                &around(8, stage, 0),
            );
            assert_eq!((&row.status, &came), (&status, &next), "{outcome:?}");
            assert_eq!(progress.tries, u32::from(counts), "{outcome:?} {stage:?}");
            let settled = matches!(status, Status::Created(_) | Status::Failed);
            assert_eq!(row.intent_at.is_none(), settled, "{outcome:?}");
            let asked = progress.question.map(|q| (q.kind, q.looks, q.cause));
            let expected = match &outcome {
                Outcome::Refused(R::Conflict, _) => Some(QuestionKind::WhichExists),
                Outcome::InDoubt(doubt, _) => Some(QuestionKind::WasItMade(*doubt)),
                _ => None,
            };
            assert_eq!(
                asked,
                expected.map(|kind| (kind, 0, cause())),
                "{outcome:?}"
            );
            match outcome {
                Outcome::Done(_) => assert_eq!(row.cause.code, ""),
                _ => assert_eq!(row.cause, cause()),
            }
        }
    }
}

/// The last try that counts fails the row, but never one whose answer is still to be looked up.
#[tokio::test(start_paused = true)]
async fn the_last_try_fails_what_may_not_be_sent_again() {
    for outcome in outcomes() {
        let (mut row, mut progress) = (row(), Progress::default());
        let last = around(1, Stage::Closed, 0);
        let next = after_create(&mut row, &mut progress, outcome.clone(), &last);
        let gives_up = matches!(
            outcome,
            Outcome::Refused(Refusal::Locked, _) | Outcome::NotSent(_)
        );
        if gives_up {
            assert_eq!((&row.status, next), (&Status::Failed, Next::Settled));
            assert_eq!((row.intent_at, &row.cause), (None, &cause()));
        } else if progress.tries > 0 {
            assert_eq!(next, Next::LookUp, "{outcome:?}");
        }
    }
}

/// 423 and 503 with a wait count from the sixth on one request, and only where others got through meanwhile.
#[test]
fn a_request_that_alone_is_busy_gives_up_at_last() {
    let busy = || Outcome::Refused(Refusal::Wait(WaitKind::Busy), cause());
    for (others, tries_after_ten) in [(true, 5), (false, 0)] {
        let (mut row, mut progress) = (row(), Progress::default());
        for number in 1..=10 {
            let accepted = if others { number } else { 0 };
            let around = around(8, Stage::Closed, accepted);
            let next = after_create(&mut row, &mut progress, busy(), &around);
            let counts = others && number >= 6;
            let expected = if counts { Next::Last } else { Next::AtOnce };
            assert_eq!(
                (next, &row.status),
                (expected, &Status::Pending),
                "{number}"
            );
        }
        assert_eq!(progress.tries, tries_after_ten);
    }
}
