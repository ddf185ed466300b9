//! Every difference between plan, ledger, server and files; nothing is changed anywhere.
//!
//! - [`Scope`] is what is compared: the selected requests of a plan, with their rows;
//! - [`Scope::ask`] asks the server what it holds for them, by way of [`crate::inventory`];
//! - `reports` says what that means for each row's report, `files` what the disk means for its file;
//! - `sums` and `totals` add up a column of the files and compare the sums of a sub-partner's reports;
//! - [`Audit`] is the result: differences of the kinds of [`Kind`], what was checked, and all sums.

mod difference;
mod files;
mod outcome;
mod reports;
mod scope;
mod subject;
mod sums;
mod totals;

#[cfg(test)]
mod tests;

pub use difference::{Difference, Kind};
pub use outcome::{Audit, Checked};
pub use scope::Scope;
pub use totals::{Agreement, Total};
