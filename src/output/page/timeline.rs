//! The run over time: a chart for each command that sent something, with a limited number of bins.

mod span;

#[cfg(test)]
mod tests;

use std::{cmp::Reverse, collections::BTreeMap};

use chrono::TimeDelta;

use self::span::{Bin, ChartSpan, FEW, joined};
use super::{
    sources::Sources,
    words::{count, grouped},
};
use crate::{
    output::{duration, history::HistoryLine},
    text::one_line,
};

const CHARTS: usize = 3;
/// Positions in a picture of 1000 by 240.
const LEFT: f64 = 95.0;
const WIDTH: f64 = 890.0;
const SENT: Panel = Panel { top: 14.0, bottom: 130.0 };
const LATENCY: Panel = Panel { top: 146.0, bottom: 214.0 };

struct Panel {
    top: f64,
    bottom: f64,
}

pub(super) struct Timeline {
    pub(super) lead: String,
    pub(super) others: String,
    pub(super) charts: Vec<Chart>,
}

pub(super) struct Chart {
    pub(super) title: String,
    pub(super) said: String,
    pub(super) pauses: Vec<Bar>,
    pub(super) sent: Vec<Bar>,
    pub(super) limited: Vec<Bar>,
    pub(super) latencies: Vec<Bar>,
    pub(super) medians: Vec<Bar>,
    pub(super) times: Vec<Mark>,
    pub(super) most: String,
    pub(super) slowest: String,
    pub(super) figures: Vec<Figures>,
}

pub(super) struct Bar {
    pub(super) x: String,
    pub(super) y: String,
    pub(super) width: String,
    pub(super) height: String,
}

pub(super) struct Mark {
    pub(super) x: String,
    pub(super) anchor: &'static str,
    pub(super) text: String,
}

pub(super) struct Figures {
    pub(super) time: String,
    pub(super) sent: String,
    pub(super) limited: String,
    pub(super) paused: String,
    pub(super) median: String,
    pub(super) slowest: String,
}

impl Timeline {
    pub(super) fn of(sources: &Sources<'_>) -> Option<Self> {
        let mut commands: BTreeMap<&str, Vec<&HistoryLine>> = BTreeMap::new();
        for line in sources.history {
            commands.entry(&line.run).or_default().push(line);
        }
        let mut spans: Vec<ChartSpan<'_>> =
            commands.values().filter_map(|of| ChartSpan::of(of)).collect();
        if spans.is_empty() {
            return None;
        }
        spans.sort_by_key(|span| Reverse(span.began));
        let all = spans.len();
        spans.truncate(CHARTS);
        // The run sent most; what followed it matters less.
        spans.sort_by_key(|span| Reverse(span.attempts.len()));
        Some(Timeline {
            lead: match all {
                1 => "From the history next to the ledger.".to_owned(),
                2..=CHARTS => {
                    "The command that sent the most, from the history next to the ledger."
                        .to_owned()
                }
                _ => format!(
                    "The command that sent the most of the latest {CHARTS}; the history next to the ledger has {} in all.",
                    grouped(all as u64)
                ),
            },
            others: match spans.len() {
                2 => "The other command that sent something".to_owned(),
                n => format!("The other {} commands that sent something", n - 1),
            },
            charts: spans.iter().map(ChartSpan::chart).collect(),
        })
    }
}

impl ChartSpan<'_> {
    fn chart(&self) -> Chart {
        let (bins, step) = (self.bins(), self.step());
        let most = bins.iter().map(|bin| bin.sent).max().unwrap_or_default();
        let slowest = bins.iter().filter_map(Bin::slowest).max().unwrap_or_default();
        // A single bin must not fill the picture.
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
        // Pauses too close together to be told apart are one.
        let close = span as i64 / 500;
        for (from, to) in joined(self.pauses.clone(), close) {
            let width = (x(to) - x(from)).max(1.0);
            let height = LATENCY.bottom - SENT.top;
            chart.pauses.push(Bar::new(x(from), SENT.top, width, height));
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

    fn said(&self, bins: &[Bin], step: i64, most: usize) -> String {
        let limited: usize = bins.iter().map(|bin| bin.limited).sum();
        let paused: i64 = bins.iter().map(|bin| bin.paused).sum();
        let mut latencies: Vec<u64> = bins.iter().flat_map(|bin| &bin.latencies).copied().collect();
        latencies.sort_unstable();
        let all = Bin { latencies, ..Bin::default() };
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

    fn times(&self, span: f64) -> Vec<Mark> {
        const QUARTERS: [(f64, &str); 5] =
            [(0.0, "start"), (0.25, "middle"), (0.5, "middle"), (0.75, "middle"), (1.0, "end")];
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

impl Panel {
    fn at(&self, share: f64) -> f64 {
        self.bottom - share * (self.bottom - self.top)
    }
}

impl Bar {
    fn new(x: f64, y: f64, width: f64, height: f64) -> Self {
        let [x, y, width, height] = [x, y, width, height].map(tenths);
        Bar { x, y, width, height }
    }
}

fn tenths(n: f64) -> String {
    format!("{n:.1}")
}

fn words(ms: i64) -> String {
    words_of(u64::try_from(ms).unwrap_or_default())
}

fn words_of(ms: u64) -> String {
    // Show at least 1 ms.
    duration(std::time::Duration::from_millis(ms.max(1)))
}
