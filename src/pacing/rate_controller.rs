//! The rate controller: what the server grants, learned from its answers.
//!
//! The limit is unpublished and of unknown kind: a token bucket, a fixed window or a sliding window. The controller
//! knows nothing until the first 429; before it only the operator's ceiling and the gate's gentle start count.
//! A *cycle* lasts from the end of one announced wait to the end of the next: `h0` is the wait before it, `a`
//! the active time up to its 429, `h1` the wait that this 429 announced, `n` what was accepted in it.
//!
//! **A long wait means a window.** No bucket that takes many requests a second asks for [`RateController::LONG`] of
//! silence, and what a window has left after it is known: `n` again. So the next `n` requests leave as fast
//! as the ceiling allows, the last of them one at a time: each window costs one 429, which tells exactly when
//! the next one begins. Spreading the `n` evenly would cost a whole window once. Where more than `n` are
//! accepted after all the wait was a whim, and the controller knows nothing again. Once a pace has been learned
//! (below), it takes two long waits in a row to believe in a window.
//!
//! **A short wait means a pace.** The first one gives `n / (a + h1)`: not too high (but for the edge of a fixed
//! window), perhaps half of the truth, since waits are rounded to whole seconds. From there the pace
//! climbs, slowly at first, until the next 429 ([`RateController::CLIMB`]). That one gives two figures:
//!
//! - *high*: what was accepted in the last `T` seconds, over `T`, where `T` is the length of the first cycle and
//!   no shorter than the window. Right for windows, which refuse when they have taken their number; too high
//!   for a bucket, which paid part of it out of its store.
//! - *low*: the largest `(m - b) / t` over all stretches `t` that end with the 429 and in which `m` were
//!   accepted, where `b` is what the server took at once in the beginning. A bucket that holds `b` grants
//!   `b + r * t`, and just that from the moment at which we began to send faster than `r`. Too low for
//!   windows. (`n / max(h0 + a, a + h1)` is taken where it is larger: it is never too high either.)
//!
//! Where they differ, trial decides: the high one is used first. If a 429 comes within [`RateController::TRIAL`]` * b` requests and
//! the stretch gives the low figure again, the server is a bucket, else it keeps windows; from then on the figure
//! that fits is used. A cycle shorter than `T`, or than [`RateController::FEW`] requests, cannot measure a window: it lowers the pace to [`RateController::STEP`] of what it
//! was, and each further one in a row by one more such step, though not below what the whole cycle granted.
//!
//! **Settling.** The pace is [`RateController::MARGIN`] of the figure, and always below the pace at which the 429 came.
//!
//! **Probing.** Figures can be low, and limits change, so the pace rises with each request accepted since, as
//! `base * (1 + RISE * (accepted / k)^3)`: flat at first, where the figure is probably right, then ever
//! steeper, so that a limit that was lifted is found. `k` is [`RateController::TRUST`] times the number of requests that the
//! figure rests on, and no more than what is sent in [`RateController::PROBE_EVERY`]: a probe costs about a second, so
//! probing costs about a hundredth. Only requests that the pace held back count: it does not rise while
//! there is little to do, or while the operator's ceiling is lower.

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

use super::{Law, Window};

/// The learned pace. Pure: it is told what happened and when, and says when the next request may leave.
#[derive(Debug, Clone)]
pub struct RateController {
    known: Known,
    kind: Kind,
    cycle: Cycle,
    /// What the server took at once in the beginning, and how long the first cycle was.
    beginning: Option<(f64, Duration)>,
    /// When the next request may leave at the learned pace.
    next: Instant,
    /// Whether the last request that left was held back by the pace.
    held_back: bool,
    /// Until when a busy server has asked for a wait.
    busy_until: Option<Instant>,
}

