//! Every difference between plan, ledger, server and files; nothing is changed.

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
pub use files::Files;
pub use outcome::{Audit, Checked};
pub use previous::Previous;
pub use remedy::Remedy;
pub use review::{Before, Review, Reviewed};
pub use scope::Scope;
pub use totals::{Agreement, Total};
