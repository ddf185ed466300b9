//! `monthend`: a declarative batch reconciliation runner for Webex wholesale billing reports.
//!
//! Data flows one way: [`manifest`] -> plan -> runner ([`api`], pacing) -> events -> ledger and output.

pub mod api;
pub mod manifest;
pub mod request;
pub mod sandbox;
