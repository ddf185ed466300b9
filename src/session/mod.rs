//! One conversation with the API: every exchange passes the gate, carries the token in force and teaches us
//! the server's clock.
//!
//! [`Session`] joins [`crate::api`] and [`crate::pacing`]. Reads (lists, gets, discovery) are tried again here
//! until they are answered, since they change nothing. Creates are not: [`crate::runner`] decides about each, by
//! the same policy ([`TryCount`]).

mod clock;
mod conversation;
mod discovery;
mod events;
mod in_flight;
mod reads;
mod retry;
mod token;
mod unauthorized;

#[cfg(test)]
mod tests;

pub use clock::{JUMP, ServerClock, SystemClock, WallClock};
pub use conversation::{Permit, Session};
pub use discovery::{DiscoveryError, discover};
pub use events::{Halt, Listener, ReadError, SessionEvent};
pub use retry::{Backoff, RetryContext, RetryDecision, TryCount};
pub use token::Generation;
