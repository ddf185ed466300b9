//! How far a run is: one line at the bottom of a terminal, else a line now and then.

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
