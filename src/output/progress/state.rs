use std::time::Duration;

use clap::builder::styling::Style;

use crate::{
    ledger::Counts,
    output::{
        color::{self, Paint},
        words,
    },
};

/// How far a run is.
#[derive(Debug, Clone, Default)]
pub(super) struct ProgressState {
    pub(super) counts: Counts,
    pub(super) in_flight: usize,
    /// `limits.rate` in requests per second.
    pub(super) ceiling: Option<f64>,
    /// What was learned of the server's limit, in requests per second.
    pub(super) learned: Option<f64>,
    /// The rest of an announced wait, and the HTTP status that announced it.
    pub(super) pause: Option<(Duration, Option<u16>)>,
    pub(super) stopping: bool,
}

/// Words, and their colour.
type Part = (String, Style);

const SHORTEST_BAR: usize = 8;
const LONGEST: f64 = 365.0 * 24.0 * 3600.0;

impl ProgressState {
    fn is_collecting(&self) -> bool {
        self.counts.collected + self.counts.uncollected > 0
    }

    fn to_create(&self) -> usize {
        self.counts.pending + self.counts.sending
    }

    /// The total has reports that are not created yet, or it would grow.
    pub(super) fn done(&self) -> (usize, usize) {
        let counts = &self.counts;
        if self.is_collecting() {
            (counts.collected, counts.collected + counts.uncollected + self.to_create())
        } else {
            (counts.done(), counts.total())
        }
    }

    /// Until the last create, if the server grants what it granted so far.
    fn left(&self) -> Option<Duration> {
        let rate = self.ceiling.into_iter().chain(self.learned).reduce(f64::min)?;
        let pause = self.pause.map_or(Duration::ZERO, |(left, _)| left);
        Some(pause + Duration::from_secs_f64((self.to_create() as f64 / rate).min(LONGEST)))
    }

    /// What follows the numbers on the bar's line: as much as fits.
    pub(super) fn on_a_terminal(&self, width: usize, paint: Paint) -> String {
        let (done, total) = self.done();
        let numbers = format!("{}/{}", words::grouped(done), words::grouped(total));
        let mut room = width.saturating_sub(SHORTEST_BAR + 1 + numbers.len());
        let mut shown = String::new();
        for (long, style) in self.parts() {
            let short = long.split(" (").next().unwrap_or_default();
            let fits = |text: &&str| words::width(text) + 2 <= room;
            if let Some(text) = [long.as_str(), short].into_iter().find(fits) {
                room -= words::width(text) + 2;
                shown += "  ";
                shown += &paint.painted(style, text);
            }
        }
        shown
    }

    pub(super) fn in_a_log(&self) -> String {
        let (done, total) = self.done();
        let share = (100 * done).checked_div(total).unwrap_or(100);
        let what = if self.is_collecting() { "collected" } else { "done" };
        let mut line =
            format!("{} of {} {what} ({share}%)", words::grouped(done), words::grouped(total));
        for (n, (part, _)) in self.parts().iter().enumerate() {
            line += if n == 0 { ": " } else { ", " };
            line += part;
        }
        line
    }

    /// The most important first.
    fn parts(&self) -> Vec<Part> {
        let counts = &self.counts;
        let mut parts: Vec<Part> = Vec::new();
        if self.stopping {
            parts.push(("stopping".to_owned(), color::WAITING));
        } else if let Some((left, status)) = self.pause {
            parts.push((paused(left, status), color::WAITING));
        }
        if let Some(left) = self.left().filter(|_| !self.stopping && self.to_create() > 0) {
            let until = if self.is_collecting() { "to the last create" } else { "left" };
            parts.push((format!("{} {until}", words::rounded(left)), color::PLAIN));
        }
        if self.is_collecting() && self.to_create() == 0 && counts.collected == 0 {
            parts.push(("the server makes the reports".to_owned(), color::PLAIN));
        }
        // Of the rows that are `sending`, those that are not in flight wait for a look-up.
        let in_doubt = counts.sending.saturating_sub(self.in_flight);
        let mut count = |n: usize, what: &str, style| {
            if n > 0 {
                parts.push((format!("{} {what}", words::grouped(n)), style));
            }
        };
        count(counts.failed, "failed", color::BAD);
        count(in_doubt, "in doubt", color::WAITING);
        count(self.in_flight, "in flight", color::PLAIN);
        count(counts.created, "created", color::PLAIN);
        count(counts.skipped + counts.adopted, "created before", color::PLAIN);
        if let Some(learned) = self.learned.filter(|_| self.to_create() > 0) {
            parts.push((format!("{} (the server's limit)", words::rate(learned)), color::PLAIN));
        }
        parts
    }
}

fn paused(left: Duration, status: Option<u16>) -> String {
    let why = match status {
        Some(429) => "rate limit, 429".to_owned(),
        Some(status) => format!("the server asks for it, {status}"),
        None => "asked for earlier".to_owned(),
    };
    format!("paused {} ({why})", words::seconds(left))
}
