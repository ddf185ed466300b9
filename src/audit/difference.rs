use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;

use super::{accepted::Acceptance, remedy::Remedy};
use reconcile::DifferenceId;
use request::{ReportId, RequestId};

/// What kind of difference it is (docs/audit.md).
///
/// A row has at most one of the kinds up to `Duplicate`, the first of this order that applies, and at most one of
/// those up to `FileChanged`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "Kind")]
pub enum DifferenceKind {
    /// The server lists a report for a planned request whose row has no id.
    Unknown,
    /// A planned request that is not created.
    NotCreated,
    /// The ledger's report is neither listed nor found by its id.
    Gone,
    /// The server could not generate the report.
    ServerFailed,
    /// The row has a report, and the server lists another one for its request.
    Duplicate,
    /// Created, and there is no file.
    NotCollected,
    /// The ledger names a file that is not there.
    FileMissing,
    /// A file has other bytes than were collected, or ledger and history name different hashes.
    FileChanged,
    /// A file lacks a column that `files:` names, or has one that it does not allow.
    ColumnsChanged,
    /// A key that `files:` names occurs more than once in a file.
    KeyRepeated,
    /// The sums of the reports of one sub-partner and period do not agree.
    TotalsDiffer,
    /// A file has no sum: it lacks a column, or has a cell there that is no number.
    TotalsUnknown,
    /// An earlier ledger has a report of a sub-partner and type that are not in the plan any more.
    Vanished,
    /// The figure of a report fell by more than is allowed since the one before.
    Dropped,
    /// An entry of `reconcile:` has keys in a period that do not match.
    NotReconciled,
}

impl DifferenceKind {
    pub fn word(self) -> &'static str {
        match self {
            DifferenceKind::Unknown => "unknown",
            DifferenceKind::NotCreated => "not_created",
            DifferenceKind::Gone => "gone",
            DifferenceKind::ServerFailed => "server_failed",
            DifferenceKind::Duplicate => "duplicate",
            DifferenceKind::NotCollected => "not_collected",
            DifferenceKind::FileMissing => "file_missing",
            DifferenceKind::FileChanged => "file_changed",
            DifferenceKind::ColumnsChanged => "columns_changed",
            DifferenceKind::KeyRepeated => "key_repeated",
            DifferenceKind::TotalsDiffer => "totals_differ",
            DifferenceKind::TotalsUnknown => "totals_unknown",
            DifferenceKind::Vanished => "vanished",
            DifferenceKind::Dropped => "dropped",
            DifferenceKind::NotReconciled => "not_reconciled",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The same in every run, as long as its figures are.
    pub id: DifferenceId,
    pub kind: DifferenceKind,
    /// For [`DifferenceKind::Vanished`], that of the earlier ledger; `None`: it is about no row.
    pub request_id: Option<RequestId>,
    /// For [`DifferenceKind::Unknown`] the listed report, for [`DifferenceKind::Vanished`] the earlier one.
    pub report_id: Option<ReportId>,
    /// If the difference is about a file.
    pub file: Option<String>,
    /// As people read it: `Acme USER 2026-10`.
    pub subject: String,
    pub what: String,
    pub remedy: Remedy,
    /// What a person said about it, even if that has ended by now.
    pub acceptance: Option<Arc<Acceptance>>,
}

impl Difference {
    /// Unless it is accepted.
    pub fn counts(&self) -> bool {
        self.acceptance.as_ref().is_none_or(|it| it.is_ended)
    }

    pub fn message(&self) -> String {
        format!("{}: {}", self.subject, self.advice())
    }

    pub fn advice(&self) -> String {
        let mark = if self.what.ends_with('?') { "" } else { ";" };
        format!("{}{mark} {}", self.what, self.remedy.advice())
    }
}
