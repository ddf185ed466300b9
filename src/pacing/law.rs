//! The control law: what the server grants, learned from its answers.
//!
//! The limit is unpublished and of unknown kind, so the law assumes only what token buckets, fixed windows
//! and sliding windows have in common: over a long time they grant some rate `r`, and over a short time some
//! more. It knows nothing until the first 429; before it only the operator's ceiling counts.
//!
//! **Measuring.** A *cycle* lasts from the end of one announced wait to the end of the next; `h0` is the
//! wait before it, `a` the active time up to its 429, `h1` the wait that this 429 announced, and `n` the
//! requests accepted in it. Two figures are taken, neither of which exceeds `r` (by more than the edges of
//! one window), and the larger one is believed:
//!
//! 1. `n / max(h0 + a, a + h1)`. Exact for both windows, which grant `n` per window, idle time included. For a
//!    token bucket it is low when the bucket ran over during the wait.
//! 2. the largest `(m - b) / t` over all stretches `t` that end with the 429 and in which `m` were accepted,
//!    where `b` is what the server took at once at the beginning. A bucket that holds `b` grants at most
//!    `b + r * t`, and just that from the moment at which we began to send faster than `r`. For
//!    windows this is low.
//!
//! **Setting.** The pace after a cycle is [`Law::MARGIN`] of that figure, and always below the pace at which
//! the 429 came.
//!
//! **Probing.** Both figures can be low, and limits change, so the pace rises with each request accepted since:
//! `base * (1 + RISE * (accepted / k)^3)`. Flat at first, where the figure is probably right, and ever
//! steeper, so that a limit that was lifted is found. `k` is the number of requests that the figure rests on:
//! those of the cycle, and of the cycles before it while they agree. A figure that rests on the ten
//! requests of a first burst is soon left behind; a server that has confirmed its rate is asked rarely.

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

use crate::api::Budget;

/// The learned pace. Pure: it is told what happened and when, and says when the next request may leave.
#[derive(Debug, Clone)]
pub struct Law {
    /// `None` until the first 429.
    learned: Option<Learned>,
    cycle: Cycle,
    /// What the server took before its first 429: the size of its burst, roughly.
    burst: Option<f64>,
    /// When the next request may leave.
    next: Instant,
    budget: Option<(Instant, Budget)>,
}

#[derive(Debug, Clone, Copy)]
struct Learned {
    /// Requests per second right after the last cycle.
    base: f64,
    /// How many requests that figure rests on.
    evidence: f64,
    /// Accepted since.
    accepted: u32,
}

#[derive(Debug, Clone)]
struct Cycle {
    /// End of the wait before it, or the first request.
    start: Option<Instant>,
    /// The wait before it.
    waited: Duration,
    /// When requests were accepted, oldest first.
    accepted: VecDeque<Instant>,
    /// Accepted in all: `accepted` forgets the oldest.
    count: u64,
    /// The 429 that ended it, while its wait lasts: further ones belong to it.
    limited: Option<Limited>,
}

#[derive(Debug, Clone, Copy)]
struct Limited {
    at: Instant,
    until: Instant,
    /// The pace at which it came; `None` where there was none yet.
    pace: Option<f64>,
    /// What had been learned before it.
    before: Option<Learned>,
}

impl Law {
    /// How much of the measured rate is used; the rest is for jitter on the way.
    pub const MARGIN: f64 = 0.985;
    /// How much the pace has risen after `k` accepted requests.
    pub const RISE: f64 = 0.02;
    /// The evidence `k` counts for no less than this, in requests, and for no more.
    pub const EVIDENCE: (f64, f64) = (8.0, 600.0);
    /// Figures that differ by no more than this share agree: their evidence is added up.
    pub const AGREES: f64 = 0.25;
    /// No pace is slower than this, in requests per second: one in ten minutes.
    const SLOWEST: f64 = 1.0 / 600.0;
    /// How many accepted requests are remembered for the second figure.
    const REMEMBERED: usize = 4096;

    /// A law that knows nothing yet.
    pub fn new(now: Instant) -> Self {
        Law {
            learned: None,
            cycle: Cycle::new(None, Duration::ZERO),
            burst: None,
            next: now,
            budget: None,
        }
    }

    /// The learned pace in requests per second, or `None` while nothing was learned.
    pub fn pace(&self) -> Option<f64> {
        let learned = self.learned?;
        let rise = Law::RISE * (f64::from(learned.accepted) / learned.evidence).powi(3);
        Some(learned.base * (1.0 + rise))
    }

