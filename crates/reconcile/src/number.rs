//! How numbers are written in cells.

use crate::{amount::Amount, table::trimmed};

/// A larger exponent is no real figure, and would need endless memory.
const LARGEST_EXPONENT: i64 = 100;

/// A grammar of numbers. An empty cell is 0 in each of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum NumberFormat {
    /// `1234.5` and `1,234.5`.
    #[default]
    Point,
    /// `1234,5` and `1.234,5`.
    Comma,
    /// As [`NumberFormat::Point`], in a file that may mean either: `1,234` is [`Unreadable::Ambiguous`].
    Unstated,
    /// `1234.5`, `.5`, `5.`, `+5` and `1E-5`, without groups.
    Scientific,
}

/// Why a cell has no number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// It is no number.
    #[error("not a number")]
    NotANumber,
    /// It may be a thousand times less.
    #[error(
        "a number with groups and without a decimal mark, in a list whose `decimal` is not stated"
    )]
    Ambiguous,
}

impl NumberFormat {
    /// The number in a cell, exactly.
    pub fn read(self, cell: &[u8]) -> Result<Amount, Unreadable> {
        let text = trimmed(cell);
        if text.is_empty() {
            return Ok(Amount::default());
        }
        match self {
            NumberFormat::Point => plain(text, b'.', b','),
            NumberFormat::Comma => plain(text, b',', b'.'),
            NumberFormat::Unstated if text.contains(&b',') && !text.contains(&b'.') => {
                plain(text, b'.', b',').and(Err(Unreadable::Ambiguous))
            }
            NumberFormat::Unstated => plain(text, b'.', b','),
            NumberFormat::Scientific => scientific(text),
        }
    }
}

/// An optional `-`, digits (or one to three digits and groups of three), then at most one mark with digits after it.
fn plain(text: &[u8], decimal_mark: u8, group_mark: u8) -> Result<Amount, Unreadable> {
    let (is_negative, text) = text.strip_prefix(b"-").map_or((false, text), |rest| (true, rest));
    let (whole, fraction) = split(text, |byte| byte == decimal_mark);
    let fraction_fits = fraction.is_none_or(are_digits);
    let fraction = fraction.unwrap_or_default();
    if fraction_fits && are_digits(whole) {
        return Ok(Amount::of_digits(is_negative, whole, fraction, 0));
    }
    let mut groups = whole.split(|byte| *byte == group_mark);
    let first = groups.next().unwrap_or_default();
    let is_grouped = first.len() <= 3
        && are_digits(first)
        && groups.all(|group| group.len() == 3 && are_digits(group));
    if !fraction_fits || !is_grouped {
        return Err(Unreadable::NotANumber);
    }
    let digits: Vec<u8> = whole.iter().copied().filter(u8::is_ascii_digit).collect();
    Ok(Amount::of_digits(is_negative, &digits, fraction, 0))
}

/// Digits with at most one point, a sign, an exponent.
fn scientific(text: &[u8]) -> Result<Amount, Unreadable> {
    let (mantissa, exponent) = split(text, |byte| matches!(byte, b'e' | b'E'));
    let (is_negative, mantissa) = signed(mantissa);
    let (whole, fraction) = split(mantissa, |byte| byte == b'.');
    let fraction = fraction.unwrap_or_default();
    let digits_only = |part: &[u8]| part.is_empty() || are_digits(part);
    let is_number = digits_only(whole) && digits_only(fraction) && whole.len() + fraction.len() > 0;
    let (shrinks, size) = exponent.map_or((false, &b"0"[..]), signed);
    let size = std::str::from_utf8(size).ok().filter(|size| are_digits(size.as_bytes()));
    let size = size.and_then(|size| size.parse::<i64>().ok());
    match size.filter(|size| is_number && *size <= LARGEST_EXPONENT) {
        Some(size) => {
            let exponent = if shrinks { -size } else { size };
            Ok(Amount::of_digits(is_negative, whole, fraction, exponent))
        }
        None => Err(Unreadable::NotANumber),
    }
}

fn signed(text: &[u8]) -> (bool, &[u8]) {
    match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    }
}

/// At the first mark; `None`: there is none.
fn split(text: &[u8], is_mark: impl Fn(u8) -> bool) -> (&[u8], Option<&[u8]>) {
    match text.iter().position(|byte| is_mark(*byte)) {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    }
}

