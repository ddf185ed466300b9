//! Servers that do unusual things.

use std::time::Duration;

use monthend::testing::{Feedback, Rate, RetryPolicy, StopCause};

use crate::simulator::{
    Scenario, ServerConfig, bound,
    client::{self, Trace},
    reference::refusing_at_random,
    server::{Misfortune, RetryAfter, fixed_window, sliding_window, token_bucket},
};

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn unlimited(server: ServerConfig) -> Scenario {
    Scenario::new(server, Rate::Unlimited)
}

/// How many were accepted a second between these times.
fn accepted_rate(trace: &Trace, from: u64, to: u64) -> f64 {
    let between = trace.sent.iter().filter(|sent| {
        sent.feedback == Feedback::Accepted
            && sent.answered >= secs(from)
            && sent.answered < secs(to)
    });
    between.count() as f64 / (to - from) as f64
}

#[test]
fn every_form_of_retry_after_will_do() {
    for (limiter, name) in [
        (token_bucket(20, 10), "token bucket"),
        (fixed_window(20, 1), "fixed window"),
        (sliding_window(20, 1), "sliding window"),
    ] {
        for form in RetryAfter::ALL {
            let mut scenario = unlimited(ServerConfig::new(limiter));
            scenario.server.retry_after = form;
            scenario.requests = 600;
            scenario.latency = 25..=75;
            scenario.policy.base_delay = Duration::from_millis(200);
            let trace = scenario.run();
            assert_eq!(trace.stopped, None);
            let ratio = trace.makespan.as_secs_f64()
                / bound::of_server(limiter, Duration::ZERO, 600).as_secs_f64();
            let limited = trace.limited() as f64 / 0.6;
            // A date is rounded twice: it costs a second more with each 429.
            let allowed = if form == RetryAfter::HttpDate { 1.35 } else { 1.25 };
            // Waits of a tenth of a second cost little time, so coming down from a pace that is far too fast takes
            // more of them.
            assert!(
                ratio <= allowed && limited <= 45.0,
                "{name}, {form:?}: {ratio:.3}, {limited:.0} per 1,000"
            );
        }
    }
}

#[test]
fn one_long_wait_early_in_a_run_does_not_make_it_slow() {
    let mut scenario = unlimited(ServerConfig::new(token_bucket(20, 10)));
    let early = Duration::from_millis(100)..Duration::from_millis(130);
    scenario.server.misfortunes = vec![Misfortune::Throttled(early, secs(30))];
    let trace = scenario.run();
    assert!(trace.makespan < secs(30) + secs(50).mul_f64(1.15), "{:?}", trace.makespan);
}

#[test]
fn one_long_wait_late_in_a_run_changes_little() {
    let mut scenario = unlimited(ServerConfig::new(token_bucket(20, 10)));
    scenario.server.misfortunes =
        vec![Misfortune::Throttled(secs(25)..secs(25) + Duration::from_millis(60), secs(30))];
    let trace = scenario.run();
    assert!(trace.makespan < secs(30) + secs(50).mul_f64(1.15), "{:?}", trace.makespan);
    assert!(trace.limited() < 25, "{}", trace.limited());
}

#[test]
fn a_raised_limit_is_found_and_a_lowered_one_kept() {
    for (limiter, raised, lowered) in [
        (token_bucket(20, 10), token_bucket(60, 10), token_bucket(5, 10)),
        (fixed_window(20, 1), fixed_window(60, 1), fixed_window(5, 1)),
        (sliding_window(20, 1), sliding_window(60, 1), sliding_window(5, 1)),
    ] {
        let mut scenario = unlimited(ServerConfig::new(limiter));
        scenario.requests = 15_000;
        scenario.server.changes = Some((secs(60), raised));
        let trace = scenario.run();
        let found = accepted_rate(&trace, 300, 360);
        assert!(
            found > 30.0,
            "{limiter:?}: {found}/s five minutes after the limit was raised to 60/s"
        );

        scenario.requests = 2000;
        scenario.server.changes = Some((secs(60), lowered));
        let trace = scenario.run();
        let kept = accepted_rate(&trace, 80, 160);
        assert!(kept > 3.0, "{limiter:?}: {kept}/s after the limit was lowered to 5/s");
        assert!(trace.limited() < 60, "{limiter:?}: {}", trace.limited());
    }
}

#[test]
fn a_busy_server_is_left_alone_and_then_used_gently_and_fully() {
    let mut scenario = unlimited(ServerConfig::new(token_bucket(20, 10)));
    scenario.server.misfortunes = vec![Misfortune::Busy(secs(20)..secs(21), secs(15))];
    let trace = scenario.run();
    assert_eq!(accepted_rate(&trace, 22, 35), 0.0);
    let busy = trace.count(|feedback| matches!(feedback, Feedback::Busy(_)));
    assert!((1..=3).contains(&busy), "{busy}");
    let after = accepted_rate(&trace, 38, 48);
    assert!(after > 17.0, "{after}/s after it");
}

#[test]
fn a_server_that_never_accepts_stops_the_run() {
    let mut scenario = unlimited(ServerConfig::new(token_bucket(20, 10)));
    scenario.server.misfortunes =
        vec![Misfortune::Throttled(Duration::ZERO..Duration::MAX, secs(60))];
    let trace = scenario.run();
    assert!(matches!(trace.stopped, Some(StopCause::Stalled { .. })));
    let stall = scenario.policy.max_stall;
    assert!(
        trace.makespan + secs(1) > stall && trace.makespan <= stall + secs(61),
        "{:?}",
        trace.makespan
    );
    assert!(trace.sent.len() <= 61, "{}", trace.sent.len());
}

