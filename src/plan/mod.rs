//! The plan: every request of a manifest, in order, each once; selections and shares of it, and the rows still to do.

mod expand;
mod known;
mod partition;
mod selection;
mod warning;
mod work_list;

#[cfg(test)]
mod tests;

pub use expand::{Plan, PlanError, Planned};
pub use known::{NobodyKnown, take_known};
pub use partition::Partition;
pub use selection::{Selection, SelectionError, SubPartnerSelector};
pub use warning::{Today, Warning, time_to_send, warnings};
pub use work_list::{UnknownRequest, WorkList};