/// What is known of the limit.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Known {
    Nothing,
    /// This many requests after each long wait, within its length.
    Quota(f64, Duration),
    Pace(Pace),
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Pace {
    /// Requests per second right after the last cycle.
    base: f64,
    rise: Rise,
    /// Accepted since, as far as the pace held them back.
    accepted: u32,
    /// Whether the last wait was a long one: the next long one counts.
    doubted: bool,
    /// How many cycles in a row were too short to measure a window.
    short: u32,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Rise {
    /// The base is only known not to be too high.
    Climbing,
    /// The base is a measured one: `k` requests of it are flat.
    Settled { k: f64, trial: Option<f64> },
}

/// Which of the two figures fits the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Unknown,
    Bucket,
    Window,
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
    /// What was known before it, and the pace at which it came.
    before: Known,
    pace: Option<f64>,
    kind: Kind,
}

impl Pace {
    fn now(&self) -> f64 {
        let accepted = f64::from(self.accepted);
        let rise = match self.rise {
            Rise::Climbing => {
                (1.0 + RateController::CLIMB).powf(accepted / 10.0 * (1.0 + accepted / 60.0))
            }
            Rise::Settled { k, .. } => 1.0 + RateController::RISE * (accepted / k).powi(3),
        };
        self.base * rise
    }
}

impl RateController {
    /// How much of a measured rate is used. The rest is for jitter on the way: in a window of 20 a second two
    /// requests that come 20 ms closer than they left are 0.02 of it, though rarely just at its edge.
    pub const MARGIN: f64 = 0.985;
    /// From a first figure the pace climbs by this share for each `accepted / 10 * (1 + accepted / 60)`: about a
    /// quarter in the first forty requests, doubled after ninety. A window is found at once when it is passed, and
    /// the slower the better; a bucket, whose first figure is the worse one, is best passed quickly.
    pub const CLIMB: f64 = 0.035;
    /// How much a settled pace has risen after `k` accepted requests.
    pub const RISE: f64 = 0.02;
    /// `k` is this many times the number of requests that the figure rests on.
    pub const TRUST: f64 = 6.0;
    /// `k` is no more than what is sent in this time.
    pub const PROBE_EVERY: Duration = Duration::from_secs(100);
    /// The larger figure was right if it lasted for this many times the size of a burst.
    pub const TRIAL: f64 = 8.0;
    /// Figures that differ by no more than this share agree.
    pub const AGREES: f64 = 0.1;
    /// A figure is found again when it differs by no more than this share.
    pub const AGAIN: f64 = 0.05;
    /// After a cycle too short to measure a window the pace is at most this share of the one that was too fast.
    pub const STEP: f64 = 0.95;
    /// A cycle that lasted for fewer requests is too short as well: where waits are a tenth of a second, coming down
    /// from a pace that is far too fast must not cost a 429 for each few percent.
    pub const FEW: f64 = 40.0;
    /// A wait that no fast bucket asks for. Shorter windows are better served by a pace: a wait in whole seconds
    /// wastes up to one of them.
    pub const LONG: Duration = Duration::from_secs(8);
    /// This share of a window's number is sent freely, the rest one at a time.
    pub const FREELY: f64 = 0.98;
    /// How many more than the window's number are tried, one at a time.
    const BEYOND: f64 = 4.0;
    /// No pace is slower than this, in requests per second: one in ten minutes.
    const SLOWEST: f64 = 1.0 / 600.0;
    /// How many accepted requests are remembered.
    const REMEMBERED: usize = 4096;

    /// A controller that knows nothing yet.
    pub fn new(now: Instant) -> Self {
        RateController {
            known: Known::Nothing,
            kind: Kind::Unknown,
            cycle: Cycle::new(None, Duration::ZERO),
            beginning: None,
            next: now,
            held_back: false,
            busy_until: None,
        }
    }
}

impl Law for RateController {
    fn pace(&self) -> Option<f64> {
        match self.known {
            Known::Pace(pace) => Some(pace.now()),
            Known::Nothing | Known::Quota(..) => None,
        }
    }

    fn measured(&self) -> Option<f64> {
        match self.known {
            Known::Quota(quota, whole) => Some(quota / whole.as_secs_f64()),
            Known::Pace(Pace {
                base,
                rise: Rise::Settled { .. },
                ..
            }) => Some(base),
            Known::Nothing | Known::Pace(_) => None,
        }
    }

