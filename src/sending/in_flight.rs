//! One exchange on its way: from the head of its answer to gate, clock and events, as soon as it arrives.

use std::{
    cell::{Cell, RefCell},
    time::Duration,
};

use chrono::{DateTime, Utc};
use tokio::time::Instant;
use tracing::{Span, trace};

use super::{EXCHANGES, Listener, ServerClock, SessionEvent, WallClock};
use crate::{
    api::{Answer, Cause, Notice, OnHead, Outcome, WaitKind},
    sending::{Feedback, Gate, Slot, Stage, Traffic},
};
use request::Doubt;

pub(super) struct SessionCore<'a> {
    pub(super) gate: Gate,
    pub(super) clock: &'a dyn WallClock,
    pub(super) listener: Box<Listener<'a>>,
    pub(super) server_clock: Cell<ServerClock>,
    /// Answers from the API itself. Before the first one no create leaves: a sign-in page may answer.
    pub(super) answers: Cell<u64>,
    pub(super) last_failure: RefCell<Option<Cause>>,
}

impl SessionCore<'_> {
    pub(super) fn change_clock(&self, change: impl FnOnce(&mut ServerClock)) {
        let mut clock = self.server_clock.get();
        change(&mut clock);
        self.server_clock.set(clock);
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exchange {
    Plain,
    /// A list that can be requested in smaller pages: a time-out says nothing about the server.
    LongList,
}

impl Exchange {
    /// The API's reference says of 504: "if your query uses max parameter, please try to reduce it".
    pub(super) fn is_too_long(self, status: Option<u16>) -> bool {
        self == Exchange::LongList && status == Some(504)
    }
}

/// One exchange in flight: it holds its slot until it is dropped. Its answer counts once: when its head arrives, or
/// completely if there was no head.
pub(super) struct InFlight<'s> {
    shared: &'s SessionCore<'s>,
    slot: Slot<'s>,
    exchange: Exchange,
    pub(super) left: Instant,
    /// Of the breaker, when it left.
    pub(super) stage: Stage,
    pub(super) span: Span,
    heard: Cell<Option<(Instant, DateTime<Utc>)>>,
    is_fed: Cell<bool>,
    /// The failures in a row, if this one raised the breaker's stage.
    worse: Cell<Option<u32>>,
}

impl<'s> InFlight<'s> {
    pub(super) fn new(
        shared: &'s SessionCore<'s>,
        slot: Slot<'s>,
        exchange: Exchange,
        span: Span,
    ) -> Self {
        InFlight {
            shared,
            slot,
            exchange,
            left: Instant::now(),
            stage: shared.gate.stage(),
            span,
            heard: Cell::default(),
            is_fed: Cell::new(false),
            worse: Cell::default(),
        }
    }

    pub(super) fn end<T>(&self, answer: &Answer<T>) {
        self.span.in_scope(|| tell(answer, self.left.elapsed()));
        let (notice, outcome) = (&answer.notice, &answer.outcome);
        let failed = match outcome {
            Outcome::NotSent(cause) | Outcome::InDoubt(_, cause) => Some(cause),
            Outcome::Refused(_, cause) if notice.is_foreign => Some(cause),
            Outcome::Done(_) | Outcome::Refused(..) => None,
        };
        if let Some(cause) = failed {
            *self.shared.last_failure.borrow_mut() = Some(cause.clone());
        }
        // A read whose 2xx cannot be read was not answered: nobody knows by whom it was not.
        let is_unread = notice.is_unread && self.slot.traffic() == Traffic::Other;
        if notice.status.is_some() {
            self.on_head(notice);
            if !is_unread {
                self.learn(notice);
            }
        }
        if !self.is_fed.get() {
            let is_doubt = matches!(outcome, Outcome::InDoubt(Doubt::Open, _));
            self.feed(
                notice,
                match (notice.status, failed) {
                    (None, Some(_)) => Feedback::Failed,
                    _ if is_unread => Feedback::Failed,
                    _ if notice.is_foreign && is_doubt => Feedback::Page,
                    _ if notice.is_foreign => Feedback::Failed,
                    _ => Feedback::Accepted,
                },
            );
        }
        if let (Some(cause), Some(failures)) = (failed, self.worse.get()) {
            let cause = cause.clone();
            (self.shared.listener)(&SessionEvent::Failing { failures, cause });
        }
    }

