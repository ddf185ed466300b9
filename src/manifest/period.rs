use std::fmt::Display;

use chrono::{Months, NaiveDate};
use schemars::JsonSchema;
use serde::Serialize;

use super::options::{DateCheck, LoadOptions};
use crate::manifest::yaml::{
    Form, Located, Mistake, Node, Quoted, Sink, SourcePlace, alternative, keys, list, nearest,
    one_of, required, text_or_number, words,
};
use request::{Month, Period, day};

const EXPECTED: &str =
    "a month such as 2026-10, previous-month, { start, end } or { from, to, every: month }";
const FORMS: &str =
    "write { start: 2026-10-01, end: 2026-10-15 } or { from: 2026-01, to: 2026-09, every: month }";

/// The server accepts any day of the last five years (its help page).
const YEARS_BACK: u32 = 5;

keys! {
    /// Days, both included.
    pub(super) struct Days: "a period", "a mapping such as { start: 2026-10-01, end: 2026-10-15 }" {
        /// First day.
        start: Option<Located<NaiveDate>> = required(calendar_day(), "start: 2026-10-01"),
        /// Last day, included.
        end: Option<Located<NaiveDate>> = required(calendar_day(), "end: 2026-10-31"),
    }

    /// Each month of a range.
    pub(super) struct MonthRange: "a period", "a mapping such as { from: 2026-01, to: 2026-09, every: month }" {
        /// First month.
        from: Option<Located<Month>> = required(calendar_month(), "from: 2026-01"),
        /// Last month, included.
        to: Option<Located<Month>> = required(calendar_month(), "to: 2026-09"),
        /// One period for each.
        every: Option<Every> = required(words("step of a period", [("month", Every::Month)]), "every: month"),
    }
}

/// The step of a range of months.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Every {
    /// One period per calendar month.
    Month,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct PeriodText {
    /// `None`: the month before `--as-of`.
    periods: Option<Vec<Period>>,
    start: SourcePlace,
    end: SourcePlace,
}

/// For an exclusion: a single one.
pub(super) fn period() -> Form<PeriodText> {
    one_of(named(), vec![alternative(days)], FORMS)
}

pub(super) fn periods() -> Form<Vec<PeriodText>> {
    let form = one_of(named(), vec![alternative(days), alternative(months)], FORMS);
    list("a list of periods", "name at least one period: `periods: [previous-month]`", form)
}

fn named() -> (&'static str, Form<PeriodText>) {
    let about =
        "A calendar month such as `2026-10`, or `previous-month`, which counts from `--as-of`.";
    let pattern = r"^(\d{4}-(0[1-9]|1[0-2])|previous-month)$";
    let periods = text_or_number(EXPECTED, pattern, |text| match text.parse::<Month>() {
        Ok(month) => Ok(Some(vec![month.period()])),
        Err(_) if text == "previous-month" => Ok(None),
        Err(_) => Err(no_period(text)),
    });
    let form = periods
        .then(|periods, node| Some(PeriodText { periods, start: node.place(), end: node.place() }));
    (about, form)
}

fn days(Days { start, end }: Days, node: Node<'_>) -> Option<PeriodText> {
    let (start, end) = (start?, end?);
    in_order(("start", &start), ("end", &end), node)?;
    let period = Period::new(start.value, end.value).ok()?;
    Some(PeriodText { periods: Some(vec![period]), start: start.place, end: end.place })
}

fn months(MonthRange { from, to, every }: MonthRange, node: Node<'_>) -> Option<PeriodText> {
    let (from, to, Every::Month) = (from?, to?, every?);
    in_order(("from", &from), ("to", &to), node)?;
    let months = std::iter::successors(Some(from.value), |month| {
        month.next().filter(|next| *next <= to.value)
    });
    let periods = Some(months.map(Month::period).collect());
    Some(PeriodText { periods, start: from.place, end: to.place })
}

fn in_order<T: Ord + Display>(
    (first_key, first): (&str, &Located<T>),
    (last_key, last): (&str, &Located<T>),
    node: Node<'_>,
) -> Option<()> {
    if first.value <= last.value {
        return Some(());
    }
    let (first, end) = (&first.value, &last.value);
    let mistake = Mistake::new(format!("`{last_key}` {end} is before `{first_key}` {first}"));
    last.report(node.sink, mistake.help("swap the two, or correct one"))
}

fn no_period(text: &str) -> Mistake {
    let mistake = Mistake::new(format!("{} is not a valid period", Quoted(text)));
    if nearest(text, ["previous-month"]).is_some() {
        return mistake.help("did you mean previous-month?");
    }
    if day(text).is_ok() {
        return mistake.help(format!("for this one day, write {{ start: {text}, end: {text} }}"));
    }
    mistake.help(
        "write a month (2026-10), previous-month, { start: 2026-10-01, end: 2026-10-15 } or { from: 2026-01, to: 2026-09, every: month }",
    )
}

fn calendar_day() -> Form<Located<NaiveDate>> {
    text_or_number("a day such as 2026-10-31", r"^\d{4}-\d{2}-\d{2}$", |text| {
        day(text).map_err(|_| {
            Mistake::new(format!("{} is not a calendar day", Quoted(text)))
                .help("write YYYY-MM-DD, for instance 2026-10-31")
        })
    })
    .located()
}

fn calendar_month() -> Form<Located<Month>> {
    text_or_number("a month such as 2026-10", r"^\d{4}-(0[1-9]|1[0-2])$", |text| {
        text.parse().map_err(|_| {
            Mistake::new(format!("{} is not a calendar month", Quoted(text)))
                .help("write YYYY-MM, for instance 2026-10")
        })
    })
    .located()
}

impl PeriodText {
    pub(super) fn is_relative(&self) -> bool {
        self.periods.is_none()
    }

    pub(super) fn periods(&self, options: &LoadOptions, sink: &Sink) -> Vec<Period> {
        let periods = self.meant(options, sink);
        if options.date_check == DateCheck::On {
            self.check(&periods, options.today, sink);
        }
        periods
    }

    /// Whether the calendar rules allow them or not.
    pub(super) fn meant(&self, options: &LoadOptions, sink: &Sink) -> Vec<Period> {
        if let Some(periods) = &self.periods {
            return periods.clone();
        }
        let month = Month::of(options.as_of).previous();
        if month.is_none() {
            sink.report::<()>(self.start.clone(), no_period("previous-month"));
        }
        month.map(Month::period).into_iter().collect()
    }

    fn check(&self, periods: &[Period], today: NaiveDate, sink: &Sink) {
        let earliest =
            today.checked_sub_months(Months::new(12 * YEARS_BACK)).unwrap_or(NaiveDate::MIN);
        if let Some(first) = periods.first()
            && first.start() < earliest
        {
            let mistake = Mistake::new(format!(
                "this period starts on {}, more than five years ago",
                first.start()
            ))
            .help(format!(
                "the earliest day is {earliest} (`--no-date-check` leaves the judgement to the server)"
            ));
            sink.report::<()>(self.start.clone(), mistake);
        }
        if let Some(last) = periods.last()
            && last.end() >= today
        {
            let mistake = Mistake::new(format!(
                "this period ends on {} and is not over yet (today is {today}, UTC)",
                last.end()
            ))
            .help("the server bills days that are over; choose an earlier end (`--no-date-check` leaves the judgement to the server)");
            sink.report::<()>(self.end.clone(), mistake);
        }
    }
}
