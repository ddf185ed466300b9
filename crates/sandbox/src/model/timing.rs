use std::time::Duration;

use chrono::{DateTime, Utc};

use super::{
    config::{ClocksConfig, LatencyConfig},
    dice::Dice,
};

pub(super) fn latency(config: &LatencyConfig, dice: Dice, number: u64) -> Duration {
    config.fixed.0 + up_to(config.jitter.0, dice, "latency", number)
}

pub(super) fn work(config: &LatencyConfig, dice: Dice, number: u64) -> Duration {
    up_to(config.work.0, dice, "work", number)
}

pub(super) fn up_to(most: Duration, dice: Dice, purpose: &str, number: u64) -> Duration {
    if most.is_zero() {
        return most; // asking the dice costs something
    }
    most.mul_f64(dice.share(purpose, "", number))
}

/// `now`: by the clock that stamps `created`.
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
    Some(if status >= 500 { clocks.date_ahead_on_5xx.of(ahead) } else { ahead })
}
