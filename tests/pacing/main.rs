//! The gate and its rate controller in simulated time, against servers with every kind of limit.

#![expect(clippy::shadow_unrelated, reason = "a test tells one step after the other")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod behaviour;
mod gate;
mod properties;
mod rate_controller;
mod simulator;
mod table;
