//! Compares the latest reports with earlier ones, for `audit --previous` and `monthend report`.

use std::{
    collections::{HashMap, HashSet},
    fmt,
    str::FromStr,
};

use crate::ledger::{Row, State};
use reconcile::{Amount, NumberFormat, Rounding};
use request::{OrgId, Period, ReportType, Request};

/// One sub-partner (or the partner itself, `None`), type and `internal`. Spellings of one organisation are equal.
type Whose<'a> = (Option<&'a OrgId>, ReportType, bool);

fn whose(request: &Request) -> Whose<'_> {
    let Request { sub_partner, report_type, internal, .. } = request;
    (sub_partner.as_ref(), *report_type, *internal)
}

/// The later of two periods ends later; with the same end, it is the shorter one.
fn age(period: Period) -> impl Ord {
    (period.end(), period.start())
}

#[derive(Debug, Default)]
pub struct MonthPairs<'a> {
    /// Indexes of `now`, in order: the latest request of each group, and the latest row before its period.
    pub pairs: Vec<(usize, &'a Row)>,
    /// Indexes of latest requests without such a row.
    pub new: Vec<usize>,
    /// The last created row of each group without a request, in the order of the earlier ledger.
    pub vanished: Vec<&'a Row>,
}

impl<'a> MonthPairs<'a> {
    /// A group in `planned` has not vanished; `now` is a part of `planned`.
    pub fn lay<'n>(
        now: &[&'n Request],
        planned: impl IntoIterator<Item = &'n Request>,
        earlier: impl Iterator<Item = &'a Row>,
    ) -> Self {
        let mut latest: HashMap<Whose<'_>, (usize, Period)> = HashMap::new();
        for (place, request) in now.iter().enumerate() {
            let found = latest.entry(whose(request)).or_insert((place, request.period));
            if age(request.period) > age(found.1) {
                *found = (place, request.period);
            }
        }
        let Some(last) = now.iter().map(|request| request.period).max_by_key(|p| age(*p)) else {
            return MonthPairs::default();
        };
        let planned: HashSet<Whose<'_>> = planned.into_iter().map(whose).collect();

        let mut before: HashMap<Whose<'_>, &Row> = HashMap::new();
        let mut gone: HashMap<Whose<'_>, (usize, &Row)> = HashMap::new();
        for (place, row) in earlier.enumerate() {
            let (key, period) = (whose(row.request()), row.request().period);
            let is_later = |than: &Row| age(period) > age(than.request().period);
            if let Some((_, month)) = latest.get(&key) {
                if period.end() < month.start()
                    && before.get(&key).is_none_or(|than| is_later(than))
                {
                    before.insert(key, row);
                }
            } else if matches!(row.state, State::Created(_))
                && age(period) <= age(last)
                && !planned.contains(&key)
                && gone.get(&key).is_none_or(|(_, than)| is_later(than))
            {
                gone.insert(key, (place, row));
            }
        }

        let mut compared: Vec<(usize, Whose<'_>)> =
            latest.into_iter().map(|(key, (place, _))| (place, key)).collect();
        compared.sort_by_key(|(place, _)| *place);
        let mut months = MonthPairs::default();
        for (place, key) in compared {
            match before.get(&key) {
                Some(row) => months.pairs.push((place, row)),
                None => months.new.push(place),
            }
        }
        let mut gone: Vec<(usize, &Row)> = gone.into_values().collect();
        gone.sort_by_key(|(place, _)| *place);
        months.vanished = gone.into_iter().map(|(_, row)| row).collect();
        months
    }
}

/// `--max-drop`: by how much a figure may fall, from 0 % to 100 %.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MaxDrop(Amount);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("write a percentage from 0% to 100%: 50%, 12.5%")]
pub struct MaxDropError;

impl MaxDrop {
    /// By how many per cent `now` is less than `then`, if that is too much, with one decimal. It is rounded down: 100 %
    /// means everything. Zero or less cannot fall.
    pub fn exceeded(&self, then: &Amount, now: &Amount) -> Option<Amount> {
        if *then <= Amount::default() {
            return None;
        }
        let lost = &(then - now) * &Amount::from(100);
        if lost > &self.0 * then { lost.quotient(then, 1, Rounding::Down) } else { None }
    }
}

impl Default for MaxDrop {
    fn default() -> Self {
        MaxDrop(Amount::from(50))
    }
}

impl FromStr for MaxDrop {
    type Err = MaxDropError;

    fn from_str(text: &str) -> Result<Self, MaxDropError> {
        let number = text.trim().trim_end_matches('%').trim_end();
        let is_plain = number.len() <= 16
            && number.starts_with(|c: char| c.is_ascii_digit())
            && number.chars().all(|c| c.is_ascii_digit() || c == '.');
        let percent = NumberFormat::Scientific.read(number.as_bytes()).ok().filter(|_| is_plain);
        match percent {
            Some(percent) if percent <= Amount::from(100) => Ok(MaxDrop(percent)),
            _ => Err(MaxDropError),
        }
    }
}

impl fmt::Display for MaxDrop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", self.0)
    }
}

#[cfg(test)]
mod tests;
