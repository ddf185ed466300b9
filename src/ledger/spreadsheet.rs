//! Days, times, numbers and truth values as spreadsheets write them, in the way of their user's country: `9/1/2026`,
//! `01/09/2026`, `01.09.26`, `2026/9/1`. What a day means is proven by the `request_id` of its row, a hash of the days.

use std::{fmt, str::FromStr};

use chrono::{DateTime, Datelike as _, Days, NaiveDate, NaiveDateTime, NaiveTime, Utc};

use super::{Column, csv::Separator};
use crate::text::{moment, one_line};

/// How a spreadsheet has spelled a ledger; it is rewritten in its own form before anything is appended.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SpreadsheetFormat {
    /// Where it is not the comma.
    pub(super) separator: Option<Separator>,
    /// The line, column and text of the first day or time that is not in ISO form.
    first: Option<(u64, Column, String)>,
    /// How many `updated_at` could not be read, and are left out.
    lost: usize,
}

#[derive(Debug, Default)]
pub(super) struct RowFormat {
    pub(super) sheet: Option<(Column, String)>,
    pub(super) lost_time: bool,
}

impl SpreadsheetFormat {
    pub fn is_own(&self) -> bool {
        *self == SpreadsheetFormat::default()
    }

    pub(super) fn note(&mut self, line: u64, spelled: RowFormat) {
        if let (None, Some((column, text))) = (&self.first, spelled.sheet) {
            self.first = Some((line, column, one_line(&text)));
        }
        self.lost += usize::from(spelled.lost_time);
    }
}

/// A clause, without a full stop.
impl fmt::Display for SpreadsheetFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a spreadsheet has saved it")?;
        let mut signs = Vec::new();
        if let Some(separator) = self.separator {
            signs.push(format!("its cells are separated by {}", separator.name()));
        }
        if let Some((line, column, text)) = &self.first {
            signs.push(format!("{} on line {line} is {text:?}", column.name()));
        }
        if self.lost > 0 {
            let lost = self.lost;
            signs.push(format!("what updated_at is on {lost} lines cannot be read"));
        }
        if signs.is_empty() { Ok(()) } else { write!(f, " ({})", signs.join("; ")) }
    }
}

const ORDERS: [Order; 3] = [Order::Year, Order::Day, Order::Month];

/// Which part of a day comes first; the others follow as they do in some country.
#[derive(Debug, Clone, Copy)]
enum Order {
    Year,
    Day,
    Month,
}

/// Which of [`ORDERS`] a row's days allow.
pub(super) type Allowed = [bool; ORDERS.len()];

/// The years that a day without one may be of: LibreOffice writes `9月1日` in its Japanese locale.
const YEARS: std::ops::RangeInclusive<i32> = 2015..=2049;

#[derive(Debug)]
pub(super) enum SheetDay {
    Exact(NaiveDate),
    /// The days that it can mean, by the order of its parts.
    Sheet {
        text: String,
        by_order: [Option<NaiveDate>; ORDERS.len()],
    },
    Yearless {
        text: String,
        days: Vec<NaiveDate>,
    },
}

impl SheetDay {
    /// The error says what would be right.
    pub(super) fn read(text: &str) -> Result<Self, &'static str> {
        if let Ok(day) = request::day(text) {
            return Ok(SheetDay::Exact(day));
        }
        let spelled = plain(text);
        let owned = text.to_owned();
        let by_order = sheet_time(&spelled).map(|time| time.map(|time| time.date()));
        if by_order.iter().any(Option::is_some) {
            return Ok(SheetDay::Sheet { text: owned, by_order });
        }
        let days = match spelled.split_once('-') {
            Some((month, day)) if text.contains('月') => {
                let (month, day) = (number(month), number(day));
                let of = |year| NaiveDate::from_ymd_opt(year, month?, day?);
                YEARS.filter_map(of).collect()
            }
            _ => Vec::new(),
        };
        if days.is_empty() {
            Err(
                "there is no such day; write YYYY-MM-DD (in a spreadsheet, give the column the format yyyy-mm-dd)",
            )
        } else {
            Ok(SheetDay::Yearless { text: owned, days })
        }
    }

    /// As the cell has it.
    pub(super) fn written(&self) -> String {
        match self {
            SheetDay::Exact(day) => day.to_string(),
            SheetDay::Sheet { text, .. } | SheetDay::Yearless { text, .. } => text.clone(),
        }
    }

    pub(super) fn days(&self) -> Vec<NaiveDate> {
        match self {
            SheetDay::Exact(day) => vec![*day],
            SheetDay::Sheet { by_order, .. } => by_order.iter().flatten().copied().collect(),
            SheetDay::Yearless { days, .. } => days.clone(),
        }
    }

    /// The orders of parts in which it is `day`.
    pub(super) fn orders_of(&self, day: NaiveDate) -> Allowed {
        match self {
            SheetDay::Exact(_) | SheetDay::Yearless { .. } => [true; ORDERS.len()],
            SheetDay::Sheet { by_order, .. } => by_order.map(|read| read == Some(day)),
        }
    }
}

