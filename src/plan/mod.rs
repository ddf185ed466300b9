//! The plan: every request of a manifest, in order, each once.
//!
//! [`Plan::expand`] multiplies the jobs out and folds what is named twice. [`Selection`] narrows a plan or a
//! ledger to what the command line asks for; [`take_known`] takes the ledger's sub-partners for those that a job discovers. A [`Partition`] is one of several shares of it. An [`WorkList`] says what is left to do. This module knows nothing of
//! sending.

mod expand;
mod known;
mod partition;
mod selection;
mod warning;
mod work_list;

#[cfg(test)]
mod tests;

pub use expand::{Discovered, JobCount, Plan, PlanError, Planned, Spellings};
pub use known::{NobodyKnown, take_known};
pub use partition::{Partition, PartitionError};
pub use selection::{Searched, Selection, SelectionError, SubPartnerSelector};
pub use warning::{Today, Warning, WarningKind, long_run, time_to_send, warnings};
pub use work_list::{UnknownRequest, WorkList};
