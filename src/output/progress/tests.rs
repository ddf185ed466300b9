//! What a screen shows at moments of a run, in terminals of several widths.

use std::time::Duration;

use proptest::prelude::*;

use super::{
    LogInterval,
    announcer::{Announcer, Repeat, RepeatLimiter},
    state::ProgressState,
};
use crate::{
    ledger::Counts,
    output::{color::Paint, words},
};

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// A run of 110 requests, 24 of them created before.
fn running() -> ProgressState {
    ProgressState {
        counts: Counts {
            skipped: 24,
            created: 18,
            failed: 3,
            pending: 63,
            sending: 2,
            ..Counts::default()
        },
        in_flight: 2,
        ceiling: Some(1.0),
        ..ProgressState::default()
    }
}

fn moments() -> Vec<(&'static str, ProgressState)> {
    let collecting = |collected, uncollected| Counts {
        collected,
        uncollected,
        created: collected + uncollected,
        failed: 3,
        ..Counts::default()
    };
    vec![
        (
            "the first second",
            ProgressState {
                counts: Counts { pending: 110, ..Counts::default() },
                in_flight: 1,
                ..running()
            },
        ),
        ("at work", running()),
        ("no ceiling, nothing learned", ProgressState { ceiling: None, ..running() }),
        (
            "no ceiling, a limit was learned",
            ProgressState { ceiling: None, learned: Some(3.8), ..running() },
        ),
        ("a limit below the ceiling", ProgressState { learned: Some(0.5), ..running() }),
        (
            "a pause",
            ProgressState { pause: Some((seconds(43), Some(429))), in_flight: 0, ..running() },
        ),
        ("Ctrl-C", ProgressState { stopping: true, ..running() }),
        (
            "creating and collecting",
            ProgressState {
                counts: Counts { pending: 55, sending: 2, ..collecting(31, 19) },
                ..running()
            },
        ),
        (
            "collecting, nothing has come yet",
            ProgressState { counts: collecting(0, 86), in_flight: 0, ..running() },
        ),
        ("collecting", ProgressState { counts: collecting(31, 55), ..running() }),
    ]
}

#[test]
fn what_a_screen_shows() {
    let mut shown = String::new();
    for (moment, state) in moments() {
        shown += &format!("{moment}\n");
        let (done, total) = state.done();
        for width in [100, 60, 30] {
            let message = state.on_a_terminal(width, Paint::NONE);
            shown += &format!("{width:>5} |{done}/{total}{message}\n");
        }
        shown += &format!("  log |{}\n", state.in_a_log());
    }
    insta::assert_snapshot!("screens", shown);
}

#[test]
fn what_repeats_is_said_once_and_then_counted() {
    let mut repeats = RepeatLimiter::default();
    let said: Vec<Repeat> = (0..5000)
        .map(|_| repeats.another("failed", "http_403"))
        .filter(|said| *said != Repeat::Silent)
        .collect();
    assert_eq!(said, [Repeat::First, Repeat::Count(10), Repeat::Count(100), Repeat::Count(1000)]);
    assert_eq!(repeats.another("failed", "http_400"), Repeat::First);
}

proptest! {
    /// The line with the shortest bar is no wider than the terminal, or has only numbers.
    #[test]
    fn no_line_is_wider_than_the_terminal(
        counts in prop::array::uniform8(0usize..2_000_000),
        in_flight in 0usize..2000,
        ceiling in prop::option::of(0.0..100_000.0f64),
        learned in prop::option::of(0.0..100_000.0f64),
        pause in prop::option::of((0u64..10_000_000, prop::option::of(200u16..600))),
        stopping: bool,
        width in 1usize..200,
    ) {
        let [skipped, adopted, created, failed, pending, sending, collected, uncollected] = counts;
        let state = ProgressState {
            counts: Counts {
                skipped, adopted, created, failed, pending, sending, collected, uncollected,
                ..Counts::default()
            },
            in_flight,
            ceiling,
            learned,
            pause: pause.map(|(left, status)| (seconds(left), status)),
            stopping,
        };
        let message = state.on_a_terminal(width, Paint::NONE);
        let (done, total) = state.done();
        let numbers = format!("{}/{}", words::grouped(done), words::grouped(total));
        prop_assert!(message.is_empty() || 9 + numbers.len() + message.len() <= width, "{message:?}");
        let painted = state.on_a_terminal(width, Paint::ALL);
        prop_assert_eq!(words::width(&painted), words::width(&message));
    }
}

/// When lines come in a run of `total` requests, `done(second)` of them done.
fn lines(seconds: u64, total: usize, done: impl Fn(u64) -> usize) -> Vec<u64> {
    let mut cadence = LogInterval::new(0, total);
    let due = |second: &u64| cadence.is_due(Duration::from_secs(*second), done(*second), total);
    (0..seconds).filter(due).collect()
}

#[test]
fn a_line_at_each_tenth() {
    let steady = |second: u64| second as usize;
    assert_eq!(lines(50, 50, steady), (1..10).map(|n| 5 * n).collect::<Vec<_>>());
    assert_eq!(lines(600, 600, steady), (1..10).map(|n| 60 * n).collect::<Vec<_>>());
}

#[test]
fn never_dense_after_the_first_minute_and_never_silent() {
    let late = |second: u64| 10 * second.saturating_sub(120).min(60) as usize;
    let said = lines(3600, 600, late);
    assert!(said.windows(2).all(|pair| pair[1] - pair[0] >= 30), "{said:?}");
    let all = [&[0], &said[..], &[3600]].concat();
    assert!(all.windows(2).all(|pair| pair[1] - pair[0] <= 60), "{all:?}");
    assert_eq!(lines(200, 10, |_| 0), [60, 120, 180]);
}

#[test]
fn the_row_that_was_in_doubt_is_said_to_be_found() {
    let mut announcer = Announcer::new(Duration::ZERO, Duration::ZERO);
    let [first, second, third] = ["r0000000000000001", "r0000000000000002", "r0000000000000003"]
        .map(|id| id.parse().unwrap());
    assert_eq!(announcer.repeat(first, "in doubt"), Repeat::First);
    assert_eq!(announcer.repeat(second, "in doubt"), Repeat::Silent);
    assert_eq!(announcer.repeat(third, "found"), Repeat::First);
    assert_eq!(announcer.repeat(second, "found"), Repeat::Silent);
    assert_eq!(announcer.repeat(first, "found"), Repeat::First);
}
