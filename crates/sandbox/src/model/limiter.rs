//! Rate limits, exact to the nanosecond. `now` is measured from any fixed origin and must not go backwards.

use std::{collections::VecDeque, num::NonZeroU32, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::span::Span;

/// Which limit a server keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum LimiterConfig {
    /// None at all.
    Unlimited {},
    /// At most `burst + rate * t / per` requests in any stretch of time `t`.
    TokenBucket {
        /// Tokens that come back in each `per`.
        rate: NonZeroU32,
        /// The time that `rate` counts for.
        #[serde(default = "one_second")]
        per: Span,
        /// Tokens in a full bucket.
        burst: NonZeroU32,
    },
    /// At most `max` requests in each window; windows follow each other from the clock's origin.
    FixedWindow {
        /// Requests in a window.
        max: NonZeroU32,
        /// Its length.
        window: Span,
    },
    /// At most `max` requests in any window, wherever it begins.
    SlidingWindow {
        /// Requests in a window.
        max: NonZeroU32,
        /// Its length.
        window: Span,
    },
}

fn one_second() -> Span {
    Span(Duration::from_secs(1))
}

/// What remains of a limit, as a server may announce it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    /// Requests in a full budget.
    pub limit: u32,
    /// Requests that would be admitted now.
    pub remaining: u32,
    /// Time until the budget is full.
    pub reset: Duration,
    /// Time in which a whole budget comes back.
    pub window: Duration,
}

/// A running limit.
#[derive(Debug, Clone)]
pub enum Limiter {
    /// Admits everything.
    Unlimited,
    /// See [`TokenBucket`].
    TokenBucket(TokenBucket),
    /// See [`FixedWindow`].
    FixedWindow(FixedWindow),
    /// See [`SlidingWindow`].
    SlidingWindow(SlidingWindow),
}

impl Limiter {
    /// A limit with a full budget.
    pub fn new(config: LimiterConfig) -> Self {
        match config {
            LimiterConfig::Unlimited {} => Limiter::Unlimited,
            LimiterConfig::TokenBucket { rate, per, burst } => {
                Limiter::TokenBucket(TokenBucket::new(rate, per.0, burst))
            }
            LimiterConfig::FixedWindow { max, window } => {
                Limiter::FixedWindow(FixedWindow::new(max, window.0))
            }
            LimiterConfig::SlidingWindow { max, window } => {
                Limiter::SlidingWindow(SlidingWindow::new(max, window.0))
            }
        }
    }

    /// Admits one request at `now`, or returns how long until one would be admitted. A refusal uses nothing.
    pub fn admit(&mut self, now: Duration) -> Result<(), Duration> {
        match self {
            Limiter::Unlimited => Ok(()),
            Limiter::TokenBucket(limit) => limit.admit(now),
            Limiter::FixedWindow(limit) => limit.admit(now),
            Limiter::SlidingWindow(limit) => limit.admit(now),
        }
    }

    /// What remains at `now`; `None` without a limit.
    pub fn allowance(&self, now: Duration) -> Option<Allowance> {
        match self {
            Limiter::Unlimited => None,
            Limiter::TokenBucket(limit) => Some(limit.allowance(now)),
            Limiter::FixedWindow(limit) => Some(limit.allowance(now)),
            Limiter::SlidingWindow(limit) => Some(limit.allowance(now)),
        }
    }
}

/// A token bucket, kept as the one instant at which it is full (GCRA).
#[derive(Debug, Clone)]
pub struct TokenBucket {
    /// Time until one token comes back; rounded up, never zero.
    interval: Duration,
    burst: u32,
    full_at: Duration,
}

impl TokenBucket {
    /// A full bucket that gets `rate` tokens back in each `per` and holds at most `burst`.
    pub fn new(rate: NonZeroU32, per: Duration, burst: NonZeroU32) -> Self {
        let nanos = per.as_nanos().div_ceil(u128::from(rate.get())).max(1);
        TokenBucket {
            interval: Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)),
            burst: burst.get(),
            full_at: Duration::ZERO,
        }
    }

    /// See [`Limiter::admit`].
    pub fn admit(&mut self, now: Duration) -> Result<(), Duration> {
        let slack = self.interval.saturating_mul(self.burst - 1);
        let earliest = self.full_at.saturating_sub(slack);
        if now < earliest {
            return Err(earliest - now);
        }
        self.full_at = self.full_at.max(now).saturating_add(self.interval);
        Ok(())
    }

    /// See [`Limiter::allowance`].
    pub fn allowance(&self, now: Duration) -> Allowance {
        let reset = self.full_at.saturating_sub(now);
        let missing = reset.as_nanos().div_ceil(self.interval.as_nanos());
        Allowance {
            limit: self.burst,
            remaining: self.burst.saturating_sub(u32::try_from(missing).unwrap_or(u32::MAX)),
            reset,
            window: self.interval.saturating_mul(self.burst),
        }
    }
}

