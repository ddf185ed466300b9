//! What the server holds, and which report belongs to which request. A list says neither which sub-partner a report
//! belongs to nor whether internal organisations are included; lists lag; the clock that stamps a report need not be
//! the one that dates answers. So nothing is assumed, and the table of [`judge()`] is the rule.

mod candidates;
mod clocks;
mod evidence;
mod existing;
mod judge;
mod look_up;
mod matching;
mod server_reports;
mod sub_partners;

use crate::{api::Api, sending::Session};

pub use candidates::{ShownCandidate, show_candidates};
pub use clocks::{Age, Moment};
pub use evidence::{Departure, Evidence};
pub use existing::Existing;
pub use judge::{
    AttemptOrigin, Candidate, LookUpQuestion, LookUpResult, Maker, QuestionKind, judge,
};
pub use look_up::{LookUpTarget, Ownership};
pub use matching::Fit;
pub use server_reports::{AuditedRow, Other, ServerReports};

/// Reads the server's lists, and learns from them who made which report.
pub struct Inventory<'a, A: Api> {
    pub session: &'a Session<'a, A>,
    pub evidence: &'a Evidence,
    /// How many lists are requested at once.
    pub concurrency: usize,
}
