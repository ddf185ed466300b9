//! The rate controller: what the server grants, learned from its answers.
//!
//! The limit is unpublished and of unknown kind: a token bucket, or so many requests in a window. A *cycle* lasts from the end
//! of one announced wait to the 429 that announces the next. Each 429 teaches something:
//!
//! - **The first gives a number.** The server took `n` requests at once and asked to wait. Cycle and wait together are
//!   about as long as its memory, `span`. So `n` in `span` is a first guess: right for a window, too low for a
//!   bucket. From there the pace climbs.
//! - **The next tells which it is.** Were as many accepted in the last `span` as at the very first, it is a window: from then
//!   on `n` leave together, and the next `n` after `span`. Else it is a bucket: one that holds `b` grants `b + r * t`, and just
//!   that from the moment at which we began to send faster than `r`. So `r` is the largest `(m - b) / t` over all
//!   stretches `t` that end with the 429 and in which `m` were accepted; `b` is what it took at once at the very first.
//! - **A later one takes a little off.** A window is measured again. Any other pace falls to what was accepted in the
//!   last `span`, where that is less. All figures have a margin for [`RateController::JITTER`].
//! - **Where a cycle was too short to measure anything**, a guess is halved, and any other pace falls by the margin. No pace falls
//!   below what the whole cycle was granted, waits included.
//! - **Five quick ones in a row** ([`RateController::QUICK`], [`RateController::IN_A_ROW`]) **mean that the pace is not the reason**: a
//!   wrong one has been corrected by then. Being slower still would not help, so all is forgotten and learned anew.
//!
//! **Rising.** Figures can be low, and limits change, so the pace rises with each request that was accepted since and
//! that it held back: as `1 + RISE * (accepted / k)^2`, where `k` is `n` after a guess, and else what is sent in
//! [`RateController::PROBE_EVERY`]. It does not rise while there is little to do, or while the operator's ceiling is lower.
//!
//! **A long wait means a long window.** No bucket that takes many requests a second asks for [`RateController::LONG`] of
//! silence, and what a window has left after it is known: `n` again. So the next `n` leave as fast as the ceiling allows,
//! the last of them one at a time: each window costs one 429, which tells exactly when the next one begins. Where more than
//! `n` are accepted after all the wait was a whim, and nothing is known. Where a pace is known, it takes two long waits in a row.

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

use super::{PacePolicy, Window};

/// The learned pace. Pure: it is told what happened and when, and says when the next request may leave.
#[derive(Debug, Clone)]
pub struct RateController {
    known: RateEstimate,
    first: FirstMeasurement,
    cycle: Cycle,
    /// When requests left, oldest first, as far as the pace is concerned.
    sent: VecDeque<Instant>,
    /// Whether the last request that left was held back by the pace.
    held_back: bool,
    /// Until when a busy server has asked for a wait.
    busy_until: Option<Instant>,
}

