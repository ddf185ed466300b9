//! How long an exchange takes, and what its answer's clock shows.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::{
    config::{ClocksConfig, LatencyConfig},
    dice::Dice,
};

/// How long the exchange with this number is on its way, there and back.
pub(super) fn latency(config: &LatencyConfig, dice: Dice, number: u64) -> Duration {
    config.fixed.0 + up_to(config.jitter.0, dice, "latency", number)
}

/// How long a create is worked on.
pub(super) fn work(config: &LatencyConfig, dice: Dice, number: u64) -> Duration {
    up_to(config.work.0, dice, "work", number)
}

/// A time up to `most`.
pub(super) fn up_to(most: Duration, dice: Dice, purpose: &str, number: u64) -> Duration {
    if most.is_zero() {
        return most; // asking the dice costs something
    }
    most.mul_f64(dice.share(purpose, "", number))
}

/// `Date` of an answer that leaves when the clock of `created` shows `now`.
pub(super) fn date(
    clocks: &ClocksConfig,
    dice: Dice,
    now: DateTime<Utc>,
    number: u64,
    status: u16,
) -> Option<DateTime<Utc>> {
    if clocks.dateless > 0.0 && dice.share("dateless", "", number) < clocks.dateless {
        return None;
    }
    let jitter = clocks.date_jitter.0;
    let ahead = clocks.date_ahead.of(now) - jitter + up_to(jitter * 2, dice, "date", number);
    Some(if status >= 500 {
        clocks.date_ahead_on_5xx.of(ahead)
    } else {
        ahead
    })
}
