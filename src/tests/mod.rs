//! Tests that look at several modules from inside.

mod fuzz;
mod validator;

pub(crate) use validator::Validator;
