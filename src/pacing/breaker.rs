//! Asks a broken server less and less often, then stops.

use std::time::Duration;

use tokio::time::Instant;

use crate::settings::RetryPolicy;

/// Counts refused connections, time-outs and 5xx in a row (`retry.max_consecutive_failures`); any other answer
/// resets it.
///
/// | failures in a row, of `max` | stage | what leaves |
/// | --- | --- | --- |
/// | below a fifth | `Closed` | everything |
/// | from a fifth | `Slow` | one request each quarter of `base_delay` |
/// | from two fifths | `Probing` | one at a time, `base_delay` after the last failure, a tenth more each time |
/// | `max` | `Open` | nothing more: the run stops |
///
/// With the defaults a server that is gone for about a minute does not stop a run, and one that never was
/// there stops it in a little more.
#[derive(Debug)]
pub struct Breaker {
    max: u32,
    base_delay: Duration,
    failures: u32,
    last_failure: Option<Instant>,
    last_sent: Option<Instant>,
}

/// How far the breaker has gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// All is well.
    Closed,
    /// Requests leave spaced out.
    Slow,
    /// One request at a time.
    Probing,
    /// The run stops.
    Open,
}

impl Breaker {
    /// A closed breaker.
    pub fn new(policy: &RetryPolicy) -> Self {
        Breaker {
            max: policy.max_consecutive_failures.get(),
            base_delay: policy.base_delay,
            failures: 0,
            last_failure: None,
            last_sent: None,
        }
    }

    /// Failures in a row.
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// How far it has gone.
    pub fn stage(&self) -> Stage {
        match self.failures {
            0 => Stage::Closed,
            n if n >= self.max => Stage::Open,
            n if n >= self.probing_from() => Stage::Probing,
            n if n >= self.max.div_ceil(5) => Stage::Slow,
            _ => Stage::Closed,
        }
    }

    fn probing_from(&self) -> u32 {
        (self.max.saturating_mul(2)).div_ceil(5)
    }

    /// No request may leave before this time; `None` if the breaker does not hold any back.
    pub fn not_before(&self) -> Option<Instant> {
        match self.stage() {
            Stage::Closed | Stage::Open => None,
            Stage::Slow => self.last_sent.map(|at| at + self.base_delay / 4),
            Stage::Probing => {
                let probes = self.failures - self.probing_from();
                let spacing = self.base_delay + self.base_delay / 10 * probes;
                self.last_failure.map(|at| at + spacing)
            }
        }
    }

    /// A request leaves.
    pub fn on_sent(&mut self, now: Instant) {
        self.last_sent = Some(now);
    }

    /// The server answered, whatever it said (but 5xx).
    pub fn on_answer(&mut self) {
        self.failures = 0;
        self.last_failure = None;
    }

    /// A connection was refused, an answer did not come, or it was a 5xx.
    pub fn on_failure(&mut self, now: Instant) {
        self.failures = self.failures.saturating_add(1);
        self.last_failure = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn slows_then_probes_then_stops_and_any_answer_resets() {
        let policy = RetryPolicy::default();
        let mut breaker = Breaker::new(&policy);
        let mut stages = Vec::new();
        for _ in 0..policy.max_consecutive_failures.get() {
            stages.push(breaker.stage());
            breaker.on_sent(Instant::now());
            breaker.on_failure(Instant::now());
            if let Some(at) = breaker.not_before() {
                assert!(at > Instant::now());
                tokio::time::sleep_until(at).await;
            }
        }
        assert_eq!(breaker.stage(), Stage::Open);
        assert!(stages.is_sorted());
        let count = |stage| stages.iter().filter(|s| **s == stage).count();
        assert_eq!(
            (
                count(Stage::Closed),
                count(Stage::Slow),
                count(Stage::Probing)
            ),
            (10, 10, 30)
        );
        breaker.on_answer();
        assert_eq!(breaker.stage(), Stage::Closed);
        assert_eq!(breaker.not_before(), None);
    }

    #[test]
    fn a_breaker_of_one_stops_at_the_first_failure() {
        let policy = RetryPolicy {
            max_consecutive_failures: 1.try_into().unwrap(),
            ..RetryPolicy::default()
        };
        let mut breaker = Breaker::new(&policy);
        assert_eq!(breaker.stage(), Stage::Closed);
        breaker.on_failure(Instant::now());
        assert_eq!(breaker.stage(), Stage::Open);
    }
}
