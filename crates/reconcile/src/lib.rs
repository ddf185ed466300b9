//! Compares two tables. It is given readers and rules, and gives results: it knows no Webex report, no ledger, no clock
//! and no path.
//!
//! A [`Table`] is a CSV file by the names of its columns; a list is one as spreadsheets save it. [`SideColumns`] say
//! which columns are the key and which are numbers. A [`Comparison`] is fed with both sides, one row at a time, and
//! finishes as an [`Outcome`]: a [`Class`] for each key. [`Division`] makes billable units of usage, [`HeaderCounts`]
//! show which columns files have, [`Repeats`] which keys occur twice, and [`IdParts`] make a difference's id.

mod amount;
mod compare;
mod filter;
mod header;
mod identity;
mod key;
mod key_table;
mod list;
mod number;
mod outcome;
mod repeats;
mod side;
mod table;
mod tolerance;
mod translation;
mod units;

pub use amount::{Amount, Rounding};
pub use compare::{ComparedRow, Comparison, MOST_PLACES, Rules, Side, TooManyRows, UnreadableCell};
pub use filter::Filter;
pub use header::{
    ColumnCount, ColumnDifference, ColumnDifferenceKind, ExpectedColumns, HeaderCounts,
};
pub use identity::{DifferenceId, DifferenceIdError, IdParts};
pub use key::Key;
pub use list::{Beginning, is_before_header};
pub use number::{NumberFormat, Unreadable};
pub use outcome::{Class, Difference, Figures, Outcome, Sums};
pub use repeats::Repeats;
pub use side::{KeyPart, SideColumns, SideError};
pub use table::{
    LONGEST_ROW, MOST_COLUMNS, MOST_LIST_ROWS, Table, TableError, cell, grouped, too_long,
    too_many_columns, trimmed,
};
pub use tolerance::{Tolerance, ToleranceError};
pub use translation::{Translation, TranslationError};
pub use units::{Division, UnitRounding, UnitTotals, Units, UsageGroups};

#[cfg(test)]
mod tests;
