//! What a run will need, found out before it: `monthend check`.
//!
//! A [`Report`] holds a [`Finding`] for each thing that was tried, and what is noticed besides ([`Coverage`]): sub-partners
//! that no job bills, and ids that the token's account does not have. The trying itself is the command line's.

mod coverage;
mod finding;

pub use coverage::{Coverage, Unlisted};
pub use finding::{Failure, Finding, Report, Subject, Verdict};
