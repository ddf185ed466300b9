use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use chrono::{DateTime, Utc};
use tracing::{debug, info, warn};

use crate::{
    ledger::{Row, State},
    output::words,
    run::{Event, EventKind, Signal, StopReason},
    sending::{SessionEvent, Stats},
};
use request::RequestId;

/// A shorter pause is over before it is read.
const WORTH_SAYING: Duration = Duration::from_secs(1);
const LONG: Duration = Duration::from_secs(60);

/// Log lines about what happens to single rows and to the connection.
#[derive(Debug)]
pub(super) struct Announcer {
    repeats: RepeatLimiter,
    /// Rows of which something was said.
    told: HashSet<RequestId>,
    stopping: bool,
    grace: Duration,
    /// `retry.max_retry_after`: a longer pause ends the run.
    longest: Duration,
}

/// A message that repeats is said once, then counted.
#[derive(Debug, Default)]
pub(super) struct RepeatLimiter(HashMap<(&'static str, String), usize>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Repeat {
    First,
    /// So many by now: 10, 100, 1000 and so on.
    Count(usize),
    Silent,
}

impl RepeatLimiter {
    pub(super) fn another(&mut self, kind: &'static str, code: &str) -> Repeat {
        let seen = self.0.entry((kind, code.to_owned())).or_default();
        *seen += 1;
        match *seen {
            1 => Repeat::First,
            n if n == 10usize.pow(n.ilog10()) => Repeat::Count(n),
            _ => Repeat::Silent,
        }
    }
}

impl Announcer {
    pub(super) fn new(grace: Duration, longest: Duration) -> Self {
        Announcer {
            repeats: RepeatLimiter::default(),
            told: HashSet::new(),
            stopping: false,
            grace,
            longest,
        }
    }

    pub(super) fn tell(&mut self, event: &Event) {
        match &event.kind {
            EventKind::Settled(row) => self.settled(row),
            EventKind::Retrying { row, after } => {
                let text = row.state.text();
                debug!(request_id = %row.id(), "{}: {}; again in {}", words::name(row), without_stop(&text), words::duration(*after));
                self.retrying(row.state.error_code(), &text, *after);
            }
            EventKind::InDoubt(row) => {
                let text = row.state.text();
                let line = format!("{}; checking whether the report exists", without_stop(&text));
                self.about(row, &line, &format!("in doubt after {}", row.state.error_code()));
            }
            EventKind::Adopted(row) => {
                self.about(row, "found on the server; its id is recorded", "found on the server");
            }
            EventKind::NotMade(row) => {
                let many = "not on the server and sent again";
                self.about(row, "not on the server; it is sent again", many);
            }
            EventKind::NotLookedUp(row) => {
                self.about(row, "could not be looked up; it stays in doubt", "not looked up");
            }
            EventKind::Lagging { row, age } => {
                let age = words::duration(*age);
                let line = format!("in progress for {age}, much longer than others were");
                self.about(row, &line, "in progress for much longer than others");
            }
            EventKind::Collected(row, _) => {
                let (name, file) = (words::name(row), &row.collected.file);
                debug!(request_id = %row.id(), "{name}: collected {file}");
            }
            EventKind::NotCollected(row, _) => {
                let (name, why) = (words::name(row), &row.collected.error);
                debug!(request_id = %row.id(), "{name}: not collected: {why}");
            }
            EventKind::News(news) => self.news(news),
            EventKind::Stopping(reason) => {
                self.stopping = true;
                if let StopReason::Interrupted(signal) = reason {
                    stopping(*signal, self.grace, &event.pace);
                }
            }
            _ => {}
        }
    }

    fn settled(&mut self, row: &Row) {
        if let State::Created(id) = &row.state {
            // Nearly all rows come here, and almost none is shown: the name is built only if it is.
            debug!(request_id = %row.id(), report_id = %id, "{}: created {id}", words::name(row));
            return;
        }
        let (name, code) = (words::name(row), row.state.error_code());
        match self.repeats.another("failed", code) {
            Repeat::First => {
                warn!(request_id = %row.id(), error_code = code, "{name}: {code}: {}", row.state.why());
            }
            Repeat::Count(all) => {
                warn!(error_code = code, count = all, "{code}: {all} failed so far")
            }
            Repeat::Silent => debug!(request_id = %row.id(), error_code = code, "{name}: {code}"),
        }
    }

    /// A row of which something was said is never silent: it must not look unsettled.
    pub(super) fn repeat(&mut self, id: RequestId, many: &str) -> Repeat {
        let repeat = self.repeats.another("row", many);
        if repeat == Repeat::First {
            self.told.insert(id);
        }
        if self.told.contains(&id) { Repeat::First } else { repeat }
    }

    /// `what` is said of the first row, `many` is what several are called.
    fn about(&mut self, row: &Row, what: &str, many: &str) {
        let name = words::name(row);
        match self.repeat(row.id(), many) {
            Repeat::First => info!(request_id = %row.id(), "{name}: {what}"),
            Repeat::Count(all) => info!(count = all, "{all} {many} so far"),
            Repeat::Silent => debug!(request_id = %row.id(), "{name}: {what}"),
        }
    }

    fn retrying(&mut self, code: &str, text: &str, after: Duration) {
        let what_next = format!("trying again in {}", words::rounded(after.max(WORTH_SAYING)));
        let text = without_stop(text);
        let line = match self.repeats.another("retrying", code) {
            Repeat::First => format!("{text}; {what_next}"),
            Repeat::Count(all) => format!("{text}; {all} tries failed so far, {what_next}"),
            Repeat::Silent => return,
        };
        match code {
            "connect" | "tls" | "timeout" => warn!(error_code = code, "{line}"),
            _ => info!(error_code = code, "{line}"),
        }
    }

    fn news(&mut self, news: &SessionEvent) {
        match news {
            SessionEvent::Paused { status, wait, until } => self.paused(*status, *wait, *until),
            SessionEvent::Retrying { cause, after } => {
                self.retrying(&cause.code, &cause.text, *after);
            }
            SessionEvent::Failing { failures, cause } => {
                // A server that fails now and then comes here often.
                if self.repeats.another("failing", "") != Repeat::Silent {
                    let text = without_stop(&cause.text);
                    let what = match failures {
                        1 => format!("a request failed ({text})"),
                        n => format!("{n} requests in a row failed (the last one: {text})"),
                    };
                    warn!("{what}; sending more slowly");
                }
            }
            SessionEvent::Renewed => info!("the access token was renewed"),
        }
    }

    fn paused(&mut self, status: Option<u16>, wait: Duration, until: DateTime<Utc>) {
        if self.stopping || !(WORTH_SAYING..=self.longest).contains(&wait) {
            return;
        }
        let answered = status.map_or_else(String::new, |status| format!(" ({status})"));
        match self.repeats.another("paused", &answered) {
            Repeat::Count(all) if wait < LONG => {
                info!(count = all, "{all} pauses{answered} so far");
            }
            Repeat::Silent if wait < LONG => {}
            _ => info!(
                seconds = wait.as_secs_f64(),
                "paused {}: the server asks for it{answered}; sending resumes at {}",
                words::seconds(wait),
                words::moment_here(until)
            ),
        }
    }
}

/// At once, since nothing else may happen for a while.
fn stopping(signal: Signal, grace: Duration, pace: &Stats) {
    let again = match signal {
        Signal::Int => "; Ctrl-C again quits now",
        Signal::Term | Signal::Hup => "",
    };
    match pace.in_flight {
        0 => info!("Stopping."),
        n => info!(
            "Stopping: waiting up to {} for {}{again}.",
            words::duration(grace),
            words::count(n, "request"),
        ),
    }
}

fn without_stop(text: &str) -> &str {
    text.trim_end_matches('.')
}