/// A counter that restarts with each window.
#[derive(Debug, Clone)]
pub struct FixedWindow {
    max: u32,
    window: Duration,
    began: Duration,
    used: u32,
}

impl FixedWindow {
    /// A counter for `max` requests in each `window`.
    pub fn new(max: NonZeroU32, window: Duration) -> Self {
        FixedWindow {
            max: max.get(),
            window: window.max(Duration::from_nanos(1)),
            began: Duration::ZERO,
            used: 0,
        }
    }

    /// See [`Limiter::admit`].
    pub fn admit(&mut self, now: Duration) -> Result<(), Duration> {
        let began = self.window_of(now);
        if began > self.began {
            self.began = began;
            self.used = 0;
        }
        if self.used >= self.max {
            return Err((self.began + self.window).saturating_sub(now));
        }
        self.used += 1;
        Ok(())
    }

    /// See [`Limiter::allowance`].
    pub fn allowance(&self, now: Duration) -> Allowance {
        let began = self.window_of(now).max(self.began);
        let used = if began == self.began { self.used } else { 0 };
        Allowance {
            limit: self.max,
            remaining: self.max - used,
            reset: (began + self.window).saturating_sub(now),
            window: self.window,
        }
    }

    fn window_of(&self, now: Duration) -> Duration {
        let into = now.as_nanos() % self.window.as_nanos(); // the window is never zero
        now.saturating_sub(Duration::from_nanos(u64::try_from(into).unwrap_or(0)))
    }
}

/// The times of the latest requests, at most `max` of them in any window.
#[derive(Debug, Clone)]
pub struct SlidingWindow {
    max: u32,
    window: Duration,
    admitted: VecDeque<Duration>,
}

impl SlidingWindow {
    /// A log of at most `max` requests within `window`.
    pub fn new(max: NonZeroU32, window: Duration) -> Self {
        SlidingWindow { max: max.get(), window, admitted: VecDeque::new() }
    }

    /// See [`Limiter::admit`].
    pub fn admit(&mut self, now: Duration) -> Result<(), Duration> {
        while let Some(&oldest) = self.admitted.front()
            && oldest + self.window <= now
        {
            self.admitted.pop_front();
        }
        match self.admitted.front() {
            Some(&oldest) if self.admitted.len() >= self.max as usize => {
                Err(oldest + self.window - now)
            }
            _ => {
                self.admitted.push_back(now);
                Ok(())
            }
        }
    }

