//! YAML text to values that know where they were written, with every mistake located.
//!
//! A text goes through three steps. `source` reads a file; `tree` makes nodes of it, with aliases and merge keys
//! resolved and scalars typed (`syntax` says what is wrong with a text that is no YAML); `node` reads one of them. What a mapping holds is declared once, by [`keys!`]: from
//! that declaration come its type, its reader, its defaults and its JSON Schema. How a value is written is a
//! [`Form`]. What is wrong goes to one [`Sink`] and comes out as [`Problems`]; `render` shows them.

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