#[derive(Debug)]
pub(super) enum SheetTime {
    Exact(DateTime<Utc>),
    /// In UTC, as the cell had it, by the order of its parts. A part that is missing counts as zero.
    Sheet([Option<DateTime<Utc>>; ORDERS.len()]),
}

impl SheetTime {
    /// The error says what would be right.
    pub(super) fn read(text: &str) -> Result<Self, &'static str> {
        if let Some(time) = moment(text) {
            return Ok(SheetTime::Exact(time));
        }
        let by_order = sheet_time(&plain(text)).map(|time| time.map(|time| time.and_utc()));
        if by_order.iter().any(Option::is_some) {
            Ok(SheetTime::Sheet(by_order))
        } else {
            Err("write a time like 2026-11-01T09:30:00Z, or nothing")
        }
    }

    /// The earliest time in an order that the row's days allow and after `ended`, the last of them: nothing is sent for
    /// days that are not over, and an earlier intent is safer, since more reports are looked at before a resend.
    pub(super) fn earliest(&self, allowed: Allowed, ended: NaiveDate) -> Option<DateTime<Utc>> {
        let by_order = match self {
            SheetTime::Exact(time) => return Some(*time),
            SheetTime::Sheet(by_order) => by_order,
        };
        let all = || by_order.iter().flatten().copied();
        let pairs = by_order.iter().zip(allowed);
        let fitting = pairs.filter_map(|(time, is_allowed)| (*time).filter(|_| is_allowed));
        let is_later = |time: &DateTime<Utc>| time.date_naive() > ended;
        (fitting.clone().filter(is_later).min()).or_else(|| fitting.min()).or_else(|| all().min())
    }
}

/// A whole number, also as spreadsheets write it: `3.0`, `3,00`, `1,234`, `1.234` or `1 234`.
pub(super) fn whole<N: FromStr>(text: &str) -> Result<N, &'static str> {
    let refused = |_| "write a whole number, or nothing";
    if let Ok(number) = text.parse() {
        return Ok(number);
    }
    // Three zeros are thousands: spreadsheets show two decimals by default.
    let is_fraction = |zeros: &str| matches!(zeros, "0" | "00");
    let text = match text.rsplit_once(['.', ',']) {
        Some((whole, zeros)) if is_fraction(zeros) => whole,
        _ => text,
    };
    let groups: Vec<&str> = text.split(['.', ',', ' ', '\u{a0}', '\u{202f}', '\'', '’']).collect();
    let is_grouped = groups.iter().skip(1).all(|group| group.len() == 3);
    if is_grouped && groups.iter().all(|group| is_digits(group)) {
        groups.concat().parse().map_err(refused)
    } else {
        text.parse().map_err(refused)
    }
}

/// In any case: `true`, or a spreadsheet's word for it.
pub(super) fn truth(text: &str) -> Result<bool, &'static str> {
    const TRUE: [&str; 6] = ["true", "1", "wahr", "vrai", "verdadero", "vero"];
    const FALSE: [&str; 5] = ["false", "0", "falsch", "faux", "falso"];
    let is_one_of = |words: &[&str]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
    match (is_one_of(&TRUE), is_one_of(&FALSE)) {
        (true, _) => Ok(true),
        (_, true) => Ok(false),
        _ => Err("write true or false"),
    }
}

/// `text` with one kind of sign between its numbers: `2026. 9. 1.` and `2026年9月1日` are `2026.9.1` and `2026-9-1`.
fn plain(text: &str) -> String {
    let text = text.trim().replace(['年', '月', '日'], "-");
    let text = text.replacen(". ", ".", 2).replace(". ", " ").replace("- ", " ");
    text.trim_end_matches(['-', '.']).to_owned()
}

/// What a day, with or without a time, can mean, by the order of its parts.
fn sheet_time(text: &str) -> [Option<NaiveDateTime>; ORDERS.len()] {
    if let Some(time) = serial(text) {
        return [Some(time); ORDERS.len()];
    }
    let (date, time) = text.split_once([' ', 'T']).unwrap_or((text, ""));
    let Some(time) = time_of_day(time.trim()) else {
        return [None; ORDERS.len()];
    };
    let parts: Vec<&str> = date.split(['/', '-', '.']).collect();
    let [a, b, c] = parts[..] else {
        return [None; ORDERS.len()];
    };
    ORDERS.map(|order| {
        let (year, month, day) = match order {
            Order::Year => (a, b, c),
            Order::Day => (c, b, a),
            Order::Month => (c, a, b),
        };
        NaiveDate::from_ymd_opt(year_of(year)?, number(month)?, number(day)?)
            .map(|day| day.and_time(time))
    })
}

/// Four digits, or two of this century.
fn year_of(text: &str) -> Option<i32> {
    let year: i32 = text.parse().ok().filter(|_| is_digits(text))?;
    match text.len() {
        4 => Some(year),
        2 => Some(2000 + year),
        _ => None,
    }
}

