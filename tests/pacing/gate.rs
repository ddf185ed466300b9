//! The gate alone, one step after the other: who may go, who waits, and who is woken.

use std::{
    cell::RefCell,
    num::NonZeroUsize,
    pin::pin,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures::{
    FutureExt as _,
    future::{LocalBoxFuture, join_all},
};
use monthend::testing::{
    Feedback, Gate, Limits, PacePolicy, Priority, Rate, RateUnit, RetryPolicy, StopCause,
};
use tokio::time::{Instant, sleep};

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn limits(rate: Rate, concurrency: usize) -> Limits {
    let concurrency = NonZeroUsize::new(concurrency).unwrap();
    Limits { rate, burst: 1.try_into().unwrap(), concurrency, ..Limits::default() }
}

fn unlimited() -> Gate {
    Gate::new(&limits(Rate::Unlimited, 4), &RetryPolicy::default())
}

async fn answer(gate: &Gate, priority: Priority, feedback: Feedback) {
    gate.enter(priority).await.unwrap().answered(feedback);
}

/// Until as many are let through at once as `limits.concurrency` says.
async fn open_fully(gate: &Gate) {
    for _ in 0..4 {
        answer(gate, Priority::Ordinary, Feedback::Accepted).await;
    }
}

#[tokio::test(start_paused = true)]
async fn waits_are_counted_once_and_end() {
    let gate = unlimited();
    let began = Instant::now();
    let stands = |paused, until: Option<u64>| {
        let stats = gate.stats();
        assert_eq!(stats.paused, secs(paused), "{:?}", began.elapsed());
        assert_eq!(stats.paused_until, until.map(|at| began + secs(at)));
    };
    gate.pause(secs(10));
    stands(0, Some(10));
    sleep(secs(4)).await;
    stands(4, Some(10));
    gate.pause(secs(10));
    stands(4, Some(14));
    gate.pause(secs(1));
    stands(4, Some(14));
    drop(gate.enter(Priority::Ordinary).await.unwrap());
    assert_eq!(began.elapsed(), secs(14));
    stands(14, None);
    sleep(secs(6)).await;
    gate.pause(secs(5));
    sleep(secs(5)).await;
    stands(19, None);
}

#[tokio::test(start_paused = true)]
async fn what_is_in_flight_together_is_throttled_once() {
    let gate = unlimited();
    open_fully(&gate).await;
    let mut together = Vec::new();
    for _ in 0..3 {
        together.push(gate.enter(Priority::Ordinary).await.unwrap());
    }
    assert_eq!(gate.stats().in_flight, 3);
    for slot in &together {
        slot.answered(Feedback::RateLimited(Some(secs(2))));
    }
    drop(together);
    let stats = gate.stats();
    let counts = (stats.accepted, stats.rate_limited, stats.throttles, stats.in_flight);
    assert_eq!(counts, (4, 3, 1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_wait_of_zero_is_none_and_the_longest_one_is_kept() {
    let policy = RetryPolicy::default();
    let gate = unlimited();
    let slot = gate.enter(Priority::Ordinary).await.unwrap();
    gate.pause(Duration::ZERO);
    assert!(slot.leave().await.is_ok());
    gate.pause(policy.max_retry_after);
    assert!(slot.leave().await.is_err());
    assert_eq!(gate.stopped(), None);
    gate.pause(Duration::MAX);
    assert!(matches!(gate.stopped(), Some(StopCause::WaitTooLong { .. })));
}

/// Without an announced wait: `base_delay`, doubled each time, up to `max_delay`, however often.
#[tokio::test(start_paused = true)]
async fn an_unannounced_wait_doubles_up_to_its_limit() {
    let policy = RetryPolicy { max_stall: secs(1_000_000), ..RetryPolicy::default() };
    let gate = Gate::new(&limits(Rate::Unlimited, 1), &policy);
    for attempt in 0..40 {
        answer(&gate, Priority::Ordinary, Feedback::RateLimited(None)).await;
        let wait = gate.stats().paused_until.unwrap() - Instant::now();
        let doubled = policy.base_delay * 2u32.pow(attempt.min(10));
        assert_eq!(wait, doubled.min(policy.max_delay), "{attempt}");
    }
}

/// Whatever happens afterwards, people read why it stopped.
#[tokio::test(start_paused = true)]
async fn the_first_cause_stays() {
    let policy = RetryPolicy::default();
    let too_long = policy.max_retry_after + secs(1);
    let stalled = StopCause::Stalled { since: policy.max_stall };
    let gate = unlimited();
    let slot = gate.enter(Priority::Ordinary).await.unwrap();
    gate.stall();
    assert!(slot.leave().await.is_err(), "nothing leaves any more");
    gate.pause(too_long);
    for _ in 0..policy.max_consecutive_failures.get() {
        slot.answered(Feedback::Failed);
    }
    assert_eq!(gate.stopped(), Some(stalled));

    let gate = unlimited();
    answer(&gate, Priority::Ordinary, Feedback::Accepted).await;
    gate.pause(too_long);
    let first = gate.stopped().unwrap();
    gate.stall();
    sleep(policy.max_stall).await;
    assert_eq!(gate.enter(Priority::Ordinary).await.err(), Some(first));
    assert_ne!(first, stalled);
}

/// Nobody sleeps until the end of a wait that has no sense any more.
#[tokio::test(start_paused = true)]
async fn who_waits_hears_at_once_that_nothing_leaves_any_more() {
    let too_long = RetryPolicy::default().max_retry_after + secs(1);
    let stops: [&dyn Fn(&Gate); 2] = [&|gate| gate.pause(too_long), &|gate| gate.stall()];
    for stop in stops {
        let gate = unlimited();
        gate.pause(secs(60));
        let began = Instant::now();
        let mut waiting = pin!(gate.enter(Priority::Ordinary));
        assert!(waiting.as_mut().now_or_never().is_none());
        stop(&gate);
        assert!(waiting.await.is_err());
        assert_eq!(began.elapsed(), Duration::ZERO);
    }
}

/// A wait longer than `retry.max_stall` is not sat out.
#[tokio::test(start_paused = true)]
async fn a_stall_ends_a_wait_and_each_accepted_request_restarts_it() {
    let policy = RetryPolicy { max_stall: secs(60), ..RetryPolicy::default() };
    let gate = Gate::new(&limits(Rate::Unlimited, 1), &policy);
    for _ in 0..3 {
        answer(&gate, Priority::Ordinary, Feedback::Accepted).await;
        sleep(secs(59)).await;
    }
    answer(&gate, Priority::Ordinary, Feedback::Accepted).await;
    let began = Instant::now();
    gate.pause(secs(600));
    let stalled = StopCause::Stalled { since: policy.max_stall };
    assert_eq!(gate.enter(Priority::Ordinary).await.err(), Some(stalled));
    assert_eq!(began.elapsed(), policy.max_stall);
}

#[tokio::test(start_paused = true)]
async fn idle_time_before_the_last_accepted_request_does_not_delay_a_stall() {
    let policy = RetryPolicy::default();
    let gate = unlimited();
    {
        let _idle = gate.idle();
        sleep(policy.max_stall * 3).await;
        answer(&gate, Priority::Ordinary, Feedback::Accepted).await;
    }
    sleep(policy.max_stall).await;
    assert!(gate.enter(Priority::Ordinary).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn an_accepted_head_lets_others_follow_and_a_dropped_slot_one() {
    let gate = unlimited();
    let began = Instant::now();
    let first = gate.enter(Priority::Ordinary).await.unwrap();
    let mut second = pin!(gate.enter(Priority::Ordinary));
    assert!(second.as_mut().now_or_never().is_none());
    first.answered(Feedback::Accepted);
    let second = second.await.unwrap();
    let mut third = pin!(gate.enter(Priority::Ordinary));
    assert!(third.as_mut().now_or_never().is_none());
    drop(second);
    // Who comes later does not overtake, though it asks first.
    assert!(gate.enter(Priority::Ordinary).now_or_never().is_none());
    let _third = third.await.unwrap();
    assert_eq!(began.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn while_the_gate_is_closed_only_the_renewal_passes() {
    let gate = unlimited();
    let began = Instant::now();
    let closed = gate.close();
    let mut create = pin!(gate.enter(Priority::Ordinary));
    assert!(create.as_mut().now_or_never().is_none());
    assert!(gate.enter(Priority::Between).now_or_never().is_none());
    drop(gate.enter(Priority::First).await.unwrap());
    assert!(create.as_mut().now_or_never().is_none());
    drop(closed);
    assert!(create.await.is_ok());
    assert_eq!(began.elapsed(), Duration::ZERO);
}

/// The renewal goes first, and three creates pass the first waiting read, whoever came first.
#[tokio::test(start_paused = true)]
async fn the_order_of_requests() {
    use Priority::{Between, First, Ordinary};
    let (creates, reads) = ([(Ordinary, 'c'); 7], [(Between, 'r'); 2]);
    for arrivals in [
        [&creates[..], &reads[..], &[(First, 'f')]].concat(),
        [&reads[..], &creates, &[(First, 'f')]].concat(),
    ] {
        let gate = unlimited();
        gate.pause(secs(1));
        let order = RefCell::new(String::new());
        join_all(arrivals.iter().map(async |(priority, name)| {
            let slot = gate.enter(*priority).await.unwrap();
            order.borrow_mut().push(*name);
            sleep(secs(1)).await;
            drop(slot);
        }))
        .await;
        assert_eq!(*order.borrow(), "fcccrcccrc");
    }
}

/// Who waits behind a request is woken when that one enters, and not only when it is answered.
#[tokio::test(start_paused = true)]
async fn who_enters_wakes_those_behind() {
    for behind in [Priority::Ordinary, Priority::Between] {
        let rate = Rate::Limited { count: 1.try_into().unwrap(), per: RateUnit::Second };
        let gate = Gate::new(&limits(rate, 4), &RetryPolicy::default());
        open_fully(&gate).await;
        let began = Instant::now();
        let first: LocalBoxFuture<'_, _> = gate.enter(Priority::First).boxed_local();
        let slots = join_all([first, gate.enter(behind).boxed_local()]).await;
        assert!(slots.iter().all(Result::is_ok));
        assert_eq!(began.elapsed(), secs(2));
    }
}

#[tokio::test(start_paused = true)]
async fn any_answer_of_the_api_ends_a_row_of_failures() {
    for answered in
        [Feedback::Accepted, Feedback::RateLimited(Some(secs(1))), Feedback::Busy(secs(1))]
    {
        let gate = unlimited();
        answer(&gate, Priority::Ordinary, Feedback::Failed).await;
        assert_eq!(gate.failures(), 1);
        answer(&gate, Priority::Ordinary, answered).await;
        assert_eq!(gate.failures(), 0, "{answered:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn pages_in_place_of_answers_to_creates_stop_early() {
    for (priority, feedback, stops) in [
        (Priority::Ordinary, Feedback::Page, true),
        (Priority::Ordinary, Feedback::Failed, false),
        (Priority::Between, Feedback::Page, false),
    ] {
        let gate = unlimited();
        for _ in 0..3 {
            answer(&gate, priority, feedback).await;
        }
        assert_eq!(gate.stopped().is_some(), stops, "{priority:?} {feedback:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn after_some_failures_requests_leave_apart() {
    let policy = RetryPolicy::default();
    let gate = unlimited();
    let slot = gate.enter(Priority::Ordinary).await.unwrap();
    for _ in 0..policy.max_consecutive_failures.get() / 5 {
        slot.answered(Feedback::Failed);
    }
    drop(slot);
    drop(gate.enter(Priority::Ordinary).await.unwrap());
    let began = Instant::now();
    drop(gate.enter(Priority::Ordinary).await.unwrap());
    assert_eq!(began.elapsed(), policy.base_delay / 4);
}

/// What the pace policy was told.
#[derive(Debug, Clone, Default)]
struct Recorder(Arc<Mutex<Vec<&'static str>>>);

impl Recorder {
    fn note(&self, what: &'static str) {
        self.0.lock().unwrap().push(what);
    }
}

impl PacePolicy for Recorder {
    fn not_before(&self, now: Instant) -> Instant {
        now
    }

    fn most_in_flight(&self, _: usize) -> usize {
        usize::MAX
    }

    fn pace(&self) -> Option<f64> {
        None
    }

    fn measured(&self) -> Option<f64> {
        None
    }

    fn on_sent(&mut self, _: Instant) {
        self.note("sent");
    }

    fn on_accepted(&mut self, _: Instant) {
        self.note("accepted");
    }

    fn on_limited(&mut self, _: Instant, _: Instant) {
        self.note("limited");
    }

    fn on_busy(&mut self, _: Instant, _: Instant) {
        self.note("busy");
    }
}

#[tokio::test(start_paused = true)]
async fn the_pace_policy_is_told_of_every_answer_that_teaches() {
    for (feedback, told) in [
        (Feedback::Accepted, Some("accepted")),
        (Feedback::RateLimited(None), Some("limited")),
        (Feedback::Busy(secs(1)), Some("busy")),
        (Feedback::Failed, None),
        (Feedback::Page, None),
    ] {
        let recorder = Recorder::default();
        let limits = limits(Rate::Unlimited, 1);
        let policy = RetryPolicy::default();
        let gate = Gate::with_pace_policy(&limits, &policy, Box::new(recorder.clone()));
        answer(&gate, Priority::Ordinary, feedback).await;
        let expected: Vec<_> = ["sent"].into_iter().chain(told).collect();
        assert_eq!(*recorder.0.lock().unwrap(), expected, "{feedback:?}");
    }
}
