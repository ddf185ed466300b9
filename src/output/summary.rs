//! How a run ended, in words.

use std::{collections::BTreeMap, fmt::Write as _, path::Path};

use super::words;
use crate::{
    ledger::{Row, State},
    runner::Finished,
    settings::Rate,
};

/// The end of a run, for people.
pub struct Summary<'a> {
    /// How it ended.
    pub finished: &'a Finished,
    /// Selected rows of the ledger, whose failures are named.
    pub selected: Vec<&'a Row>,
    /// Unfinished rows of the ledger that the plan does not have any more.
    pub outside: Vec<&'a Row>,
    /// Where the ledger lies.
    pub ledger: &'a Path,
    /// `limits.rate`, for the hint.
    pub rate: Rate,
}

/// How many rows are named for each cause.
const NAMED: usize = 3;

impl Summary<'_> {
    /// The text for stdout.
    pub fn text(&self) -> String {
        let Finished {
            counts,
            pace,
            elapsed,
            ..
        } = self.finished;
        let mut out = String::new();
        let mut line = |name: &str, n: usize, note: &str| {
            if n > 0 || name == "created" {
                // Writing to a String does not fail.
                let _ = writeln!(out, "{name:<9}{:>7}{note}", words::grouped(n));
            }
        };
        line("created", counts.created, "");
        line("failed", counts.failed, "");
        line("pending", counts.pending, "  (not sent yet)");
        line(
            "sending",
            counts.sending,
            "  (in doubt: a report may exist)",
        );
        line("skipped", counts.skipped, "  (created before)");
        line("collected", counts.collected, &self.empty());
        line(
            "missing",
            counts.uncollected,
            "  (created and not collected)",
        );
        out.push_str(&self.failures());
        out.push_str(&self.outside());
        let rate = pace.accepted as f64 / elapsed.as_secs_f64().max(1e-3);
        let _ = write!(out, "elapsed {}", words::duration(*elapsed));
        if pace.sent > 0 {
            let _ = write!(out, ", {} sent", words::count(count(pace.sent), "request"));
        }
        // Over less than a second a rate says nothing.
        if pace.accepted > 0 && elapsed.as_secs() > 0 {
            let _ = write!(out, " ({rate:.1}/s)");
        }
        if pace.rate_limited > 0 {
            let _ = write!(out, ", {} answered 429", pace.rate_limited);
        }
        if !pace.paused.is_zero() {
            let _ = write!(out, ", paused for {}", words::duration(pace.paused));
        }
        let _ = writeln!(out, "\nledger  {}", self.ledger.display());
        out.push_str(&self.hint());
        out
    }

    /// Reports that are there and empty are told apart from those that are not there.
    fn empty(&self) -> String {
        match self.finished.counts.empty {
            0 => String::new(),
            n => format!("  ({} without any row)", words::count(n, "report")),
        }
    }

    fn failures(&self) -> String {
        let mut causes: BTreeMap<(&str, &str), Vec<&Row>> = BTreeMap::new();
        for row in &self.selected {
            let cause = match &row.state {
                State::Failed { reason, .. } => (&*reason.code, &*reason.text),
                state @ State::InDoubt { .. } => (
                    state.error_code(),
                    "a person has to decide (monthend resolve)",
                ),
                State::Created(_) if self.finished.counts.uncollected > 0 => {
                    ("not collected", &*row.collected.error)
                }
                _ => continue,
            };
            if cause.1.is_empty() {
                continue;
            }
            causes.entry(cause).or_default().push(row);
        }
        let mut causes: Vec<_> = causes.into_iter().collect();
        causes.sort_by_key(|(cause, rows)| (std::cmp::Reverse(rows.len()), *cause));
        let mut out = String::new();
        for ((code, text), rows) in causes {
            let named: Vec<String> = rows
                .iter()
                .take(NAMED)
                .map(|row| words::name(row))
                .collect();
            let more = rows.len().saturating_sub(NAMED);
            let more = if more > 0 {
                format!(", and {more} more")
            } else {
                String::new()
            };
            let _ = writeln!(
                out,
                "  {:>5}  {code}: {text}\n         {}{more}",
                rows.len(),
                named.join(", ")
            );
        }
        out
    }

    fn outside(&self) -> String {
        if self.outside.is_empty() {
            return String::new();
        }
        let named: Vec<String> = self
            .outside
            .iter()
            .take(NAMED)
            .map(|row| words::name(row))
            .collect();
        let more = self.outside.len().saturating_sub(NAMED);
        let more = if more > 0 {
            format!(", and {more} more")
        } else {
            String::new()
        };
        format!(
            "left alone: {} of the ledger not in today's plan: {}{more} (`monthend retry` sends them)\n",
            words::count(self.outside.len(), "unfinished row"),
            named.join(", "),
        )
    }

    /// One hint at most: which setting would have fitted.
    fn hint(&self) -> String {
        let Some(measured) = self.finished.pace.measured_rate else {
            return String::new();
        };
        format!(
            "limits.rate: {} would have fitted this server (it is {} in the manifest)\n",
            words::rate(measured),
            self.rate
        )
    }
}

fn count(n: u64) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}
