//! Tests that look at several modules from inside.

mod fuzz;
mod schemas;
mod validator;

pub(crate) use schemas::is_checked_in;
pub(crate) use validator::Validator;