    /// A gateway sends its own pages and errors (408 and 499 after time-outs), and has another clock.
    fn learn(&self, notice: &Notice) {
        let is_apis = matches!(notice.status, Some(..=407 | 409..=498)) && !notice.is_foreign;
        let Some((at, wall)) = self.heard.get().filter(|_| is_apis) else {
            return;
        };
        self.shared.answers.set(self.shared.answers.get() + 1);
        if let Some(date) = notice.date {
            self.shared.change_clock(|clock| clock.observe(at, wall, date));
        }
    }

    fn feed(&self, notice: &Notice, feedback: Feedback) {
        self.is_fed.set(true);
        if self.exchange.is_too_long(notice.status) {
            return;
        }
        let gate = &self.shared.gate;
        let before = gate.stage();
        self.slot.answered(feedback);
        // Others may be answered before the whole of this answer arrives.
        let is_worse = gate.stage() > before;
        self.worse.set(is_worse.then(|| gate.failures()));
    }
}

impl OnHead for InFlight<'_> {
    /// A wait counts from now. Whether the API itself answered is only known at the end.
    fn on_head(&self, notice: &Notice) {
        if self.heard.get().is_some() {
            return;
        }
        let (shared, gate) = (self.shared, &self.shared.gate);
        self.heard.set(Some((Instant::now(), shared.clock.now())));
        let before = gate.stats().paused_until;
        let feedback = feedback(notice);
        if let Some(feedback) = feedback {
            self.feed(notice, feedback);
        }
        // Any answer may announce a wait, also an accepted one.
        let is_kept = matches!(feedback, Some(Feedback::RateLimited(_) | Feedback::Busy(_)));
        if let Some(wait) = notice.retry_after.filter(|wait| !is_kept && !wait.is_zero()) {
            gate.pause(wait);
        }
        let after = gate.stats().paused_until;
        if let Some(until) = after.filter(|until| before.is_none_or(|before| *until > before)) {
            let wait = until.saturating_duration_since(Instant::now());
            (shared.listener)(&SessionEvent::Paused {
                status: notice.status,
                wait,
                until: shared.clock.now() + wait,
            });
        }
    }
}

fn tell<T>(answer: &Answer<T>, latency: Duration) {
    let cause = answer.outcome.cause();
    let own = answer.notice.tracking_id.as_deref();
    if let Some(id) = own.or_else(|| cause?.tracking_id.as_deref()) {
        Span::current().record("tracking_id", id);
    }
    let error_code = cause.map(|cause| &*cause.code);
    let code = error_code.map_or(String::new(), |code| format!(" {code}"));
    let latency_ms = u64::try_from(latency.as_millis()).unwrap_or(u64::MAX);
    match answer.notice.status {
        Some(status) => trace!(
            target: EXCHANGES,
            http_status = status,
            error_code, latency_ms, "answered {status}{code} after {latency_ms} ms"
        ),
        None => trace!(
            target: EXCHANGES,
            error_code,
            latency_ms, "no answer:{code} after {latency_ms} ms"
        ),
    }
}

fn feedback(notice: &Notice) -> Option<Feedback> {
    match (notice.wait_kind(), notice.status) {
        (Some(WaitKind::RateLimit), _) => Some(Feedback::RateLimited(notice.retry_after)),
        (Some(WaitKind::Busy), _) => Some(Feedback::Busy(notice.retry_after.unwrap_or_default())),
        (None, Some(408 | 500..)) => Some(Feedback::Failed),
        (None, _) => None,
    }
}
