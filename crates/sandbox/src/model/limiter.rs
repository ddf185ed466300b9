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

/// A running limit.
#[derive(Debug, Clone)]
pub enum Limiter {
    /// Admits everything.
    Unlimited,
    /// A token bucket, kept as the one instant at which it is full (GCRA).
    TokenBucket {
        /// Time until one token comes back; rounded up, never zero.
        interval: Duration,
        /// How long before it is full it has a token.
        slack: Duration,
        /// When it is full.
        full_at: Duration,
    },
    /// A counter that restarts with each window.
    FixedWindow {
        /// Requests in a window.
        max: u32,
        /// Its length, never zero.
        window: Duration,
        /// When the window of `used` began.
        began: Duration,
        /// Requests in it so far.
        used: u32,
    },
    /// The times of the latest requests, at most `max` of them in any window.
    SlidingWindow {
        /// Requests in a window.
        max: u32,
        /// Its length.
        window: Duration,
        /// When each of them came.
        admitted: VecDeque<Duration>,
    },
}

impl Limiter {
    /// A limit with a full budget.
    pub fn new(config: LimiterConfig) -> Self {
        match config {
            LimiterConfig::Unlimited {} => Limiter::Unlimited,
            LimiterConfig::TokenBucket { rate, per, burst } => {
                let nanos = per.0.as_nanos().div_ceil(u128::from(rate.get())).max(1);
                let interval = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
                let slack = interval.saturating_mul(burst.get() - 1);
                Limiter::TokenBucket { interval, slack, full_at: Duration::ZERO }
            }
            LimiterConfig::FixedWindow { max, window } => Limiter::FixedWindow {
                max: max.get(),
                window: window.0.max(Duration::from_nanos(1)),
                began: Duration::ZERO,
                used: 0,
            },
            LimiterConfig::SlidingWindow { max, window } => {
                let admitted = VecDeque::new();
                Limiter::SlidingWindow { max: max.get(), window: window.0, admitted }
            }
        }
    }

    /// Admits one request at `now`, or returns how long until one would be admitted. A refusal uses nothing.
    pub fn admit(&mut self, now: Duration) -> Result<(), Duration> {
        match self {
            Limiter::Unlimited => {}
            Limiter::TokenBucket { interval, slack, full_at } => {
                let earliest = full_at.saturating_sub(*slack);
                if now < earliest {
                    return Err(earliest - now);
                }
                *full_at = now.max(*full_at).saturating_add(*interval);
            }
            Limiter::FixedWindow { max, window, began, used } => {
                let into = u64::try_from(now.as_nanos() % window.as_nanos()).unwrap_or(0);
                let current = now.saturating_sub(Duration::from_nanos(into));
                if current > *began {
                    (*began, *used) = (current, 0);
                }
                if used >= max {
                    return Err((*began + *window).saturating_sub(now));
                }
                *used += 1;
            }
            Limiter::SlidingWindow { max, window, admitted } => {
                while admitted.front().is_some_and(|oldest| *oldest + *window <= now) {
                    admitted.pop_front();
                }
                match admitted.front() {
                    Some(oldest) if admitted.len() >= *max as usize => {
                        return Err(*oldest + *window - now);
                    }
                    _ => admitted.push_back(now),
                }
            }
        }
        Ok(())
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
        fn a_patient_sender_gets_the_whole_rate(rate in 1u32..2000, burst in 1u32..50) {
            let config = LimiterConfig::TokenBucket { rate: n(rate), per: one_second(), burst: n(burst) };
            let mut bucket = Limiter::new(config);
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
        let (max, window) = (n(2), Span(ms(1000)));
        let mut fixed = Limiter::new(LimiterConfig::FixedWindow { max, window });
        assert_eq!(fixed.admit(ms(900)), Ok(()));
        assert_eq!(fixed.admit(ms(950)), Ok(()));
        assert_eq!(fixed.admit(ms(960)), Err(ms(40)));
        assert_eq!(fixed.admit(ms(1000)), Ok(()));

        let mut sliding = Limiter::new(LimiterConfig::SlidingWindow { max, window });
        assert_eq!(sliding.admit(ms(900)), Ok(()));
        assert_eq!(sliding.admit(ms(950)), Ok(()));
        assert_eq!(sliding.admit(ms(1000)), Err(ms(900)));
    }
}
