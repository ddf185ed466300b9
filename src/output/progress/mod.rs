//! How far a run is: one line at the bottom of a terminal, else a line now and then.
//!
//! [`Progress`] reads the events. What is worth a line of its own is said by [`told`], like things [`grouped`]. How the
//! run stands is a [`ProgressState`], which [`line`] puts into as much room as there is. [`pace`] measures how fast it goes,
//! [`estimate`] says how long it will take, and [`cadence`] when a log gets its next line.

mod announcer;
mod estimate;
mod line;
mod log_interval;
mod pace;
mod reader;
mod repeat_limiter;

#[cfg(test)]
mod tests;

pub use estimate::{Estimate, Left};
pub use pace::Pace;
pub use reader::Progress;
