//! The history of a ledger: what happened to each row, run after run.
//!
//! It lies beside the ledger as `NAME.history.jsonl` ([`beside`]), one JSON object a line ([`HistoryLine`]). It is written for
//! auditors and never needed to go on: whatever is wrong with it, a run goes on as if it were not there. Lines that
//! cannot be read are skipped, and lines are only ever added, so what is there stays as it was written.

mod file;
mod line;
mod merge;

#[cfg(test)]
mod tests;

pub use file::{Read, append, beside, read, refuse_foreign};
pub use line::{
    AttemptRecord, HistoryEvent, HistoryLine, Run, RunEnd, SeenReport, Selected, collected_hashes,
    reports_by_request, requests_created, schema,
};
pub use merge::merge;
