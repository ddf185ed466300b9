//! YAML text to values with their places: [`keys!`] declares a mapping, and a [`Form`] reads one value.

mod form;
mod mapping;
mod node;
mod problem;
mod quote;
mod render;
mod source;
mod suggest;
mod syntax;
mod tree;
mod written;

pub(crate) use form::{
    Form, Located, Text, at, checked_line, form, line, list, path, text, truth, whole, words,
};
pub(crate) use mapping::{
    Field, Keys, Mapping, any_of, keys, mapping, missing, optional, or, or_none, required,
    root_schema, spread, which,
};
pub(crate) use node::Node;
pub(crate) use problem::{Mistake, Sink};
pub use problem::{Problem, Problems};
pub(crate) use quote::Quoted;
pub(crate) use source::Source;
pub use source::{SourceError, SourcePlace};
pub(crate) use suggest::{did_you_mean, nearest};
pub(crate) use tree::Tree;