/// What is known of the limit.
#[derive(Debug, Clone, Copy, PartialEq)]
enum RateEstimate {
    Nothing,
    /// This many requests after each long wait, within its length.
    Quota(f64, Duration),
    Pace(LearnedPace),
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct LearnedPace {
    /// Requests per second right after the last cycle.
    base: f64,
    /// So many may leave together: the number of a window, else one.
    together: usize,
    /// The base is a first guess.
    is_guess: bool,
    /// After so many accepted requests the pace has risen by [`RateController::RISE`].
    k: f64,
    /// Accepted since, as far as the pace held them back.
    accepted: u32,
    /// Whether the last wait was a long one: the next long one counts.
    doubted: bool,
    /// How many 429s in a row came quickly.
    quick: u32,
}

/// What the first 429 told.
#[derive(Debug, Clone, Copy)]
struct FirstMeasurement {
    /// How many were accepted before it.
    number: f64,
    /// About as long as the server's memory: whole seconds.
    span: Duration,
    /// What the server took at once, apart from what it grants in any time.
    burst: f64,
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
    /// The wait that it announced itself.
    announced: Duration,
    /// The end of the wait, with those that others announced.
    until: Instant,
    /// What was known before it, and the pace at which it came.
    before: RateEstimate,
    pace: Option<f64>,
}

impl RateController {
    /// How much two requests can come closer to each other on the way. A 429 costs a window of a second, so a margin of
    /// 3 % of it is cheaper than one 429 more in 30 s.
    pub const JITTER: Duration = Duration::from_millis(30);
    /// How much the pace has risen after `k` accepted requests.
    pub const RISE: f64 = 0.02;
    /// A measured pace has risen by [`RateController::RISE`] after this time. A probe costs about a second.
    pub const PROBE_EVERY: Duration = Duration::from_secs(60);
    /// A 429 came quickly after fewer requests than these.
    pub const QUICK: u64 = 20;
    /// Quick 429s in a row after which nothing is known any more.
    pub const IN_A_ROW: u32 = 5;
    /// Fewer requests than these prove nothing.
    pub const HANDFUL: f64 = 5.0;
    /// Numbers that differ by no more than this share are the same, give or take one.
    pub const SAME: f64 = 0.1;
    /// A wait that no fast bucket asks for.
    pub const LONG: Duration = Duration::from_secs(8);
    /// This share of a long window's number is sent freely, the rest one at a time.
    pub const FREELY: f64 = 0.98;
    /// How many more than a long window's number are tried, one at a time.
    const BEYOND: f64 = 4.0;
    /// No pace is slower than this, in requests per second: one in ten minutes.
    const SLOWEST: f64 = 1.0 / 600.0;
    /// How many requests are remembered.
    const REMEMBERED: usize = 4096;

    /// A controller that knows nothing yet.
    pub fn new() -> Self {
        RateController {
            known: RateEstimate::Nothing,
            first: FirstMeasurement {
                number: 1.0,
                span: Duration::from_secs(1),
                burst: 1.0,
            },
            cycle: Cycle::new(None, Duration::ZERO),
            sent: VecDeque::new(),
            held_back: false,
            busy_until: None,
        }
    }

    /// Learns from the cycle that a 429 has just ended; again when its wait is extended.
    fn measure(&mut self) {
        let (Some(limited), Some(start)) = (self.cycle.limited, self.cycle.start) else {
            return;
        };
        if self.cycle.count == 0 {
            // Nothing was accepted, so there is nothing to measure: someone else had used the limit up.
            return;
        }
        let count = self.cycle.count as f64;
        let active = limited.at.saturating_duration_since(start);
        let wait = limited.until.saturating_duration_since(limited.at);
        let is_long = wait >= RateController::LONG;
        self.known = match limited.before {
            RateEstimate::Pace(pace) if is_long && !pace.doubted => {
                RateEstimate::Pace(LearnedPace {
                    doubted: true,
                    ..pace
                })
            }
            _ if is_long => RateEstimate::Quota(count, active + wait),
            RateEstimate::Nothing | RateEstimate::Quota(..) => {
                let (first, guess) = FirstMeasurement::of(count, active, limited.announced);
                self.first = first;
                RateEstimate::Pace(guess)
            }
            RateEstimate::Pace(pace) => match self.cycle.quick_ones_after(&pace) {
                RateController::IN_A_ROW.. => RateEstimate::Nothing,
                quick => RateEstimate::Pace(LearnedPace {
                    quick,
                    ..self.settle(&pace, limited, active, wait)
                }),
            },
        };
    }

