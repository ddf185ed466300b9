use std::time::Duration;

use super::Left;
use crate::{
    ledger::Counts,
    manifest::Rate,
    output::{color::Paint, words},
};

#[derive(Debug, Clone, PartialEq)]
pub(super) struct ProgressState {
    pub(super) counts: Counts,
    pub(super) in_flight: usize,
    pub(super) in_doubt: usize,
    pub(super) pace: Option<f64>,
    pub(super) files: Option<f64>,
    pub(super) ceiling: Rate,
    pub(super) learned: Option<f64>,
    /// The rest of an announced wait, and the HTTP status that announced it.
    pub(super) pause: Option<(Duration, Option<u16>)>,
    pub(super) left: Option<Left>,
    pub(super) stopping: bool,
}

/// One part in its forms, longest first. The part of the lowest priority is shortened first.
struct LinePart {
    forms: Vec<String>,
    yields: u8,
    look: Style,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    Plain,
    Bad,
    Waiting,
}

const BETWEEN: &str = "  ";
const LONGEST_BAR: usize = 24;
const SHORTEST_BAR: usize = 8;
/// From this width on there is a bar, in place of the parts up to [`PACE`].
const WITH_A_BAR: usize = 50;
const PACE: u8 = 3;

impl ProgressState {
    pub(super) fn is_collecting(&self) -> bool {
        self.counts.collected + self.counts.uncollected > 0
    }

    pub(super) fn is_creating(&self) -> bool {
        self.counts.pending + self.counts.sending > 0
    }

    /// The total has reports that are not created yet, or it would grow.
    pub(super) fn done(&self) -> (usize, usize) {
        let counts = &self.counts;
        if self.is_collecting() {
            let to_come = counts.uncollected + counts.pending + counts.sending;
            (counts.collected, counts.collected + to_come)
        } else {
            (counts.done(), counts.total())
        }
    }

    pub(super) fn on_a_terminal(&self, width: usize, paint: Paint) -> String {
        // Text in the last column makes some terminals begin a new line.
        let width = width.saturating_sub(1);
        let mut parts = self.parts();
        loop {
            let needed = width_of(&parts);
            let is_too_wide = needed > width + BETWEEN.len();
            let has_no_bar = width >= WITH_A_BAR && needed + SHORTEST_BAR > width;
            let dispensable = match (is_too_wide, has_no_bar) {
                (true, _) => u8::MAX,
                (false, true) => PACE,
                (false, false) => break,
            };
            let is_yielding =
                |part: &&mut LinePart| part.forms.len() > 1 && part.yields <= dispensable;
            match parts.iter_mut().filter(is_yielding).min_by_key(|part| part.yields) {
                Some(part) => drop(part.forms.remove(0)),
                None => break,
            }
        }
        let room = width.saturating_sub(width_of(&parts)).min(LONGEST_BAR);
        let mut shown = Vec::new();
        if room >= SHORTEST_BAR {
            shown.push(self.bar(room));
        }
        for LinePart { forms, look, .. } in &parts {
            match (&*forms[0], look) {
                ("", _) => {}
                (text, Style::Plain) => shown.push(text.to_owned()),
                (text, Style::Bad) => shown.push(paint.bad(text)),
                (text, Style::Waiting) => shown.push(paint.waiting(text)),
            }
        }
        if width_of(&parts) > width + BETWEEN.len() {
            // Not even the shortest forms fit: cut them, without colours.
            let forms = parts.iter().map(|part| &*part.forms[0]);
            let forms: Vec<&str> = forms.filter(|form| !form.is_empty()).collect();
            forms.join(" ").chars().take(width).collect()
        } else {
            shown.join(BETWEEN)
        }
    }

    pub(super) fn in_a_log(&self) -> String {
        let (done, total) = self.done();
        let share = (100 * done).checked_div(total).unwrap_or(100);
        let mut parts = Vec::new();
        let counts = &self.counts;
        let what = if self.is_collecting() {
            if self.is_creating() {
                parts.push(some(counts.created, "created"));
            }
            "collected"
        } else {
            parts.push(format!("{} created", words::grouped(counts.created)));
            parts.push(some(counts.adopted, "adopted"));
            parts.push(some(counts.skipped, "created before"));
            "done"
        };
        parts.push(some(counts.failed, "failed"));
        parts.push(some(self.in_flight, "in flight"));
        parts.push(some(self.in_doubt, "in doubt"));
        parts.push(self.pace_of());
        parts.push(self.paused().unwrap_or_default());
        parts.push(self.left.map_or_else(String::new, |left| format!("{} left", said(left))));
        parts.retain(|part| !part.is_empty());
        let details = parts.join(", ");
        let (done, total) = (words::grouped(done), words::grouped(total));
        let colon = if details.is_empty() { "" } else { ": " };
        format!("{done} of {total} {what} ({share}%){colon}{details}")
    }

