use std::{num::NonZeroU32, str::FromStr, time::Duration};

use super::duration::digits;
use crate::manifest::yaml::{Form, Mistake, Quoted, text_or_number};

/// `limits.rate`: the ceiling on requests that leave, as `5/s`, `300/min`, `1000/h` or `unlimited`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rate {
    Unlimited,
    /// This many requests in each `per`.
    Limited {
        count: NonZeroU32,
        per: RateUnit,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RateUnit {
    Second,
    Minute,
    Hour,
}

impl RateUnit {
    /// The shortest first.
    const ALL: [RateUnit; 3] = [RateUnit::Second, RateUnit::Minute, RateUnit::Hour];

    pub fn duration(self) -> Duration {
        Duration::from_secs(match self {
            RateUnit::Second => 1,
            RateUnit::Minute => 60,
            RateUnit::Hour => 3600,
        })
    }

    /// How it is written after the slash.
    pub fn as_str(self) -> &'static str {
        match self {
            RateUnit::Second => "s",
            RateUnit::Minute => "min",
            RateUnit::Hour => "h",
        }
    }
}

impl Rate {
    /// One of `shares` equal shares, rounded down; at least one request an hour.
    pub fn share(self, shares: NonZeroU32) -> Rate {
        let Rate::Limited { count, per } = self else {
            return Rate::Unlimited;
        };
        let finer = RateUnit::ALL.into_iter().filter(|unit| unit.duration() >= per.duration());
        let mut least = Rate::Limited { count: NonZeroU32::MIN, per: RateUnit::Hour };
        for unit in finer {
            let in_unit =
                u64::from(count.get()) * (unit.duration().as_secs() / per.duration().as_secs());
            let (share, rest) =
                (in_unit / u64::from(shares.get()), in_unit % u64::from(shares.get()));
            let share = u32::try_from(share).ok().and_then(NonZeroU32::new);
            if let Some(rounded) = share {
                least = Rate::Limited { count: rounded, per: unit };
                if rest == 0 {
                    break;
                }
            }
        }
        least
    }

    /// Requests per second, or `None` without a ceiling.
    pub fn per_second(self) -> Option<f64> {
        match self {
            Rate::Unlimited => None,
            Rate::Limited { count, per } => {
                Some(f64::from(count.get()) / per.duration().as_secs_f64())
            }
        }
    }
}

impl std::fmt::Display for Rate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Rate::Unlimited => f.write_str("unlimited"),
            Rate::Limited { count, per } => write!(f, "{count}/{}", per.as_str()),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotARate;

impl FromStr for Rate {
    type Err = NotARate;

    fn from_str(text: &str) -> Result<Self, NotARate> {
        if text == "unlimited" {
            return Ok(Rate::Unlimited);
        }
        let (count, unit) = text.split_once('/').ok_or(NotARate)?;
        let count = digits(count).and_then(|count| u32::try_from(count).ok());
        let per = RateUnit::ALL.into_iter().find(|per| per.as_str() == unit);
        Ok(Rate::Limited {
            count: count.and_then(NonZeroU32::new).ok_or(NotARate)?,
            per: per.ok_or(NotARate)?,
        })
    }
}

pub(super) fn rate() -> Form<Rate> {
    const PATTERN: &str = r"^(unlimited|0*[1-9]\d*/(s|min|h))$";
    let form = text_or_number("a rate such as 300/min", PATTERN, |text| {
        text.parse().map_err(|NotARate| {
            Mistake::new(format!("{} is not a valid rate", Quoted(text)))
                .help("write for instance 5/s, 300/min, 1000/h or unlimited")
        })
    });
    form.with_default(|rate| rate.to_string().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_of_a_rate_come_to_no_more_than_the_whole() {
        let share = |rate: &str, shares| {
            let rate: Rate = rate.parse().unwrap();
            rate.share(NonZeroU32::new(shares).unwrap()).to_string()
        };
        for (rate, shares, expected) in [
            ("300/min", 1, "300/min"),
            ("300/min", 3, "100/min"),
            ("300/min", 7, "2571/h"),
            ("1/s", 3, "20/min"),
            ("1/min", 7, "8/h"),
            ("1/h", 3, "1/h"),
            ("1/h", 1000, "1/h"),
            ("4294967295/s", 2, "2147483647/s"),
            ("unlimited", 4, "unlimited"),
        ] {
            assert_eq!(share(rate, shares), expected, "{rate} / {shares}");
        }
    }

    #[test]
    fn rates() {
        for text in ["1/s", "300/min", "1000/h", "unlimited"] {
            assert_eq!(text.parse::<Rate>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "0/s",
            "-1/s",
            "+1/s",
            "1.5/s",
            "1/m",
            "1/",
            "/s",
            "300",
            "300 / min",
            "1/s/s",
            "4294967296/s",
            "Unlimited",
        ] {
            assert_eq!(text.parse::<Rate>(), Err(NotARate), "{text}");
        }
    }
}
