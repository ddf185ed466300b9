//! The gate and its rate controller in simulated time, against servers with every kind of limit.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod behaviour;
mod properties;
mod rate_controller;
#[expect(dead_code, reason = "the benchmark uses more of it")]
mod simulator;
mod table;
mod time_left;
