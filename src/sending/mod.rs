//! One [`Session`] with the API: every exchange passes the one [`Gate`] of the process, which says when it may leave,
//! carries the current token, and teaches us the server clock.

mod breaker;
mod ceiling;
mod clock;
mod events;
mod gate;
mod in_flight;
mod pace_policy;
mod rate_controller;
mod reads;
mod retry;
mod session;
mod token;
mod unauthorized;

/// Opens the log of single exchanges (`MONTHEND_LOG`): people write it, so it is not the name of a module.
pub const EXCHANGES: &str = "monthend::session";

#[cfg(test)]
mod tests;

pub use breaker::{Breaker, ServerFailure, Stage, Traffic};
pub use ceiling::Ceiling;
pub use clock::{JUMP, ServerClock, SystemClock, WallClock};
pub use events::{Halt, Listener, ReadError, SessionEvent};
pub use gate::{Feedback, Gate, Idle, MustWait, Priority, Slot, Stats, StopCause};
pub use pace_policy::PacePolicy;
pub use rate_controller::RateController;
pub use reads::{DiscoveryError, discover};
pub use retry::{Backoff, RetryContext, RetryDecision, TryCount};
pub use session::Session;
pub use token::Generation;
