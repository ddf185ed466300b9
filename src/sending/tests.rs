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
    api::{
        Answer, Api, Cause, ListPage, ListQuery, Listed, Notice, OnHead, Outcome, Page, Refusal,
        WaitKind,
    },
    manifest::{Discover, Limits, Rate, RetryPolicy},
};
use request::{Doubt, OrgId, ReportId, Request};

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
    /// How many reports are on a page of a list.
    fills: usize,
    /// The id for which no token is taken.
    forbidden: Option<ReportId>,
    /// How long the body of an answer takes after its head.
    trickles: Duration,
    /// More reports than this on a page are answered with 504.
    most: usize,
    /// What the lists asked for.
    sizes: RefCell<Vec<usize>>,
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
            fills: 0,
            forbidden: None,
            trickles: Duration::ZERO,
            most: usize::MAX,
            sizes: RefCell::default(),
        }
    }

    async fn read<T>(&self, token: u32, on_head: &dyn OnHead, value: T) -> Answer<T> {
        self.asked.set(self.asked.get() + 1);
        sleep(Duration::from_millis(10)).await;
        if token != self.takes.get() {
            return answer(401, Outcome::Refused(Refusal::Unauthorized, cause(401)));
        }
        let scripted = self.reads.borrow_mut().pop_front();
        if let Some(answer) = scripted.as_ref().filter(|_| !self.trickles.is_zero()) {
            on_head.on_head(&answer.notice);
            sleep(self.trickles).await;
        }
        match scripted {
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

    async fn create(&self, _: &u32, _: &Request, _: &dyn OnHead) -> Answer<ReportId> {
        unreachable!("the session creates nothing")
    }

    async fn list(
        &self,
        token: &u32,
        ListPage { max, next, .. }: ListPage<'_>,
        on_head: &dyn OnHead,
    ) -> Answer<Page<Listed>> {
        self.sizes.borrow_mut().push(max);
        if max > self.most {
            sleep(Duration::from_millis(10)).await;
            return answer(504, Outcome::InDoubt(Doubt::Open, cause(504)));
        }
        let page = next.map_or(0, |url| url.path()[1..].parse().unwrap());
        let next = (self.next)(page).map(|n| format!("http://model.invalid/{n}").parse().unwrap());
        let items = (0..self.fills).map(|_| Listed::bare(id())).collect();
        self.read(*token, on_head, Page { items, next }).await
    }

    async fn get(
        &self,
        token: &u32,
        id: &ReportId,
        on_head: &dyn OnHead,
    ) -> Answer<Option<Listed>> {
        if self.forbidden.as_ref() == Some(id) {
            sleep(Duration::from_millis(10)).await;
            return answer(401, Outcome::Refused(Refusal::Unauthorized, cause(401)));
        }
        self.read(*token, on_head, None).await
    }

    async fn sub_partners(
        &self,
        _: &u32,
        _: Discover,
        _: Option<&Url>,
        _: &dyn OnHead,
    ) -> Answer<Page<OrgId>> {
        unreachable!("nothing is discovered")
    }

    async fn renew(&self, _: Option<&u32>, _: &dyn OnHead) -> Answer<u32> {
        self.renewed.set(self.renewed.get() + 1);
        sleep(Duration::from_secs(2)).await;
        let mut renewals = self.renewals.borrow_mut();
        let outcome = match renewals.len() {
            0 => Outcome::Done(self.takes.get()),
            1 => renewals[0].clone(),
            _ => renewals.pop_front().unwrap(),
        };
        let status = match &outcome {
            Outcome::Done(_) => 200,
            other => other.cause().and_then(|cause| cause.http_status).unwrap_or(0),
        };
        answer(status, outcome)
    }
}

fn cause(status: u16) -> Cause {
    Cause {
        http_status: (status > 0).then_some(status),
        code: "code".to_owned(),
        text: "text".to_owned(),
        tracking_id: None,
        report_id: None,
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

/// A local clock that is an hour ahead, and goes on with the clock of the test.
struct Ahead;

thread_local! {
    static BEGAN: Instant = Instant::now();
}

impl WallClock for Ahead {
    fn now(&self) -> DateTime<Utc> {
        server_time() + Duration::from_secs(3600) + BEGAN.with(Instant::elapsed)
    }
}

fn unlimited() -> Limits {
    Limits { rate: Rate::Unlimited, ..Limits::default() }
}

fn session(api: &Scripted) -> Session<'_, Scripted> {
    let limits = unlimited();
    let policy = RetryPolicy::default();
    Session::new(api, Some(0), (&limits, &policy), &Ahead, 7)
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
    assert!(got.iter().all(|g| *g == Err(ReadError::Halted(halt.clone()))), "{got:?}");
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
    assert_eq!(api.asked.get(), 2 * 4, "read again until two readings agree");

    api.next = |page| Some((page + 1) % 3);
    match session(&api).list(&ListQuery::default()).await {
        Err(ReadError::Failed(cause)) => assert_eq!(cause.code, "bad_response"),
        other => panic!("{other:?}"),
    }
}

/// Each page leads to a new one: `fills` reports on each.
async fn endless(fills: usize, max_stall: Duration) -> (Result<Vec<Listed>, ReadError>, u32) {
    let mut api = Scripted::new();
    (api.next, api.fills) = (|page| Some(page + 1), fills);
    let policy = RetryPolicy { max_stall, ..RetryPolicy::default() };
    let limits = unlimited();
    let session = Session::new(&api, Some(0), (&limits, &policy), &Ahead, 7);
    let listed = session.list(&ListQuery::default()).await;
    (listed, api.asked.get())
}

#[tokio::test(start_paused = true)]
async fn pages_without_end_are_no_progress() {
    let since = Duration::from_secs(10);
    let (listed, asked) = endless(0, since).await;
    let stalled = Halt::Pacing(crate::sending::StopCause::Stalled { since });
    assert_eq!(listed, Err(ReadError::Halted(stalled)));
    assert_eq!(asked, 1_000, "10 ms each");
    match endless(10_000, Duration::from_secs(3_600)).await {
        (Err(ReadError::Failed(cause)), 20) => {
            assert!(cause.text.contains("more than 200000 entries"), "{cause:?}");
        }
        other => panic!("{:?} {}", other.0.map(|listed| listed.len()), other.1),
    }
}

/// Heads that say 200, and bodies that break off: nobody knows what answers.
#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_is_no_answer() {
    let unread = || {
        let mut answer = answer(200, Outcome::InDoubt(Doubt::SaidYes, cause(200)));
        answer.notice.is_unread = true;
        answer
    };
    let api = Scripted::new();
    api.reads.borrow_mut().extend((0..500).map(|_| unread()));
    let failures = RetryPolicy::default().max_consecutive_failures.get();
    let listed = session(&api).first_list(&ListQuery::default()).await;
    let cause = cause(200);
    assert_eq!(listed, Err(Halt::Down { failures, cause }));
}

#[tokio::test(start_paused = true)]
async fn the_servers_time_is_asked_for_until_someone_answers() {
    let api = Scripted::new();
    api.reads.borrow_mut().extend((0..12).map(|_| no_answer()));
    let session = session(&api);
    assert_eq!(session.server_now(), Ahead.now());
    let listed = session.first_list(&ListQuery::default()).await;
    assert!(listed.is_ok(), "{listed:?}");
    assert_eq!(session.server_now(), server_time());
    assert_eq!(api.asked.get(), 13);
    let listed = session.first_list(&ListQuery::default()).await;
    assert_eq!(listed, Ok(Some(vec![])), "what is there for it");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_never_answers_ends_the_question_at_the_breaker() {
    let api = Scripted::new();
    api.reads.borrow_mut().extend((0..500).map(|_| no_answer()));
    let failures = RetryPolicy::default().max_consecutive_failures.get();
    assert_eq!(
        session(&api).first_list(&ListQuery::default()).await,
        Err(Halt::Down { failures, cause: no_answer().outcome.cause().unwrap().clone() })
    );
    assert_eq!(api.asked.get(), failures);
}

/// A token that others are accepted with is not at fault: the request is.
#[tokio::test(start_paused = true)]
async fn a_401_for_one_request_only_is_its_own_and_renews_nothing() {
    let mut api = Scripted::new();
    let forbidden: ReportId = "forbidden".parse().unwrap();
    api.forbidden = Some(forbidden.clone());
    let session = session(&api);
    // The very first request, so that nobody was accepted before; then many together.
    let failed = Err(ReadError::Failed(cause(401)));
    assert_eq!(session.get(&forbidden).await, failed);
    let ids: Vec<ReportId> = (0..60).map(|n| format!("id-{n}").parse().unwrap()).collect();
    let others = join_all(ids.iter().map(|id| session.get(id)));
    let refused = join_all([&forbidden; 20].map(|id| session.get(id)));
    let (others, refused) = futures::join!(others, refused);
    assert!(others.iter().all(|got| *got == Ok(None)), "{others:?}");
    assert!(refused.iter().all(|got| *got == failed), "{refused:?}");
    assert_eq!((api.renewed.get(), session.halted()), (0, None));
    // A token that ends is still renewed once, and the request is still the one at fault.
    api.takes.set(1);
    assert_eq!(session.get(&forbidden).await, failed);
    assert_eq!(api.renewed.get(), 1);
}

/// The wait is announced by the head; the body takes its time.
#[tokio::test(start_paused = true)]
async fn a_wait_binds_from_the_moment_at_which_its_head_is_here() {
    let mut api = Scripted::new();
    api.trickles = Duration::from_secs(4);
    let limited = || {
        let refusal = Refusal::Wait(WaitKind::RateLimit);
        let mut limited = answer(429, Outcome::Refused(refusal, cause(429)));
        limited.notice.retry_after = Some(Duration::from_secs(6));
        limited
    };
    let news = RefCell::new(Vec::new());
    let listener = |one: &SessionEvent| news.borrow_mut().push((Instant::now(), one.clone()));
    let (limits, policy) = (unlimited(), RetryPolicy::default());
    let session = Session::new(&api, Some(0), (&limits, &policy), &Ahead, 7).telling(listener);
    let id = id();
    session.get(&id).await.unwrap();
    api.reads.borrow_mut().push_back(limited());
    let began = Instant::now();
    let first = session.get(&id);
    let second = async {
        sleep(Duration::from_millis(50)).await;
        let got = session.get(&id).await;
        (got, began.elapsed())
    };
    let (_, (got, answered)) = futures::join!(first, second);
    assert_eq!(got, Ok(None));
    // From the head on, and no longer for the body.
    let (left, wait) = (answered - Duration::from_millis(10), Duration::from_secs(6));
    assert!(left >= wait, "left after {left:?}");
    assert!(left < wait + Duration::from_secs(1), "left after {left:?}");
    drop(session);
    let news = news.into_inner();
    assert_eq!(news.len(), 1, "{news:?}");
    assert_eq!(news[0].0 - began, Duration::from_millis(10));
    let until = Ahead.now() - news[0].0.elapsed() + wait;
    let paused = SessionEvent::Paused { status: Some(429), wait, until };
    assert_eq!(news[0].1, paused);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_lists_too_slowly_is_asked_for_half() {
    let mut api = Scripted::new();
    api.most = 10;
    let session = session(&api);
    let query = ListQuery::default();
    let began = Instant::now();
    assert_eq!(session.list(&query).await, Ok(vec![]));
    assert_eq!(api.sizes.take(), [100, 50, 25, 12, 6]);
    assert!(began.elapsed() < Duration::from_secs(1), "no backoff");
    // Remembered; and what fails together halves once.
    assert_eq!(session.list(&query).await, Ok(vec![]));
    assert_eq!(api.sizes.take(), [6]);
}

#[tokio::test(start_paused = true)]
async fn lists_that_fail_together_halve_once() {
    let mut api = Scripted::new();
    api.most = 50;
    let session = session(&api);
    let (id, query) = (id(), ListQuery::default());
    // Gathers way first, so that the lists leave together.
    join_all([&id; 40].map(|id| session.get(id))).await;
    let listed = join_all([&query; 8].map(|query| session.list(query))).await;
    assert!(listed.iter().all(|listed| *listed == Ok(vec![])));
    let sizes = api.sizes.take();
    assert!(sizes.iter().all(|size| [100, 50].contains(size)), "{sizes:?}");
    assert_eq!(sizes[..8], [100; 8]);
}

#[tokio::test(start_paused = true)]
async fn a_list_of_one_that_is_too_slow_fails_as_any_read() {
    let mut api = Scripted::new();
    api.most = 0;
    let got = session(&api).list(&ListQuery::default()).await;
    assert_eq!(got, Err(ReadError::Failed(cause(504))));
    let sizes = api.sizes.take();
    assert_eq!(sizes[..7], [100, 50, 25, 12, 6, 3, 1]);
    let most = RetryPolicy::default().max_attempts.get();
    assert_eq!(sizes.len() as u32, 6 + most);
}

/// A gateway makes up its own error pages, and has its own clock.
#[tokio::test(start_paused = true)]
async fn an_error_page_teaches_no_time() {
    let api = Scripted::new();
    let session = session(&api);
    session.get(&id()).await.unwrap();
    let known = Instant::now();
    let ahead = chrono::Duration::seconds(3);
    for status in [500, 502, 503, 504] {
        let mut page = answer(status, Outcome::InDoubt(Doubt::Open, cause(status)));
        page.notice.date = Some(server_time() + known.elapsed() + ahead);
        api.reads.borrow_mut().extend([page.clone(), page]);
    }
    session.get(&id()).await.unwrap_err();
    assert_eq!(session.server_now(), server_time() + known.elapsed());
    // A refusal comes from the server itself.
    let mut refused = answer(404, Outcome::Refused(Refusal::Final, cause(404)));
    refused.notice.date = Some(server_time() - ahead);
    api.reads.borrow_mut().push_back(refused);
    session.get(&id()).await.unwrap_err();
    assert_eq!(session.server_now(), server_time() - ahead);
}

/// Lists that can never be read do not keep a run from beginning.
#[tokio::test(start_paused = true)]
async fn the_servers_time_is_learned_where_lists_fail() {
    let mut api = Scripted::new();
    api.most = 0;
    let session = session(&api);
    let began = Instant::now();
    assert_eq!(session.first_list(&ListQuery::default()).await, Ok(None));
    assert_eq!(session.server_now(), server_time() + (began.elapsed() - Duration::from_millis(20)));
    assert!(began.elapsed() < Duration::from_secs(2));
}
