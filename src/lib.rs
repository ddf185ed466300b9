//! `monthend`: a declarative batch reconciliation runner for Webex wholesale billing reports.
//!
//! Data flows one way: [`manifest`] -> plan -> runner ([`api`], pacing) -> events -> ledger and output.

pub mod api;
pub mod ledger;
pub mod manifest;
pub mod output;
pub mod pacing;
pub mod plan;
pub mod request;
pub mod runner;
pub mod session;
