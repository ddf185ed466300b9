//! What the server holds, and whose it is: the one answer to "which report belongs to this request?"
//!
//! Look-ups of lost answers, `--existing` and the answer 409 all match what a list shows to rows. A list says neither
//! which sub-partner a report belongs to nor whether internal organisations are included; lists lag; the clock that
//! stamps a report need not be the one that dates answers. So nothing is assumed:
//!
//! - [`clocks`] compare the clock that stamps reports with our own, by reports that are surely ours;
//! - [`Evidence`] keeps what this process has learned: clocks, who we are, what single reads showed;
//! - [`look_up()`] asks the server for all that could be a request's, and sets what could be the partner's own against
//!   the sub-partners' lists;
//! - [`judge()`] says what a look-up means; its table is the rule;
//! - [`find_existing`] is the same for requests of which the ledger knows nothing;
//! - [`show_candidates`] shows what may be the report of a row that a person decides;
//! - [`find_held`] shows all that is there for rows of a ledger, for those who compare.

mod candidates;
mod clocks;
mod evidence;
mod existing;
mod judge;
mod look_up;
mod matching;
mod send_times;
mod server_reports;
mod sub_partners;

pub use candidates::{ShownCandidate, show_candidates};
pub use clocks::{Age, Moment};
pub use evidence::Evidence;
pub use existing::{Existing, find_existing};
pub use judge::{
    AttemptOrigin, Candidate, LookUpQuestion, LookUpResult, Maker, QuestionKind, judge,
};
pub use look_up::{LookUpTarget, Ownership, look_up};
pub use matching::Fit;
pub use send_times::Departure;
pub use server_reports::{AuditedRow, Other, ServerReports, find_held};
