//! Every difference between plan, ledger, server and files; nothing is changed.

mod accepted;
mod audited_request;
mod close;
mod collected_files;
mod columns;
mod comparison;
mod contents;
mod difference;
mod figure;
mod file_audit;
mod files;
mod lists;
mod outcome;
mod previous;
mod reconciliation;
mod remedy;
mod reports;
mod review;
mod scope;
mod sources;
mod sums;
mod totals;
mod units;

#[cfg(test)]
mod tests;

pub use accepted::{
    Acceptance, Acceptances, AcceptedError, accepted_path, append, is_accepted_header,
    merge_accepted,
};
pub use close::{
    AcceptedDifference, CloseError, CloseFile, ClosedFile, ClosedFileKind, ClosedMonth,
    FileVerdict, close_path, is_close_file, is_closed, is_place_of_reopened, set_reopened,
};
pub use collected_files::{CollectedFiles, MissingFile};
pub use columns::{TypeColumns, columns};
pub use comparison::{MaxDrop, MaxDropError};
pub use difference::{Difference, DifferenceKind};
pub use file_audit::FileChecks;
pub use files::Files;
pub use lists::{AuditedList, ListSummary};
pub use outcome::{Audit, Checked};
pub use previous::Previous;
pub use reconciliation::{Compared, EntrySides, ListOutcome, Reconciliation};
pub use remedy::Remedy;
pub use review::{Before, Review, Reviewed, without_row};
pub use scope::Scope;
pub use sources::{ListError, request_values};
pub use totals::{Agreement, Total};
pub use units::{UnitGroup, UnitsFound, units};
