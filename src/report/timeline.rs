//! How it went over time: a chart for each command that sent something, from the history beside the ledger.
//!
//! A chart has so many stretches of time at most, however long the history is.

use std::{cmp::Reverse, collections::BTreeMap};

use chrono::{DateTime, TimeDelta, Utc};

use super::{
    sources::Sources,
    words::{count, grouped},
};
use crate::{
    history::{Attempt, Line, What},
    output::duration,
    text::one_line,
};

/// So many commands have a chart, the latest ones.
const CHARTS: usize = 3;
/// So many stretches a chart has at most, give or take one.
const STRETCHES: i64 = 120;
/// How long a stretch is, in seconds: the first of these that does,
const STEPS: [i64; 17] = [
    1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 21_600, 43_200, 86_400,
];
/// and in milliseconds where all was over within some seconds.
const SHORT: [i64; 4] = [20, 50, 100, 200];
/// Less than this many stretches are no picture.
const FEW: i64 = 12;

/// Where things stand in a picture of 1000 by 240.
const LEFT: f64 = 95.0;
const WIDTH: f64 = 890.0;
const SENT: Panel = Panel {
    top: 14.0,
    bottom: 130.0,
};
const LATENCY: Panel = Panel {
    top: 146.0,
    bottom: 214.0,
};

struct Panel {
    top: f64,
    bottom: f64,
}

/// The part of the page about time.
pub(super) struct Timeline {
    pub(super) lead: String,
    /// What the charts behind the first one are.
    pub(super) others: String,
    /// What sent most first.
    pub(super) charts: Vec<Chart>,
}

/// How one command went.
pub(super) struct Chart {
    pub(super) title: String,
    /// What the picture shows, in a sentence.
    pub(super) said: String,
    pub(super) pauses: Vec<Bar>,
    pub(super) sent: Vec<Bar>,
    pub(super) limited: Vec<Bar>,
    pub(super) latencies: Vec<Bar>,
    pub(super) medians: Vec<Bar>,
    pub(super) times: Vec<Mark>,
    /// What the upper ends of the two scales mean.
    pub(super) most: String,
    pub(super) slowest: String,
    pub(super) figures: Vec<Figures>,
}

/// A rectangle.
pub(super) struct Bar {
    pub(super) x: String,
    pub(super) y: String,
    pub(super) width: String,
    pub(super) height: String,
}

/// A text below the time axis.
pub(super) struct Mark {
    pub(super) x: String,
    pub(super) anchor: &'static str,
    pub(super) text: String,
}

/// One stretch in figures.
pub(super) struct Figures {
    pub(super) time: String,
    pub(super) sent: String,
    pub(super) limited: String,
    pub(super) paused: String,
    pub(super) median: String,
    pub(super) slowest: String,
}

impl Timeline {
    /// `None` where the history tells of no create.
    pub(super) fn of(sources: &Sources<'_>) -> Option<Self> {
        let mut commands: BTreeMap<&str, Vec<&Line>> = BTreeMap::new();
        for line in sources.history {
            commands.entry(&line.run).or_default().push(line);
        }
        let mut spans: Vec<Span<'_>> = commands.values().filter_map(|of| Span::of(of)).collect();
        if spans.is_empty() {
            return None;
        }
        spans.sort_by_key(|span| Reverse(span.began));
        let all = spans.len();
        spans.truncate(CHARTS);
        // What sent most is what one wants to see: the run, rather than what mended its rest.
        spans.sort_by_key(|span| Reverse(span.attempts.len()));
        Some(Timeline {
            lead: match all {
                1 => "From the history beside the ledger.".to_owned(),
                2..=CHARTS => "What sent most, from the history beside the ledger.".to_owned(),
                _ => format!(
                    "What sent most of the latest {CHARTS} commands, of {} that the history beside the ledger tells of.",
                    grouped(all as u64)
                ),
            },
            others: match spans.len() {
                2 => "The other command that sent something".to_owned(),
                n => format!("The other {} commands that sent something", n - 1),
            },
            charts: spans.iter().map(Span::chart).collect(),
        })
    }
}

/// From when on to when, in milliseconds since the beginning of a chart.
type Stretch = (i64, i64);

/// What one command did, in milliseconds since it began.
struct Span<'a> {
    command: &'a str,
    began: DateTime<Utc>,
    length: i64,
    attempts: Vec<(i64, &'a Attempt)>,
    /// In order, none overlapping another.
    pauses: Vec<Stretch>,
}

/// What happened in one stretch of time.
#[derive(Default)]
struct Bin {
    sent: usize,
    limited: usize,
    paused: i64,
    /// In order.
    latencies: Vec<u64>,
}

