//! How old a report is, by clocks that are compared instead of trusted: a stamp that was seen bounds the stamping clock
//! from one side, a stamp of our own report, which came after its create left, from the other. Where the bounds do not
//! tell an age, it is unknown, and no reason for anything.

use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::Instant;

use crate::sending::JUMP;

/// Less than this is not surely older: several servers may stamp, with clocks that differ by minutes.
pub(super) const MARGIN: TimeDelta = TimeDelta::minutes(5);
/// What servers round stamps to, in seconds, the coarsest first.
const GRAINS: [i64; 6] = [86_400, 3_600, 900, 300, 60, 1];
/// The error of a moment known by the server's `Date`, which has whole seconds.
const COARSE_DATE: TimeDelta = TimeDelta::seconds(3);
/// Bounds further apart than this say too little: an older report of our own could be mistaken for the new one.
const LOOSE: TimeDelta = TimeDelta::seconds(30);

/// An instant of this process, comparable as long as its clocks ran undisturbed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    era: u32,
    since_base: TimeDelta,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Age {
    Before,
    /// As far as the clocks were compared, not before it.
    About,
    /// Surely stamped after it. Where a stamp says when a report was ready, it may have been asked for before.
    After,
    /// The clocks could not be compared, or the report is only a little older.
    Unknown,
}

#[derive(Debug)]
pub struct Clocks {
    base: Instant,
    era: u32,
    /// Wall clock minus monotonic clock, when last looked at.
    drift: Option<TimeDelta>,
    /// The bounds of what the stamping clock showed at `base`.
    least: Option<DateTime<Utc>>,
    most: Option<DateTime<Utc>>,
    /// The finest grain of a stamp that was seen.
    finest: Option<TimeDelta>,
}

/// How coarse a stamp may be. A finer one that is round by chance counts as coarse.
pub(super) fn grain(stamp: DateTime<Utc>) -> TimeDelta {
    let is_round = |grain: &&i64| stamp.timestamp() % **grain == 0;
    match GRAINS.iter().find(is_round) {
        Some(seconds) if stamp.timestamp_subsec_nanos() == 0 => TimeDelta::seconds(*seconds),
        _ => TimeDelta::milliseconds(1),
    }
}

fn between(from: Instant, to: Instant) -> TimeDelta {
    let span = to.saturating_duration_since(from);
    TimeDelta::from_std(span).unwrap_or(TimeDelta::MAX)
}

impl Default for Clocks {
    fn default() -> Self {
        Clocks::new(Instant::now())
    }
}

impl Clocks {
    fn new(now: Instant) -> Self {
        Clocks { base: now, era: 0, drift: None, least: None, most: None, finest: None }
    }

    /// To be called at whatever is compared: a jump of the wall clock against the monotonic one begins a new era.
    pub fn moment(&mut self, now: Instant, wall: DateTime<Utc>) -> Moment {
        let drift = wall - DateTime::UNIX_EPOCH - between(self.base, now);
        if let Some(before) = self.drift
            && (drift - before).abs() > JUMP
        {
            self.era += 1;
            (self.least, self.most) = (None, None);
        }
        self.drift = Some(drift);
        Moment { era: self.era, since_base: between(self.base, now) }
    }

    pub fn seen(&mut self, stamp: DateTime<Utc>, at: Moment) {
        if at.era == self.era
            && let Some(least) = stamp.checked_sub_signed(at.since_base)
        {
            self.least = self.least.max(Some(least));
        }
        let grain = grain(stamp);
        self.finest = Some(self.finest.map_or(grain, |finest| finest.min(grain)));
    }

    /// A report that is surely ours has this stamp, and its create left at `sent`.
    pub fn made_after(&mut self, stamp: DateTime<Utc>, sent: Moment) {
        if sent.era == self.era
            && let Some(most) = (stamp + grain(stamp)).checked_sub_signed(sent.since_base)
        {
            self.most = Some(self.most.map_or(most, |known| known.min(most)));
        }
    }

    /// Whether the bounds are so close that an age is known to some seconds.
    pub fn are_calibrated(&self) -> bool {
        self.uncertainty().is_some_and(|off| off <= LOOSE)
    }

