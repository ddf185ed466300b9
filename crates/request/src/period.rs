use std::{fmt, str::FromStr};

use chrono::{Datelike, Days, Months, NaiveDate};

/// An inclusive range of calendar days, `billingStartDate` to `billingEndDate`. `start` is never after `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Period {
    start: NaiveDate,
    end: NaiveDate,
}

/// Why a text or a pair of days is not a period.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PeriodError {
    /// The last day comes before the first.
    #[error("the end {end} is before the start {start}")]
    EndBeforeStart {
        /// First day.
        start: NaiveDate,
        /// Last day.
        end: NaiveDate,
    },
    /// Not a day of the calendar in the form `YYYY-MM-DD`.
    #[error("{0:?} is not a calendar day; write YYYY-MM-DD, for instance 2026-10-31")]
    NotADay(String),
    /// Not a month.
    #[error(transparent)]
    Month(#[from] MonthError),
}

impl Period {
    /// The days from `start` to `end`, both included, or [`PeriodError::EndBeforeStart`].
    pub fn new(start: NaiveDate, end: NaiveDate) -> Result<Self, PeriodError> {
        if end < start {
            return Err(PeriodError::EndBeforeStart { start, end });
        }
        Ok(Period { start, end })
    }

    /// The whole month, or `None` if the calendar has no such month.
    pub fn month(year: i32, month: u32) -> Option<Self> {
        NaiveDate::from_ymd_opt(year, month, 1).map(|first| Month { first }.period())
    }

    /// First day.
    pub fn start(self) -> NaiveDate {
        self.start
    }

    /// Last day, included.
    pub fn end(self) -> NaiveDate {
        self.end
    }

    /// How many days it has: at least one.
    pub fn days(self) -> u64 {
        (self.end - self.start).num_days().unsigned_abs() + 1
    }

    /// Whether every day of `self` is a day of `other`.
    pub fn lies_within(self, other: Period) -> bool {
        other.start <= self.start && self.end <= other.end
    }
}

/// `YYYY-MM-DD..YYYY-MM-DD`, or `YYYY-MM` if the period is exactly that month.
impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let month = Month::of(self.start);
        if month.period() == *self {
            f.pad(&month.to_string())
        } else {
            f.pad(&format!("{}..{}", self.start, self.end))
        }
    }
}

impl FromStr for Period {
    type Err = PeriodError;

    fn from_str(text: &str) -> Result<Self, PeriodError> {
        match text.split_once("..") {
            Some((start, end)) => Period::new(day(start)?, day(end)?),
            None => Ok(text.parse::<Month>()?.period()),
        }
    }
}

/// Reads `YYYY-MM-DD`, strictly: four, two and two digits.
pub fn day(text: &str) -> Result<NaiveDate, PeriodError> {
    let number = |places: std::ops::Range<usize>| {
        let digits = text.get(places)?;
        let is_number = digits.bytes().all(|b| b.is_ascii_digit());
        is_number.then(|| digits.parse::<u32>().ok()).flatten()
    };
    let read = || {
        let is_split = text.len() == 10 && [4, 7].iter().all(|at| text.as_bytes()[*at] == b'-');
        let year = i32::try_from(number(0..4)?).ok()?;
        let day = NaiveDate::from_ymd_opt(year, number(5..7)?, number(8..10)?);
        day.filter(|_| is_split)
    };
    read().ok_or_else(|| PeriodError::NotADay(text.to_owned()))
}

/// `YYYY-MM-DD`, for years of four digits: [`day`] reads no others.
pub fn spell_day(day: NaiveDate) -> [u8; 10] {
    let mut text = *b"0000-00-00";
    let year = day.year().rem_euclid(10_000).unsigned_abs();
    for (value, places) in [(year, 0..4), (day.month(), 5..7), (day.day(), 8..10)] {
        let mut rest = value;
        for place in places.rev() {
            text[place] = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
    }
    text
}

/// A calendar month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Month {
    first: NaiveDate,
}

/// A text that is not a calendar month.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a calendar month; write YYYY-MM, for instance 2026-10")]
pub struct MonthError(pub String);

impl Month {
    /// The month that `day` lies in.
    pub fn of(day: NaiveDate) -> Self {
        Month {
            first: day.with_day(1).unwrap_or(day), // every month has a first day
        }
    }

    /// The month before, or `None` at the calendar's first month.
    pub fn previous(self) -> Option<Self> {
        let first = self.first.checked_sub_months(Months::new(1))?;
        Some(Month { first })
    }

    /// The month after, or `None` at the calendar's last month.
    pub fn next(self) -> Option<Self> {
        let first = self.first.checked_add_months(Months::new(1))?;
        Some(Month { first })
    }

    /// Its days, first to last.
    pub fn period(self) -> Period {
        let end = self
            .next()
            .and_then(|next| next.first.checked_sub_days(Days::new(1)))
            .unwrap_or(NaiveDate::MAX);
        Period { start: self.first, end }
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.first.format("%Y-%m"))
    }
}

impl FromStr for Month {
    type Err = MonthError;

    fn from_str(text: &str) -> Result<Self, MonthError> {
        day(&format!("{text}-01")).map(Month::of).map_err(|_| MonthError(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_know_leap_years_and_year_ends() {
        for (text, start, end) in [
            ("2024-02", "2024-02-01", "2024-02-29"),
            ("2026-02", "2026-02-01", "2026-02-28"),
            ("2000-02", "2000-02-01", "2000-02-29"),
            ("2026-12", "2026-12-01", "2026-12-31"),
        ] {
            let period: Period = text.parse().unwrap();
            assert_eq!(period.start().to_string(), start);
            assert_eq!(period.end().to_string(), end);
            assert_eq!(period.to_string(), text);
        }
        let january: Month = "2026-01".parse().unwrap();
        assert_eq!(january.previous().unwrap().to_string(), "2025-12");
    }

    #[test]
    fn loose_forms_are_refused() {
        for text in ["2026-13", "2026-1", "26-01", "2026", "2026-01-01", "", " 2026-01"] {
            assert!(text.parse::<Month>().is_err(), "{text}");
        }
        for text in ["2026-02-30..2026-03-01", "2026-03-02..2026-03-01", "2026-3-1..2026-3-2"] {
            assert!(text.parse::<Period>().is_err(), "{text}");
        }
        let part: Period = "2026-10-01..2026-10-15".parse().unwrap();
        assert!(part.lies_within("2026-10".parse().unwrap()));
        assert!(!Period::month(2026, 10).unwrap().lies_within(part));
    }
}
