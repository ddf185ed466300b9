//! What one command did, and when: the history's lines, counted in bins.

use chrono::{DateTime, TimeDelta, Utc};

use crate::output::history::{AttemptRecord, HistoryEvent, HistoryLine};

/// The most bins of a chart, give or take one.
pub(super) const STRETCHES: i64 = 120;
/// The length of a bin in seconds: the first of these that is long enough,
const STEPS: [i64; 17] =
    [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 21_600, 43_200, 86_400];
/// and in milliseconds if all was over within some seconds.
const SHORT: [i64; 4] = [20, 50, 100, 200];
/// Fewer bins are no picture.
pub(super) const FEW: i64 = 12;

/// From and to, in milliseconds since the chart's start.
pub(super) type Stretch = (i64, i64);

/// In milliseconds since the command's start.
pub(super) struct ChartSpan<'a> {
    pub(super) command: &'a str,
    pub(super) began: DateTime<Utc>,
    pub(super) length: i64,
    pub(super) attempts: Vec<(i64, &'a AttemptRecord)>,
    /// In order, without overlaps.
    pub(super) pauses: Vec<Stretch>,
}

#[derive(Default)]
pub(super) struct Bin {
    pub(super) sent: usize,
    pub(super) limited: usize,
    pub(super) paused: i64,
    /// In order.
    pub(super) latencies: Vec<u64>,
}

impl<'a> ChartSpan<'a> {
    pub(super) fn of(lines: &[&'a HistoryLine]) -> Option<Self> {
        // Anyone may have edited the file: impossible times may only make an odd picture.
        let attempts = lines.iter().filter_map(|line| match &line.what {
            HistoryEvent::Attempt(attempt) => Some((line.at, attempt)),
            _ => None,
        });
        let attempts: Vec<(DateTime<Utc>, &AttemptRecord)> = attempts.collect();
        let began = attempts.iter().map(|(at, _)| *at).min()?;
        let since = |at: DateTime<Utc>| (at - began).num_milliseconds();
        let answered = |(at, attempt): &(DateTime<Utc>, &AttemptRecord)| {
            let latency = i64::try_from(attempt.latency_ms).unwrap_or(i64::MAX);
            since(*at).saturating_add(latency.min(TimeDelta::days(1).num_milliseconds()))
        };
        let length = attempts.iter().map(answered).max()?;
        let pauses = lines.iter().filter_map(|line| match &line.what {
            HistoryEvent::Pause { until, .. } => {
                Some((since(line.at).max(0), since(*until).min(length)))
            }
            _ => None,
        });
        let command = lines.iter().find_map(|line| match &line.what {
            HistoryEvent::Run(run) => Some(&*run.command),
            _ => None,
        });
        Some(ChartSpan {
            command: command.unwrap_or("run"),
            began,
            length,
            attempts: attempts.iter().map(|(at, a)| (since(*at), *a)).collect(),
            pauses: joined(pauses.filter(|(from, to)| from < to).collect(), 0),
        })
    }

    pub(super) fn step(&self) -> i64 {
        if self.length < FEW * 1000 {
            let short = SHORT.iter().rev().find(|step| self.length / **step >= FEW);
            return short.copied().unwrap_or(SHORT[0]);
        }
        let fits = |step: &i64| self.length / *step <= STRETCHES;
        let step = STEPS.iter().map(|seconds| seconds * 1000).find(fits);
        step.unwrap_or(self.length / STRETCHES + 1)
    }

    pub(super) fn bins(&self) -> Vec<Bin> {
        let step = self.step();
        let place = |at: i64| usize::try_from(at / step).unwrap_or_default();
        let mut bins: Vec<Bin> = (0..=place(self.length)).map(|_| Bin::default()).collect();
        for (at, attempt) in &self.attempts {
            let bin = &mut bins[place(*at)];
            bin.sent += 1;
            bin.limited += usize::from(attempt.http_status == Some(429));
            bin.latencies.push(attempt.latency_ms);
        }
        for (from, to) in &self.pauses {
            let mut at = *from;
            while at < *to {
                let next = (at / step + 1) * step;
                bins[place(at)].paused += next.min(*to) - at;
                at = next;
            }
        }
        bins.iter_mut().for_each(|bin| bin.latencies.sort_unstable());
        bins
    }
}

impl Bin {
    pub(super) fn median(&self) -> Option<u64> {
        self.latencies.get(self.latencies.len() / 2).copied()
    }

    pub(super) fn slowest(&self) -> Option<u64> {
        self.latencies.last().copied()
    }
}

/// Joins stretches that overlap or are at most `gap` apart.
pub(super) fn joined(mut stretches: Vec<Stretch>, gap: i64) -> Vec<Stretch> {
    stretches.sort_unstable();
    let mut all: Vec<Stretch> = Vec::new();
    for (from, to) in stretches {
        match all.last_mut() {
            Some(last) if from <= last.1.saturating_add(gap) => last.1 = last.1.max(to),
            _ => all.push((from, to)),
        }
    }
    all
}