fn are_digits(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(u8::is_ascii_digit)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(format: NumberFormat, cell: &str) -> Result<String, Unreadable> {
        format.read(cell.as_bytes()).map(|amount| amount.to_string())
    }

    #[test]
    fn each_grammar_reads_its_numbers_and_no_others() {
        use NumberFormat::{Comma, Point, Scientific, Unstated};
        for (cell, point, comma, unstated, scientific) in [
            ("", "0", "0", "0", "0"),
            (" \u{a0}\u{3000}", "0", "0", "0", "0"),
            ("0", "0", "0", "0", "0"),
            ("-0.00", "0", "x", "0", "0"),
            ("007", "7", "7", "7", "7"),
            ("\u{a0}12.50 ", "12.5", "x", "12.5", "12.5"),
            ("12,50", "x", "12.5", "x", "x"),
            ("-12,50", "x", "-12.5", "x", "x"),
            ("1,234", "1234", "1.234", "?", "x"),
            ("1.234", "1.234", "1234", "1.234", "1.234"),
            ("-1,234,567", "-1234567", "x", "?", "x"),
            ("-1.234.567", "x", "-1234567", "x", "x"),
            ("1,234.5", "1234.5", "x", "1234.5", "x"),
            ("1.234,5", "x", "1234.5", "x", "x"),
            ("12,345,678.90", "12345678.9", "x", "12345678.9", "x"),
            ("0,123", "123", "0.123", "?", "x"),
            ("1234,567", "x", "1234.567", "x", "x"),
            ("1,23", "x", "1.23", "x", "x"),
            ("12,34.5", "x", "x", "x", "x"),
            ("1,,234", "x", "x", "x", "x"),
            (",234", "x", "x", "x", "x"),
            ("1,234,", "x", "x", "x", "x"),
            ("1.234,", "x", "x", "x", "x"),
            (".5", "x", "x", "x", "0.5"),
            ("5.", "x", "x", "x", "5"),
            (",5", "x", "x", "x", "x"),
            ("+3.50", "x", "x", "x", "3.5"),
            ("1E-5", "x", "x", "x", "0.00001"),
            ("1.5e+3", "x", "x", "x", "1500"),
            ("1.2345e2", "x", "x", "x", "123.45"),
            ("1e100", "x", "x", "x", &format!("1{}", "0".repeat(100))),
            ("1e101", "x", "x", "x", "x"),
            ("1e-101", "x", "x", "x", "x"),
            ("1e99999999999999999999", "x", "x", "x", "x"),
            ("- 1", "x", "x", "x", "x"),
            ("1 000", "x", "x", "x", "x"),
            ("1\u{a0}000", "x", "x", "x", "x"),
            ("--1", "x", "x", "x", "x"),
            ("-", "x", "x", "x", "x"),
            ("-,", "x", "x", "x", "x"),
            (".", "x", "x", "x", "x"),
            ("1.2.3", "x", "x", "x", "x"),
            ("1e", "x", "x", "x", "x"),
            ("e5", "x", "x", "x", "x"),
            ("1e1.5", "x", "x", "x", "x"),
            ("1e++1", "x", "x", "x", "x"),
            ("1e+-1", "x", "x", "x", "x"),
            ("+-1", "x", "x", "x", "x"),
            ("5-", "x", "x", "x", "x"),
            ("n/a", "x", "x", "x", "x"),
            ("NaN", "x", "x", "x", "x"),
            ("inf", "x", "x", "x", "x"),
            ("0x10", "x", "x", "x", "x"),
            ("5%", "x", "x", "x", "x"),
            ("$5", "x", "x", "x", "x"),
            ("(5)", "x", "x", "x", "x"),
            ("1_000", "x", "x", "x", "x"),
            ("１", "x", "x", "x", "x"),
            ("−1", "x", "x", "x", "x"),
        ] {
            let grammars =
                [(Point, point), (Comma, comma), (Unstated, unstated), (Scientific, scientific)];
            for (format, expected) in grammars {
                let expected = match expected {
                    "x" => Err(Unreadable::NotANumber),
                    "?" => Err(Unreadable::Ambiguous),
                    number => Ok(number.to_owned()),
                };
                assert_eq!(read(format, cell), expected, "{format:?} {cell:?}");
            }
        }
        assert_eq!(Point.read(b"1\xff"), Err(Unreadable::NotANumber));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(digits in "[0-9]{1,60}", fraction in "[0-9]{0,60}", negative: bool) {
            let sign = if negative { "-" } else { "" };
            let mark = |mark: &str| if fraction.is_empty() { String::new() } else { format!("{mark}{fraction}") };
            let grouped: Vec<u8> = digits.bytes().rev().enumerate().fold(Vec::new(), |mut out, (i, digit)| {
                if i > 0 && i % 3 == 0 {
                    out.push(b',');
                }
                out.push(digit);
                out
            });
            let grouped: String = grouped.into_iter().rev().map(char::from).collect();
            let whole = digits.trim_start_matches('0');
            let whole = if whole.is_empty() { "0" } else { whole };
            let rest = fraction.trim_end_matches('0');
            let is_zero = whole == "0" && rest.is_empty();
            let sign_shown = if is_zero { "" } else { sign };
            let expected = if rest.is_empty() { format!("{sign_shown}{whole}") } else { format!("{sign_shown}{whole}.{rest}") };
            let point = mark(".");
            for cell in [format!("{sign}{digits}{point}"), format!("{sign}{grouped}{point}")] {
                prop_assert_eq!(read(NumberFormat::Point, &cell), Ok(expected.clone()));
            }
            prop_assert_eq!(read(NumberFormat::Scientific, &format!("{sign}{digits}{point}")), Ok(expected.clone()));
            let swapped = grouped.replace(',', ".");
            prop_assert_eq!(read(NumberFormat::Comma, &format!("{sign}{swapped}{}", mark(","))), Ok(expected));
        }
    }
}
