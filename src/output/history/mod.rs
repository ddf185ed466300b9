//! The history of a ledger, `NAME.history.jsonl` ([`beside`]): one JSON object a line ([`HistoryLine`]). It is for
//! auditors, and no run depends on it. Lines that cannot be read are skipped; lines are only ever added.

mod file;
mod line;

#[cfg(test)]
mod tests;

pub use file::{Read, append, beside, merge, read, refuse_foreign};
pub use line::{
    AttemptRecord, HistoryEvent, HistoryLine, RunEnd, RunStart, SeenReport, Selected,
    recorded_hashes, reports_by_request, requests_created,
};
