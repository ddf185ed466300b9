//! Creates reports so that no request is lost and none is sent twice. The order of effects guarantees that:
//!
//! 1. the gate lets the request go, and none of its twins is in flight or in doubt;
//! 2. the row's `sending` line, with `intent_at`, is on the disk;
//! 3. the gate is asked once more, and the create leaves;
//! 4. the result's line is on the disk;
//! 5. the result is reported.
//!
//! A create whose outcome is unknown is looked up before anything else happens to its row ([`crate::inventory`]).

mod after_create;
mod attempt;
mod drive;
mod event;
mod max_failures;
mod scheduler;
mod shared;
mod stop;
mod twins;

#[cfg(test)]
mod tests;

pub use drive::{Finished, Run, RunInput, Unsaved};
pub use event::{Attempt, Event, EventKind, Fetched, NotCollected};
pub use max_failures::MaxFailures;
pub use scheduler::Creates;
pub use shared::{NewReports, OtherRuns, Shared};
pub use stop::{DiskTrouble, Interrupt, Signal, StopReason};