    fn window(&self) -> Option<Window> {
        let Known::Quota(quota, length) = self.known else {
            return None;
        };
        let began = self.cycle.limited.map(|limited| limited.until);
        Some(Window {
            quota,
            length,
            began: began.or(self.cycle.start)?,
            used: match self.cycle.limited {
                Some(_) => 0.0,
                None => self.cycle.count as f64,
            },
        })
    }

    fn most_in_flight(&self, in_flight: usize) -> usize {
        let Known::Quota(quota, _) = self.known else {
            return usize::MAX;
        };
        let accepted = self.cycle.count as f64;
        if accepted + (in_flight as f64) < quota * RateController::FREELY - 1.0 {
            return usize::MAX;
        }
        // Past the edge, should there be none after all, they gather way again.
        1 + (accepted - quota - RateController::BEYOND).max(0.0) as usize
    }

    fn not_before(&self, now: Instant) -> Instant {
        match self.known {
            Known::Pace(_) => self.next,
            Known::Nothing | Known::Quota(..) => now,
        }
    }

    fn on_sent(&mut self, now: Instant) {
        self.cycle.start.get_or_insert(now);
        if let Some(pace) = self.pace() {
            let interval = Duration::from_secs_f64(1.0 / pace.max(RateController::SLOWEST));
            self.held_back = now <= self.next + interval;
            // A request that comes late lets at most one other follow at once.
            let earliest = now.checked_sub(interval).unwrap_or(now);
            self.next = self.next.max(earliest) + interval;
        }
    }

    fn on_accepted(&mut self, now: Instant) {
        self.end_wait(now);
        self.cycle.count += 1;
        self.cycle.accepted.push_back(now);
        if self.cycle.accepted.len() > RateController::REMEMBERED {
            self.cycle.accepted.pop_front();
        }
        if self.cycle.limited.is_some() {
            // It was sent before the 429 that has overtaken it.
            self.measure();
            return;
        }
        match &mut self.known {
            Known::Pace(pace) => pace.accepted += u32::from(self.held_back),
            Known::Quota(quota, _)
                if self.cycle.count as f64 > *quota + 5.0 * RateController::BEYOND =>
            {
                self.known = Known::Nothing;
            }
            Known::Nothing | Known::Quota(..) => {}
        }
    }

    fn on_limited(&mut self, now: Instant, until: Instant) {
        let (before, pace, kind) = (self.known, self.pace(), self.kind);
        // Until something is accepted again, every further 429 belongs to the same wait.
        let limited = self.cycle.limited.get_or_insert(Limited {
            at: now,
            until,
            before,
            pace,
            kind,
        });
        limited.until = limited.until.max(until);
        self.measure();
    }

    fn on_busy(&mut self, now: Instant, until: Instant) {
        let from = self.busy_until.map_or(now, |known| known.max(now));
        let wait = until.saturating_duration_since(from);
        self.busy_until = Some(from.max(until));
        self.next = self.next.max(until);
        if let Some(start) = &mut self.cycle.start {
            *start += wait;
        }
        for at in &mut self.cycle.accepted {
            *at += wait;
        }
    }
}

impl RateController {
    /// Learns from the cycle that a 429 has just ended; again when its wait is extended.
    fn measure(&mut self) {
        let (Some(limited), Some(start)) = (self.cycle.limited, self.cycle.start) else {
            return;
        };
        self.next = limited.until;
        if self.cycle.count == 0 {
            // Nothing was accepted, so there is nothing to measure: someone else had used the limit up.
            return;
        }
        let count = self.cycle.count as f64;
        let active = limited.at.saturating_duration_since(start);
        let wait = limited.until.saturating_duration_since(limited.at);
        let long = wait >= RateController::LONG;
        self.kind = limited.kind;
        self.known = match limited.before {
            Known::Pace(pace) if long && !pace.doubted => Known::Pace(Pace {
                doubted: true,
                ..pace
            }),
            _ if long => Known::Quota(count, active + wait),
            Known::Nothing | Known::Quota(..) => {
                let whole = (active + wait).max(Duration::from_millis(1));
                // Up to a second of a wait is rounding, of a date's two.
                let second = Duration::from_secs(1);
                let asked = wait.min(second.max(wait.saturating_sub(second)));
                let base = count / (active + asked).as_secs_f64().max(1e-3);
                let base = base.max(RateController::SLOWEST);
                // Twice the base: that is what it is until the truth is known, give or take as much.
                let burst = (count - 2.0 * base * active.as_secs_f64()).max(1.0);
                self.beginning = Some((burst, whole));
                Known::Pace(Pace::new(base, Rise::Climbing))
            }
            Known::Pace(pace) => Known::Pace(self.settle(pace, limited, active, wait)),
        };
    }

