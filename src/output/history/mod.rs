//! The history of a ledger, `NAME.history.jsonl` ([`path_of`]): one JSON object a line ([`HistoryLine`]). It is for
//! auditors, and no run depends on it. Lines that cannot be read are skipped; lines are only ever added.

mod file;
mod line;

#[cfg(test)]
mod tests;

pub use file::{Read, append, merge, path_of, read, refuse_foreign};
pub use line::{
    AttemptRecord, HistoryEvent, HistoryLine, RunEnd, RunStart, SeenReport, Selected,
    recorded_hashes, reports_by_request, requests_created,
};
