//! Durations, rates, numbers and one-line texts.

use std::{
    num::{NonZeroU32, NonZeroUsize},
    time::Duration,
};

use crate::manifest::{Rate, RateUnit, kind::ProblemKind, yaml::Node};

/// The longest duration that is read: a year. A longer one is a slip, and would overflow clocks.
const MAX_DURATION: Duration = Duration::from_secs(366 * 24 * 3600);

/// A text on one line, without blanks around it and not empty.
pub(in crate::manifest) fn line<'a>(node: Node<'a>, what: &'static str) -> Option<&'a str> {
    let text = node.text(what)?;
    checked_line(text, what)
        .map_err(|kind| node.report::<()>(kind))
        .ok()
}

/// The rule behind [`line`], for texts that are not YAML.
pub(in crate::manifest) fn checked_line<'a>(
    text: &'a str,
    what: &'static str,
) -> Result<&'a str, ProblemKind> {
    let text = text.trim();
    if text.is_empty() {
        return Err(ProblemKind::EmptyText { what });
    }
    match text.chars().find(|c| is_control(*c)) {
        Some(character) => Err(ProblemKind::ControlCharacter { what, character }),
        None => Ok(text),
    }
}

/// Control characters, line separators, and what turns the direction of text around.
fn is_control(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// A word of a short list.
pub(super) fn word<T: Copy>(
    node: Node<'_>,
    what: &'static str,
    known: &'static [&'static str],
    values: &[T],
) -> Option<T> {
    let text = node.text(what)?;
    match known.iter().zip(values).find(|(word, _)| **word == text) {
        Some((_, value)) => Some(*value),
        None => node.report(ProblemKind::UnknownWord {
            text: text.to_owned(),
            what,
            nearest: crate::manifest::suggest::nearest(text, known.iter().copied()),
            known,
        }),
    }
}

/// Whether `0s` makes sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Zero {
    Allowed,
    Refused,
}

/// A duration: `200ms`, `1.5s`, `15m`, `1h30m`.
pub(super) fn duration(node: Node<'_>, zero: Zero) -> Option<Duration> {
    if node.found() == crate::manifest::kind::Found::Number {
        return node.report(ProblemKind::DurationWithoutUnit(node.written()));
    }
    let text = node.text("a duration such as 30s")?;
    match duration_of(text) {
        None if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) => {
            node.report(ProblemKind::DurationWithoutUnit(text.to_owned()))
        }
        None => node.report(ProblemKind::NotADuration(text.to_owned())),
        Some(Duration::ZERO) if zero == Zero::Refused => node.report(ProblemKind::ZeroDuration),
        Some(duration) => Some(duration),
    }
}

/// Parts from large to small units, each unit at most once; only the last part may have a fraction.
pub(crate) fn duration_of(text: &str) -> Option<Duration> {
    const UNITS: [(&str, u64); 4] = [
        ("h", 3_600_000_000_000),
        ("m", 60_000_000_000),
        ("s", 1_000_000_000),
        ("ms", 1_000_000),
    ];
    let mut units = UNITS.iter();
    let mut rest = text;
    let mut nanoseconds: u64 = 0;
    loop {
        let (number, after) = rest.split_at(rest.find(|c: char| c.is_ascii_alphabetic())?);
        let (unit, after) = after.split_at(
            after
                .find(|c: char| !c.is_ascii_alphabetic())
                .unwrap_or(after.len()),
        );
        let (_, scale) = units.find(|(name, _)| *name == unit)?;
        let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
        if number.contains('.') && !after.is_empty() {
            return None;
        }
        let whole = digits(whole)?.checked_mul(*scale)?;
        // Nine digits are a billionth; more would be lost anyway.
        if fraction.len() > 9 {
            return None;
        }
        let fraction = u128::from(digits(fraction)?) * u128::from(*scale)
            / 10_u128.pow(u32::try_from(fraction.len()).ok()?);
        nanoseconds = nanoseconds
            .checked_add(whole)?
            .checked_add(u64::try_from(fraction).ok()?)?;
        if after.is_empty() {
            let duration = Duration::from_nanos(nanoseconds);
            return (duration <= MAX_DURATION).then_some(duration);
        }
        rest = after;
    }
}

fn digits(text: &str) -> Option<u64> {
    (!text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()))
        .then(|| text.parse().ok())
        .flatten()
}

/// A rate: `5/s`, `300/min`, `1000/h`, `unlimited`.
pub(super) fn rate(node: Node<'_>) -> Option<Rate> {
    let text = match node.found() {
        crate::manifest::kind::Found::Number => {
            return node.report(ProblemKind::NotARate(node.written()));
        }
        _ => node.text("a rate such as 300/min")?,
    };
    match rate_of(text) {
        Some(rate) => Some(rate),
        None => node.report(ProblemKind::NotARate(text.to_owned())),
    }
}

pub(in crate::manifest) fn rate_of(text: &str) -> Option<Rate> {
    if text == "unlimited" {
        return Some(Rate::Unlimited);
    }
    let (count, unit) = text.split_once('/')?;
    let count = NonZeroU32::new(u32::try_from(digits(count)?).ok()?)?;
    let per = [RateUnit::Second, RateUnit::Minute, RateUnit::Hour]
        .into_iter()
        .find(|per| per.as_str() == unit)?;
    Some(Rate::Limited { count, per })
}

/// A whole number from 1 to `u32::MAX`.
pub(super) fn positive(node: Node<'_>) -> Option<NonZeroU32> {
    let number = number_of_at_least(node, 1, u32::MAX.into())?;
    NonZeroU32::new(u32::try_from(number).ok()?)
}

/// A whole number from 1 to `max`.
pub(super) fn positive_up_to(node: Node<'_>, max: u32) -> Option<NonZeroUsize> {
    let number = number_of_at_least(node, 1, max.into())?;
    NonZeroUsize::new(usize::try_from(number).ok()?)
}

/// A whole number in a range.
pub(in crate::manifest) fn number_of_at_least(node: Node<'_>, min: u64, max: u64) -> Option<u64> {
    let number = node.whole_number("a whole number")?;
    if (min..=max).contains(&number) {
        Some(number)
    } else {
        node.report(ProblemKind::BadNumber {
            written: node.written(),
            expected: format!("a whole number from {min} to {max}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, ms) in [
            ("0s", 0),
            ("200ms", 200),
            ("2500ms", 2_500),
            ("1.5s", 1_500),
            ("30s", 30_000),
            ("1m", 60_000),
            ("0.5m", 30_000),
            ("1h30m", 5_400_000),
            ("1h1m1s1ms", 3_661_001),
            ("1m0.5s", 60_500),
        ] {
            assert_eq!(duration_of(text), Some(Duration::from_millis(ms)), "{text}");
        }
        for text in [
            "",
            "s",
            "30",
            "-1s",
            "+1s",
            "1 s",
            "1S",
            "1d",
            "1.s",
            ".5s",
            "1..5s",
            "1.5h30m",
            "30m1h",
            "1s1s",
            "1s1",
            "1e3s",
            "１s",
            "99999999999999999999s",
            "9000h",
            "1.0000000001s",
        ] {
            assert_eq!(duration_of(text), None, "{text}");
        }
    }

    #[test]
    fn rates() {
        for text in ["1/s", "300/min", "1000/h", "unlimited"] {
            assert_eq!(rate_of(text).unwrap().to_string(), text);
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
            assert_eq!(rate_of(text), None, "{text}");
        }
    }
}
