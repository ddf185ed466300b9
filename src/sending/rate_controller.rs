//! The rate controller: what the server grants, learned from its answers.
//!
//! The limit is unpublished: a token bucket, or `n` requests in a window. A *cycle* lasts from the end of one announced
//! wait to the 429 that announces the next.
//!
//! - **First 429.** `n` accepted requests in `span`, about as long as cycle and wait together, are a guess: right for a
//!   window, too low for a bucket.
//! - **Next 429.** If as many were accepted in the last `span`, it is a window: `n` leave together, and the next `n`
//!   after `span`. Else it is a bucket, which grants `b + r * t`: `b` is what it accepted at once at first, and `r` is
//!   the largest `(m - b) / t` over all times `t` that end with the 429 and in which `m` were accepted.
//! - **Later ones.** A window is measured again. Any other pace falls to what was accepted in the last `span`, if that
//!   is less. All figures have a margin for [`RateController::JITTER`].
//! - **A cycle that is too short to measure.** A guess is halved, and any other pace falls by the margin, but not below
//!   what the whole cycle was granted, waits included.
//! - **[`RateController::IN_A_ROW`] quick ones** ([`RateController::QUICK`]) would have corrected a wrong pace: all is
//!   forgotten and learned again.
//! - **Rising.** With each accepted request that it delayed, the pace rises as `1 + RISE * (accepted / k)^2`, where `k`
//!   is `n` after a guess, and else what is sent in [`RateController::PROBE_EVERY`]; not while the ceiling is lower.
//! - **A long wait** ([`RateController::LONG`]) means a long window: the next `n` leave as fast as the ceiling allows,
//!   the last of them one at a time. If more are accepted, nothing is known. If a pace is known, it takes two such
//!   waits.

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

use super::PacePolicy;

/// Pure: it is told what happened and when, and says when the next request may leave.
#[derive(Debug, Clone)]
pub struct RateController {
    known: RateEstimate,
    first: FirstMeasurement,
    cycle: Cycle,
    sent: VecDeque<Instant>,
    held_back: bool,
    busy_until: Option<Instant>,
}

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
    /// How many may leave together: the quota of a window, else one.
    together: usize,
    is_guess: bool,
    /// After this many accepted requests the pace has risen by [`RateController::RISE`].
    k: f64,
    /// Accepted since then, if the pace delayed them.
    accepted: u32,
    /// The last wait was a long one: the next long one counts.
    doubted: bool,
    quick: u32,
}

#[derive(Debug, Clone, Copy)]
struct FirstMeasurement {
    number: f64,
    /// About as long as the server's memory: whole seconds.
    span: Duration,
    /// What the server accepted at once, apart from its rate.
    burst: f64,
}

#[derive(Debug, Clone)]
struct Cycle {
    /// End of the wait before it, or the first request.
    start: Option<Instant>,
    waited: Duration,
    accepted: VecDeque<Instant>,
    /// Accepted in all: `accepted` drops the oldest.
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
    before: RateEstimate,
    pace: Option<f64>,
}

impl RateController {
    /// How much closer together two requests can arrive than they left.
    pub const JITTER: Duration = Duration::from_millis(30);
    /// The rise of the pace after `k` accepted requests.
    pub const RISE: f64 = 0.02;
    /// A measured pace has risen by [`RateController::RISE`] after this time. A probe costs about a second.
    pub const PROBE_EVERY: Duration = Duration::from_secs(60);
    /// A 429 after fewer requests is a quick one.
    pub const QUICK: u64 = 20;
    /// This many quick 429s in a row reset the estimate.
    pub const IN_A_ROW: u32 = 5;
    /// Fewer requests prove nothing.
    pub const HANDFUL: f64 = 5.0;
    /// Numbers that differ by less than this share, or by one, are the same.
    pub const SAME: f64 = 0.1;
    /// No fast bucket asks for such a wait.
    pub const LONG: Duration = Duration::from_secs(8);
    /// This share of a long window's quota is sent freely, the rest one at a time.
    pub const FREELY: f64 = 0.98;
    /// This many more than a long window's quota are tried, one at a time.
    const BEYOND: f64 = 4.0;
    /// In requests per second: one in ten minutes.
    const SLOWEST: f64 = 1.0 / 600.0;
    const REMEMBERED: usize = 4096;

    pub fn new() -> Self {
        RateController {
            known: RateEstimate::Nothing,
            first: FirstMeasurement { number: 1.0, span: Duration::from_secs(1), burst: 1.0 },
            cycle: Cycle::new(None, Duration::ZERO),
            sent: VecDeque::new(),
            held_back: false,
            busy_until: None,
        }
    }

