//! The rate controller alone: it is told what happened and when.

use std::time::Duration;

use monthend::testing::{PacePolicy as _, RateController};
use tokio::time::Instant;

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Sends one request every `spacing`, each accepted at once; gives the time after the last.
fn accepted(
    controller: &mut RateController,
    mut now: Instant,
    requests: u32,
    spacing: Duration,
) -> Instant {
    for _ in 0..requests {
        controller.on_sent(now);
        controller.on_accepted(now);
        now += spacing;
    }
    now
}

#[test]
fn a_long_wait_that_was_a_whim_is_forgotten() {
    let mut controller = RateController::new();
    let now = accepted(&mut controller, Instant::now(), 12, ms(10));
    controller.on_limited(now, now + ms(60_000));
    assert!(controller.measured().is_some_and(|rate| rate < 1.0));
    accepted(&mut controller, now + ms(60_000), 60, ms(10));
    assert_eq!(controller.measured(), None);
    assert_eq!(controller.most_in_flight(16), usize::MAX);
}

#[test]
fn the_last_of_a_window_go_one_by_one() {
    let mut controller = RateController::new();
    let now = accepted(&mut controller, Instant::now(), 300, ms(3));
    controller.on_limited(now, now + ms(59_000));
    let now = accepted(&mut controller, now + ms(59_000), 200, ms(3));
    assert_eq!(controller.most_in_flight(16), usize::MAX);
    accepted(&mut controller, now, 93, ms(3));
    assert_eq!(controller.most_in_flight(0), 1);
}

#[test]
fn a_busy_server_stops_the_clock_of_what_is_measured() {
    let measured = |busy: Duration| {
        let mut controller = RateController::new();
        let now = accepted(&mut controller, Instant::now(), 20, ms(10));
        controller.on_limited(now, now + ms(1000));
        let now = accepted(&mut controller, now + ms(1000), 60, ms(55));
        controller.on_busy(now, now + busy);
        let now = accepted(&mut controller, now + busy, 10, ms(50));
        controller.on_limited(now, now + ms(1000));
        controller.measured().unwrap()
    };
    let (plain, busy) = (measured(Duration::ZERO), measured(ms(10_000)));
    assert!((plain / busy - 1.0).abs() < 1e-6, "{plain} and {busy}");
}

#[test]
fn several_answers_that_announce_the_same_wait_count_once() {
    let measured = |answers: u64| {
        let mut controller = RateController::new();
        let now = accepted(&mut controller, Instant::now(), 20, ms(10));
        controller.on_limited(now, now + ms(1000));
        let now = accepted(&mut controller, now + ms(1000), 60, ms(55));
        // All in flight together; each rounds the end of the wait a little differently.
        for answer in 0..answers {
            controller.on_busy(now + ms(answer), now + ms(10_000 + answer));
        }
        let now = accepted(&mut controller, now + ms(10_000 + answers), 10, ms(50));
        controller.on_limited(now, now + ms(1000));
        controller.measured().unwrap()
    };
    let (one, many) = (measured(1), measured(8));
    assert!((one / many - 1.0).abs() < 0.01, "{one} and {many}");
}

/// The limit was used up by someone else before this run began.
#[test]
fn a_429_before_anything_was_accepted_teaches_no_pace() {
    let mut controller = RateController::new();
    let now = Instant::now();
    controller.on_sent(now);
    controller.on_limited(now + ms(50), now + ms(1_050));
    assert_eq!(controller.pace(), None);
    assert_eq!(controller.measured(), None);
}

/// Twenty at once and a wait of a second, and after it twenty in a second again.
fn twenty_in_a_second() -> (RateController, Instant) {
    let mut controller = RateController::new();
    let now = accepted(&mut controller, Instant::now(), 20, ms(5));
    controller.on_limited(now, now + ms(1000));
    let now = accepted(&mut controller, now + ms(1000), 22, ms(49));
    controller.on_limited(now, now + ms(1000));
    (controller, now + ms(1000))
}

#[test]
fn what_a_window_holds_leaves_together_and_the_next_after_it() {
    let (mut controller, began) = twenty_in_a_second();
    let now = accepted(&mut controller, began, 20, ms(1));
    let next = controller.not_before(now);
    assert!(next > began + ms(1000), "{:?}", next - began);
    assert!(next < began + ms(1050), "{:?}", next - began);
    accepted(&mut controller, next, 19, ms(0));
    assert!(controller.not_before(next) <= next + ms(20));
}

#[test]
fn a_pace_that_quick_429s_do_not_care_about_is_forgotten() {
    let (mut controller, mut now) = twenty_in_a_second();
    for quick in 1..=RateController::IN_A_ROW {
        assert!(controller.pace().is_some_and(|pace| pace > 1.0), "{quick}");
        now = accepted(&mut controller, now, 2, ms(500));
        controller.on_limited(now, now + ms(1000));
        now += ms(1000);
    }
    assert_eq!(controller.pace(), None);
}

#[test]
fn a_slow_start_does_not_make_a_window_longer() {
    for wait in [1000, 2000] {
        let mut controller = RateController::new();
        let now = accepted(&mut controller, Instant::now(), 20, ms(47));
        controller.on_limited(now, now + ms(wait));
        assert_eq!(controller.pace(), Some(20.0), "a wait of {wait} ms");
    }
}
