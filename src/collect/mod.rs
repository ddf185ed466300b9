//! From report ids to files on disk.
//!
//! - `table` reads a report's file by the names of its columns;
//! - [`combine`] makes one table of many.

mod combine;
mod table;

pub use combine::{CombineError, Combined, Part, combine, try_out};
pub(crate) use table::Table;
