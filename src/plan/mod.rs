//! The plan: every request of a manifest, in order, each once ([`Plan::expand`]). [`Selection`] narrows a plan or a
//! ledger; a [`Partition`] is one share of it; a [`WorkList`] has the rows still to do. This module knows nothing of
//! sending.

mod expand;
mod known;
mod partition;
mod selection;
mod warning;
mod work_list;

#[cfg(test)]
mod tests;

pub use expand::{Discovered, Plan, PlanError, Planned};
pub use known::{NobodyKnown, take_known};
pub use partition::Partition;
pub use selection::{Selection, SelectionError, SubPartnerSelector};
pub use warning::{Today, Warning, long_run, time_to_send, warnings};
pub use work_list::{UnknownRequest, WorkList};
