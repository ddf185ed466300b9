use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

use crate::sending::Stats;

/// Requests accepted lately, from samples of the gate's counts.
#[derive(Debug, Default)]
pub struct Pace {
    /// Working time and number accepted, oldest first. A long pause is no working time.
    looks: VecDeque<(Duration, u64)>,
    at_work: Duration,
    last: Duration,
}

impl Pace {
    const SPAN: Duration = Duration::from_secs(60);
    /// In less time a pace means nothing.
    const SHORTEST: Duration = Duration::from_secs(2);
    const STEP: Duration = Duration::from_millis(250);

    /// A longer pause belongs to no limiter's rhythm, or to a window, which is measured elsewhere.
    const LONG_PAUSE: Duration = Duration::from_secs(5);

    /// Takes a sample of the gate's counts.
    pub fn look(&mut self, elapsed: Duration, stats: &Stats) {
        let now = Instant::now();
        let is_idle = stats.paused_until.is_some_and(|until| until - now >= Pace::LONG_PAUSE);
        self.add(elapsed, stats.accepted, is_idle);
    }

    /// `is_idle`: nothing is expected at the moment.
    pub(super) fn add(&mut self, elapsed: Duration, accepted: u64, is_idle: bool) {
        let since = elapsed.saturating_sub(self.last);
        self.last = elapsed;
        if !is_idle {
            self.at_work += since;
        }
        let at = self.at_work;
        match self.looks.back_mut() {
            Some((last, n)) if *last == at => *n = accepted,
            Some((last, _)) if at - *last < Pace::STEP => {}
            _ => self.looks.push_back((at, accepted)),
        }
        while self.looks.len() > 2 && at.saturating_sub(self.looks[1].0) >= Pace::SPAN {
            self.looks.pop_front();
        }
    }

    /// Requests accepted per second in the last minute at work, the short waits between them included.
    pub fn lately(&self) -> Option<f64> {
        self.over(Pace::SPAN)
    }

    /// The same in the last ten seconds.
    pub fn now(&self) -> Option<f64> {
        self.over(Duration::from_secs(10))
    }

    fn over(&self, most: Duration) -> Option<f64> {
        let (at, accepted) = *self.looks.back()?;
        let from = at.saturating_sub(most);
        let (since, before) =
            *self.looks.iter().rev().find(|(look, _)| *look <= from).or(self.looks.front())?;
        let span = at.checked_sub(since).filter(|span| *span >= Pace::SHORTEST)?;
        Some(accepted.saturating_sub(before) as f64 / span.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pace_is_that_of_the_last_minute_at_work() {
        let mut pace = Pace::default();
        let at = |ms: u64| Duration::from_millis(ms);
        pace.add(at(0), 0, false);
        pace.add(at(1000), 4, false);
        assert_eq!(pace.lately(), None, "one second is too little");
        for n in 2..=200 {
            pace.add(at(1000 * n), 4 * n, false);
        }
        assert_eq!(pace.lately(), Some(4.0));
        pace.add(at(3_800_000), 800, true);
        assert_eq!(pace.lately(), Some(4.0));
        for n in 1..=60 {
            pace.add(at(3_800_000 + 1000 * n), 800 + 2 * n, false);
        }
        assert_eq!(pace.lately(), Some(2.0));
        assert_eq!(pace.now(), Some(2.0));
    }
}
