//! What no client could have done better.

use std::time::Duration;

use monthend::testing::Limits;
use sandbox::{Limiter, LimiterConfig};

/// The time that the server's limit makes unavoidable for so many requests: each is sent the moment it
/// would be admitted, by someone who knows the limit and is no distance away.
pub(crate) fn of_server(limiter: LimiterConfig, phase: Duration, requests: u32) -> Duration {
    let mut limiter = Limiter::new(limiter);
    let mut now = phase;
    for _ in 0..requests {
        while let Err(wait) = limiter.admit(now) {
            now += wait;
        }
    }
    now - phase
}

/// The time that `limits.rate` and `limits.burst` make unavoidable.
pub(crate) fn of_ceiling(limits: &Limits, requests: u32) -> Duration {
    limits.rate.per_second().map_or(Duration::ZERO, |rate| {
        let paced = requests.saturating_sub(limits.burst.get());
        Duration::from_secs_f64(f64::from(paced) / rate)
    })
}
