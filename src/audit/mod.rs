//! Every difference between plan, ledger, server and files; nothing is changed. [`Scope`] has the selected requests of
//! a plan with their rows, [`Scope::ask`] asks the server about them, and [`Audit`] is the result; [`Review`] does
//! without a server, for the page of `monthend report`. [`Remedy`] says what to do.

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

pub use comparison::{MaxDrop, MaxDropError};
pub use difference::{Difference, DifferenceKind};
pub use files::{Files, RecordedHashes};
pub use outcome::{Audit, Checked};
pub use previous::Previous;
pub use remedy::Remedy;
pub use review::{Before, Review, Reviewed};
pub use scope::Scope;
pub use totals::{Agreement, Total};
