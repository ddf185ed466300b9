//! The one figure by which reports are compared.

use std::fmt;

use super::{files::FileState, sums::total};
use crate::{
    ledger::{Row, State},
    manifest::Totals,
};
use reconcile::{Amount, Rounding};

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoAmount {
    NotCreated,
    NotCollected,
    FileMissing,
    FileChanged,
    NoSum,
    /// The ledger of an older version does not count the file's rows.
    NoRows,
    /// Sums are compared, but no files are read.
    NotRead,
}

impl NoAmount {
    pub fn word(&self) -> &'static str {
        match self {
            NoAmount::NotCreated => "no report",
            NoAmount::NotCollected => "not collected",
            NoAmount::FileMissing => "file missing",
            NoAmount::FileChanged => "file changed",
            NoAmount::NoSum => "no sum",
            NoAmount::NoRows => "rows not counted",
            NoAmount::NotRead => "file not read",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure<'a> {
    Rows,
    Sum(&'a str),
}

impl<'a> From<Option<&'a Totals>> for Measure<'a> {
    fn from(totals: Option<&'a Totals>) -> Self {
        totals.map_or(Measure::Rows, |totals| Measure::Sum(&totals.column))
    }
}

pub(super) struct FigureText<'a>(pub(super) Measure<'a>, pub(super) &'a Amount);

impl fmt::Display for FigureText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let FigureText(measure, figure) = self;
        let figure = figure.to_string();
        match measure {
            Measure::Rows if figure == "1" => write!(f, "1 row"),
            Measure::Rows => write!(f, "{figure} rows"),
            Measure::Sum(column) => write!(f, "{column} {figure}"),
        }
    }
}

/// `594.22, was 619.12 (-24.9, -4 %)`; no percentage of zero or less.
pub(super) fn change(then: &Amount, now: Option<&Amount>) -> String {
    let Some(now) = now else {
        return format!("was {then}");
    };
    let difference = now - then;
    let signed = |n: &Amount| {
        let sign = if *n > Amount::default() { "+" } else { "" };
        format!("{sign}{n}")
    };
    let percent = if *then > Amount::default() {
        let hundredfold = &difference * &Amount::from(100);
        let percent = hundredfold.quotient(then, 1, Rounding::Down);
        percent.map_or_else(String::new, |percent| format!(", {} %", signed(&percent)))
    } else {
        String::new()
    };
    format!("{now}, was {then} ({}{percent})", signed(&difference))
}

/// An empty report counts as 0, whatever its columns. `file`: `None` if files are not read.
pub(super) fn figure(
    row: &Row,
    file: Option<&FileState>,
    measure: Measure<'_>,
) -> Result<Amount, NoAmount> {
    if !matches!(row.state, State::Created(_)) {
        return Err(NoAmount::NotCreated);
    }
    if row.collected.file.is_empty() {
        return Err(NoAmount::NotCollected);
    }
    let sums = match file {
        None => None,
        Some(FileState::None) => return Err(NoAmount::NotCollected),
        Some(FileState::Missing(..)) => return Err(NoAmount::FileMissing),
        Some(FileState::Changed(..)) => return Err(NoAmount::FileChanged),
        Some(FileState::Unchanged(sums)) => sums.as_ref(),
    };
    match (row.collected.rows, measure, sums) {
        (Some(0), ..) => Ok(Amount::default()),
        (Some(rows), Measure::Rows, _) => Ok(rows.into()),
        (None, Measure::Rows, _) => Err(NoAmount::NoRows),
        (_, Measure::Sum(_), Some(Ok(sums))) => Ok(total(sums)),
        (_, Measure::Sum(_), Some(Err(_))) => Err(NoAmount::NoSum),
        (_, Measure::Sum(_), None) => Err(NoAmount::NotRead),
    }
}
