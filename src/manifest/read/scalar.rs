//! Durations, rates, numbers and one-line texts.

use std::{
    num::{NonZeroU32, NonZeroUsize},
    time::Duration,
};

use crate::{
    manifest::{kind::ProblemKind, yaml::Node},
    settings::{Rate, duration_of},
};

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

/// A rate: `5/s`, `300/min`, `1000/h`, `unlimited`.
pub(super) fn rate(node: Node<'_>) -> Option<Rate> {
    let text = match node.found() {
        crate::manifest::kind::Found::Number => {
            return node.report(ProblemKind::NotARate(node.written()));
        }
        _ => node.text("a rate such as 300/min")?,
    };
    match text.parse() {
        Ok(rate) => Some(rate),
        Err(_) => node.report(ProblemKind::NotARate(text.to_owned())),
    }
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
