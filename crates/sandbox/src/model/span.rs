use std::{borrow::Cow, fmt, str::FromStr, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A length of time in a server's configuration: a whole number and `ms`, `s`, `m` or `h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Span(pub Duration);

/// A text that is not a length of time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a valid length of time; write a whole number and ms, s, m or h, for instance 250ms"
)]
pub struct SpanError(pub String);

/// In milliseconds. Longest first, so that the largest unit that fits is shown.
const UNITS: [(&str, u64); 4] = [("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];

impl FromStr for Span {
    type Err = SpanError;

    fn from_str(text: &str) -> Result<Self, SpanError> {
        let unit_at = text.find(|c: char| !c.is_ascii_digit());
        let (number, unit) = text.split_at(unit_at.unwrap_or(text.len()));
        UNITS
            .iter()
            .find(|(name, _)| *name == unit)
            .and_then(|(_, millis)| number.parse::<u64>().ok()?.checked_mul(*millis))
            .map(|millis| Span(Duration::from_millis(millis)))
            .ok_or_else(|| SpanError(text.to_owned()))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0.as_millis();
        let (unit, size) = UNITS
            .into_iter()
            .find(|(_, size)| millis > 0 && millis.is_multiple_of(u128::from(*size)))
            .unwrap_or(("s", 1000));
        write!(f, "{}{unit}", millis / u128::from(size))
    }
}

/// How far one clock is ahead of another; negative if it is behind, as in `-500ms`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Shift {
    /// Whether it is behind.
    pub behind: bool,
    /// By how much.
    pub by: Span,
}

impl Shift {
    /// The time on the shifted clock when the other one shows `time`.
    pub fn of(self, time: DateTime<Utc>) -> DateTime<Utc> {
        // No clock is off by more than dates can hold.
        let by = TimeDelta::from_std(self.by.0).unwrap_or(TimeDelta::MAX);
        let shifted =
            if self.behind { time.checked_sub_signed(by) } else { time.checked_add_signed(by) };
        shifted.unwrap_or(time)
    }
}

impl FromStr for Shift {
    type Err = SpanError;

    fn from_str(text: &str) -> Result<Self, SpanError> {
        let (behind, by) = match text.strip_prefix('-') {
            Some(by) => (true, by),
            None => (false, text),
        };
        Ok(Shift { behind, by: by.parse()? })
    }
}

impl fmt::Display for Shift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.behind { "-" } else { "" }, self.by)
    }
}

macro_rules! is_a_text {
    ($name:ident, $pattern:literal, $description:literal) => {
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = Cow::<str>::deserialize(deserializer)?;
                text.parse().map_err(de::Error::custom)
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "pattern": $pattern, "description": $description })
            }
        }
    };
}

is_a_text!(Span, "^[0-9]+(ms|s|m|h)$", "A length of time: a whole number and ms, s, m or h.");
is_a_text!(
    Shift,
    "^-?[0-9]+(ms|s|m|h)$",
    "How far a clock is ahead: a whole number and ms, s, m or h; with a minus it is behind."
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_can_be_read_again() {
        for text in ["250ms", "1s", "90s", "15m", "2h", "0s"] {
            assert_eq!(text.parse::<Span>().unwrap().to_string(), text);
        }
        assert_eq!("1000ms".parse::<Span>().unwrap().to_string(), "1s");
        for text in ["", "5", "s", "1.5s", "-1s", "1 s", "99999999999999999999h"] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
        for text in ["-1500ms", "3s"] {
            assert_eq!(text.parse::<Shift>().unwrap().to_string(), text);
        }
        let noon: DateTime<Utc> = "2026-11-03T12:00:00Z".parse().unwrap();
        let behind: Shift = "-90s".parse().unwrap();
        assert_eq!(behind.of(noon).to_rfc3339(), "2026-11-03T11:58:30+00:00");
    }
}
