use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    time::Duration,
};

use chrono::{DateTime, Utc};
use futures::future::join_all;
use tokio::time::{Instant, sleep};
use url::Url;

use super::*;
use crate::{
    api::{Answer, Api, Cause, Doubt, ListQuery, Listed, Notice, Outcome, Page, Refusal, WaitKind},
    pacing::StopCause,
    request::{OrgId, ReportId, Request},
    settings::{Discover, Limits, Rate, RetryPolicy},
};

/// A server that takes one token and answers as it is told.
struct Scripted {
    takes: Cell<u32>,
    /// What the next renewals come to; the last one is repeated.
    renewals: RefCell<VecDeque<Outcome<u32>>>,
    renewed: Cell<u32>,
    /// What the next reads come to before they succeed.
    reads: RefCell<VecDeque<Answer<()>>>,
    asked: Cell<u32>,
    /// Where each page leads.
    next: fn(usize) -> Option<usize>,
}

impl Scripted {
    fn new() -> Self {
        Scripted {
            takes: Cell::new(0),
            renewals: RefCell::default(),
            renewed: Cell::new(0),
            reads: RefCell::default(),
            asked: Cell::new(0),
            next: |_| None,
        }
    }

    async fn read<T>(&self, token: u32, value: T) -> Answer<T> {
        self.asked.set(self.asked.get() + 1);
        sleep(Duration::from_millis(10)).await;
        if token != self.takes.get() {
            return answer(401, Outcome::Refused(Refusal::Unauthorized, cause(401)));
        }
        match self.reads.borrow_mut().pop_front() {
            None => answer(200, Outcome::Done(value)),
            Some(Answer { outcome, notice }) => Answer {
                outcome: match outcome {
                    Outcome::Done(()) => Outcome::Done(value),
                    Outcome::Refused(refusal, cause) => Outcome::Refused(refusal, cause),
                    Outcome::NotSent(cause) => Outcome::NotSent(cause),
                    Outcome::InDoubt(doubt, cause) => Outcome::InDoubt(doubt, cause),
                },
                notice,
            },
        }
    }
}

impl Api for Scripted {
    type Token = u32;

    async fn create(&self, _: &u32, _: &Request) -> Answer<ReportId> {
        unreachable!("the session creates nothing")
    }

    async fn list(&self, token: &u32, _: &ListQuery, next: Option<&Url>) -> Answer<Page<Listed>> {
        let page = next.map_or(0, |url| url.path()[1..].parse().unwrap());
        let next = (self.next)(page).map(|n| format!("http://model.invalid/{n}").parse().unwrap());
        let items = Vec::new();
        self.read(*token, Page { items, next }).await
    }

    async fn get(&self, token: &u32, _: &ReportId) -> Answer<Option<Listed>> {
        self.read(*token, None).await
    }

    async fn sub_partners(&self, _: &u32, _: Discover, _: Option<&Url>) -> Answer<Page<OrgId>> {
        unreachable!("nothing is discovered")
    }

    async fn renew(&self, _: Option<&u32>) -> Answer<u32> {
        self.renewed.set(self.renewed.get() + 1);
        sleep(Duration::from_secs(2)).await;
        let mut renewals = self.renewals.borrow_mut();
        let outcome = match renewals.len() {
            0 => Outcome::Done(self.takes.get()),
            1 => renewals[0].clone(),
            _ => renewals.pop_front().unwrap(),
        };
        answer(200, outcome)
    }
}

fn cause(status: u16) -> Cause {
    Cause {
        http_status: (status > 0).then_some(status),
        code: "code".to_owned(),
        text: "text".to_owned(),
        tracking_id: None,
    }
}

/// An answer with this status; 0: none came.
fn answer<T>(status: u16, outcome: Outcome<T>) -> Answer<T> {
    let mut notice = Notice::default();
    if status > 0 {
        notice.status = Some(status);
        notice.date = Some(server_time());
    }
    Answer { outcome, notice }
}

fn no_answer() -> Answer<()> {
    answer(0, Outcome::InDoubt(Doubt::Open, cause(0)))
}

fn server_time() -> DateTime<Utc> {
    DateTime::from_timestamp(1_793_600_000, 0).unwrap()
}

/// A local clock that is an hour ahead.
struct Ahead;

impl WallClock for Ahead {
    fn now(&self) -> DateTime<Utc> {
        server_time() + Duration::from_secs(3600)
    }
}

fn session(api: &Scripted) -> Session<'_, Scripted> {
    let limits = Limits {
        rate: Rate::Unlimited,
        ..Limits::default()
    };
    let policy = RetryPolicy::default();
    Session::new(api, Some(0), (&limits, &policy), &Ahead, &|_| {}, 7)
}

fn id() -> ReportId {
    "Y2lz".parse().unwrap()
}

