//! Tests that look at several modules from inside.

mod fuzz;
mod schemas;

pub(crate) use schemas::is_checked_in;
