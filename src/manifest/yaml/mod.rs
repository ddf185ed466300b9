//! YAML text to values with their places: [`keys!`] declares a mapping, and a [`Form`] reads one value.

mod form;
mod mapping;
mod node;
mod problem;
mod render;
mod source;
mod suggest;
mod syntax;
mod tree;
mod written;

pub(crate) use form::{
    Form, Located, alternative, checked_line, count, either, line, list, named, one_of, one_word,
    path, report_repeated, text, text_or_number, truth, words,
};
pub(crate) use mapping::{
    Field, Keys, Mapping, Wrong, keys, mapping, missing, optional, or, or_none, required,
    root_schema, spread,
};
pub(crate) use node::Node;
pub(crate) use problem::{Mistake, Quoted, Sink};
pub use problem::{Problem, Problems};
pub(crate) use source::Source;
pub use source::{SourceError, SourcePlace};
pub(crate) use suggest::{did_you_mean, nearest};
pub(crate) use tree::Tree;
