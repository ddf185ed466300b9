//! What a run will need, checked beforehand (`monthend check`). The checks themselves are in `cli`.

mod checklist;
mod coverage;

pub use checklist::{CheckFailure, CheckItem, CheckStatus, Checklist, Finding};
pub use coverage::{Coverage, Unlisted};
