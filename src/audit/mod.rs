//! Every difference between plan, ledger, server and files; nothing is changed anywhere.
//!
//! - [`Scope`] is what is compared: the selected requests of a plan, with their rows;
//! - [`Scope::ask`] asks the server what it holds for them, by way of [`crate::inventory`];
//! - `reports` says what that means for each row's report, `files` what the disk means for its file;
//! - `sums` and `totals` add up a column of the files and compare the sums of a sub-partner's reports;
//! - `examine` goes through the files, for an audit and for the page of `monthend report` ([`Review`]);
//! - `comparison` pairs requests with the rows of an earlier ledger, `figure` says what each is compared by, `previous` names
//!   what vanished and what fell;
//! - [`Remedy`] says what to do about a difference;
//! - [`Audit`] is the result: differences of the kinds of [`DifferenceKind`], what was checked, and all sums.

mod audited_request;
mod comparison;
mod difference;
mod figure;
mod file_audit;
mod files;
mod outcome;
mod previous;
mod remedy;
mod reports;
mod review;
mod scope;
mod sums;
mod totals;

#[cfg(test)]
mod tests;

pub use comparison::{MaxDrop, MaxDropError, MonthPairs};
pub use difference::{Difference, DifferenceKind};
pub use figure::{Measure, NoAmount};
pub use files::{Files, RecordedHashes};
pub use outcome::{Audit, Checked};
pub use previous::Previous;
pub use remedy::Remedy;
pub use review::{Before, Review, Reviewed};
pub use scope::Scope;
pub use totals::{Agreement, Total};
