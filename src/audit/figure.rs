//! The one figure by which reports are compared.

use super::{contents::FileContents, files::FileState, sums::total};
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

/// `12 rows`, or the sum with its column: `CONSUMPTION 594.22`.
pub(super) fn figure_text(figure: &Amount, totals: Option<&Totals>) -> String {
    match (totals, figure.to_string()) {
        (Some(totals), sum) => format!("{} {sum}", totals.column),
        (None, rows) if rows == "1" => "1 row".to_owned(),
        (None, rows) => format!("{rows} rows"),
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

/// An empty report counts as 0, whatever its columns. `file`: `None` if files are not read. `totals`: `None` if rows
/// are counted.
pub(super) fn figure(
    row: &Row,
    file: Option<&FileState<FileContents>>,
    totals: Option<&Totals>,
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
        Some(FileState::Changed { .. }) => return Err(NoAmount::FileChanged),
        Some(FileState::Unchanged(contents)) => contents.sums.as_ref(),
    };
    match (row.collected.rows, totals, sums) {
        (Some(0), ..) => Ok(Amount::default()),
        (Some(rows), None, _) => Ok(rows.into()),
        (None, None, _) => Err(NoAmount::NoRows),
        (_, Some(_), Some(Ok(sums))) => Ok(total(sums)),
        (_, Some(_), Some(Err(_))) => Err(NoAmount::NoSum),
        (_, Some(_), None) => Err(NoAmount::NotRead),
    }
}
