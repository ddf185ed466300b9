//! The control law alone: it is told what happened and when.

use std::time::Duration;

use monthend::pacing::Law;
use tokio::time::Instant;

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Sends one request every `spacing`, each accepted at once; gives the time after the last.
fn accepted(law: &mut Law, mut now: Instant, requests: u32, spacing: Duration) -> Instant {
    for _ in 0..requests {
        law.on_sent(now);
        law.on_accepted(now);
        now += spacing;
    }
    now
}

#[test]
fn a_long_wait_that_was_a_whim_is_forgotten() {
    let mut law = Law::new(Instant::now());
    let now = accepted(&mut law, Instant::now(), 12, ms(10));
    law.on_limited(now, now + ms(60_000));
    assert!(law.measured().is_some_and(|rate| rate < 1.0));
    accepted(&mut law, now + ms(60_000), 60, ms(10));
    assert_eq!(law.measured(), None);
    assert_eq!(law.most_in_flight(16), usize::MAX);
}

#[test]
fn the_last_of_a_window_go_one_by_one() {
    let mut law = Law::new(Instant::now());
    let now = accepted(&mut law, Instant::now(), 300, ms(3));
    law.on_limited(now, now + ms(59_000));
    let now = accepted(&mut law, now + ms(59_000), 200, ms(3));
    assert_eq!(law.most_in_flight(16), usize::MAX);
    accepted(&mut law, now, 93, ms(3));
    assert_eq!(law.most_in_flight(0), 1);
}

#[test]
fn a_busy_server_stops_the_clock_of_what_is_measured() {
    let measured = |busy: Duration| {
        let mut law = Law::new(Instant::now());
        let now = accepted(&mut law, Instant::now(), 20, ms(10));
        law.on_limited(now, now + ms(1000));
        let now = accepted(&mut law, now + ms(1000), 60, ms(55));
        law.on_busy(now, now + busy);
        let now = accepted(&mut law, now + busy, 10, ms(50));
        law.on_limited(now, now + ms(1000));
        law.measured().unwrap()
    };
    let (plain, busy) = (measured(Duration::ZERO), measured(ms(10_000)));
    assert!((plain / busy - 1.0).abs() < 1e-6, "{plain} and {busy}");
}

/// The limit was used up by someone else before this run began.
#[test]
fn a_429_before_anything_was_accepted_teaches_no_pace() {
    let mut law = Law::new(Instant::now());
    let now = Instant::now();
    law.on_sent(now);
    law.on_limited(now + ms(50), now + ms(1_050));
    assert_eq!(law.pace(), None);
    assert_eq!(law.measured(), None);
}
