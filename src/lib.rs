//! `monthend`: a declarative batch reconciliation runner for Webex wholesale billing reports.
//!
//! A YAML manifest lists sub-partners, report types and periods. The runner creates one report for each combination,
//! within the server's limits, and keeps a CSV ledger that says how each ended. docs/architecture.md has the map.
#![allow(
    rustdoc::private_intra_doc_links,
    reason = "whoever reads these pages works on the code"
)]

mod api;
mod audit;
mod check;
mod cli;
mod collect;
mod history;
mod inventory;
mod ledger;
mod manifest;
mod output;
mod pacing;
mod plan;
mod report;
mod runner;
mod session;
mod settings;
mod table;
pub mod testing;
mod text;
mod whole_file;
mod yaml;

#[cfg(test)]
mod tests;

pub use cli::main;
