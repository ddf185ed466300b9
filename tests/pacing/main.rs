//! The gate and its control law in simulated time, against servers with every kind of limit.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod behaviour;
mod law;
mod properties;
mod simulator;
mod table;