    /// The pace after a 429 that came in spite of a learned pace.
    fn settle(&mut self, before: Pace, limited: Limited, active: Duration, wait: Duration) -> Pace {
        let count = self.cycle.count as f64;
        let (burst, span) = self.beginning.unwrap_or((1.0, Duration::from_secs(1)));
        let since = |at: &Instant| limited.at.saturating_duration_since(*at);
        let recent = self
            .cycle
            .accepted
            .iter()
            .rev()
            .take_while(|at| since(at) < span);
        let steady = recent.count() as f64 / span.as_secs_f64();
        let stretch = self
            .cycle
            .accepted
            .iter()
            .rev()
            .enumerate()
            .map(|(before, at)| (before as f64 - burst) / since(at).as_secs_f64().max(1e-3));
        let stretch = stretch.fold(0.0, f64::max);
        let whole = (self.cycle.waited + active).max(active + wait);
        let by_cycle = count / whole.as_secs_f64().max(1e-3);
        let low = by_cycle.max(stretch);
        let high = steady.max(low);

        let pace = limited.pace.unwrap_or(high);
        if let Rise::Settled {
            trial: Some(lower), ..
        } = before.rise
        {
            // The figure that is found again is the right one.
            let again = agree(stretch, lower, RateController::AGAIN);
            let lasted = f64::from(before.accepted) >= RateController::TRIAL * burst;
            self.kind = if again && !lasted {
                Kind::Bucket
            } else {
                Kind::Window
            };
        }
        // Too short to measure a window, but the pace was too fast.
        let short = active < span || count < RateController::FEW;
        let figure = match (self.kind, before.rise) {
            (_, Rise::Settled { .. }) if short && before.short > 0 => {
                let steps = i32::try_from(before.short + 1).unwrap_or(i32::MAX);
                by_cycle.max(pace * RateController::STEP.powi(steps))
            }
            (
                Kind::Bucket,
                Rise::Settled {
                    trial: Some(lower), ..
                },
            ) => low.max(lower),
            (Kind::Bucket, _) => low,
            (_, Rise::Settled { .. }) if short => high.max(pace * RateController::STEP),
            _ => high,
        };
        let base = (figure.min(pace) * RateController::MARGIN).max(RateController::SLOWEST);
        let confirmed = match before.rise {
            Rise::Settled { k, .. } if agree(base, before.base, RateController::AGREES) => k,
            _ => 0.0,
        };
        let most = base * RateController::PROBE_EVERY.as_secs_f64();
        let k = (confirmed + RateController::TRUST * count).clamp(8.0, most.max(8.0));
        let differ = self.kind == Kind::Unknown && !agree(high, low, RateController::AGREES);
        let trial = differ.then_some(low);
        Pace {
            short: if short { before.short + 1 } else { 0 },
            ..Pace::new(base, Rise::Settled { k, trial })
        }
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

impl Pace {
    fn new(base: f64, rise: Rise) -> Self {
        Pace {
            base,
            rise,
            accepted: 0,
            doubted: false,
            short: 0,
        }
    }
}

/// Whether the figures differ by no more than `share` of the second.
fn agree(one: f64, other: f64, share: f64) -> bool {
    (one / other - 1.0).abs() <= share
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