impl<'a> Span<'a> {
    /// Of the lines of one command; `None` where it sent nothing.
    fn of(lines: &[&'a Line]) -> Option<Self> {
        // The file may be anybody's work: times that are none of this world only make an odd picture.
        let attempts = lines.iter().filter_map(|line| match &line.what {
            What::Attempt(attempt) => Some((line.at, attempt)),
            _ => None,
        });
        let attempts: Vec<(DateTime<Utc>, &Attempt)> = attempts.collect();
        let began = attempts.iter().map(|(at, _)| *at).min()?;
        let since = |at: DateTime<Utc>| (at - began).num_milliseconds();
        let answered = |(at, attempt): &(DateTime<Utc>, &Attempt)| {
            let latency = i64::try_from(attempt.latency_ms).unwrap_or(i64::MAX);
            since(*at).saturating_add(latency.min(TimeDelta::days(1).num_milliseconds()))
        };
        let length = attempts.iter().map(answered).max()?;
        let pauses = lines.iter().filter_map(|line| match &line.what {
            What::Pause { until, .. } => Some((since(line.at).max(0), since(*until).min(length))),
            _ => None,
        });
        let command = lines.iter().find_map(|line| match &line.what {
            What::Run(run) => Some(&*run.command),
            _ => None,
        });
        Some(Span {
            command: command.unwrap_or("run"),
            began,
            length,
            attempts: attempts.iter().map(|(at, a)| (since(*at), *a)).collect(),
            pauses: united(pauses.filter(|(from, to)| from < to).collect(), 0),
        })
    }

    /// How long a stretch is.
    fn step(&self) -> i64 {
        if self.length < FEW * 1000 {
            let short = SHORT.iter().rev().find(|step| self.length / **step >= FEW);
            return short.copied().unwrap_or(SHORT[0]);
        }
        let fits = |step: &i64| self.length / *step <= STRETCHES;
        let step = STEPS.iter().map(|seconds| seconds * 1000).find(fits);
        step.unwrap_or(self.length / STRETCHES + 1)
    }

    fn bins(&self) -> Vec<Bin> {
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
        bins.iter_mut()
            .for_each(|bin| bin.latencies.sort_unstable());
        bins
    }

    fn chart(&self) -> Chart {
        let (bins, step) = (self.bins(), self.step());
        let most = bins.iter().map(|bin| bin.sent).max().unwrap_or_default();
        let slowest = bins
            .iter()
            .filter_map(Bin::slowest)
            .max()
            .unwrap_or_default();
        // A single stretch must not fill the picture.
        let wide = WIDTH / bins.len().max(FEW as usize) as f64;
        let span = bins.len().max(FEW as usize) as f64 * step as f64;
        let x = |at: i64| LEFT + WIDTH * at as f64 / span;
        let bar = |place: usize, from: f64, to: f64| {
            let gap = if wide > 3.0 { 1.0 } else { 0.0 };
            Bar::new(LEFT + place as f64 * wide, to, wide - gap, from - to)
        };
        let mut chart = Chart {
            title: format!(
                "{} of {}",
                one_line(self.command),
                self.began.format("%Y-%m-%d %H:%M:%S UTC")
            ),
            said: self.said(&bins, step, most),
            pauses: Vec::new(),
            sent: Vec::new(),
            limited: Vec::new(),
            latencies: Vec::new(),
            medians: Vec::new(),
            times: self.times(span),
            most: format!("{} in {}", grouped(most as u64), words(step)),
            slowest: words_of(slowest),
            figures: Vec::new(),
        };
        // What lies closer together than eyes can tell is one.
        let close = span as i64 / 500;
        for (from, to) in united(self.pauses.clone(), close) {
            let width = (x(to) - x(from)).max(1.0);
            let height = LATENCY.bottom - SENT.top;
            chart
                .pauses
                .push(Bar::new(x(from), SENT.top, width, height));
        }
        for (place, bin) in bins.iter().enumerate() {
            if bin.sent > 0 {
                let accepted = SENT.at((bin.sent - bin.limited) as f64 / most as f64);
                let all = SENT.at(bin.sent as f64 / most as f64);
                chart.sent.push(bar(place, SENT.bottom, accepted));
                if bin.limited > 0 {
                    chart.limited.push(bar(place, accepted, all));
                }
            }
            if let (Some(median), Some(slow)) = (bin.median(), bin.slowest()) {
                let at = |ms: u64| LATENCY.at(ms as f64 / slowest.max(1) as f64);
                chart.latencies.push(bar(place, LATENCY.bottom, at(slow)));
                chart.medians.push(bar(place, LATENCY.bottom, at(median)));
            }
            chart.figures.extend(self.figures(bin, place as i64 * step));
        }
        chart
    }

    /// The picture in a sentence.
    fn said(&self, bins: &[Bin], step: i64, most: usize) -> String {
        let limited: usize = bins.iter().map(|bin| bin.limited).sum();
        let paused: i64 = bins.iter().map(|bin| bin.paused).sum();
        let mut latencies: Vec<u64> = bins.iter().flat_map(|bin| bin.latencies.clone()).collect();
        latencies.sort_unstable();
        let all = Bin {
            latencies,
            ..Bin::default()
        };
        let mut said = format!(
            "{} left within {}, at most {} in {}",
            count(self.attempts.len(), "create"),
            words(self.length),
            grouped(most as u64),
            words(step),
        );
        if limited > 0 {
            said += &format!("; {} answered 429", grouped(limited as u64));
        }
        if paused > 0 {
            said += &format!("; paused for {}", words(paused));
        }
        if let (Some(median), Some(slow)) = (all.median(), all.slowest()) {
            let (median, slow) = (words_of(median), words_of(slow));
            said += &format!("; half of the answers came within {median}, the last within {slow}");
        }
        said + "."
    }

    /// The times below the picture.
    fn times(&self, span: f64) -> Vec<Mark> {
        const QUARTERS: [(f64, &str); 5] = [
            (0.0, "start"),
            (0.25, "middle"),
            (0.5, "middle"),
            (0.75, "middle"),
            (1.0, "end"),
        ];
        let form = match self.length {
            ..10_000 => "%H:%M:%S%.3f",
            10_000..86_400_000 => "%H:%M:%S",
            _ => "%m-%d %H:%M",
        };
        let mark = |(share, anchor): (f64, &'static str)| Mark {
            x: tenths(LEFT + share * WIDTH),
            anchor,
            text: self.time((share * span) as i64, form),
        };
        QUARTERS.map(mark).into()
    }

    fn time(&self, at: i64, form: &str) -> String {
        let at = self.began.checked_add_signed(TimeDelta::milliseconds(at));
        at.map_or_else(String::new, |at| at.format(form).to_string())
    }

    fn figures(&self, bin: &Bin, at: i64) -> Option<Figures> {
        let words_or_none = |ms: Option<u64>| ms.map_or_else(String::new, words_of);
        (bin.sent > 0 || bin.paused > 0).then(|| Figures {
            time: self.time(at, "%Y-%m-%d %H:%M:%S%.3f"),
            sent: grouped(bin.sent as u64),
            limited: grouped(bin.limited as u64),
            paused: match bin.paused {
                0 => String::new(),
                ms => words(ms),
            },
            median: words_or_none(bin.median()),
            slowest: words_or_none(bin.slowest()),
        })
    }
}

impl Bin {
    fn median(&self) -> Option<u64> {
        self.latencies.get(self.latencies.len() / 2).copied()
    }

