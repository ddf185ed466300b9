//! `monthend`: a declarative batch reconciliation runner for Webex wholesale billing reports.
//!
//! A YAML manifest lists sub-partners, report types and periods; the runner creates one report for each
//! combination, within the server's limits, and keeps a CSV ledger that says how each ended. Data flows one way:
//!
//! ```text
//! manifest -> plan -> runner (session: api, pacing) -> events -> ledger, output
//! ```
//!
//! In the order of docs/architecture.md, where each module uses only those before it:
//!
//! - [`text`]: foreign text made harmless;
//! - `table`: CSV files by the names of their columns;
//! - [`whole_file`]: files that appear whole or not at all;
//! - [`request`]: what is asked for, and its stable id;
//! - `yaml`: texts with places, and mappings whose keys are declared once;
//! - [`settings`]: the values that the rest goes by: addresses, limits, patience;
//! - [`api`]: one exchange with the server in, one answer out;
//! - [`pacing`]: when a request may leave;
//! - [`ledger`]: the file that remembers;
//! - [`history`]: what happened to each row, run after run;
//! - [`manifest`]: YAML text to checked types, with every mistake located;
//! - [`plan`]: all requests of a manifest, in order, each once; selection;
//! - [`session`]: API and pace joined, with the token in force and the server's clock;
//! - [`inventory`]: what the server lists, matched to requests: whose report is this?
//! - [`runner`]: drives requests to their end, never lost, never twice;
//! - [`collect`]: from created reports to checked files;
//! - [`audit`]: every difference between plan, ledger, server and files;
//! - [`report`]: one page to look at, as HTML;
//! - [`check`]: what a run will need, and whether it is there;
//! - [`output`]: what people and scripts read;
//! - [`server_model`]: the API's server as a pure model;
//! - [`sandbox`]: the same on loopback, to rehearse against;
//! - [`cli`]: arguments, environment, wiring, exit codes.

pub use ::{request, sandbox, sandbox::model as server_model};

pub mod api;
pub mod audit;
pub mod check;
pub mod cli;
pub mod collect;
pub mod history;
pub mod inventory;
pub mod ledger;
pub mod manifest;
pub mod output;
pub mod pacing;
pub mod plan;
pub mod report;
pub mod runner;
pub mod session;
pub mod settings;
mod table;
pub mod text;
pub mod whole_file;
mod yaml;

#[cfg(test)]
mod tests;
