//! One conversation with the API: every exchange passes the gate, carries the token in force and teaches us
//! the server's clock.
//!
//! [`Session`] joins [`crate::api`] and [`crate::pacing`]. Reads (lists, gets, discovery) are tried again here
//! until they are answered, since they change nothing. Creates are not: [`crate::runner`] decides about each.

mod backoff;
mod clock;
mod discovery;
mod exchange;

#[cfg(test)]
mod tests;

pub use backoff::Backoff;
pub use clock::{ServerClock, SystemClock, WallClock};
pub use discovery::{DiscoveryError, discover};
pub use exchange::{Halt, Listener, News, Permit, ReadError, Session};
