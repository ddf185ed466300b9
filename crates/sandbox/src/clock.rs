//! A monotonic clock and a wall clock. Both follow tokio's time, so that a paused runtime stops them.

use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::time::Instant;

#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    began: Instant,
    began_at: DateTime<Utc>,
}

impl Clock {
    pub(super) fn starting_at(now: DateTime<Utc>) -> Self {
        Clock { began: Instant::now(), began_at: now }
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    pub(super) fn now(&self) -> DateTime<Utc> {
        self.began_at + self.elapsed()
    }
}
