//! The plainest law: additive rise, fall to the measured rate. It is what the real one has to be better than.

use std::{collections::VecDeque, time::Duration};

use monthend::testing::PacePolicy;
use tokio::time::Instant;

/// The shortest time over which a rate is measured.
const SHORTEST: Duration = Duration::from_secs(1);
/// How much of a measured rate is used.
const MARGIN: f64 = 0.985;
/// The rise per second, in requests per second.
const RISE: f64 = 0.05;
/// No pace is slower, in requests per second.
const SLOWEST: f64 = 1.0 / 600.0;

/// A rate that rises with time, and falls to what was accepted right before a 429.
#[derive(Debug, Default)]
pub(crate) struct Plain {
    /// The rate when it was measured, and since when it rises.
    measured: Option<(f64, Instant)>,
    accepted: VecDeque<Instant>,
    /// When the last 429 came, how fast it was until then, and until when it asked to wait.
    limited: Option<(Instant, f64, Instant)>,
    next: Option<Instant>,
}

impl Plain {
    fn rate(&self, now: Instant) -> f64 {
        self.measured.map_or(f64::INFINITY, |(rate, since)| {
            rate + RISE * now.saturating_duration_since(since).as_secs_f64()
        })
    }
}

impl PacePolicy for Plain {
    fn not_before(&self, now: Instant) -> Instant {
        self.next.unwrap_or(now)
    }

    fn most_in_flight(&self, _: usize) -> usize {
        usize::MAX
    }

    fn pace(&self) -> Option<f64> {
        self.measured.map(|_| self.rate(Instant::now()))
    }

    fn measured(&self) -> Option<f64> {
        self.measured.map(|(rate, _)| rate)
    }

    fn on_sent(&mut self, now: Instant) {
        let interval = Duration::from_secs_f64(1.0 / self.rate(now));
        let earliest = now.checked_sub(interval).unwrap_or(now);
        self.next = Some(self.next.unwrap_or(earliest).max(earliest) + interval);
    }

    fn on_accepted(&mut self, now: Instant) {
        self.accepted.push_back(now);
        if self.accepted.len() > 4096 {
            self.accepted.pop_front();
        }
    }

    fn on_limited(&mut self, now: Instant, until: Instant) {
        // Those that were in flight together are one.
        let (at, before, end) = match self.limited {
            Some((at, before, end)) if now < end => (at, before, end.max(until)),
            _ => (now, self.rate(now), until),
        };
        self.limited = Some((at, before, end));
        // Whoever asks to wait so long remembers so long; up to a second of it is rounding.
        let span = (end - at).saturating_sub(SHORTEST).max(SHORTEST);
        let recent = self.accepted.iter().rev();
        let recent = recent.take_while(|one| at.saturating_duration_since(**one) < span);
        let rate = recent.count() as f64 / span.as_secs_f64() * MARGIN;
        self.measured = Some((rate.min(before).max(SLOWEST), end));
        self.next = Some(end);
    }

    fn on_busy(&mut self, _: Instant, until: Instant) {
        self.next = self.next.max(Some(until));
    }
}