fn number(text: &str) -> Option<u32> {
    let is_short = is_digits(text) && text.len() <= 2;
    text.parse().ok().filter(|_| is_short)
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// `9:30`, `09:30:15.250`, `9:30 PM`; nothing is midnight.
fn time_of_day(text: &str) -> Option<NaiveTime> {
    let text = text.trim_end_matches('Z').replace(',', ".");
    if text.is_empty() {
        return Some(NaiveTime::MIN);
    }
    let forms = ["%H:%M:%S%.f", "%H:%M", "%I:%M:%S%.f %p", "%I:%M %p"];
    let mut read = forms.iter().map(|form| NaiveTime::parse_from_str(&text, form));
    read.find_map(Result::ok)
}

/// Days since the end of 1899: what a spreadsheet shows where a cell has no format of a day.
fn serial(text: &str) -> Option<NaiveDateTime> {
    let (days, fraction) = text.split_once(['.', ',']).unwrap_or((text, "0"));
    if days.len() != 5 || !is_digits(days) || !is_digits(fraction) {
        return None;
    }
    let first = NaiveDate::from_ymd_opt(1899, 12, 30)?;
    let day = first.checked_add_days(Days::new(days.parse().ok()?))?;
    let seconds = format!("0.{fraction}").parse::<f64>().ok()? * 86_400.0;
    let seconds = seconds.clamp(0.0, 86_399.0) as u32; // whole ones: not later than it was
    let time = NaiveTime::from_num_seconds_from_midnight_opt(seconds, 0)?;
    (2000..2100).contains(&day.year()).then(|| day.and_time(time))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn days(text: &str) -> Vec<String> {
        let days = SheetDay::read(text).map(|day| day.days());
        let mut days: Vec<String> =
            (days.unwrap_or_default().iter()).map(NaiveDate::to_string).collect();
        days.sort();
        days.dedup();
        days
    }

    #[test]
    fn a_day_means_what_it_can_mean_somewhere() {
        for (text, means) in [
            ("2026-09-01", &["2026-09-01"][..]),
            ("9/1/2026", &["2026-01-09", "2026-09-01"]),
            ("30.09.2026", &["2026-09-30"]),
            ("2026/9/1", &["2026-09-01"]),
            ("2026. 9. 1.", &["2026-09-01"]),
            ("2026年9月1日", &["2026-09-01"]),
            ("09/01/26", &["2009-01-26", "2026-01-09", "2026-09-01"]),
            ("2026-09-01 00:00:00", &["2026-09-01"]),
            ("2026-09-01T00:00:00.000Z", &["2026-09-01"]),
            ("9/30/2026 12:00:00 AM", &["2026-09-30"]),
            ("46266", &["2026-09-01"]),
            ("31.02.2026", &[]),
            ("2026-09", &[]),
            ("soon", &[]),
            ("########", &[]),
            ("9/1", &[]),
            ("1234-567", &[]),
        ] {
            assert_eq!(days(text), means, "{text}");
        }
        assert!(days("9月1日").contains(&"2026-09-01".to_owned()));
    }

    #[test]
    fn a_time_is_read_in_the_order_of_the_days_and_after_them() {
        let ended = NaiveDate::from_ymd_opt(2026, 9, 30).unwrap();
        for (text, allowed, means) in [
            ("2026-11-01T09:30:15.250Z", [true; 3], "2026-11-01 09:30:15.250 UTC"),
            ("1/11/2026 9:30", [false, true, false], "2026-11-01 09:30:00 UTC"),
            ("11/1/2026 9:30:15 PM", [false, false, true], "2026-11-01 21:30:15 UTC"),
            ("11/12/2026 9:30", [true; 3], "2026-11-12 09:30:00 UTC"),
            ("1/11/2026 9:30", [true; 3], "2026-11-01 09:30:00 UTC"),
            ("01.11.26 09:30", [false, true, true], "2026-11-01 09:30:00 UTC"),
            ("46327.396006944", [true; 3], "2026-11-01 09:30:14 UTC"),
            ("2026/11/1", [true; 3], "2026-11-01 00:00:00 UTC"),
        ] {
            let time = SheetTime::read(text).unwrap();
            let time = time.earliest(allowed, ended).unwrap();
            assert_eq!(time.to_string(), means, "{text}");
        }
        for text in ["soon", "9:30", "1/11/2026 25:00", "########"] {
            assert!(SheetTime::read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn numbers_and_truths_are_what_spreadsheets_make_of_them() {
        for (text, means) in [
            ("3", Ok(3)),
            ("3.0", Ok(3)),
            ("3,00", Ok(3)),
            ("1,234", Ok(1234)),
            ("1.234.567", Ok(1_234_567)),
            ("1\u{a0}234", Ok(1234)),
            ("1,234.00", Ok(1234)),
            ("12,34", Err(())),
            ("3.5", Err(())),
            ("-3", Err(())),
            ("eleven", Err(())),
        ] {
            assert_eq!(whole::<u32>(text).map_err(drop), means, "{text}");
        }
        for (text, means) in
            [("TRUE", Ok(true)), ("Falsch", Ok(false)), ("0", Ok(false)), ("yes", Err(()))]
        {
            assert_eq!(truth(text).map_err(drop), means, "{text}");
        }
    }
}
