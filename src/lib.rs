//! `monthend`: a declarative batch reconciliation runner for Webex wholesale billing reports.
//!
//! A YAML manifest lists sub-partners, report types and periods. The runner creates one report for each combination,
//! within the server's limits, and keeps a CSV ledger that says how each ended. docs/architecture.md has the map.
#![cfg_attr(
    test,
    allow(clippy::shadow_unrelated, reason = "a test tells one step after the other")
)]
#![allow(
    missing_docs,
    reason = "a comment says what a name does not; nobody outside uses this crate as a library"
)]
#![allow(rustdoc::private_intra_doc_links, reason = "whoever reads these pages works on the code")]

mod api;
mod audit;
mod cli;
mod collect;
mod files;
mod inventory;
mod ledger;
mod manifest;
mod output;
mod plan;
mod run;
mod sending;
mod tables;
pub mod testing;
mod text;

#[cfg(test)]
mod tests;

pub use cli::main;
