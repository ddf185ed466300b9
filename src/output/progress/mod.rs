//! How far a run is: one line at the bottom of a terminal, else a line now and then.
//!
//! [`Progress`] reads the events. What is worth a line of its own is said by [`told`], like things [`grouped`]. How the
//! run stands is a [`Situation`], which [`line`] puts into as much room as there is. [`pace`] measures how fast it goes,
//! [`estimate`] says how long it will take, and [`cadence`] when a log gets its next line.

mod cadence;
mod estimate;
mod grouped;
mod line;
mod pace;
mod reader;
mod told;

#[cfg(test)]
mod tests;

pub use estimate::{Estimate, Left};
pub use pace::Pace;
pub use reader::Progress;
