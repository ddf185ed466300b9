//! One session with the API: every exchange passes the gate, carries the current token and teaches us the server clock.

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
pub use conversation::Session;
pub use discovery::{DiscoveryError, discover};
pub use events::{Halt, Listener, ReadError, SessionEvent};
pub use retry::{Backoff, RetryContext, RetryDecision, TryCount};
pub use token::Generation;