    /// The distance of the bounds, which can be the wrong way round where several clocks stamp.
    fn uncertainty(&self) -> Option<TimeDelta> {
        Some((self.most? - self.least?).abs())
    }

    /// A report older by more than `margin` is surely older.
    fn compare(
        &self,
        stamp: DateTime<Utc>,
        moment: Moment,
        (coarse, margin): (TimeDelta, TimeDelta),
    ) -> Age {
        let (Some(least), true) = (self.least, moment.era == self.era) else {
            return Age::Unknown;
        };
        // Where several clocks stamp, the slowest of them counts.
        let least = self.most.map_or(least, |most| least.min(most));
        if stamp + grain(stamp) - least + margin < moment.since_base {
            return Age::Before;
        }
        // Where other stamps are finer, this one is round by chance.
        let fine = TimeDelta::seconds(1);
        let grain = grain(stamp).min(self.finest.unwrap_or(fine).max(fine));
        if !self.are_calibrated() || stamp + grain - least + coarse < moment.since_base {
            return Age::Unknown;
        }
        match self.most.map(|most| stamp - most.max(least)) {
            Some(earliest) if earliest >= moment.since_base => Age::After,
            _ if grain > LOOSE => Age::Unknown,
            _ => Age::About,
        }
    }

    /// For a create of this process that left at `sent`.
    pub fn age(&self, stamp: DateTime<Utc>, sent: Moment) -> Age {
        self.compare(stamp, sent, (TimeDelta::zero(), MARGIN))
    }

    /// For a create of an earlier process, which left when the server's `Date` was `intent`. `apart` is how far the
    /// clocks of two servers that date answers may differ.
    pub fn age_by_date(
        &self,
        stamp: DateTime<Utc>,
        (intent, apart): (DateTime<Utc>, TimeDelta),
        (date, now): (DateTime<Utc>, Moment),
    ) -> Age {
        if intent - date > COARSE_DATE {
            return Age::Unknown; // whoever dated it had another clock
        }
        // Each process reads whole seconds of that clock, so a create that has just left may seem to be still ahead.
        let ago = (date - intent).max(TimeDelta::zero());
        let sent = Moment { since_base: now.since_base - ago, ..now };
        self.compare(stamp, sent, (COARSE_DATE, MARGIN + apart))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    fn at(seconds: f64) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(1_793_600_000_000 + (seconds * 1000.0) as i64 + 1).unwrap()
    }

    struct Desk {
        base: Instant,
        clocks: Clocks,
        wall_jump: f64,
    }

    impl Desk {
        fn new() -> Self {
            let base = Instant::now();
            Desk { base, clocks: Clocks::new(base), wall_jump: 0.0 }
        }

        /// A desk that has compared clocks by a report stamped at 1.5, with the moments at which its create left and it was seen.
        fn compared() -> (Self, Moment, Moment) {
            let mut desk = Desk::new();
            let (sent, seen) = (desk.moment(1.0), desk.moment(2.0));
            desk.clocks.seen(at(1.5), seen);
            desk.clocks.made_after(at(1.5), sent);
            (desk, sent, seen)
        }

        fn moment(&mut self, second: f64) -> Moment {
            let now = self.base + Duration::from_secs_f64(second);
            self.clocks.moment(now, at(second + self.wall_jump))
        }
    }

    proptest! {
        /// However far apart the clocks are, however slow the server: a report of ours is never taken for an older
        /// one, and one that is minutes older always is, once one of ours was seen soon after it was made.
        #[test]
        fn ours_is_never_before_and_old_ones_are(
            skew in -9_000.0..9_000.0f64, work in prop::collection::vec((0.0..20.0f64, 0.0..5.0f64), 1..6),
            (old, last) in (320.0..900.0f64, 0.0..60.0f64), ready in prop::option::of(0.0..30.0f64),
        ) {
            let mut desk = Desk::new();
            let mut now = 1_000.0;
            for (takes, seen) in work {
                let sent = desk.moment(now);
                let stamp = at(now + takes + ready.unwrap_or(0.0) + skew);
                now += takes + ready.unwrap_or(0.0) + seen;
                let seen = desk.moment(now);
                desk.clocks.seen(stamp, seen);
                desk.clocks.made_after(stamp, sent);
            }
            let sent = desk.moment(now);
            let ours = desk.clocks.age(at(now + last + skew), sent);
            prop_assert_ne!(ours, Age::Before);
            let older = desk.clocks.age(at(now - old + skew), sent);
            prop_assert_ne!(older, Age::After);
            if ready.is_none() && desk.clocks.are_calibrated() {
                prop_assert_eq!(older, Age::Before);
            }
        }
    }

