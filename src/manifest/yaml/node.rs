use std::path::Path;

use super::{
    problem::{Mistake, Quoted, Sink},
    source::SourcePlace,
    tree::{NodeContent, NodeId, Tree},
};

/// A value, its place, and where to report problems with it. Readers return `None` after reporting one.
#[derive(Clone, Copy)]
pub(crate) struct Node<'a> {
    tree: &'a Tree,
    id: NodeId,
    pub(crate) sink: &'a Sink,
    pub(super) key: Option<&'a str>,
}

#[derive(Clone, Copy)]
pub(crate) struct KeyValue<'a> {
    pub(crate) key: &'a str,
    pub(crate) key_node: Node<'a>,
    pub(crate) value: Node<'a>,
}

impl<'a> Node<'a> {
    pub(crate) fn root(tree: &'a Tree, sink: &'a Sink) -> Self {
        Node { tree, id: tree.root, sink, key: None }
    }

    /// For an alias or a merged value, the place of its anchor.
    pub(crate) fn place(self) -> SourcePlace {
        self.tree.place(self.id)
    }

    pub(crate) fn folder(self) -> &'a Path {
        self.tree.source.folder()
    }

    pub(crate) fn report<T>(self, mistake: Mistake) -> Option<T> {
        self.sink.report(self.place(), mistake)
    }

    pub(crate) fn checked<T>(self, read: Result<T, Mistake>) -> Option<T> {
        read.map_err(|mistake| self.report::<()>(mistake)).ok()
    }

    pub(super) fn content(self) -> &'a NodeContent {
        self.tree.content(self.id)
    }

    pub(crate) fn is_scalar(self) -> bool {
        matches!(
            self.content(),
            NodeContent::Text(_) | NodeContent::Number(..) | NodeContent::Bool(_)
        )
    }

    pub(crate) fn as_text(self) -> Option<&'a str> {
        match self.content() {
            NodeContent::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The values of all keys of this name in the manifest.
    pub(crate) fn values_of(self, key: &'a str) -> impl Iterator<Item = Node<'a>> + Clone {
        self.tree.values_of(key).map(move |id| self.part(id, Some(key)))
    }

    pub(crate) fn unexpected(self, expected: &str) -> Mistake {
        Mistake::new(format!("expected {expected}, found {}", self.content().kind()))
    }

    /// Numbers and truth values are refused, with the advice to quote them.
    pub(crate) fn text(self, expected: &str) -> Option<&'a str> {
        match self.content() {
            NodeContent::Text(text) => Some(text),
            NodeContent::Number(..) | NodeContent::Bool(_) => {
                let written = self.written();
                let found = self.content().kind();
                let mistake = Mistake::new(format!(
                    "expected {expected}, but YAML reads {} as {found}",
                    Quoted(&written)
                ));
                let quoted = written.replace('"', "\\\"");
                self.report(mistake.help(format!("quote it: \"{quoted}\"")))
            }
            _ => self.report(self.unexpected(expected)),
        }
    }

    /// A number as it is written, without rounding.
    pub(crate) fn text_or_number(self, expected: &str) -> Option<&'a str> {
        match self.content() {
            NodeContent::Number(_, text) => Some(text),
            _ => self.text(expected),
        }
    }

    pub(crate) fn written(self) -> String {
        self.place().text().to_owned()
    }

    pub(crate) fn whole_number(self) -> Option<u64> {
        match self.content() {
            NodeContent::Number(number, _) => number.as_u64(),
            _ => None,
        }
    }

    pub(crate) fn items(self) -> Option<impl ExactSizeIterator<Item = Node<'a>>> {
        match self.content() {
            NodeContent::List(items) => Some(items.iter().map(move |id| self.part(*id, None))),
            _ => None,
        }
    }

    pub(crate) fn entries(self) -> Option<Vec<KeyValue<'a>>> {
        let NodeContent::Mapping(entries) = self.content() else {
            return None;
        };
        let entries = entries.iter().filter_map(|entry| {
            let NodeContent::Text(key) = self.tree.content(entry.key) else {
                return None; // the tree has texts only
            };
            Some(KeyValue {
                key,
                key_node: self.part(entry.key, None),
                value: self.part(entry.value, Some(key)),
            })
        });
        Some(entries.collect())
    }

    fn part(self, id: NodeId, key: Option<&'a str>) -> Self {
        Node { id, key, ..self }
    }
}
