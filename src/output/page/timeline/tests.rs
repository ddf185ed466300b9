//! A chart tells what happened, and stays small.

use chrono::DateTime;
use proptest::prelude::*;

use super::{span::STRETCHES, *};
use crate::output::history::{AttemptRecord, HistoryEvent, HistoryLine};

fn line(ms: i64, what: HistoryEvent) -> HistoryLine {
    HistoryLine::new(DateTime::UNIX_EPOCH + TimeDelta::milliseconds(ms), "a", what)
}

fn attempt(ms: i64, latency_ms: u64, status: u16) -> HistoryLine {
    let attempt = AttemptRecord {
        request_id: "r0123456789abcdef".to_owned(),
        attempt: 1,
        latency_ms,
        outcome: "created".to_owned(),
        report_id: None,
        http_status: Some(status),
        error_code: None,
        error: None,
        tracking_id: None,
    };
    line(ms, HistoryEvent::Attempt(attempt))
}

fn pause(from: i64, to: i64) -> HistoryLine {
    let pause = HistoryEvent::Pause {
        reason: String::new(),
        http_status: Some(429),
        wait_ms: 0,
        until: DateTime::UNIX_EPOCH + TimeDelta::milliseconds(to),
    };
    line(from, pause)
}

#[test]
fn a_run_is_told_in_figures() {
    let lines = [
        attempt(10_000, 80, 200),
        attempt(10_400, 60, 429),
        pause(10_460, 15_460),
        pause(10_460, 15_460),
        attempt(15_470, 1_530, 200),
    ];
    let span = ChartSpan::of(&lines.iter().collect::<Vec<_>>()).unwrap();
    let chart = span.chart();
    assert_eq!(
        chart.said,
        "3 creates left within 7 s, at most 1 in 200 ms; 1 answered 429; paused for 5 s; half of the answers came within \
         80 ms, the last within 1.5 s."
    );
    assert_eq!((chart.pauses.len(), chart.limited.len()), (1, 1));
    assert_eq!(chart.figures.len(), 27);
}

proptest! {
    /// However long a history is, whatever stands in it: so many bars, and every create in one of them.
    #[test]
    fn a_chart_stays_small_and_misses_nothing(
        attempts in prop::collection::vec((any::<i32>(), any::<u64>(), 200..600_u16), 1..300),
        pauses in prop::collection::vec((any::<i32>(), any::<i32>()), 0..50),
        scale in prop_oneof![Just(1), Just(1000), Just(1_000_000)],
    ) {
        let mut lines: Vec<HistoryLine> = (attempts.iter())
            .map(|(at, latency, status)| attempt(i64::from(*at) * scale, *latency, *status))
            .collect();
        lines.extend(pauses.iter().map(|(from, to)| pause(i64::from(*from), i64::from(*to))));
        let span = ChartSpan::of(&lines.iter().collect::<Vec<_>>()).unwrap();
        let bins = span.bins();
        prop_assert!(bins.len() as i64 <= STRETCHES + 1);
        prop_assert_eq!(bins.iter().map(|bin| bin.sent).sum::<usize>(), attempts.len());
        let step = span.step();
        prop_assert!(bins.iter().all(|bin| (0..=step).contains(&bin.paused)));
        let chart = span.chart();
        prop_assert!(chart.pauses.len() <= 501);
        for bar in chart.sent.iter().chain(&chart.latencies).chain(&chart.pauses) {
            for figure in [&bar.x, &bar.y, &bar.width, &bar.height] {
                let figure: f64 = figure.parse().unwrap();
                prop_assert!((0.0..=1_000.0).contains(&figure), "{}", figure);
            }
        }
    }
}
