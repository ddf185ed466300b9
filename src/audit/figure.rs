//! The one figure that a report is compared by.

use std::fmt;

use bigdecimal::{BigDecimal, RoundingMode};

use super::{
    files::FileState,
    sums::{total, written},
};
use crate::{
    ledger::{Row, State},
    settings::Totals,
};

/// Why a report has no figure, so that it cannot be compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoAmount {
    /// There is no report.
    NotCreated,
    /// There is no file.
    NotCollected,
    /// The ledger names a file that is not there.
    FileMissing,
    /// The file has other bytes than were collected.
    FileChanged,
    /// The file has no sum: it lacks a column, or has a cell there that is no number.
    NoSum,
    /// The ledger does not say how many rows the file has, as older versions did not.
    NoRows,
    /// Sums are compared, and files are left out.
    NotRead,
}

impl NoAmount {
    /// What stands in the place of the figure.
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

/// What a figure counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure<'a> {
    /// The rows of the file: `report_rows`.
    Rows,
    /// The sum of the column of this name.
    Sum(&'a str),
}

impl<'a> From<Option<&'a Totals>> for Measure<'a> {
    fn from(totals: Option<&'a Totals>) -> Self {
        totals.map_or(Measure::Rows, |totals| Measure::Sum(&totals.column))
    }
}

/// What a figure is, in words: `20 rows`, `CONSUMPTION 10.5`.
pub(super) struct FigureText<'a>(pub(super) Measure<'a>, pub(super) &'a BigDecimal);

impl fmt::Display for FigureText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let FigureText(measure, figure) = self;
        let figure = written(figure);
        match measure {
            Measure::Rows if figure == "1" => write!(f, "1 row"),
            Measure::Rows => write!(f, "{figure} rows"),
            Measure::Sum(column) => write!(f, "{column} {figure}"),
        }
    }
}

/// What became of a figure, with the difference: `594.22, was 619.12 (-24.9, -4 %)`. Of nothing there is no percentage.
pub(super) fn change(then: &BigDecimal, now: Option<&BigDecimal>) -> String {
    let was = written(then);
    let Some(now) = now else {
        return format!("was {was}");
    };
    let difference = now - then;
    let signed = |n: &BigDecimal| {
        let sign = if *n > BigDecimal::default() { "+" } else { "" };
        sign.to_owned() + &written(n)
    };
    let percent = if *then > BigDecimal::default() {
        let percent = &difference * BigDecimal::from(100) / then;
        let percent = percent.with_scale_round(1, RoundingMode::Down);
        format!(", {} %", signed(&percent))
    } else {
        String::new()
    };
    format!(
        "{}, was {was} ({}{percent})",
        written(now),
        signed(&difference)
    )
}

/// The figure of a row: the sum of `audit.totals` in its file, or without totals its number of rows. A report that is
/// there and empty counts as 0, whatever columns it has. `file` is what the disk has of it; `None` where files are left
/// out.
///
/// # Errors
/// Why it has none.
pub(super) fn figure(
    row: &Row,
    file: Option<&FileState>,
    measure: Measure<'_>,
) -> Result<BigDecimal, NoAmount> {
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
        (Some(0), ..) => Ok(BigDecimal::default()),
        (Some(rows), Measure::Rows, _) => Ok(rows.into()),
        (None, Measure::Rows, _) => Err(NoAmount::NoRows),
        (_, Measure::Sum(_), Some(Ok(sums))) => Ok(total(sums)),
        (_, Measure::Sum(_), Some(Err(_))) => Err(NoAmount::NoSum),
        (_, Measure::Sum(_), None) => Err(NoAmount::NotRead),
    }
}
