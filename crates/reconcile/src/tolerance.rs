//! By how much two amounts may differ and agree all the same.

use std::{fmt, str::FromStr};

use crate::{amount::Amount, number::NumberFormat};

/// Two amounts agree if their difference is within at least one limit. A difference equal to a limit is within it. Without
/// limits, only equal amounts agree.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tolerance {
    limits: Vec<Limit>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Limit {
    Absolute(Amount),
    /// Of the larger magnitude.
    Percent(Amount),
}

/// Why a text is no tolerance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("write a number of 0 or more, or a percentage of 0 or more, such as 0.5 or 1%")]
pub struct ToleranceError;

impl Tolerance {
    /// Amounts agree where they agree by one of the two.
    #[must_use]
    pub fn or(mut self, other: Tolerance) -> Tolerance {
        self.limits.extend(other.limits);
        self
    }

    /// Whether the two agree.
    pub fn agree(&self, a: &Amount, b: &Amount) -> bool {
        if a == b {
            return true;
        }
        let difference = (a - b).abs();
        self.limits.iter().any(|limit| match limit {
            Limit::Absolute(most) => difference <= *most,
            Limit::Percent(percent) => {
                let larger = a.abs().max(b.abs());
                &difference * &Amount::from(100) <= percent * &larger
            }
        })
    }

    /// Whether each of them agrees with every other.
    pub fn all_agree<'a>(&self, amounts: impl IntoIterator<Item = &'a Amount> + Clone) -> bool {
        let mut firsts = amounts.clone().into_iter();
        firsts.all(|a| amounts.clone().into_iter().all(|b| self.agree(a, b)))
    }
}

impl FromStr for Tolerance {
    type Err = ToleranceError;

    /// `0.5` or `1%`.
    fn from_str(text: &str) -> Result<Self, ToleranceError> {
        let number = |digits: &str| {
            let amount = NumberFormat::Unstated.read(digits.as_bytes()).ok();
            let amount = amount.filter(|amount| !amount.is_negative() && !digits.trim().is_empty());
            amount.ok_or(ToleranceError)
        };
        let limit = match text.trim().strip_suffix('%') {
            Some(percent) => Limit::Percent(number(percent)?),
            None => Limit::Absolute(number(text)?),
        };
        Ok(Tolerance { limits: vec![limit] })
    }
}

/// `0.5, 1%`; without limits `0`.
impl fmt::Display for Tolerance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.limits.is_empty() {
            return write!(f, "0");
        }
        for (index, limit) in self.limits.iter().enumerate() {
            let comma = if index > 0 { ", " } else { "" };
            match limit {
                Limit::Absolute(most) => write!(f, "{comma}{most}")?,
                Limit::Percent(percent) => write!(f, "{comma}{percent}%")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn amount(text: &str) -> Amount {
        NumberFormat::Point.read(text.as_bytes()).unwrap()
    }

    #[test]
    fn the_border_agrees() {
        let either = || "0.5".parse::<Tolerance>().unwrap().or("1%".parse().unwrap());
        for (tolerance, a, b, agrees) in [
            (Tolerance::default(), "1.50", "1.5", true),
            (Tolerance::default(), "1", "1.0000000000000000000000000000000000000000001", false),
            ("0".parse().unwrap(), "1", "1", true),
            ("0.5".parse().unwrap(), "1", "1.5", true),
            ("0.5".parse().unwrap(), "1", "1.50001", false),
            ("0.5".parse().unwrap(), "-0.25", "0.25", true),
            ("1%".parse().unwrap(), "99", "100", true),
            ("1%".parse().unwrap(), "98.99999", "100", false),
            ("1%".parse().unwrap(), "-100", "-99", true),
            ("1 %".parse().unwrap(), "100", "101.0101", true),
            ("1%".parse().unwrap(), "0", "0.0001", false),
            ("0.5%".parse().unwrap(), "995", "1000", true),
            ("200%".parse().unwrap(), "-5", "5", true),
            (either(), "0", "0.5", true),
            (either(), "990", "1000", true),
            (either(), "989.9", "1000", false),
        ] {
            assert_eq!(tolerance.agree(&amount(a), &amount(b)), agrees, "{tolerance}: {a}, {b}");
            assert_eq!(tolerance.agree(&amount(b), &amount(a)), agrees, "{tolerance}: {b}, {a}");
        }
        assert_eq!(either().to_string(), "0.5, 1%");
        assert_eq!(Tolerance::default().to_string(), "0");
        for text in ["", " ", "%", "-1", "-1%", "1%%", "x", "1,000", ".5", "1e3", "+1", "1 000"] {
            assert_eq!(text.parse::<Tolerance>(), Err(ToleranceError), "{text:?}");
        }
    }

    #[test]
    fn of_three_no_two_differ_by_more() {
        let half: Tolerance = "0.5".parse().unwrap();
        for (amounts, agree) in
            [(["1", "1.5", "1.2"], true), (["1", "1.5", "2"], false), (["1.5", "1", "2"], false)]
        {
            assert_eq!(half.all_agree(&amounts.map(amount)), agree, "{amounts:?}");
        }
        assert!(half.all_agree(&[]));
    }

    proptest! {
        #[test]
        fn a_wider_tolerance_agrees_with_all_that_a_narrow_one_does(
            a in -2_000..2_000_i32, b in -2_000..2_000_i32, narrow in 0..300_u32, more in 0..300_u32, percent: bool,
        ) {
            let sign = if percent { "%" } else { "" };
            let tolerance = |size: u32| format!("{size}{sign}").parse::<Tolerance>().unwrap();
            let (a, b) = (amount(&a.to_string()), amount(&b.to_string()));
            let (narrow, wide) = (tolerance(narrow), tolerance(narrow + more));
            prop_assert!(!narrow.agree(&a, &b) || wide.agree(&a, &b));
            prop_assert!(!narrow.agree(&a, &b) || narrow.clone().or(Tolerance::default()).agree(&a, &b));
            prop_assert_eq!(narrow.agree(&a, &b), narrow.agree(&b, &a));
            prop_assert_eq!(narrow.agree(&a, &b), narrow.agree(&-&a, &-&b));
            prop_assert!(narrow.agree(&a, &a));
        }
    }
}