    /// See [`Limiter::allowance`].
    pub fn allowance(&self, now: Duration) -> Allowance {
        let gone = self.admitted.partition_point(|&at| at + self.window <= now);
        let used = u32::try_from(self.admitted.len() - gone).unwrap_or(u32::MAX);
        Allowance {
            limit: self.max,
            remaining: self.max.saturating_sub(used),
            reset: self
                .admitted
                .back()
                .map_or(Duration::ZERO, |&last| (last + self.window).saturating_sub(now)),
            window: self.window,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn n(value: u32) -> NonZeroU32 {
        NonZeroU32::new(value).unwrap()
    }

    fn ms(value: u64) -> Duration {
        Duration::from_millis(value)
    }

    /// The times at which requests that arrive with these gaps were admitted.
    fn admitted(limiter: &mut Limiter, gaps_ms: &[u64]) -> Vec<Duration> {
        let mut now = Duration::ZERO;
        gaps_ms
            .iter()
            .filter_map(|&gap| {
                now += ms(gap);
                limiter.admit(now).is_ok().then_some(now)
            })
            .collect()
    }

    fn configs() -> impl Strategy<Value = LimiterConfig> {
        let numbers = (1u32..50, 1u32..20, 1u64..3000);
        (0..3, numbers).prop_map(|(kind, (max, burst, window))| {
            let (max, burst, window) = (n(max), n(burst), Span(ms(window)));
            match kind {
                0 => LimiterConfig::TokenBucket { rate: max, per: window, burst },
                1 => LimiterConfig::FixedWindow { max, window },
                _ => LimiterConfig::SlidingWindow { max, window },
            }
        })
    }

    /// Whether the definition of the limit allows these times, counted the slow way.
    fn allowed(config: LimiterConfig, times: &[Duration]) -> bool {
        match config {
            LimiterConfig::Unlimited {} => true,
            LimiterConfig::TokenBucket { rate, per, burst } => (0..times.len()).all(|first| {
                (first..times.len()).all(|last| {
                    let stretch = (times[last] - times[first]).as_nanos();
                    let refilled = stretch * u128::from(rate.get()) / per.0.as_nanos();
                    (last - first + 1) as u128 <= u128::from(burst.get()) + refilled
                })
            }),
            LimiterConfig::FixedWindow { max, window } => times.iter().all(|time| {
                let number = |t: &Duration| t.as_nanos() / window.0.as_nanos();
                let same = times.iter().filter(|t| number(t) == number(time)).count();
                same <= max.get() as usize
            }),
            LimiterConfig::SlidingWindow { max, window } => times.iter().all(|time| {
                let same = times.iter().filter(|t| *t <= time && **t + window.0 > *time).count();
                same <= max.get() as usize
            }),
        }
    }

    proptest! {
        #[test]
        fn never_more_than_the_definition_allows(config in configs(), gaps in prop::collection::vec(0u64..200, 1..120)) {
            let times = admitted(&mut Limiter::new(config), &gaps);
            prop_assert!(allowed(config, &times), "{:?}", times);
        }

        #[test]
        fn admits_after_the_announced_wait_and_not_before(config in configs(), gaps in prop::collection::vec(0u64..50, 1..200)) {
            let mut limiter = Limiter::new(config);
            let mut now = Duration::ZERO;
            for gap in gaps {
                now += ms(gap);
                if let Err(wait) = limiter.admit(now) {
                    prop_assert!(wait > Duration::ZERO);
                    prop_assert!(limiter.admit(now + wait - Duration::from_nanos(1)).is_err());
                    now += wait;
                    prop_assert_eq!(limiter.admit(now), Ok(()));
                }
            }
        }

        #[test]
        fn what_remains_is_what_is_admitted_next(config in configs(), gaps in prop::collection::vec(0u64..50, 1..60)) {
            let mut limiter = Limiter::new(config);
            let mut now = Duration::ZERO;
            for gap in gaps {
                now += ms(gap);
                let remaining = limiter.allowance(now).unwrap().remaining;
                let mut probe = limiter.clone();
                let room = (0..=100).take_while(|_| probe.admit(now).is_ok()).count();
                prop_assert_eq!(room, remaining as usize);
                let _ = limiter.admit(now);
            }
        }

        #[test]
        fn a_patient_sender_gets_the_whole_rate(rate in 1u32..2000, burst in 1u32..50) {
            let mut bucket = TokenBucket::new(n(rate), Duration::from_secs(1), n(burst));
            let (mut now, mut sent) = (Duration::ZERO, 0);
            while now <= Duration::from_secs(2) {
                match bucket.admit(now) {
                    Ok(()) => sent += 1,
                    Err(wait) => now += wait,
                }
            }
            prop_assert!(sent + 1 >= burst + 2 * rate, "{sent}");
        }
    }

    #[test]
    fn a_window_that_ends_frees_its_whole_budget() {
        let mut fixed = FixedWindow::new(n(2), ms(1000));
        assert_eq!(fixed.admit(ms(900)), Ok(()));
        assert_eq!(fixed.admit(ms(950)), Ok(()));
        assert_eq!(fixed.admit(ms(960)), Err(ms(40)));
        assert_eq!(fixed.admit(ms(1000)), Ok(()));

        let mut sliding = SlidingWindow::new(n(2), ms(1000));
        assert_eq!(sliding.admit(ms(900)), Ok(()));
        assert_eq!(sliding.admit(ms(950)), Ok(()));
        assert_eq!(sliding.admit(ms(1000)), Err(ms(900)));
    }
}
