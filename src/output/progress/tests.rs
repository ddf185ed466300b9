//! What a screen shows at moments of a run, in terminals of several widths.

use std::time::Duration;

use proptest::prelude::*;

use super::{Left, line::ProgressState};
use crate::{
    ledger::Counts,
    manifest::Rate,
    output::{color::Paint, words},
};

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// A run of 110 requests, 24 of them created before, half an hour into it.
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
        in_doubt: 0,
        pace: Some(0.97),
        files: None,
        ceiling: "60/min".parse().unwrap(),
        learned: None,
        pause: None,
        left: Some(Left::About(seconds(66))),
        stopping: false,
    }
}

fn moments() -> Vec<(&'static str, ProgressState)> {
    let unlimited = || ProgressState { ceiling: Rate::Unlimited, pace: Some(3.9), ..running() };
    vec![
        (
            "the first second",
            ProgressState {
                counts: Counts { pending: 110, ..Counts::default() },
                in_flight: 1,
                pace: None,
                left: Some(Left::About(seconds(109))),
                ..running()
            },
        ),
        ("at work", running()),
        ("no ceiling, nothing learned", ProgressState { left: None, ..unlimited() }),
        ("a limit was learned", ProgressState { learned: Some(3.8), ..unlimited() }),
        (
            "a pause",
            ProgressState { pause: Some((seconds(43), Some(429))), in_flight: 0, ..running() },
        ),
        (
            "two answers were lost",
            ProgressState {
                in_flight: 0,
                in_doubt: 2,
                left: Some(Left::UpTo(seconds(60))),
                ..running()
            },
        ),
        ("Ctrl-C", ProgressState { stopping: true, left: None, ..running() }),
        (
            "creating and collecting",
            ProgressState {
                counts: Counts {
                    collected: 31,
                    uncollected: 19,
                    created: 50,
                    failed: 3,
                    pending: 55,
                    sending: 2,
                    ..Counts::default()
                },
                files: Some(0.5),
                left: Some(Left::About(seconds(152))),
                ..running()
            },
        ),
        (
            "collecting, nothing has come yet",
            ProgressState {
                counts: Counts { uncollected: 86, created: 86, ..Counts::default() },
                in_flight: 0,
                files: Some(0.0),
                left: None,
                ..running()
            },
        ),
        (
            "collecting",
            ProgressState {
                counts: Counts {
                    collected: 31,
                    uncollected: 55,
                    created: 62,
                    skipped: 24,
                    failed: 3,
                    ..Counts::default()
                },
                pace: Some(8.7),
                files: Some(0.5),
                left: Some(Left::About(seconds(110))),
                ..running()
            },
        ),
    ]
}

#[test]
fn what_a_screen_shows() {
    let mut shown = String::new();
    for (moment, situation) in moments() {
        shown += &format!("{moment}\n");
        for width in [100, 60, 30] {
            shown += &format!("{width:>5} |{}\n", situation.on_a_terminal(width, Paint::NONE));
        }
        shown += &format!("  log |{}\n", situation.in_a_log());
    }
    insta::assert_snapshot!("screens", shown);
}

proptest! {
    /// No line is wider than the terminal, and the last column is left free.
    #[test]
    fn no_line_is_wider_than_the_terminal(
        counts in prop::array::uniform8(0usize..2_000_000),
        flight in (0usize..2000, 0usize..100_000),
        pace in prop::option::of(0.0..100_000.0f64),
        files in prop::option::of(0.0..100_000.0f64),
        learned in prop::option::of(0.001..100_000.0f64),
        per_minute in prop::option::of(1u32..u32::MAX),
        pause in prop::option::of((0u64..10_000_000, prop::option::of(200u16..600))),
        left in prop::option::of((0u64..400_000_000, any::<bool>())),
        stopping: bool,
        width in 1usize..200,
    ) {
        let [skipped, adopted, created, failed, pending, sending, collected, uncollected] = counts;
        let situation = ProgressState {
            counts: Counts {
                skipped, adopted, created, failed, pending, sending, collected, uncollected,
                ..Counts::default()
            },
            in_flight: flight.0,
            in_doubt: flight.1,
            pace,
            files,
            ceiling: per_minute.map_or(Rate::Unlimited, |n| format!("{n}/min").parse().unwrap()),
            learned,
            pause: pause.map(|(left, status)| (seconds(left), status)),
            left: left.map(|(left, up_to)| if up_to {
Left::UpTo(seconds(left))
} else {
Left::About(seconds(left))
}),
            stopping,
        };
        let line = situation.on_a_terminal(width, Paint::NONE);
        prop_assert!(words::width(&line) < width.max(1), "{line:?}");
        let painted = situation.on_a_terminal(width, Paint::ALL);
        prop_assert_eq!(words::width(&painted), words::width(&line));
    }
}
