use std::{num::NonZeroU32, time::Duration};

use tokio::time::Instant;

use crate::manifest::Rate;

/// The ceiling (`limits.rate`, `limits.burst`): at most `burst + rate * t` requests in any time `t` (the generic cell
/// rate algorithm). Never changed or reset, so it holds whatever is learned about the server.
#[derive(Debug)]
pub struct Ceiling {
    /// Between two requests in the long run; `None` without a ceiling.
    interval: Option<Duration>,
    /// How much earlier than that a request may leave.
    ahead: Duration,
    /// When the next one leaves if all keep the interval.
    next: Option<Instant>,
}

impl Ceiling {
    pub fn new(rate: Rate, burst: NonZeroU32) -> Self {
        let interval = match rate {
            // Rounded up to a whole nanosecond: never faster than asked for.
            Rate::Limited { count, per } => Some(Duration::from_nanos(
                u64::try_from(per.duration().as_nanos())
                    .unwrap_or(u64::MAX)
                    .div_ceil(u64::from(count.get())),
            )),
            Rate::Unlimited => None,
        };
        let ahead = interval.unwrap_or_default().saturating_mul(burst.get() - 1);
        Ceiling { interval, ahead, next: None }
    }

    /// Lets one request through, or says when to ask again.
    pub fn check(&mut self) -> Result<(), Instant> {
        let Some(interval) = self.interval else {
            return Ok(());
        };
        let now = Instant::now();
        let next = self.next.map_or(now, |next| next.max(now));
        match next.checked_sub(self.ahead) {
            Some(at) if at > now => Err(at),
            _ => {
                self.next = Some(next + interval);
                Ok(())
            }
        }
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
                let mut ceiling = Ceiling::new(rate, burst.try_into().unwrap());
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
        let mut ceiling = Ceiling::new(rate, 1.try_into().unwrap());
        for _ in 0..50 {
            if let Err(at) = ceiling.check() {
                tokio::time::sleep_until(at).await;
                assert!(ceiling.check().is_ok());
            }
        }
    }
}
