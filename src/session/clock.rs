//! Wall clocks: ours, and what is known of the server's.

use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::time::Instant;

/// The local wall clock: a seam, so that tests set it.
pub trait WallClock {
    /// Now.
    fn now(&self) -> DateTime<Utc>;
}

/// The computer's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl WallClock for SystemClock {
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }
}

/// The server's clock, as its last `Date` header showed it.
///
/// `Date` has whole seconds and was true when the answer was made, so what [`ServerClock::now`] gives is never
/// later than the server's own clock: a report that is made after it has a `created` that is not before it.
#[derive(Debug, Clone, Copy, Default)]
pub struct ServerClock(Option<(Instant, DateTime<Utc>)>);

impl ServerClock {
    /// An answer that arrived at `at` was made at `date`.
    pub fn observe(&mut self, at: Instant, date: DateTime<Utc>) {
        self.0 = Some((at, date));
    }

    /// Whether any answer told the time.
    pub fn is_known(&self) -> bool {
        self.0.is_some()
    }

    /// The server's time at `at`, or `None` if no answer told it.
    pub fn now(&self, at: Instant) -> Option<DateTime<Utc>> {
        let (seen, date) = self.0?;
        let since = at.saturating_duration_since(seen);
        let since = chrono::Duration::from_std(since.min(Duration::from_secs(1 << 32))).ok()?;
        date.checked_add_signed(since)
    }
}
