//! When a request may leave: all traffic of the process passes one [`Gate`]. Nothing here knows HTTP.

mod breaker;
mod ceiling;
mod gate;
mod law;
mod rate_controller;

pub use breaker::{Breaker, ServerFailure, Stage, Traffic};
pub use ceiling::Ceiling;
pub use gate::{Feedback, Gate, Idle, MustWait, Priority, Slot, Stats, StopCause};
pub use law::{PacePolicy, Window};
pub use rate_controller::RateController;