    /// The rate that the server was last measured to grant, in requests per second.
    pub fn measured(&self) -> Option<f64> {
        self.learned.map(|learned| learned.base)
    }

    /// Before when no request may leave. `in_flight` counts those whose answers are not here yet.
    pub fn not_before(&self, now: Instant, in_flight: usize) -> Instant {
        let next = if self.learned.is_some() {
            self.next
        } else {
            now
        };
        match self.budget {
            // Those in flight will have used some of what the last answer said remains.
            Some((at, budget)) if budget.remaining <= in_flight as u64 => {
                next.max(at + budget.reset)
            }
            _ => next,
        }
    }

    /// A request leaves.
    pub fn on_sent(&mut self, now: Instant) {
        self.cycle.start.get_or_insert(now);
        if let Some(pace) = self.pace() {
            let interval = Duration::from_secs_f64(1.0 / pace.max(Law::SLOWEST));
            // A request that comes late lets at most one other follow at once.
            let earliest = now.checked_sub(interval).unwrap_or(now);
            self.next = self.next.max(earliest) + interval;
        }
    }

    /// The server let a request pass its limiter, whatever it then said about it.
    pub fn on_accepted(&mut self, now: Instant) {
        self.end_wait(now);
        self.cycle.count += 1;
        self.cycle.accepted.push_back(now);
        if self.cycle.accepted.len() > Law::REMEMBERED {
            self.cycle.accepted.pop_front();
        }
        if let Some(learned) = &mut self.learned {
            learned.accepted = learned.accepted.saturating_add(1);
        }
    }

    /// The server answered 429; nothing leaves before `until`.
    pub fn on_limited(&mut self, now: Instant, until: Instant) {
        let before = self.learned;
        let pace = self.pace();
        // Until something is accepted again, every further 429 belongs to the same wait.
        let limited = self.cycle.limited.get_or_insert(Limited {
            at: now,
            until,
            pace,
            before,
        });
        limited.until = limited.until.max(until);
        self.measure();
    }

    /// What the server says is left. Trusted until it is reset.
    pub fn on_budget(&mut self, now: Instant, budget: Budget) {
        self.budget = Some((now, budget));
    }

    /// Sets the pace from the cycle that a 429 has just ended; again when its wait is extended.
    fn measure(&mut self) {
        let (Some(limited), Some(start)) = (self.cycle.limited, self.cycle.start) else {
            return;
        };
        if self.cycle.count == 0 {
            // Nothing was accepted, so there is nothing to measure: someone else had used the limit up.
            return;
        }
        let active = limited.at.saturating_duration_since(start);
        let wait = limited.until.saturating_duration_since(limited.at);
        let burst = *self.burst.get_or_insert(self.cycle.count as f64);
        let whole = (self.cycle.waited + active)
            .max(active + wait)
            .as_secs_f64();
        let by_cycle = self.cycle.count as f64 / whole.max(1e-3);
        let by_stretch = self
            .cycle
            .accepted
            .iter()
            .rev()
            .enumerate()
            .map(|(before, at)| {
                let stretch = limited.at.saturating_duration_since(*at).as_secs_f64();
                (before as f64 - burst) / stretch.max(1e-3)
            })
            .fold(0.0, f64::max);
        let measured = by_cycle.max(by_stretch).max(Law::SLOWEST) * Law::MARGIN;
        let base = match limited.pace {
            Some(pace) => measured.min(pace * Law::MARGIN),
            None => measured,
        };
        let agreeing = limited
            .before
            .filter(|before| (base / before.base - 1.0).abs() <= Law::AGREES)
            .map_or(0.0, |before| before.evidence);
        let (least, most) = Law::EVIDENCE;
        self.learned = Some(Learned {
            base,
            evidence: (agreeing + self.cycle.count as f64).clamp(least, most),
            accepted: 0,
        });
        self.next = limited.until;
    }

    /// Begins a new cycle where a wait has been served.
    fn end_wait(&mut self, now: Instant) {
        let Some(limited) = self.cycle.limited else {
            return;
        };
        if now < limited.until {
            return;
        }
        let waited = limited.until.saturating_duration_since(limited.at);
        self.cycle = Cycle::new(Some(limited.until), waited);
    }
}

impl Cycle {
    fn new(start: Option<Instant>, waited: Duration) -> Self {
        Cycle {
            start,
            waited,
            accepted: VecDeque::new(),
            count: 0,
            limited: None,
        }
    }
}
