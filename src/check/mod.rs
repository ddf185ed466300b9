//! What a run will need, checked beforehand (`monthend check`); and the [`Coverage`]: sub-partners that no job bills,
//! and ids that the token's account does not have. The checks themselves are in `cli`.

mod checklist;
mod coverage;

pub use checklist::{CheckFailure, CheckItem, CheckStatus, Checklist, Finding};
pub use coverage::{Coverage, Unlisted};
