//! When a request may leave: one gate for all traffic of the process.
//!
//! [`Gate`] holds back every request until a slot is free, no announced wait is in force, the operator's
//! ceiling ([`Ceiling`], over `governor`) lets it go, and the pace that was learned from the server's answers
//! ([`RateController`], a [`PacePolicy`]) does too. [`Breaker`] slows and then stops a run whose server is down. Nothing here knows HTTP.

mod breaker;
mod ceiling;
mod gate;
mod law;
mod rate_controller;

pub use breaker::{Breaker, ServerFailure, Stage, Traffic};
pub use ceiling::Ceiling;
pub use gate::{Closed, Feedback, Gate, Idle, MustWait, Priority, Slot, Stats, StopCause};
pub use law::{PacePolicy, Window};
pub use rate_controller::RateController;