#[test]
fn a_server_that_is_gone_is_not_hammered() {
    let mut scenario = unlimited(ServerConfig::new(token_bucket(20, 10)));
    scenario.server.misfortunes = vec![Misfortune::Down(secs(10)..Duration::MAX)];
    let trace = scenario.run();
    let most = RetryPolicy::default().max_consecutive_failures.get();
    assert_eq!(trace.stopped, Some(StopCause::ServerDown { failures: most }));
    let failed = trace.count(|feedback| *feedback == Feedback::Failed);
    assert!(failed <= most as usize + 1, "{failed}");
    assert!(trace.makespan > secs(60), "{:?}", trace.makespan);
}

#[test]
fn a_server_that_comes_back_is_used_again() {
    let mut scenario = unlimited(ServerConfig::new(token_bucket(20, 10)));
    scenario.server.misfortunes = vec![Misfortune::Down(secs(10)..secs(40))];
    let trace = scenario.run();
    assert_eq!(trace.stopped, None);
    assert!(trace.makespan < secs(95), "{:?}", trace.makespan);
}

#[test]
fn a_wait_beyond_the_limit_stops_the_run_at_once() {
    let mut scenario = unlimited(ServerConfig::new(token_bucket(20, 10)));
    scenario.server.misfortunes = vec![Misfortune::Throttled(secs(5)..Duration::MAX, secs(3600))];
    let trace = scenario.run();
    assert!(matches!(trace.stopped, Some(StopCause::WaitTooLong { .. })));
    assert!(trace.makespan < secs(7), "{:?}", trace.makespan);
}

#[test]
fn little_work_does_not_drive_the_pace_up() {
    // The ceiling is below what the server grants, so nothing is learned from being accepted.
    let mut scenario = Scenario::new(ServerConfig::new(token_bucket(20, 10)), client::rate(600));
    scenario.server.misfortunes =
        vec![Misfortune::Throttled(secs(5)..secs(5) + Duration::from_millis(60), secs(1))];
    scenario.requests = 3000;
    let trace = scenario.run();
    let pace = trace.stats.learned_pace.unwrap();
    assert!(pace < 40.0, "{pace}");
}

/// A quarter of all requests is refused whatever the pace is: being slower does not help, so it is not slowed down without end.
#[test]
fn refusals_that_have_nothing_to_do_with_the_pace_do_not_stop_it() {
    for form in [RetryAfter::Zero, RetryAfter::WholeSeconds] {
        for seed in 0..5 {
            let trace = refusing_at_random(0.25, form, 300, seed).run();
            assert_eq!(trace.stopped, None);
            assert!(
                trace.makespan < secs(450),
                "seed {seed}, {form:?}: {:?} for 300 requests",
                trace.makespan
            );
        }
    }
}

/// Requests are sent together, and one is refused. When another of them is refused after that wait, this says nothing
/// new of the limit, though its own wait is kept.
#[tokio::test(start_paused = true)]
async fn a_429_that_comes_after_the_wait_that_it_belongs_to_teaches_nothing() {
    use monthend::testing::{Gate, Priority};
    let limits = monthend::testing::Limits { rate: Rate::Unlimited, ..Default::default() };
    let gate = Gate::new(&limits, &RetryPolicy::default());
    let accepted = async || {
        let pass = gate.enter(Priority::Ordinary).await.unwrap();
        pass.answered(Feedback::Accepted);
    };
    for _ in 0..20 {
        accepted().await;
    }
    let mut together = Vec::new();
    for _ in 0..3 {
        together.push(gate.enter(Priority::Ordinary).await.unwrap());
    }
    let wait = Feedback::RateLimited(Some(Duration::from_millis(20)));
    together[0].answered(wait);
    tokio::time::sleep(Duration::from_millis(50)).await;
    together[1].answered(Feedback::Accepted);
    let before = gate.stats();
    together[2].answered(wait);
    let after = gate.stats();
    assert!(after.paused_until.is_some());
    assert_eq!(before.learned_pace, after.learned_pace);
}

/// `Retry-After: 0` with a 503, for ever: nobody is accepted, and nobody is hammered.
#[tokio::test(start_paused = true)]
async fn a_server_that_says_come_back_at_once_is_left_in_peace() {
    let gate = monthend::testing::Gate::new(&Default::default(), &Default::default());
    let began = tokio::time::Instant::now();
    for _ in 0..20 {
        let pass = gate.enter(monthend::testing::Priority::Ordinary).await.unwrap();
        pass.leave().await.unwrap();
        pass.answered(monthend::testing::Feedback::Busy(Duration::ZERO));
    }
    assert!(began.elapsed() > Duration::from_secs(600), "{:?}", began.elapsed());
}

/// Waiting for `retry.settle` is our own choice, and no sign of a server that takes nothing.
#[tokio::test(start_paused = true)]
async fn idle_time_is_no_stall_but_every_other_wait_is() {
    use monthend::testing::{Feedback, Gate, Priority};
    let policy = RetryPolicy::default();
    let gate = Gate::new(&Default::default(), &policy);
    let accepted = async || {
        let pass = gate.enter(Priority::Ordinary).await?;
        pass.answered(Feedback::Accepted);
        Ok::<_, StopCause>(())
    };
    accepted().await.unwrap();
    let almost = policy.max_stall - secs(1);
    tokio::time::sleep(almost).await;
    {
        let _idle = gate.idle();
        tokio::time::sleep(policy.max_stall * 3).await;
    }
    accepted().await.unwrap();
    {
        let _idle = gate.idle();
        tokio::time::sleep(policy.max_stall * 3).await;
    }
    // What passed before and after an idle time is added up.
    tokio::time::sleep(almost).await;
    drop(gate.idle());
    tokio::time::sleep(secs(2)).await;
    let since = policy.max_stall;
    assert_eq!(accepted().await, Err(StopCause::Stalled { since }));
}
