//! What collected files are compared with: `files:`, `units:` and `reconcile:`.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use reconcile::{Amount, ExpectedColumns, NumberFormat, Tolerance, UnitRounding};
use request::{Period, ReportType};

/// What stands for the period in the path of a list.
pub(super) const PERIOD: &str = "{period}";

/// `files:`, by type.
pub type FileRules = BTreeMap<ReportType, FileRule>;

/// What the collected files of a type look like.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FileRule {
    /// Its columns; names are unique.
    pub expected: ExpectedColumns,
    /// No two rows of a file have the same cells in these columns; names are unique. Empty: rows may be alike.
    pub key: Vec<String>,
}

/// `units:`: usage, divided and rounded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitsRule {
    /// The column with the usage.
    pub of: String,
    /// The type whose files are read.
    pub report_type: ReportType,
    /// What the usage of a group is divided by.
    pub per: Divisor,
    /// What is done with the quotient.
    pub rounding: UnitRounding,
    /// The columns that make a group of rows; names are unique. Empty: one group for each request.
    pub at: Vec<String>,
}

/// What usage is divided by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Divisor {
    /// The days of the request's period.
    Days,
    /// A number above 0.
    Number(Amount),
}

/// An entry of `reconcile:`: the files of a type, and what they are compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReconcileEntry {
    /// Unique; letters, digits, `-` and `_`.
    pub name: Arc<str>,
    /// The type whose files are compared.
    pub report_type: ReportType,
    /// Only requests that these jobs name; empty: all.
    pub jobs: Vec<Arc<str>>,
    /// Whether the requests with `internal: true` are compared, instead of those without.
    pub internal: bool,
    /// The other side.
    pub with: OtherSide,
    /// Together they are the key; never empty. A column is named once on each side.
    pub key: Vec<ColumnPair>,
    /// The numbers that have to agree.
    pub compare: Vec<ColumnPair>,
    /// For each of the numbers.
    pub tolerance: Tolerance,
    /// Key columns of the other side, and the files that translate them.
    pub translate: BTreeMap<String, PathBuf>,
    /// Whether keys that differ in case only are equal.
    pub ignores_case: bool,
    /// Whether a key may not occur twice on one side.
    pub is_unique: bool,
}

/// One column of each side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnPair {
    /// Its name in the report. In a key it may be one of [`REQUEST_COLUMNS`], and in `compare` it may be [`UNITS`].
    pub report: String,
    /// Its name on the other side.
    pub list: String,
}

/// Values of the request that a key may use on the report's side like columns of the file.
pub const REQUEST_COLUMNS: [&str; 4] =
    ["sub_partner", "sub_partner_org_id", "period_start", "period_end"];

/// In `compare`: the units of `units:`.
pub const UNITS: &str = "UNITS";

/// What files are compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OtherSide {
    /// A CSV file.
    List(ListFile),
    /// The same requests, as they were collected with another ledger.
    Ledger(PathBuf),
    /// The files of another type.
    Report(ReportType),
}

/// A CSV file that is no report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListFile {
    /// The manifest's folder.
    pub folder: PathBuf,
    /// The path as written, relative to the folder. It may have `{period}` in it.
    pub written: String,
    /// How its numbers are written.
    pub format: NumberFormat,
    /// Only rows with one of these values in each of these columns.
    pub filter: BTreeMap<String, Vec<String>>,
}

impl ListFile {
    /// The file for a period.
    pub fn path(&self, period: Period) -> PathBuf {
        self.folder.join(self.written.replace(PERIOD, &period.to_string()))
    }

    /// Whether each period has a file of its own.
    pub fn is_per_period(&self) -> bool {
        self.written.contains(PERIOD)
    }
}
