//! How long to wait before trying again when nobody said.

use std::{cell::RefCell, time::Duration};

use crate::settings::RetryPolicy;

/// Exponential backoff with full jitter: before try `n + 1` a wait that is drawn evenly from zero to
/// `min(max_delay, base_delay * 2^(n-1))`, so that those who failed together do not come back together.
#[derive(Debug)]
pub struct Backoff {
    base: Duration,
    max: Duration,
    random: RefCell<fastrand::Rng>,
}

impl Backoff {
    /// Draws from `seed`, so that a run can be repeated.
    pub fn new(policy: &RetryPolicy, seed: u64) -> Self {
        Backoff {
            base: policy.base_delay,
            max: policy.max_delay,
            random: RefCell::new(fastrand::Rng::with_seed(seed)),
        }
    }

    /// The wait after `tries` failed ones.
    pub fn after(&self, tries: u32) -> Duration {
        let doublings = tries.saturating_sub(1).min(31);
        let most = self.base.saturating_mul(1 << doublings).min(self.max);
        most.mul_f64(self.random.borrow_mut().f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_up_to_the_most_and_is_spread_evenly() {
        let backoff = Backoff::new(&RetryPolicy::default(), 7);
        for (tries, most) in [(1, 1.0), (2, 2.0), (3, 4.0), (7, 60.0), (400, 60.0)] {
            let drawn: Vec<f64> = (0..500)
                .map(|_| backoff.after(tries).as_secs_f64())
                .collect();
            let mean = drawn.iter().sum::<f64>() / 500.0;
            assert!(
                drawn.iter().all(|d| (0.0..=most).contains(d)),
                "after {tries}"
            );
            assert!(
                (mean / most - 0.5).abs() < 0.06,
                "after {tries}: mean {mean} of {most}"
            );
        }
    }
}
