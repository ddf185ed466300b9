//! What a run will need, found out before it: `monthend check`.
//!
//! A [`Checklist`] holds a [`Finding`] for each thing that was tried, and what is noticed besides ([`Coverage`]): sub-partners
//! that no job bills, and ids that the token's account does not have. The trying itself is the command line's.

mod checklist;
mod coverage;

pub use checklist::{CheckFailure, CheckItem, CheckStatus, Checklist, Finding};
pub use coverage::{Coverage, Unlisted};
