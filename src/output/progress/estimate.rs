use std::time::Duration;

use tokio::time::Instant;

use super::Pace;
use crate::{
    manifest::Rate,
    sending::{Stats, Window},
};

/// What an estimate is based on.
#[derive(Debug, Clone, Copy)]
pub struct Estimate {
    /// `limits.rate`
    pub ceiling: Rate,
    /// `retry.settle`
    pub settle: Duration,
}

/// The remaining time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// About this long.
    About(Duration),
    /// At most this long: requests in doubt may have to be sent again.
    UpTo(Duration),
}

impl Left {
    pub(super) fn or_longer(self, other: Duration) -> Left {
        match self {
            Left::About(left) => Left::About(left.max(other)),
            Left::UpTo(left) if left < other => Left::About(other),
            Left::UpTo(left) => Left::UpTo(left),
        }
    }
}

impl Estimate {
    /// How long `requests` more will take, of which `in_doubt` wait for a look-up. `None` without a ceiling and a
    /// learned pace: a guess would be useless.
    ///
    /// The rate is the lowest of three: ceiling, learned pace, and what was accepted lately. A server with a window
    /// accepts its quota at once and then nothing, so whole windows are counted. The rest of an announced wait is
    /// added.
    pub fn left(
        &self,
        requests: usize,
        in_doubt: usize,
        stats: &Stats,
        pace: &Pace,
    ) -> Option<Left> {
        let waiting = stats.paused_until.map_or(Duration::ZERO, |until| until - Instant::now());
        let to_send = requests.saturating_sub(in_doubt) as f64;
        let left = match stats.window {
            Some(window) if to_send > 0.0 => self.by_window(&window, to_send, waiting, pace),
            _ if to_send > 0.0 => waiting + duration(to_send / self.rate(stats, pace)?),
            _ => waiting,
        };
        Some(if in_doubt > 0 && left < self.settle {
            Left::UpTo(self.settle)
        } else {
            Left::About(left)
        })
    }

    fn rate(&self, stats: &Stats, pace: &Pace) -> Option<f64> {
        let limits = [self.ceiling.per_second(), stats.learned_pace];
        let lately = pace.lately().filter(|rate| *rate > 0.0);
        limits.into_iter().flatten().chain(lately).reduce(f64::min)
    }

    fn by_window(
        &self,
        window: &Window,
        requests: f64,
        waiting: Duration,
        pace: &Pace,
    ) -> Duration {
        let quota = window.quota.max(1.0);
        // Within a window the ceiling, or the network, is the limit.
        let limit = self.ceiling.per_second().or(pace.now()).unwrap_or(quota);
        let fast = limit.max(quota / window.length.as_secs_f64());
        let free = if waiting.is_zero() { (quota - window.used).max(0.0) } else { 0.0 };
        if requests <= free {
            return duration(requests / fast);
        }
        let rest = requests - free;
        let next = if waiting.is_zero() {
            (window.began + window.length).saturating_duration_since(Instant::now())
        } else {
            waiting
        };
        let whole = ((rest - 1.0) / quota).floor();
        next + window.length.mul_f64(whole) + duration((rest - whole * quota) / fast)
    }
}

/// At the pace of the last minute; `None` before the first file.
pub(super) fn left_of_files(files: usize, pace: &Pace) -> Option<Duration> {
    let rate = pace.lately().filter(|rate| *rate > 0.0)?;
    Some(duration(files as f64 / rate))
}

fn duration(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds.clamp(0.0, 365.0 * 24.0 * 3600.0))
}
