//! `monthend`: a declarative batch reconciliation runner for Webex wholesale billing reports.
//!
//! A YAML manifest lists sub-partners, report types and periods; the runner creates one report for each
//! combination, within the server's limits, and keeps a CSV ledger of what became of each. Data flows one way:
//!
//! ```text
//! manifest -> plan -> runner (session: api, pacing) -> events -> ledger, output
//! ```
//!
//! - [`text`]: foreign text made harmless;
//! - [`request`]: what is asked for, and its stable id;
//! - `yaml`: texts with places, and mappings whose keys are declared once;
//! - [`settings`]: what the rest goes by: addresses, limits, patience;
//! - [`manifest`]: YAML text to checked types, with every mistake located;
//! - [`plan`]: all requests of a manifest, in order, each once; selection;
//! - [`api`]: one exchange with the server in, one answer out;
//! - [`pacing`]: when a request may leave;
//! - [`session`]: both joined, with the token in force and the server's clock;
//! - [`runner`]: drives requests to their end, never lost, never twice;
//! - [`ledger`]: the file that remembers;
//! - [`collect`]: reports as files on disk;
//! - [`audit`]: every difference between plan, ledger, server and files;
//! - [`output`]: what people and scripts read;
//! - [`whole_file`]: files that appear whole or not at all;
//! - [`server_model`]: the API's server as a pure model;
//! - [`sandbox`]: the same on loopback, to rehearse against;
//! - [`cli`]: arguments, environment, wiring, exit codes.

pub mod api;
pub mod audit;
pub mod cli;
pub mod collect;
pub mod inventory;
pub mod ledger;
pub mod manifest;
pub mod output;
pub mod pacing;
pub mod plan;
pub mod request;
pub mod runner;
pub mod sandbox;
pub mod server_model;
pub mod session;
pub mod settings;
pub mod text;
pub mod whole_file;
mod yaml;

#[cfg(test)]
mod tests;
