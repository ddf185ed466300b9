use std::fmt::Display;

use chrono::{Months, NaiveDate};
use schemars::JsonSchema;
use serde::Serialize;

use super::options::{DateCheck, LoadOptions};
use crate::manifest::yaml::{
    Form, Located, Mistake, Quoted, Sink, SourcePlace, choice, keys, list, nearest, one_of,
    required, text_or_number, words,
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

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum NamedPeriod {
    /// The month before `--as-of`.
    Previous,
    Month(Month),
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum PeriodText {
    Named(Located<NamedPeriod>),
    Days(Days),
    Months(MonthRange),
}

/// For an exclusion, a single one.
pub(super) fn period() -> Form<PeriodText> {
    one_of(named(), vec![choice(PeriodText::Days)], FORMS)
}

pub(super) fn periods() -> Form<Vec<PeriodText>> {
    let forms = vec![choice(PeriodText::Days), choice(PeriodText::Months)];
    let if_empty = "name at least one period: `periods: [previous-month]`";
    list("a list of periods", if_empty, one_of(named(), forms, FORMS))
}

fn named() -> (&'static str, Form<PeriodText>) {
    let about =
        "A calendar month such as `2026-10`, or `previous-month`, which counts from `--as-of`.";
    let pattern = r"^(\d{4}-(0[1-9]|1[0-2])|previous-month)$";
    let form = text_or_number(EXPECTED, pattern, |text| match text.parse() {
        Ok(month) => Ok(NamedPeriod::Month(month)),
        Err(_) if text == "previous-month" => Ok(NamedPeriod::Previous),
        Err(_) => Err(no_period(text)),
    });
    (about, form.located().then(|named, _| Some(PeriodText::Named(named))))
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

struct Meant {
    periods: Vec<Period>,
    start: SourcePlace,
    end: SourcePlace,
}

impl PeriodText {
    pub(super) fn periods(&self, options: &LoadOptions, sink: &Sink) -> Option<Vec<Period>> {
        let meant = self.meant(options, sink)?;
        if options.date_check == DateCheck::On {
            meant.check(options.today, sink);
        }
        Some(meant.periods)
    }

    pub(super) fn is_relative(&self) -> bool {
        matches!(self, PeriodText::Named(Located { value: NamedPeriod::Previous, .. }))
    }

    /// For an exclusion, where the calendar rules do not matter.
    pub(super) fn single(&self, options: &LoadOptions, sink: &Sink) -> Option<Period> {
        self.meant(options, sink)?.periods.pop()
    }

    fn meant(&self, options: &LoadOptions, sink: &Sink) -> Option<Meant> {
        let (periods, start, end) = match self {
            PeriodText::Named(named) => {
                let month = match named.value {
                    NamedPeriod::Month(month) => month,
                    NamedPeriod::Previous => match Month::of(options.as_of).previous() {
                        Some(month) => month,
                        None => return named.report(sink, no_period("previous-month")),
                    },
                };
                (vec![month.period()], &named.place, &named.place)
            }
            PeriodText::Days(Days { start, end }) => {
                let (start, end) = (start.as_ref()?, end.as_ref()?);
                in_order(("start", start), ("end", end), sink)?;
                let period = Period::new(start.value, end.value).ok()?;
                (vec![period], &start.place, &end.place)
            }
            PeriodText::Months(MonthRange { from, to, every }) => {
                let (from, to, Every::Month) = (from.as_ref()?, to.as_ref()?, every.as_ref()?);
                in_order(("from", from), ("to", to), sink)?;
                let months = std::iter::successors(Some(from.value), |month| {
                    month.next().filter(|next| *next <= to.value)
                });
                let periods = months.map(Month::period).collect();
                (periods, &from.place, &to.place)
            }
        };
        Some(Meant { periods, start: start.clone(), end: end.clone() })
    }
}

fn in_order<T: Ord + Display>(
    (first_key, first): (&str, &Located<T>),
    (last_key, last): (&str, &Located<T>),
    sink: &Sink,
) -> Option<()> {
    if first.value <= last.value {
        return Some(());
    }
    let mistake = Mistake::new(format!(
        "`{last_key}` {} is before `{first_key}` {}",
        last.value, first.value
    ));
    last.report(sink, mistake.help("swap the two, or correct one"))
}

impl Meant {
    fn check(&self, today: NaiveDate, sink: &Sink) {
        let earliest =
            today.checked_sub_months(Months::new(12 * YEARS_BACK)).unwrap_or(NaiveDate::MIN);
        if let Some(first) = self.periods.first()
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
        if let Some(last) = self.periods.last()
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
