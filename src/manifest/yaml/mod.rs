//! YAML text to values that know where they were written.
//!
//! Two parsers look at the text. [`Outline`] is made from the events of `saphyr-parser`: it knows positions,
//! and finds what must not be expanded before anything is. Values come from `serde_yaml`, which has no
//! positions. [`Node`] walks both side by side, through aliases and merge keys.

mod node;
mod outline;

use std::sync::Arc;

pub(super) use node::{Fields, Node};
use outline::Outline;
use serde_yaml::Value;

use super::{kind::ProblemKind, problem::Sink, source::Source};

/// One YAML document: positions and values.
pub(super) struct Document {
    source: Arc<Source>,
    outline: Outline,
    value: Value,
}

impl Document {
    /// Reads the one document of a file, or reports why there is none.
    pub(super) fn read(source: &Arc<Source>, sink: &Sink) -> Option<Document> {
        let outline = Outline::read(source, sink)?;
        match serde_yaml::from_str(source.text()) {
            Ok(value) => Some(Document {
                source: Arc::clone(source),
                outline,
                value,
            }),
            Err(error) => {
                let at = error.location().map_or(0, |location| location.index());
                sink.report(source.place(at..at), ProblemKind::Syntax(error.to_string()));
                None
            }
        }
    }

    /// The outermost value.
    pub(super) fn root<'a>(&'a self, sink: &'a Sink) -> Node<'a> {
        Node::root(self, sink)
    }
}
