//! Tests that look at several modules from inside.

mod fuzz;