#[tokio::test(start_paused = true)]
async fn many_401_renew_the_token_once() {
    let api = Scripted::new();
    let session = session(&api);
    let id = id();
    // Gathers way first: all are in flight when the token ends.
    join_all([&id; 40].map(|id| session.get(id))).await;
    api.takes.set(1);
    let got = join_all([&id; 40].map(|id| session.get(id))).await;
    assert!(got.iter().all(|g| *g == Ok(None)), "{got:?}");
    assert_eq!(api.renewed.get(), 1);
    // It ended again, much later: that is another renewal.
    api.takes.set(2);
    session.get(&id).await.unwrap();
    assert_eq!(api.renewed.get(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_refused_renewal_halts_everything() {
    let api = Scripted::new();
    api.takes.set(1);
    let refused = Outcome::Refused(Refusal::Final, cause(400));
    api.renewals.borrow_mut().push_back(refused);
    let session = session(&api);
    let (halt, id) = (Halt::Credentials(cause(400)), id());
    let got = join_all([&id; 20].map(|id| session.get(id))).await;
    assert!(
        got.iter()
            .all(|g| *g == Err(ReadError::Halted(halt.clone()))),
        "{got:?}"
    );
    assert_eq!((api.renewed.get(), session.halted()), (1, Some(halt)));
    let asked = api.asked.get();
    assert!(session.enter().await.is_err());
    assert_eq!(api.asked.get(), asked, "nothing leaves any more");
}

#[tokio::test(start_paused = true)]
async fn a_renewed_token_that_is_never_taken_is_not_renewed_again() {
    let api = Scripted::new();
    api.takes.set(1);
    api.renewals.borrow_mut().push_back(Outcome::Done(2));
    let session = session(&api);
    let got = session.get(&id()).await;
    let halt = Halt::Credentials(cause(401));
    assert_eq!(got, Err(ReadError::Halted(halt)));
    assert_eq!(api.renewed.get(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_renewal_is_tried_until_it_is_answered() {
    let api = Scripted::new();
    api.takes.set(1);
    api.renewals.borrow_mut().extend([
        Outcome::NotSent(cause(0)),
        Outcome::InDoubt(Doubt::Open, cause(0)),
        Outcome::Refused(Refusal::Wait(WaitKind::RateLimit), cause(429)),
        Outcome::Done(1),
    ]);
    assert_eq!(session(&api).get(&id()).await, Ok(None));
    assert_eq!(api.renewed.get(), 4);
}

#[tokio::test(start_paused = true)]
async fn reads_are_tried_until_they_are_answered() {
    let busy = |wait| {
        let refusal = Refusal::Wait(WaitKind::Busy);
        let mut busy = answer(503, Outcome::Refused(refusal, cause(503)));
        busy.notice.retry_after = Some(Duration::from_secs(wait));
        busy
    };
    let api = Scripted::new();
    api.reads.borrow_mut().extend([
        no_answer(),
        answer(0, Outcome::NotSent(cause(0))),
        answer(502, Outcome::InDoubt(Doubt::Open, cause(502))),
        answer(200, Outcome::InDoubt(Doubt::SaidYes, cause(200))),
        answer(423, Outcome::Refused(Refusal::Locked, cause(423))),
        busy(30),
    ]);
    let began = Instant::now();
    assert_eq!(session(&api).get(&id()).await, Ok(None));
    assert_eq!(api.asked.get(), 7);
    assert!(began.elapsed() >= Duration::from_secs(30));
}

#[tokio::test(start_paused = true)]
async fn a_read_gives_up_after_the_attempts_that_count_or_at_once_where_it_is_refused() {
    let api = Scripted::new();
    let failing = (0..50).map(|_| answer(502, Outcome::InDoubt(Doubt::Open, cause(502))));
    api.reads.borrow_mut().extend(failing);
    let got = session(&api).get(&id()).await;
    assert_eq!(got, Err(ReadError::Failed(cause(502))));
    assert_eq!(api.asked.get(), RetryPolicy::default().max_attempts.get());

    for refusal in [Refusal::Final, Refusal::Forbidden, Refusal::Conflict] {
        let api = Scripted::new();
        let refused = answer(400, Outcome::Refused(refusal, cause(400)));
        api.reads.borrow_mut().push_back(refused);
        let got = session(&api).get(&id()).await;
        assert_eq!(got, Err(ReadError::Failed(cause(400))));
        assert_eq!(api.asked.get(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn pages_that_run_in_a_circle_end() {
    let mut api = Scripted::new();
    api.next = |page| (page < 3).then_some(page + 1);
    assert_eq!(session(&api).list(&ListQuery::default()).await, Ok(vec![]));
    assert_eq!(api.asked.get(), 4);

    api.next = |page| Some((page + 1) % 3);
    match session(&api).list(&ListQuery::default()).await {
        Err(ReadError::Failed(cause)) => assert_eq!(cause.code, "bad_response"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn the_servers_time_is_asked_for_until_someone_answers() {
    let api = Scripted::new();
    api.reads.borrow_mut().extend((0..12).map(|_| no_answer()));
    let session = session(&api);
    assert_eq!(session.server_now(), Ahead.now());
    assert_eq!(session.learn_time(&ListQuery::default()).await, Ok(()));
    assert_eq!(session.server_now(), server_time());
    assert_eq!(api.asked.get(), 13);
    assert_eq!(session.learn_time(&ListQuery::default()).await, Ok(()));
    assert_eq!(api.asked.get(), 13, "it is known");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_never_answers_ends_the_question_at_the_breaker() {
    let api = Scripted::new();
    api.reads.borrow_mut().extend((0..500).map(|_| no_answer()));
    let failures = RetryPolicy::default().max_consecutive_failures.get();
    assert_eq!(
        session(&api).learn_time(&ListQuery::default()).await,
        Err(Halt::Pacing(StopCause::ServerDown { failures }))
    );
    assert_eq!(api.asked.get(), failures);
}
