use std::{fmt::Write as _, path::Path, time::Duration};

use super::{
    causes::{CauseGroup, GroupBy, causes, failed, failed_or_uncollected, others},
    color::{self, Paint},
    next::{Commands, Hint},
    stdout::ForPeople,
    words,
};
use crate::{
    ledger::Row,
    manifest::{Limits, Rate},
    run::Finished,
    sending::Stats,
    text::one_line,
};

/// Fits one screen of 24 lines and 100 columns, but for long paths.
pub struct Summary<'a> {
    pub finished: &'a Finished,
    pub selected: Vec<&'a Row>,
    /// Unfinished rows that the plan no longer has.
    pub outside: Vec<&'a Row>,
    pub ledger: &'a Path,
    pub limits: &'a Limits,
    pub is_rehearsal: bool,
    /// Since the command began.
    pub elapsed: Duration,
    pub commands: &'a Commands,
    /// The ledger on the disk needs no repair by hand.
    pub is_at_rest: bool,
}

/// Causes shown, each on two or three lines.
const CAUSES: usize = 4;
/// For the names of those whom a cause concerns, in columns.
const WIDTH: usize = 100;

impl Summary<'_> {
    pub fn text(&self) -> ForPeople {
        self.painted(Paint::for_stdout())
    }

    pub(super) fn painted(&self, paint: Paint) -> ForPeople {
        let mut out = ForPeople::new(paint);
        self.lines(&mut out);
        let mut hints = self.hints();
        if self.causes().len() > CAUSES {
            hints.push(Hint::new("to see all causes", &self.commands.status));
        }
        for hint in hints {
            let _ = write!(out, "\n{}:\n  ", hint.why);
            out.painted(color::STRONG, &hint.command);
            let _ = writeln!(out);
        }
        out
    }

    fn lines(&self, out: &mut ForPeople) {
        self.counts(out);
        self.failures(out);
        let _ = write!(out, "{}{}", self.outside(), self.pace());
        let _ = writeln!(out, "ledger  {}", self.ledger.display());
        let now = self.limits.rate;
        let advised = rate_advice(&self.finished.pace, now);
        if let Some(rate) = advised.filter(|_| self.finished.stop.is_none()).map(words::rate) {
            let of_429s = "most of the 429s would not have come";
            let _ = writeln!(out, "limits.rate: with {rate} {of_429s} (it is {now} now)");
        }
        if self.is_rehearsal {
            out.painted(color::STRONG, "SANDBOX: a rehearsal; no real reports were made");
            let _ = writeln!(out);
        }
    }

    fn counts(&self, out: &mut ForPeople) {
        let counts = &self.finished.counts;
        let empty = match counts.empty {
            0 => String::new(),
            n => format!("{} without any row", words::count(n, "report")),
        };
        let mut is_idle = true;
        for (name, style, n, note) in [
            ("created", color::GOOD, counts.created, ""),
            ("adopted", color::PLAIN, counts.adopted, "the server had them already"),
            ("failed", color::BAD, counts.failed, ""),
            ("pending", color::WAITING, counts.pending, "not sent yet"),
            ("sending", color::WAITING, counts.sending, "in doubt: a report may exist"),
            ("skipped", color::PLAIN, counts.skipped, "created before"),
            ("collected", color::GOOD, counts.collected, &empty),
            ("missing", color::BAD, counts.uncollected, "created and not collected"),
        ] {
            if n > 0 {
                is_idle = false;
                out.painted(style, &format!("{name:<9}"));
                let line = format!("{:>7}  {note}", words::grouped(n));
                let _ = writeln!(out, "{}", line.trim_end());
            }
        }
        if is_idle {
            let _ = writeln!(out, "nothing to do");
        }
    }

    fn causes(&self) -> Vec<CauseGroup<'_>> {
        let cause = match self.finished.counts.uncollected {
            0 => failed,
            _ => failed_or_uncollected,
        };
        causes(self.selected.iter().copied(), GroupBy::Code, cause)
    }

    fn failures(&self, out: &mut ForPeople) {
        let causes = self.causes();
        for cause in causes.iter().take(CAUSES) {
            let code = one_line(cause.code);
            let room = WIDTH.saturating_sub(words::width(&code) + 4);
            let _ = write!(out, "  ");
            out.painted(color::BAD, &code);
            let _ = writeln!(out, "  {}", cause.whom(room));
            for said in cause.said_briefly() {
                let _ = writeln!(out, "    {said}");
            }
            if let Some(advice) = cause.advice().filter(|_| !self.is_rehearsal) {
                let _ = writeln!(out, "    to do: {advice}");
            }
        }
        if let Some(others) = others(&causes, CAUSES) {
            let _ = writeln!(out, "  and {others}");
        }
    }

    fn outside(&self) -> String {
        if self.outside.is_empty() {
            return String::new();
        }
        let named: Vec<String> = self.outside.iter().map(|row| words::name(row)).collect();
        format!(
            "left alone: {} not in today's plan: {}\n",
            words::count(self.outside.len(), "unfinished row"),
            words::listed(&named, WIDTH - 60),
        )
    }

    fn pace(&self) -> String {
        let (pace, elapsed) = (&self.finished.pace, self.elapsed);
        let mut out = format!("elapsed {}", words::duration(elapsed));
        let requests = words::count(count(pace.sent), "request");
        let _ = match (pace.sent, pace.accepted) {
            (0, _) => Ok(()),
            (_, 0) => write!(out, ", {requests} tried, none of them accepted"),
            _ => write!(out, ", {requests} sent"),
        };
        // Over some seconds a rate says nothing.
        if pace.accepted > 0 && elapsed.as_secs() >= 5 {
            let rate = pace.accepted as f64 / elapsed.as_secs_f64();
            let is_above = |ceiling: &f64| rate > *ceiling;
            let _ = match self.limits.rate.per_second().filter(is_above) {
                None => write!(out, " ({} on average)", words::rate(rate)),
                Some(_) => {
                    write!(out, " (at {} after a burst of {})", self.limits.rate, self.limits.burst)
                }
            };
        }
        if pace.rate_limited > 0 {
            let _ = write!(out, ", {} answered 429", words::grouped(count(pace.rate_limited)));
        }
        if pace.paused.as_secs() > 0 {
            let _ = write!(out, ", paused for {}", words::duration(pace.paused));
        }
        out.push('\n');
        out
    }
}

