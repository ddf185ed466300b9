//! How far a run is: one line at the bottom of a terminal, else a line now and then. [`Progress`] reads the events; the
//! other files decide what gets a line of its own, and measure pace and remaining time.

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
