//! Drives requests to their end: never lost, never twice.
//!
//! The owner ([`run`]) holds the ledger and decides what comes next; an attempt takes one row through
//! gate, intent, create and result; a look finds out what became of a create whose answer was lost.
//! Whoever watches gets [`Event`]s.
//!
//! The order of effects is the guarantee:
//!
//! 1. the gate lets the request go, and none of its twins is in flight or in doubt;
//! 2. the row's `sending` line, with `intent_at`, is on the disk;
//! 3. the gate is asked once more, and the create leaves;
//! 4. the result's line is on the disk;
//! 5. the result is reported.
//!
//! A create whose outcome is unknown is looked up before anything else happens to its row. [`find_existing`] asks
//! what the server holds for requests that the ledger does not know.

mod attempt;
mod decide;
mod doubt;
mod event;
mod existing;
mod owner;
mod run;
mod stop;
mod twins;

#[cfg(test)]
mod tests;

pub use decide::Progress;
pub use event::{Attempt, Counts, Event, EventKind};
pub use existing::{Existing, find_existing};
pub use run::{Finished, Setup, Unsaved, run};
pub use stop::{Interrupt, Signal, StopReason};