/// The ceiling that would have spared most of the 429s, if it is clearly below the present one and the limit was met
/// and measured again and again: else the ceiling was not the cause.
fn rate_advice(pace: &Stats, ceiling: Rate) -> Option<f64> {
    const THROTTLES: u64 = 3;
    const ACCEPTED: u64 = 50;
    const CLEARLY: f64 = 0.95;
    let measured = pace.measured_rate?;
    let is_lower = ceiling.per_second().is_none_or(|ceiling| measured < CLEARLY * ceiling);
    (pace.throttles >= THROTTLES && pace.accepted >= ACCEPTED && is_lower).then_some(measured)
}

fn count(n: u64) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_advised_only_where_it_was_the_cause() {
        let often = Stats {
            accepted: 500,
            throttles: 5,
            rate_limited: 40,
            measured_rate: Some(3.8),
            ..Stats::default()
        };
        let ceiling = |text: &str| text.parse::<Rate>().unwrap();
        assert_eq!(rate_advice(&often, ceiling("300/min")), Some(3.8));
        assert_eq!(rate_advice(&often, Rate::Unlimited), Some(3.8));
        // Never above the present ceiling, nor what is as good as it.
        assert_eq!(rate_advice(&often, ceiling("60/min")), None);
        assert_eq!(rate_advice(&often, ceiling("230/min")), None);
        // One long wait is no limit, and neither are 429s among a handful of requests.
        assert_eq!(rate_advice(&Stats { throttles: 1, ..often }, Rate::Unlimited), None);
        assert_eq!(rate_advice(&Stats { accepted: 20, ..often }, Rate::Unlimited), None);
        assert_eq!(rate_advice(&Stats { measured_rate: None, ..often }, Rate::Unlimited), None);
    }
}