    #[test]
    fn an_age_is_unknown_while_nothing_of_ours_was_seen() {
        let mut desk = Desk::new();
        let sent = desk.moment(5.0);
        assert_eq!(desk.clocks.age(at(6.0), sent), Age::Unknown);
        let now = desk.moment(7.0);
        desk.clocks.seen(at(-600.0), now);
        assert_eq!(desk.clocks.age(at(-600.0), sent), Age::Unknown);
        assert_eq!(desk.clocks.age(at(-1200.0), sent), Age::Before);
    }

    /// Two processes that read the same `Date` may know its clock to a second's difference.
    #[test]
    fn an_intent_that_seems_to_lie_a_little_ahead_has_just_left() {
        let (desk, _, now) = Desk::compared();
        let age_apart = |stamp, intent, apart| {
            let date = (at(2.0), now);
            (desk.clocks).age_by_date(at(stamp), (at(intent), apart), date)
        };
        let age = |stamp, intent| age_apart(stamp, intent, TimeDelta::zero());
        for (intent, expected) in [(1.0, Age::After), (2.0, Age::About), (2.9, Age::About)] {
            assert_eq!(age(1.7, intent), expected, "{intent}");
            assert_eq!(age(-310.0, intent), Age::Before, "{intent}");
            let apart = TimeDelta::minutes(1);
            assert_eq!(age_apart(-310.0, intent, apart), Age::Unknown, "{intent}");
            assert_eq!(age_apart(-370.0, intent, apart), Age::Before, "{intent}");
        }
        assert_eq!(age(1.7, 5.5), Age::Unknown, "another clock");
    }

    /// While a computer sleeps the monotonic clock stands still: what was compared before says nothing after.
    #[test]
    fn a_suspended_computer_starts_over() {
        let (mut desk, sent, _) = Desk::compared();
        assert_eq!(desk.clocks.age(at(1.2), sent), Age::About);
        assert_eq!(desk.clocks.age(at(0.2), sent), Age::Unknown, "a little older");
        desk.wall_jump = 3_600.0;
        let later = desk.moment(3.0);
        assert_eq!(desk.clocks.age(at(1.2), sent), Age::Unknown);
        assert_eq!(desk.clocks.age(at(3_602.0), later), Age::Unknown);
        desk.clocks.seen(at(3_603.0), later);
        assert_eq!(desk.clocks.age(at(1.2), later), Age::Before);
    }

    /// A server that rounds stamps down to the minute, the hour or the day: its stamp of our report may lie long before
    /// our create.
    #[test]
    fn a_coarse_stamp_says_nothing_finer_than_it_is() {
        let round = |second: f64, to: i64| {
            let stamp = at(second).timestamp();
            DateTime::from_timestamp(stamp - stamp % to, 0).unwrap()
        };
        for to in [60, 900, 3_600, 86_400] {
            let mut desk = Desk::new();
            for second in [1.0, 50.0, 100.0, 3_000.0] {
                let (sent, seen) = (desk.moment(second), desk.moment(second + 1.0));
                desk.clocks.seen(round(second, to), seen);
                desk.clocks.made_after(round(second, to), sent);
            }
            let sent = desk.moment(90_000.0);
            for after in [0.0, 20.0, 3_000.0] {
                let age = desk.clocks.age(round(90_000.0 + after, to), sent);
                assert!(matches!(age, Age::Unknown | Age::After), "{to} {after} {age:?}");
                assert!(age == Age::Unknown || after > 0.0, "{to}");
            }
            let days_ago = round(-200_000.0, to);
            assert_eq!(desk.clocks.age(days_ago, sent), Age::Before, "{to}");
        }
        // Among fine ones it is round by chance.
        let (desk, sent, _) = Desk::compared();
        let by_chance = round(60.0, 60);
        assert_ne!(desk.clocks.age(by_chance, sent), Age::Unknown);
    }
}