    fn parts(&self) -> Vec<LinePart> {
        let counts = &self.counts;
        let (done, total) = self.done();
        let part =
            |yields, forms: &[String], look| LinePart { forms: forms.to_vec(), yields, look };
        let progress = format!("{}/{}", words::grouped(done), words::grouped(total));
        let mut parts = vec![part(9, std::slice::from_ref(&progress), Style::Plain)];
        if self.is_collecting() {
            parts[0] = part(9, &[format!("{progress} collected"), progress], Style::Plain);
            if self.is_creating() {
                let created = some(counts.created, "created");
                parts.push(part(1, &[created, String::new()], Style::Plain));
            }
        } else {
            let before = counts.skipped + counts.adopted;
            let (before, shorter) = (some(before, "created before"), some(before, "before"));
            parts.push(part(1, &[before, shorter, String::new()], Style::Plain));
        }
        let failed = some(counts.failed, "failed");
        parts.push(part(7, &[failed, String::new()], Style::Bad));
        let in_flight = some(self.in_flight, "in flight");
        parts.push(part(2, &[in_flight, String::new()], Style::Plain));
        let in_doubt = some(self.in_doubt, "in doubt");
        parts.push(part(4, &[in_doubt, String::new()], Style::Waiting));
        if self.stopping {
            parts.push(part(8, &["stopping".to_owned()], Style::Waiting));
            return parts;
        }
        match self.paused() {
            None => {
                let pace = self.pace_of();
                let shorter = pace.split(" of ").next().unwrap_or_default().to_owned();
                parts.push(part(PACE, &[pace, shorter, String::new()], Style::Plain));
            }
            Some(paused) => {
                let shorter = paused.split(" (").next().unwrap_or_default().to_owned();
                parts.push(part(5, &[paused, shorter], Style::Waiting));
            }
        }
        if let Some(left) = self.left {
            let short = brief(left);
            // The server's time for a file cannot be estimated.
            let time = if self.is_collecting() { said(left) } else { short.clone() };
            let long = format!("{time} left");
            parts.push(part(6, &[long, short, String::new()], Style::Plain));
        }
        parts
    }

    fn bar(&self, room: usize) -> String {
        let (done, total) = self.done();
        let full = (room * done).checked_div(total).unwrap_or(0).min(room);
        format!("{}{}", "█".repeat(full), "░".repeat(room - full))
    }

    /// `58/min of 60/min`; once only files are left, `38 files/min`: no ceiling counts them.
    fn pace_of(&self) -> String {
        if self.is_collecting() && !self.is_creating() {
            let files = self.files.filter(|files| *files > 0.0);
            return match files {
                Some(files) => {
                    let (count, unit) = words::rate_parts(files);
                    format!("{count} files/{unit}")
                }
                None => "the server makes them".to_owned(),
            };
        }
        // In its first seconds a burst exceeds the rate, within the ceiling.
        let most = self.ceiling.per_second().unwrap_or(f64::INFINITY);
        let pace = self.pace.filter(|pace| *pace > 0.0);
        let pace = pace.map(|pace| self.in_its_unit(pace.min(most)));
        let limit = match (self.learned, self.ceiling) {
            (Some(learned), _) => {
                Some(format!("{} (the server's limit)", self.in_its_unit(learned)))
            }
            (None, Rate::Unlimited) => None,
            (None, ceiling) => Some(ceiling.to_string()),
        };
        match (pace, limit) {
            (Some(pace), Some(limit)) => format!("{pace} of {limit}"),
            (Some(pace), None) => pace,
            (None, _) => String::new(),
        }
    }

    /// In the unit of the ceiling, or of the learned limit, so that they can be compared.
    fn in_its_unit(&self, per_second: f64) -> String {
        let unit = match self.ceiling {
            Rate::Limited { per, .. } => per,
            Rate::Unlimited => words::rate_unit(self.learned.unwrap_or(per_second)),
        };
        let rate = per_second * unit.duration().as_secs_f64();
        let digits = usize::from(rate < 9.95);
        format!("{rate:.digits$}/{}", unit.as_str())
    }

    fn paused(&self) -> Option<String> {
        let (left, status) = self.pause?;
        let why = match status {
            Some(429) => "rate limit, 429".to_owned(),
            Some(status) => format!("the server asks for it, {status}"),
            None => "asked for earlier".to_owned(),
        };
        Some(format!("paused {} ({why})", words::seconds(left)))
    }
}

/// With what separates each part from the next.
fn width_of(parts: &[LinePart]) -> usize {
    let widths = parts.iter().map(|part| words::width(part.forms[0].as_str()));
    widths.filter(|width| *width > 0).map(|width| width + BETWEEN.len()).sum()
}

fn some(n: usize, what: &str) -> String {
    match n {
        0 => String::new(),
        n => format!("{} {what}", words::grouped(n)),
    }
}

fn said(left: Left) -> String {
    match left {
        Left::About(left) => words::about(left),
        Left::UpTo(left) => format!("up to {}", words::rounded(left)),
    }
}

fn brief(left: Left) -> String {
    match left {
        Left::About(left) => words::rounded(left),
        Left::UpTo(left) => format!("up to {}", words::rounded(left)),
    }
}
