//! From the head of an answer to gate, clock and news, as soon as it is here.

use std::{cell::Cell, time::Duration};

use tokio::time::Instant;
use tracing::{Span, trace};

use super::{Listener, News, ServerClock, WallClock};
use crate::{
    api::{Answer, Notice, Outcome, WaitKind},
    pacing::{Feedback, Gate, Pass},
};

/// What all exchanges of a conversation share, and every answer may change.
pub(super) struct Shared<'a> {
    pub(super) gate: Gate,
    pub(super) clock: &'a dyn WallClock,
    pub(super) listener: &'a Listener<'a>,
    pub(super) server_clock: Cell<ServerClock>,
}

impl Shared<'_> {
    pub(super) fn change_clock(&self, change: impl FnOnce(&mut ServerClock)) {
        let mut clock = self.server_clock.get();
        change(&mut clock);
        self.server_clock.set(clock);
    }
}

/// What kind of exchange it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exchange {
    Plain,
    /// A list that can be asked for in smaller pages: that it took too long says nothing about the server.
    LongList,
}

/// One exchange that is under way. Its answer is heard once: when its head is here, or whole from an
/// [`Api`](crate::api::Api) that tells no heads.
pub(super) struct InFlight<'h, 'a> {
    shared: &'h Shared<'a>,
    pass: Pass<'h>,
    exchange: Exchange,
    left: Instant,
    heard: Cell<bool>,
    /// The failures in a row, if this one made the breaker slow or probe.
    worse: Cell<Option<u32>>,
}

impl<'h, 'a> InFlight<'h, 'a> {
    pub(super) fn new(shared: &'h Shared<'a>, pass: Pass<'h>, exchange: Exchange) -> Self {
        InFlight {
            shared,
            pass,
            exchange,
            left: Instant::now(),
            heard: Cell::new(false),
            worse: Cell::default(),
        }
    }

    /// The head of the answer is here. A wait that it announces counts from now.
    pub(super) fn head(&self, notice: &Notice) {
        if self.heard.replace(true) {
            return;
        }
        let (shared, gate) = (self.shared, &self.shared.gate);
        // A gateway makes up its own error pages, and its clock is another one.
        if let (Some(date), Some(..500)) = (notice.date, notice.status) {
            let (at, wall) = (Instant::now(), shared.clock.now());
            shared.change_clock(|clock| clock.observe(at, wall, date));
        }
        let before = gate.stats().paused_until;
        let feedback = feedback(notice);
        if (self.exchange, notice.status) != (Exchange::LongList, Some(504)) {
            self.feed(feedback);
        }
        // Any answer may announce a wait, also one that was accepted.
        let is_kept = matches!(feedback, Feedback::RateLimited(_) | Feedback::Busy(_));
        if let Some(wait) = notice
            .retry_after
            .filter(|wait| !is_kept && !wait.is_zero())
        {
            gate.pause(wait);
        }
        let after = gate.stats().paused_until;
        if let Some(until) = after.filter(|until| before.is_none_or(|before| *until > before)) {
            let wait = until.saturating_duration_since(Instant::now());
            (shared.listener)(&News::Paused {
                status: notice.status,
                wait,
                until: shared.clock.now() + wait,
            });
        }
    }

    /// The exchange is over: its slot is free.
    pub(super) fn end<T>(self, answer: &Answer<T>) {
        tell(answer, self.left.elapsed());
        let failed = match &answer.outcome {
            Outcome::NotSent(cause) | Outcome::InDoubt(_, cause) => Some(cause),
            Outcome::Done(_) | Outcome::Refused(..) => None,
        };
        if answer.notice.status.is_some() {
            self.head(&answer.notice);
        } else if failed.is_some() {
            self.feed(Feedback::Failed);
        }
        if let (Some(cause), Some(failures)) = (failed, self.worse.get()) {
            let cause = cause.clone();
            (self.shared.listener)(&News::Failing { failures, cause });
        }
    }

    fn feed(&self, feedback: Feedback) {
        let gate = &self.shared.gate;
        let before = gate.stage();
        self.pass.answered(feedback);
        // Others may be answered before the whole of this answer is here.
        let is_worse = gate.stage() > before;
        self.worse.set(is_worse.then(|| gate.failures()));
    }
}

/// Says at the highest level how an exchange ended. The span around it says what it was about.
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
            http_status = status,
            error_code, latency_ms, "answered {status}{code} after {latency_ms} ms"
        ),
        None => trace!(
            error_code,
            latency_ms, "no answer:{code} after {latency_ms} ms"
        ),
    }
}

/// What the head of an answer means for the pace.
fn feedback(notice: &Notice) -> Feedback {
    match (notice.wait_kind(), notice.status) {
        (Some(WaitKind::RateLimit), _) => Feedback::RateLimited(notice.retry_after),
        (Some(WaitKind::Busy), _) => Feedback::Busy(notice.retry_after.unwrap_or_default()),
        (None, Some(408 | 500..)) => Feedback::Failed,
        (None, _) => Feedback::Accepted,
    }
}
