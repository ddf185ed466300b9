use std::{num::NonZeroU32, time::Duration};

use governor::{
    Quota, RateLimiter,
    clock::Clock,
    middleware::NoOpMiddleware,
    state::{InMemoryState, NotKeyed},
};
use tokio::time::Instant;

use crate::manifest::Rate;

/// The ceiling (`limits.rate`, `limits.burst`): at most `burst + rate * t` requests in any time `t`. Never changed or
/// reset, so it holds whatever is learned about the server. Time is tokio's, so that simulated time moves it; nothing
/// of `governor` that sleeps is used.
#[derive(Debug)]
pub struct Ceiling(Option<Limiter>);

type Limiter = RateLimiter<NotKeyed, InMemoryState, TokioClock, NoOpMiddleware<Duration>>;

impl Ceiling {
    pub fn new(rate: Rate, burst: NonZeroU32) -> Self {
        let Rate::Limited { count, per } = rate else {
            return Ceiling(None);
        };
        // Rounded up to a whole nanosecond: never faster than asked for.
        let interval = Duration::from_nanos(
            u64::try_from(per.duration().as_nanos())
                .unwrap_or(u64::MAX)
                .div_ceil(u64::from(count.get())),
        );
        let quota = Quota::with_period(interval).map(|quota| quota.allow_burst(burst));
        Ceiling(quota.map(|quota| RateLimiter::direct_with_clock(quota, TokioClock::new())))
    }

    /// Counts a request if it may go now. The error says when the next one may.
    pub fn check(&self) -> Result<(), Instant> {
        let Some(limiter) = &self.0 else {
            return Ok(());
        };
        limiter.check().map_err(|not_until| {
            let now = limiter.clock().now();
            Instant::now() + not_until.wait_time_from(now)
        })
    }
}

#[derive(Debug, Clone)]
struct TokioClock {
    origin: Instant,
}

impl TokioClock {
    fn new() -> Self {
        TokioClock { origin: Instant::now() }
    }
}

impl Clock for TokioClock {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.origin.elapsed()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::manifest::RateUnit;

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap()
    }

    proptest! {
        /// In any stretch of time `t` at most `burst + rate * t` pass, however the caller asks.
        #[test]
        fn never_more_than_burst_and_rate(
            count in 1u32..500,
            burst in 1u32..20,
            pauses in proptest::collection::vec(0u64..400, 1..80),
        ) {
            let passed = runtime().block_on(async {
                let rate = Rate::Limited { count: count.try_into().unwrap(), per: RateUnit::Minute };
                let ceiling = Ceiling::new(rate, burst.try_into().unwrap());
                let start = Instant::now();
                let mut passed = Vec::new();
                for pause in pauses {
                    tokio::time::sleep(Duration::from_millis(pause)).await;
                    while ceiling.check().is_ok() {
                        passed.push(start.elapsed().as_secs_f64());
                    }
                }
                passed
            });
            for (i, from) in passed.iter().enumerate() {
                for (j, to) in passed.iter().enumerate().skip(i) {
                    let allowed = f64::from(burst) + f64::from(count) / 60.0 * (to - from);
                    prop_assert!((j - i + 1) as f64 <= allowed + 1e-6);
                }
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_announced_instant_is_worth_waiting_for() {
        let rate = Rate::Limited { count: 7.try_into().unwrap(), per: RateUnit::Second };
        let ceiling = Ceiling::new(rate, 1.try_into().unwrap());
        for _ in 0..50 {
            if let Err(at) = ceiling.check() {
                tokio::time::sleep_until(at).await;
                assert!(ceiling.check().is_ok());
            }
        }
    }
}
