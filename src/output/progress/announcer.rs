use std::time::Duration;

use chrono::{DateTime, Utc};
use tracing::{debug, info, warn};

use super::repeat_limiter::{RepeatLimiter, RepeatNotice};
use crate::{
    ledger::{Row, State},
    output::words,
    run::{Event, EventKind, Signal, StopReason},
    sending::{SessionEvent, Stats},
};
use request::OrgId;

/// A shorter pause is over before it is read.
const WORTH_SAYING: Duration = Duration::from_secs(1);
/// Answers that were in flight together announce one pause with slightly different ends.
const SAME_PAUSE: chrono::Duration = chrono::Duration::milliseconds(500);
const LONG: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(super) struct Announcer {
    grouped: RepeatLimiter<(&'static str, String), Option<OrgId>>,
    paused_until: Option<DateTime<Utc>>,
    stopping: bool,
    grace: Duration,
    /// `retry.max_retry_after`: a longer pause ends the run.
    longest: Duration,
}

impl Announcer {
    pub(super) fn new(grace: Duration, longest: Duration) -> Self {
        Announcer {
            grouped: RepeatLimiter::new(),
            paused_until: None,
            stopping: false,
            grace,
            longest,
        }
    }

    pub(super) fn tell(&mut self, event: &Event) {
        match &event.kind {
            EventKind::Settled(row) => self.settled(row),
            EventKind::Retrying { row, after } => {
                let name = words::name(row);
                debug!(request_id = %row.id(), "{name}: {}; again in {}", said(row), words::duration(*after));
                let (code, text) = (row.state.error_code(), said(row));
                self.retrying(code, &text, *after, event.elapsed);
            }
            EventKind::InDoubt(row) => {
                let code = row.state.error_code().to_owned();
                let sum = format!("in doubt after {code}");
                self.each(("doubt", code), &sum, row, |name| {
                    format!("{name}: {}; checking whether the report exists", said(row))
                });
            }
            EventKind::Adopted(row) => {
                self.each(("adopted", String::new()), "found on the server", row, |name| {
                    format!("{name}: found on the server; its id is recorded")
                });
            }
            EventKind::NotMade(row) => {
                self.each(
                    ("not made", String::new()),
                    "not on the server and sent again",
                    row,
                    |name| format!("{name}: not on the server; it is sent again"),
                );
            }
            EventKind::NotLookedUp(row) => {
                self.each(
                    ("not looked up", String::new()),
                    "that could not be looked up",
                    row,
                    |name| format!("{name}: could not be looked up; it stays in doubt"),
                );
            }
            EventKind::Collected(row, _) => {
                let (name, file) = (words::name(row), &row.collected.file);
                debug!(request_id = %row.id(), "{name}: collected {file}");
            }
            EventKind::NotCollected(row, _) => {
                let (name, why) = (words::name(row), &row.collected.error);
                debug!(request_id = %row.id(), "{name}: not collected: {why}");
            }
            EventKind::Lagging { row, age } => {
                let age = words::duration(*age);
                self.each(
                    ("lagging", String::new()),
                    "in progress for much longer than others",
                    row,
                    |name| format!("{name}: in progress for {age}, much longer than others were"),
                );
            }
            EventKind::News(news) => self.news(news, event.elapsed),
            EventKind::Stopping(reason) => {
                self.stopping = true;
                if let StopReason::Interrupted(signal) = reason {
                    stopping(*signal, self.grace, &event.pace);
                }
            }
            EventKind::Existing(_)
            | EventKind::Candidates(..)
            | EventKind::GivenUp(_)
            | EventKind::Started
            | EventKind::Attempted(_)
            | EventKind::Finished => {}
        }
    }

    fn settled(&mut self, row: &Row) {
        if let State::Created(id) = &row.state {
            // Nearly all rows come here, and almost none is shown: the name is built only if it is.
            debug!(request_id = %row.id(), report_id = %id, "{}: created {id}", words::name(row));
            return;
        }
        let name = words::name(row);
        let code = row.state.error_code();
        let whose = row.request().sub_partner.clone();
        match self.grouped.another_of(("failed", code.to_owned()), whose) {
            RepeatNotice::This => {
                warn!(request_id = %row.id(), error_code = code, "{name}: {code}: {}", row.state.why());
            }
            RepeatNotice::Sum { more, all } => {
                warn!(error_code = code, count = all, "{code}: {more} more failed, {all} in all");
            }
            RepeatNotice::Nothing => {
                debug!(request_id = %row.id(), error_code = code, "{name}: {code}")
            }
        }
    }

    fn each(
        &mut self,
        kind: (&'static str, String),
        sum: &str,
        row: &Row,
        line: impl Fn(&str) -> String,
    ) {
        let name = words::name(row);
        match self.grouped.another(kind) {
            RepeatNotice::This => info!(request_id = %row.id(), "{}", line(&name)),
            RepeatNotice::Sum { more, all } => {
                info!(count = all, "{more} more {sum}, {all} in all")
            }
            RepeatNotice::Nothing => debug!(request_id = %row.id(), "{}", line(&name)),
        }
    }

    fn retrying(&mut self, code: &str, text: &str, after: Duration, elapsed: Duration) {
        let what_next = format!("trying again in {}", words::rounded(after.max(WORTH_SAYING)));
        let line = match self.grouped.again(("retrying", code.to_owned()), elapsed) {
            RepeatNotice::This => format!("{text}; {what_next}"),
            RepeatNotice::Sum { all, .. } => {
                format!("{text}; {all} tries failed so far, {what_next}")
            }
            RepeatNotice::Nothing => return,
        };
        match code {
            "connect" | "tls" | "timeout" => warn!(error_code = code, "{line}"),
            _ => info!(error_code = code, "{line}"),
        }
    }

    fn news(&mut self, news: &SessionEvent, elapsed: Duration) {
        match news {
            SessionEvent::Paused { status, wait, until } => self.paused(*status, *wait, *until),
            SessionEvent::Retrying { cause, after } => {
                self.retrying(&cause.code, without_stop(&cause.text), *after, elapsed);
            }
            SessionEvent::Failing { failures, cause } => {
                self.failing(*failures, without_stop(&cause.text), elapsed)
            }
            SessionEvent::Renewed => info!("the access token was renewed"),
        }
    }

    /// A server that fails now and then comes here often.
    fn failing(&mut self, failures: u32, text: &str, elapsed: Duration) {
        let key = ("failing", String::new());
        if self.grouped.again(key, elapsed) == RepeatNotice::Nothing {
            return;
        }
        match failures {
            1 => warn!("a request failed ({text}); sending more slowly"),
            n => warn!("{n} requests in a row failed (the last one: {text}); sending more slowly"),
        }
    }

    fn paused(&mut self, status: Option<u16>, wait: Duration, until: DateTime<Utc>) {
        let known = self.paused_until;
        let is_known = known.is_some_and(|known| until < known + SAME_PAUSE);
        if self.stopping || is_known || !(WORTH_SAYING..=self.longest).contains(&wait) {
            return;
        }
        self.paused_until = Some(until);
        let status = status.map_or_else(String::new, |status| status.to_string());
        let say = if wait >= LONG {
            RepeatNotice::This
        } else {
            self.grouped.another(("paused", status.clone()))
        };
        let answered = match &*status {
            "" => String::new(),
            status => format!(" ({status})"),
        };
        match say {
            RepeatNotice::This => info!(
                seconds = wait.as_secs_f64(),
                "paused {}: the server asks for it{answered}; sending resumes at {}",
                words::seconds(wait),
                until.format("%H:%M:%S UTC")
            ),
            RepeatNotice::Sum { more, all } => {
                info!(count = all, "{more} more pauses{answered}, {all} in all");
            }
            RepeatNotice::Nothing => {}
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

fn said(row: &Row) -> String {
    let mut said = row.state.text();
    said.truncate(said.trim_end_matches('.').len());
    said
}

fn without_stop(text: &str) -> &str {
    text.trim_end_matches('.')
}
