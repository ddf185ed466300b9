//! The manifest: YAML text to checked types, with every mistake located.
//!
//! [`Manifest::load`] finds all mistakes in one go. Text goes through three hands: `source` reads files,
//! `yaml` makes nodes that know their place, `read` turns nodes into the types of `model` and `settings`.
//! What is wrong goes to one sink and comes out as [`Problems`]. `schema` describes the same text as
//! JSON Schema, for editors.

mod kind;
mod labels;
mod load;
mod model;
mod partners;
mod problem;
mod quote;
mod read;
mod render;
mod schema;
mod source;
mod suggest;
mod yaml;

#[cfg(test)]
mod tests;

pub use kind::{Found, ProblemKind};
pub use load::{DateCheck, LoadOptions, ManifestError, RunSettings};
pub use model::{Exclusion, Job, Labels, Manifest, Source, SubPartner, SubPartners};
pub use problem::{Problem, Problems};
pub use schema::schema;
pub use source::ReadError;