    fn slowest(&self) -> Option<u64> {
        self.latencies.last().copied()
    }
}

impl Panel {
    /// Where a share of the whole height ends.
    fn at(&self, share: f64) -> f64 {
        self.bottom - share * (self.bottom - self.top)
    }
}

impl Bar {
    fn new(x: f64, y: f64, width: f64, height: f64) -> Self {
        let [x, y, width, height] = [x, y, width, height].map(tenths);
        Bar {
            x,
            y,
            width,
            height,
        }
    }
}

/// The same stretches in order, those one that overlap or lie no more than `gap` apart.
fn united(mut stretches: Vec<Stretch>, gap: i64) -> Vec<Stretch> {
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

fn tenths(n: f64) -> String {
    format!("{n:.1}")
}

fn words(ms: i64) -> String {
    words_of(u64::try_from(ms).unwrap_or_default())
}

fn words_of(ms: u64) -> String {
    // Nothing takes no time at all.
    duration(std::time::Duration::from_millis(ms.max(1)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn line(ms: i64, what: What) -> Line {
        Line::new(
            DateTime::UNIX_EPOCH + TimeDelta::milliseconds(ms),
            "a",
            what,
        )
    }

    fn attempt(ms: i64, latency_ms: u64, status: u16) -> Line {
        let attempt = Attempt {
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
        line(ms, What::Attempt(attempt))
    }

    fn pause(from: i64, to: i64) -> Line {
        let pause = What::Pause {
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
        let span = Span::of(&lines.iter().collect::<Vec<_>>()).unwrap();
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
            let mut lines: Vec<Line> = (attempts.iter())
                .map(|(at, latency, status)| attempt(i64::from(*at) * scale, *latency, *status))
                .collect();
            lines.extend(pauses.iter().map(|(from, to)| pause(i64::from(*from), i64::from(*to))));
            let span = Span::of(&lines.iter().collect::<Vec<_>>()).unwrap();
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
}
