//! What holds against any server, network and configuration.

use std::{num::NonZeroUsize, time::Duration};

use monthend::testing::{Feedback, Rate};
use proptest::prelude::*;
use sandbox::LimiterConfig;

use crate::simulator::{
    Scenario, ServerConfig,
    client::{self, Trace},
    server::{RetryAfter, fixed_window, sliding_window, token_bucket},
};

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn limiters() -> impl Strategy<Value = LimiterConfig> {
    prop_oneof![
        (1u32..100, 1u32..60).prop_map(|(rate, burst)| token_bucket(rate, burst)),
        (2u32..200, 1u64..20).prop_map(|(max, seconds)| fixed_window(max, seconds)),
        (2u32..200, 1u64..20).prop_map(|(max, seconds)| sliding_window(max, seconds)),
    ]
}

fn rates() -> impl Strategy<Value = Rate> {
    prop_oneof![Just(Rate::Unlimited), (60u32..12_000).prop_map(client::rate),]
}

prop_compose! {
    fn servers()(
        limiter in limiters(),
        phase in 0u64..20_000,
        retry_after in prop::sample::select(RetryAfter::ALL.to_vec()),
        per_method: bool,
        penalty in prop::option::weighted(0.2, 10u64..500),
    ) -> ServerConfig {
        let mut server = ServerConfig::new(limiter);
        server.phase = ms(phase);
        server.retry_after = retry_after;
        server.per_method = per_method;
        // A server that does not say how long to wait cannot punish those who do not.
        let says = !matches!(retry_after, RetryAfter::Zero | RetryAfter::Missing);
        server.penalty = penalty.filter(|_| says).map(ms);
        server
    }
}

prop_compose! {
    fn scenarios()(
        server in servers(),
        rate in rates(),
        burst in 1u32..20,
        concurrency in 1usize..24,
        requests in 20u32..160,
        list_every in prop::option::of(2u32..6),
        fastest in 1u64..100,
        jitter in 0u64..150,
        intent in 0u64..60,
        seed: u64,
    ) -> Scenario {
        let mut scenario = Scenario::new(server, rate);
        scenario.limits.burst = burst.try_into().unwrap();
        scenario.limits.concurrency = NonZeroUsize::new(concurrency).unwrap();
        scenario.requests = requests;
        scenario.list_every = list_every;
        scenario.latency = fastest..=fastest + jitter;
        scenario.intent = 0..=intent;
        scenario.seed = seed;
        scenario
    }
}

/// The first departure at a time at which an answer had already announced that nothing may leave.
fn inside_a_pause(trace: &Trace) -> Option<(Duration, Duration)> {
    trace.sent.iter().find_map(|sent| {
        let broken = trace.sent.iter().find(|other| match other.feedback {
            Feedback::RateLimited(Some(wait)) | Feedback::Busy(wait) => {
                other.answered <= sent.left && sent.left < other.answered + wait
            }
            _ => false,
        })?;
        // Whatever leaves in the same moment as an answer arrives may have been first.
        (broken.answered < sent.left).then_some((sent.left, broken.answered))
    })
}

/// Requests that left above `burst + rate * t`.
fn above_the_ceiling(scenario: &Scenario, departures: &[Duration]) -> Option<(Duration, Duration)> {
    let rate = scenario.limits.rate.per_second()?;
    let burst = f64::from(scenario.limits.burst.get());
    departures.iter().enumerate().find_map(|(first, from)| {
        departures[first..].iter().enumerate().find_map(|(more, to)| {
            let allowed = burst + rate * (*to - *from).as_secs_f64();
            ((more + 1) as f64 > allowed + 1e-6).then_some((*from, *to))
        })
    })
}

/// The most that left within a latency after a pause had ended, before anything was answered again.
fn herd(trace: &Trace) -> usize {
    let ends = trace.sent.iter().filter_map(|sent| sent.paused_until);
    ends.map(|end| {
        let later = |at: &Duration| *at >= end;
        let answered = trace.sent.iter().filter(|sent| sent.left >= end);
        let first_answer = answered.map(|sent| sent.answered).min().unwrap_or(end);
        trace.departures().iter().filter(|left| later(left) && **left < first_answer).count()
    })
    .max()
    .unwrap_or(0)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn pauses_and_ceiling_are_kept_and_every_run_finishes(scenario in scenarios()) {
        let trace = scenario.run();
        prop_assert_eq!(trace.stopped, None);
        prop_assert_eq!(trace.accepted(), scenario.requests as usize);
        prop_assert_eq!(trace.stats.sent as usize, trace.sent.len());
        prop_assert_eq!(trace.stats.rate_limited as usize, trace.limited());
        prop_assert_eq!(inside_a_pause(&trace), None);
        prop_assert_eq!(above_the_ceiling(&scenario, &trace.departures()), None);
        prop_assert!(trace.most_in_flight <= scenario.limits.concurrency.get());
        prop_assert!(herd(&trace) <= 1, "{} left at once after a pause", herd(&trace));
    }
}
