//! The forms of a period.

use chrono::{Months, NaiveDate};

use crate::{
    manifest::{
        kind::{Found, ProblemKind},
        load::{DateCheck, LoadOptions},
        read::scalar::word,
        yaml::{Fields, Node},
    },
    request::{Month, Period, day},
};

pub(in crate::manifest) const DAYS_KEYS: &[&str] = &["start", "end"];
pub(in crate::manifest) const MONTHS_KEYS: &[&str] = &["from", "to", "every"];
const PERIOD_KEYS: &[&str] = &["start", "end", "from", "to", "every"];
const EXPECTED: &str =
    "a month such as 2026-10, previous-month, { start, end } or { from, to, every: month }";
const FORMS: &str =
    "write { start: 2026-10-01, end: 2026-10-15 } or { from: 2026-01, to: 2026-09, every: month }";

/// How far back the server goes (its help page: any day of the last five years).
const YEARS_BACK: u32 = 5;

/// All periods of a list, in the order written.
pub(super) fn periods(node: Node<'_>, options: &LoadOptions) -> Option<Vec<Period>> {
    let items = node.items(
        "a list of periods",
        "name at least one period: `periods: [previous-month]`",
    )?;
    let mut periods = Vec::with_capacity(items.len());
    for item in items {
        match item.found() {
            Found::Mapping => periods.extend(in_mapping(item, options).unwrap_or_default()),
            _ => periods
                .extend(named(item, options).inspect(|period| check(*period, item, item, options))),
        }
    }
    // Shorter than written only where a problem is reported.
    Some(periods)
}

/// One period, for an exclusion: the calendar rules do not matter there.
pub(super) fn single(node: Node<'_>, options: &LoadOptions) -> Option<Period> {
    match node.found() {
        Found::Mapping => {
            let fields = node.fields("a period of an exclusion", DAYS_KEYS, EXPECTED)?;
            days(&fields)
        }
        _ => named(node, options),
    }
}

/// A month, or `previous-month`.
fn named(node: Node<'_>, options: &LoadOptions) -> Option<Period> {
    let text = match node.found() {
        // YAML reads 2026 and 2026.10 as numbers: tell what a period looks like, not to quote it.
        Found::Number => return node.report(ProblemKind::NotAPeriod(node.written())),
        _ => node.text(EXPECTED)?,
    };
    if text == "previous-month" {
        return match Month::of(options.as_of).previous() {
            Some(month) => Some(month.period()),
            None => node.report(ProblemKind::NotAPeriod(text.to_owned())), // before the calendar begins
        };
    }
    match text.parse::<Month>() {
        Ok(month) => Some(month.period()),
        Err(_) => match crate::manifest::suggest::nearest(text, ["previous-month"]) {
            Some(_) => node.report(ProblemKind::UnknownWord {
                text: text.to_owned(),
                what: "period",
                nearest: Some("previous-month"),
                known: &["previous-month"],
            }),
            None => node.report(ProblemKind::NotAPeriod(text.to_owned())),
        },
    }
}

fn in_mapping(node: Node<'_>, options: &LoadOptions) -> Option<Vec<Period>> {
    let fields = node.fields("a period", PERIOD_KEYS, EXPECTED)?;
    let has = |keys: &[&str]| keys.iter().any(|key| fields.get(key).is_some());
    match (has(DAYS_KEYS), has(MONTHS_KEYS)) {
        (true, true) => node.report(ProblemKind::MixedForms { forms: FORMS }),
        (_, false) => {
            let period = days(&fields)?;
            let (start, end) = (fields.get("start")?, fields.get("end")?);
            check(period, start, end, options);
            Some(vec![period])
        }
        (false, true) => months(&fields, options),
    }
}

/// `{ start, end }`
fn days(fields: &Fields<'_>) -> Option<Period> {
    let read = |node: Node<'_>| {
        let text = match node.found() {
            Found::Number => return node.report(ProblemKind::NotADay(node.written())),
            _ => node.text("a day such as 2026-10-31")?,
        };
        match day(text) {
            Ok(day) => Some(day),
            Err(_) => node.report(ProblemKind::NotADay(text.to_owned())),
        }
    };
    let start = fields.require("start", "start: 2026-10-01").and_then(read);
    let end_node = fields.require("end", "end: 2026-10-31");
    let end = end_node.and_then(read);
    let (start, end) = (start?, end?);
    match Period::new(start, end) {
        Ok(period) => Some(period),
        Err(_) => end_node?.report(ProblemKind::EndBeforeStart {
            last_key: "end",
            last: end.to_string(),
            first_key: "start",
            first: start.to_string(),
        }),
    }
}

/// `{ from, to, every: month }`
fn months(fields: &Fields<'_>, options: &LoadOptions) -> Option<Vec<Period>> {
    let read = |node: Node<'_>| {
        let text = match node.found() {
            Found::Number => return node.report(ProblemKind::NotAMonth(node.written())),
            _ => node.text("a month such as 2026-10")?,
        };
        match text.parse::<Month>() {
            Ok(month) => Some(month),
            Err(_) => node.report(ProblemKind::NotAMonth(text.to_owned())),
        }
    };
    let from_node = fields.require("from", "from: 2026-01");
    let to_node = fields.require("to", "to: 2026-09");
    let every = fields
        .require("every", "every: month")
        .and_then(|node| word(node, "step of a period", &["month"], &[()]));
    let from = from_node.and_then(read);
    let to = to_node.and_then(read);
    let (from, to, ()) = (from?, to?, every?);
    if to < from {
        return to_node?.report(ProblemKind::EndBeforeStart {
            last_key: "to",
            last: to.to_string(),
            first_key: "from",
            first: from.to_string(),
        });
    }
    let whole = Period::new(from.period().start(), to.period().end()).ok()?;
    check(whole, from_node?, to_node?, options);
    let months = std::iter::successors(Some(from), |month| month.next().filter(|next| *next <= to));
    Some(months.map(Month::period).collect())
}

/// The server's calendar rules; what breaks them is reported at `start` or `end`.
fn check(period: Period, start: Node<'_>, end: Node<'_>, options: &LoadOptions) {
    if options.date_check == DateCheck::Off {
        return;
    }
    let today = options.today;
    let earliest = today
        .checked_sub_months(Months::new(12 * YEARS_BACK))
        .unwrap_or(NaiveDate::MIN);
    if period.start() < earliest {
        start.report::<()>(ProblemKind::StartTooOld {
            start: period.start(),
            earliest,
        });
    }
    if period.end() >= today {
        end.report::<()>(ProblemKind::EndNotPast {
            end: period.end(),
            today,
        });
    }
}