    /// Learns from the cycle that a 429 ended; again when its wait is extended.
    fn measure(&mut self) {
        let (Some(limited), Some(start)) = (self.cycle.limited, self.cycle.start) else {
            return;
        };
        if self.cycle.count == 0 {
            // Nothing was accepted, so there is nothing to measure: another client had used the limit up.
            return;
        }
        let count = self.cycle.count as f64;
        let active = limited.at.saturating_duration_since(start);
        let wait = limited.until.saturating_duration_since(limited.at);
        let is_long = wait >= RateController::LONG;
        self.known = match limited.before {
            RateEstimate::Pace(pace) if is_long && !pace.doubted => {
                RateEstimate::Pace(LearnedPace { doubted: true, ..pace })
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

    fn settle(
        &self,
        before: &LearnedPace,
        limited: Limited,
        active: Duration,
        wait: Duration,
    ) -> LearnedPace {
        let FirstMeasurement { number, span, burst } = self.first;
        let count = self.cycle.count as f64;
        let recent = self.cycle.accepted_within(limited.at, span);
        let lately = recent / span.as_secs_f64();
        let whole = (self.cycle.waited + active).max(active + wait);
        let by_cycle = count / whole.as_secs_f64().max(1e-3);
        let pace = limited.pace.unwrap_or(lately);

        let same =
            number * (1.0 - RateController::SAME)..=number * (1.0 + RateController::SAME) + 1.0;
        // A run that begins at the edge of a fixed window gets two of them at first: the number may be half as large.
        let is_window = number >= RateController::HANDFUL
            && self.cycle.waited + active >= span
            && (number / 2.0..=*same.end()).contains(&recent);
        let is_short = active < span || count < RateController::HANDFUL;

        let mut after = LearnedPace { accepted: 0, ..*before };
        let figure = if is_window {
            let number = if same.contains(&recent) { number } else { recent };
            after.together = number as usize;
            after.is_guess = false;
            number / span.as_secs_f64()
        } else if is_short {
            if before.is_guess { lately.max(by_cycle).max(pace / 2.0) } else { pace }
        } else {
            after.together = 1;
            after.is_guess = false;
            if before.is_guess {
                self.cycle.grant(limited.at, burst).max(by_cycle)
            } else {
                lately.max(by_cycle)
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
        before.map_or(now, |at| *at + pace.interval().mul_f64(pace.together as f64))
    }

    fn most_in_flight(&self, in_flight: usize) -> usize {
        let RateEstimate::Quota(quota, _) = self.known else {
            return usize::MAX;
        };
        let accepted = self.cycle.count as f64;
        if accepted + (in_flight as f64) < quota * RateController::FREELY - 1.0 {
            return usize::MAX;
        }
        // After the edge, in case there is none, concurrency grows again.
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

    fn on_sent(&mut self, now: Instant) {
        self.cycle.start.get_or_insert(now);
        let mut slot = now;
        if let RateEstimate::Pace(pace) = self.known {
            let (due, interval) = (self.not_before(now), pace.interval());
            self.held_back = now <= due + interval.mul_f64(pace.together as f64);
            if pace.together == 1 {
                // After a late request at most one other may follow at once.
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
            // It was sent before the 429, whose answer overtook it.
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
        // Until a request is accepted, every further 429 belongs to the same wait.
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
    /// What a first 429, `active` after the first request, tells; and the guess from it.
    fn of(number: f64, active: Duration, announced: Duration) -> (FirstMeasurement, LearnedPace) {
        let second = Duration::from_secs(1);
        // A wait in whole seconds is rounded by up to a second; one from a date, which looks the same, by up to two.
        let is_whole = announced.subsec_nanos() == 0;
        let asked =
            if is_whole && announced <= 2 * second { announced.min(second) } else { announced };
        // Windows are whole seconds long. An exact wait may lack the time of the first request on the network.
        let early = if is_whole { Duration::ZERO } else { second.mul_f64(RateController::SAME) };
        let span = Duration::from_secs((active + asked + early).as_secs()).max(second);
        let over = if is_whole {
            span
        } else {
            // Exact; a bucket's may be short.
            span.min(active + asked)
        };
        let base = number / over.as_secs_f64().max(1e-3);
        // Twice the base, since the true rate may be that high.
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
        let first = FirstMeasurement { number, span, burst };
        (first, guess)
    }
}

impl Cycle {
    fn new(start: Option<Instant>, waited: Duration) -> Self {
        Cycle { start, waited, accepted: VecDeque::new(), count: 0, limited: None }
    }

    fn accepted_within(&self, end: Instant, span: Duration) -> f64 {
        let since = |at: &&Instant| end.checked_duration_since(**at);
        let within = self.accepted.iter().filter(|at| since(at).is_some_and(|ago| ago < span));
        within.count() as f64
    }

    /// The rate of a bucket of size `burst` that was empty at `end`.
    fn grant(&self, end: Instant, burst: f64) -> f64 {
        let newest_first = self.accepted.iter().rev().enumerate();
        let rates = newest_first.map(|(before, at)| {
            let ago = end.saturating_duration_since(*at).as_secs_f64();
            (before as f64 - burst) / ago.max(1e-3)
        });
        rates.fold(0.0, f64::max)
    }

    fn quick_ones_after(&self, pace: &LearnedPace) -> u32 {
        if self.count < RateController::QUICK { pace.quick + 1 } else { 0 }
    }
}

fn remember(times: &mut VecDeque<Instant>, at: Instant) {
    times.push_back(at);
    if times.len() > RateController::REMEMBERED {
        times.pop_front();
    }
}
