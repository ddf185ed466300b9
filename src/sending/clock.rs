use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::Instant;

/// When two clocks differ by this much, one was set, or the computer slept and only the wall clock went on.
pub const JUMP: TimeDelta = TimeDelta::seconds(1);

/// The local wall clock. A trait, so that tests can set it.
pub trait WallClock {
    fn now(&self) -> DateTime<Utc>;
}

#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl WallClock for SystemClock {
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }
}

/// The server clock, from the last `Date` header, which has whole seconds and is from before the answer left: so a
/// report that is created after [`ServerClock::now`] has a `created` at or after it. Once the computer's own clocks
/// disagree, it is unknown: a clock that stood still for an hour would date an intent an hour too early.
#[derive(Debug, Clone, Copy, Default)]
pub enum ServerClock {
    /// No answer told it, or the server does not tell it any more: the local clock counts.
    #[default]
    Untold,
    Told(ServerTime),
    /// It was known once, and is being read again.
    Lost,
}

#[derive(Debug, Clone, Copy)]
pub struct ServerTime {
    date: DateTime<Utc>,
    at: Instant,
    wall: DateTime<Utc>,
}

impl ServerClock {
    /// An answer that arrived at `at`, when the wall clock showed `wall`, was created at `date`.
    pub fn observe(&mut self, at: Instant, wall: DateTime<Utc>, date: DateTime<Utc>) {
        *self = ServerClock::Told(ServerTime { date, at, wall });
    }

    /// Drops the time; if there was one, nothing may be dated until the server tells it again.
    pub fn forget(&mut self) {
        if let ServerClock::Told(_) = self {
            *self = ServerClock::Lost;
        }
    }

    /// The server was asked often enough without telling its time: the local clock counts.
    pub fn use_local(&mut self) {
        if let ServerClock::Lost = self {
            *self = ServerClock::Untold;
        }
    }

    /// The server's time at `at`, when the wall clock shows `wall`. `None` if it is unknown.
    pub fn now(&self, at: Instant, wall: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let ServerClock::Told(told) = self else {
            return None;
        };
        let since = told.since(at)?;
        let is_lost = (wall - told.wall - since).abs() > JUMP;
        (!is_lost).then(|| told.date.checked_add_signed(since))?
    }

    /// Whether the time was known once, and the computer's clocks disagree since.
    pub fn is_lost(&self, at: Instant, wall: DateTime<Utc>) -> bool {
        match self {
            ServerClock::Untold => false,
            ServerClock::Told(_) => self.now(at, wall).is_none(),
            ServerClock::Lost => true,
        }
    }
}

impl ServerTime {
    fn since(&self, at: Instant) -> Option<TimeDelta> {
        let since = at.saturating_duration_since(self.at);
        TimeDelta::from_std(since.min(Duration::from_secs(1 << 32))).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_servers_time_goes_on_with_clocks_that_agree_and_is_lost_with_others() {
        let (at, wall) = (Instant::now(), DateTime::UNIX_EPOCH);
        let date = wall + TimeDelta::days(1);
        let mut clock = ServerClock::default();
        assert_eq!(clock.now(at, wall), None);
        assert!(!clock.is_lost(at, wall), "it was never known");
        clock.observe(at, wall, date);
        for (mono, local, known) in [(0, 0, true), (90, 90, true), (90, 91, true)]
            .into_iter()
            // The computer slept; its clock was set back, or on.
            .chain([(1, 3_600, false), (90, 0, false), (90, 200, false)])
        {
            let (at, wall) = (at + Duration::from_secs(mono), wall + TimeDelta::seconds(local));
            let now = known.then(|| date + TimeDelta::seconds(mono as i64));
            assert_eq!(clock.now(at, wall), now, "{mono} {local}");
            assert_eq!(clock.is_lost(at, wall), !known, "{mono} {local}");
        }
        clock.observe(at, wall + TimeDelta::hours(1), date);
        assert_eq!(clock.now(at, wall + TimeDelta::hours(1)), Some(date));
    }

    /// A create that waits already while the time is asked for again must not be dated meanwhile.
    #[test]
    fn a_time_that_is_asked_for_again_is_lost_until_it_is_told() {
        let (at, wall) = (Instant::now(), DateTime::UNIX_EPOCH);
        let mut clock = ServerClock::default();
        clock.forget();
        assert!(!clock.is_lost(at, wall), "it was never known");
        clock.observe(at, wall, wall);
        clock.forget();
        assert!(clock.is_lost(at, wall) && clock.now(at, wall).is_none());
        clock.observe(at, wall, wall);
        assert!(!clock.is_lost(at, wall));
    }
}
