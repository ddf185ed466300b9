//! What people and scripts read: plans, progress, summaries, counts.
//!
//! Results go to stdout and are stable; everything else goes to stderr through [`console`].

pub mod console;
mod plan_view;
mod progress;
mod status_view;
mod summary;
mod words;

pub use plan_view::{Action, PlanView};
pub use progress::Progress;
pub use status_view::StatusView;
pub use summary::Summary;
pub(crate) use words::duration;
