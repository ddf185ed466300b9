//! The sandbox's two clocks: a monotonic one for limits, and a wall clock that moves with it.

use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::time::Instant;

/// Both follow tokio's time, so that a paused runtime stops them together.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    began: Instant,
    began_at: DateTime<Utc>,
}

impl Clock {
    /// A clock that shows `now` at this moment.
    pub(super) fn starting_at(now: DateTime<Utc>) -> Self {
        Clock {
            began: Instant::now(),
            began_at: now,
        }
    }

    /// Time since the clock was started.
    pub(super) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// The wall clock.
    pub(super) fn now(&self) -> DateTime<Utc> {
        self.began_at + self.elapsed()
    }
}