    /// The pace after a 429 that came in spite of a learned pace.
    fn settle(
        &self,
        before: &LearnedPace,
        limited: Limited,
        active: Duration,
        wait: Duration,
    ) -> LearnedPace {
        let FirstMeasurement {
            number,
            span,
            burst,
        } = self.first;
        let count = self.cycle.count as f64;
        let recent = self.cycle.accepted_within(limited.at, span);
        let lately = recent / span.as_secs_f64();
        let whole = (self.cycle.waited + active).max(active + wait);
        let by_cycle = count / whole.as_secs_f64().max(1e-3);
        let pace = limited.pace.unwrap_or(lately);

        let same =
            number * (1.0 - RateController::SAME)..=number * (1.0 + RateController::SAME) + 1.0;
        // A run that begins at the edge of a fixed window takes two of them at first: the number may be half as large.
        let is_window = number >= RateController::HANDFUL
            && self.cycle.waited + active >= span
            && (number / 2.0..=*same.end()).contains(&recent);
        // Too short to measure anything.
        let is_short = active < span || count < RateController::HANDFUL;

        let mut after = LearnedPace {
            accepted: 0,
            ..*before
        };
        let figure = if is_window {
            let number = if same.contains(&recent) {
                number
            } else {
                recent
            };
            after.together = number as usize;
            after.is_guess = false;
            number / span.as_secs_f64()
        } else if is_short {
            match before.is_guess {
                true => lately.max(by_cycle).max(pace / 2.0),
                false => pace,
            }
        } else {
            after.together = 1;
            after.is_guess = false;
            match before.is_guess {
                true => self.cycle.grant(limited.at, burst).max(by_cycle),
                false => lately.max(by_cycle),
            }
        };
        let length = span.as_secs_f64();
        let margin = length / (length + RateController::JITTER.as_secs_f64());
        let least = by_cycle.min(pace).max(RateController::SLOWEST);
        after.base = (figure.min(pace) * margin).max(least);
        if !after.is_guess {
            after.k = (after.base * RateController::PROBE_EVERY.as_secs_f64())
                .max(RateController::HANDFUL);
        }
        after
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

impl Default for RateController {
    fn default() -> Self {
        RateController::new()
    }
}

impl PacePolicy for RateController {
    fn not_before(&self, now: Instant) -> Instant {
        let RateEstimate::Pace(pace) = self.known else {
            return now;
        };
        let before = self.sent.len().checked_sub(pace.together);
        let before = before.and_then(|index| self.sent.get(index));
        before.map_or(now, |at| {
            *at + pace.interval().mul_f64(pace.together as f64)
        })
    }

    fn most_in_flight(&self, in_flight: usize) -> usize {
        let RateEstimate::Quota(quota, _) = self.known else {
            return usize::MAX;
        };
        let accepted = self.cycle.count as f64;
        if accepted + (in_flight as f64) < quota * RateController::FREELY - 1.0 {
            return usize::MAX;
        }
        // Past the edge, should there be none after all, they gather way again.
        1 + (accepted - quota - RateController::BEYOND).max(0.0) as usize
    }

    fn pace(&self) -> Option<f64> {
        match self.known {
            RateEstimate::Pace(pace) => Some(pace.now()),
            RateEstimate::Nothing | RateEstimate::Quota(..) => None,
        }
    }

    fn measured(&self) -> Option<f64> {
        match self.known {
            RateEstimate::Quota(quota, whole) => Some(quota / whole.as_secs_f64()),
            RateEstimate::Pace(pace) if !pace.is_guess => Some(pace.base),
            RateEstimate::Nothing | RateEstimate::Pace(_) => None,
        }
    }

    fn window(&self) -> Option<Window> {
        let RateEstimate::Quota(quota, length) = self.known else {
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

    fn on_sent(&mut self, now: Instant) {
        self.cycle.start.get_or_insert(now);
        let mut slot = now;
        if let RateEstimate::Pace(pace) = self.known {
            let (due, interval) = (self.not_before(now), pace.interval());
            self.held_back = now <= due + interval.mul_f64(pace.together as f64);
            if pace.together == 1 {
                // A request that comes late lets at most one other follow at once.
                slot = due.max(now.checked_sub(interval).unwrap_or(now));
            }
        }
        remember(&mut self.sent, slot);
    }

    fn on_accepted(&mut self, now: Instant) {
        self.end_wait(now);
        self.cycle.count += 1;
        remember(&mut self.cycle.accepted, now);
        if self.cycle.limited.is_some() {
            // It was sent before the 429 that has overtaken it.
            self.measure();
            return;
        }
        match &mut self.known {
            RateEstimate::Pace(pace) => pace.accepted += u32::from(self.held_back),
            RateEstimate::Quota(quota, _)
                if self.cycle.count as f64 > *quota + 5.0 * RateController::BEYOND =>
            {
                self.known = RateEstimate::Nothing;
            }
            RateEstimate::Nothing | RateEstimate::Quota(..) => {}
        }
    }

    fn on_limited(&mut self, now: Instant, until: Instant) {
        let (before, pace) = (self.known, self.pace());
        // Until something is accepted again, every further 429 belongs to the same wait.
        let limited = self.cycle.limited.get_or_insert(Limited {
            at: now,
            announced: until.saturating_duration_since(now),
            until,
            before,
            pace,
        });
        limited.until = limited.until.max(until);
        self.measure();
    }

    fn on_busy(&mut self, now: Instant, until: Instant) {
        let from = self.busy_until.map_or(now, |known| known.max(now));
        let wait = until.saturating_duration_since(from);
        self.busy_until = Some(from.max(until));
        if let Some(start) = &mut self.cycle.start {
            *start += wait;
        }
        for at in &mut self.cycle.accepted {
            *at += wait;
        }
    }
}

impl LearnedPace {
    /// Requests per second.
    fn now(&self) -> f64 {
        self.base * (1.0 + RateController::RISE * (f64::from(self.accepted) / self.k).powi(2))
    }

    fn interval(&self) -> Duration {
        Duration::from_secs_f64(1.0 / self.now().max(RateController::SLOWEST))
    }
}

impl FirstMeasurement {
    /// What a first 429 tells that came `active` after the first request, and what is guessed by it.
    fn of(number: f64, active: Duration, announced: Duration) -> (FirstMeasurement, LearnedPace) {
        let second = Duration::from_secs(1);
        // Up to a second of a wait in whole seconds is rounding; of a date, which cannot be told from it, two.
        let is_whole = announced.subsec_nanos() == 0;
        let asked = match is_whole && announced <= 2 * second {
            true => announced.min(second),
            false => announced,
        };
        // Windows are whole seconds long. An exact wait may lack what the first request took on its way.
        let early = match is_whole {
            true => Duration::ZERO,
            false => second.mul_f64(RateController::SAME),
        };
        let span = Duration::from_secs((active + asked + early).as_secs()).max(second);
        let over = match is_whole {
            true => span,
            // Exact; a bucket's may be short.
            false => span.min(active + asked),
        };
        let base = number / over.as_secs_f64().max(1e-3);
        // Twice the base: that is what it is until the truth is known, give or take as much.
        let burst = (number - 2.0 * base * active.as_secs_f64()).max(1.0);
        let guess = LearnedPace {
            base: base.max(RateController::SLOWEST),
            together: 1,
            is_guess: true,
            k: number,
            accepted: 0,
            doubted: false,
            quick: 0,
        };
        let first = FirstMeasurement {
            number,
            span,
            burst,
        };
        (first, guess)
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

    /// How many were accepted in the `span` that ends at `end`.
    fn accepted_within(&self, end: Instant, span: Duration) -> f64 {
        let since = |at: &&Instant| end.checked_duration_since(**at);
        let within = self
            .accepted
            .iter()
            .filter(|at| since(at).is_some_and(|ago| ago < span));
        within.count() as f64
    }

    /// The rate of a bucket that holds `burst` and was found empty at `end`.
    fn grant(&self, end: Instant, burst: f64) -> f64 {
        let newest_first = self.accepted.iter().rev().enumerate();
        let rates = newest_first.map(|(before, at)| {
            let ago = end.saturating_duration_since(*at).as_secs_f64();
            (before as f64 - burst) / ago.max(1e-3)
        });
        rates.fold(0.0, f64::max)
    }

    /// How many 429s in a row came quickly, with the one that ends this cycle.
    fn quick_ones_after(&self, pace: &LearnedPace) -> u32 {
        match self.count < RateController::QUICK {
            true => pace.quick + 1,
            false => 0,
        }
    }
}

fn remember(times: &mut VecDeque<Instant>, at: Instant) {
    times.push_back(at);
    if times.len() > RateController::REMEMBERED {
        times.pop_front();
    }
}
