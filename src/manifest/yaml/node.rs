//! A YAML value and where it was written.

use std::collections::HashSet;

use serde_yaml::Value;

use super::{
    Document,
    outline::{NodeId, Pair, Shape},
};
use crate::manifest::{
    kind::{Found, ProblemKind},
    problem::Sink,
    source::Place,
    suggest,
};

/// A value of a document, its position, and where to report what is wrong with it.
///
/// The readers return `None` where they have reported a problem.
#[derive(Clone, Copy)]
pub(in crate::manifest) struct Node<'a> {
    document: &'a Document,
    value: &'a Value,
    at: NodeId,
    sink: &'a Sink,
}

/// A key of a mapping and its value.
#[derive(Clone, Copy)]
pub(in crate::manifest) struct Entry<'a> {
    pub(in crate::manifest) key: &'a str,
    key_at: NodeId,
    pub(in crate::manifest) value: Node<'a>,
}

impl<'a> Node<'a> {
    pub(super) fn root(document: &'a Document, sink: &'a Sink) -> Self {
        Node {
            document,
            value: &document.value,
            at: document.outline.root(),
            sink,
        }
    }

    /// Where it was written: for an alias or a merged value, at its anchor.
    pub(in crate::manifest) fn place(self) -> Place {
        self.document.outline.place(&self.document.source, self.at)
    }

    /// Where problems of other places go.
    pub(in crate::manifest) fn sink(self) -> &'a Sink {
        self.sink
    }

    /// Reports what is wrong with it.
    pub(in crate::manifest) fn report<T>(self, kind: ProblemKind) -> Option<T> {
        self.sink.report(self.place(), kind);
        None
    }

    /// Reports what is wrong with it, and another place that has to do with it.
    pub(in crate::manifest) fn report_with<T>(self, kind: ProblemKind, other: Place) -> Option<T> {
        self.sink.report_with(self.place(), kind, other);
        None
    }

    /// What kind of value it is.
    pub(in crate::manifest) fn found(self) -> Found {
        match self.value {
            Value::Null => Found::Nothing,
            Value::Bool(_) => Found::Bool,
            Value::Number(_) => Found::Number,
            Value::String(_) => Found::Text,
            Value::Sequence(_) => Found::List,
            Value::Mapping(_) => Found::Mapping,
            Value::Tagged(_) => Found::Tagged,
        }
    }

    /// Reports that something else was expected.
    pub(in crate::manifest) fn unexpected<T>(self, expected: &'static str) -> Option<T> {
        self.report(ProblemKind::WrongType {
            expected,
            found: self.found(),
        })
    }

    /// A text. What YAML takes for a number or a truth value is refused, with the advice to quote it.
    pub(in crate::manifest) fn text(self, expected: &'static str) -> Option<&'a str> {
        match self.value {
            Value::String(text) => Some(text),
            Value::Number(_) | Value::Bool(_) => self.report(ProblemKind::NeedsQuotes {
                expected,
                found: self.found(),
                written: self.written(),
            }),
            _ => self.unexpected(expected),
        }
    }

    /// The text as written, for a scalar that may be a number.
    pub(in crate::manifest) fn written(self) -> String {
        self.place().text().to_owned()
    }

    /// Whether it is this whole number.
    pub(in crate::manifest) fn is_number(self, number: u64) -> bool {
        self.value.as_u64() == Some(number)
    }

    /// `true` or `false`.
    pub(in crate::manifest) fn bool(self) -> Option<bool> {
        match self.value {
            Value::Bool(value) => Some(*value),
            _ => self.unexpected("`true` or `false`"),
        }
    }

    /// A whole number that is not negative.
    pub(in crate::manifest) fn whole_number(self, expected: &'static str) -> Option<u64> {
        match self.value {
            Value::Number(number) if number.is_u64() => number.as_u64(),
            Value::Number(_) => self.report(ProblemKind::BadNumber {
                written: self.written(),
                expected: expected.to_owned(),
            }),
            _ => self.unexpected(expected),
        }
    }

    /// The items of a list that must not be empty.
    pub(in crate::manifest) fn items(
        self,
        expected: &'static str,
        if_empty: &'static str,
    ) -> Option<Vec<Node<'a>>> {
        let Value::Sequence(values) = self.value else {
            return self.unexpected(expected);
        };
        if values.is_empty() {
            return self.report(ProblemKind::EmptyList { instead: if_empty });
        }
        let items = match self.document.outline.shape(self.at) {
            Shape::Sequence(items) => items.as_slice(),
            _ => &[],
        };
        let mut items = items.iter();
        Some(
            values
                .iter()
                .map(|value| self.part(value, items.next().copied()))
                .collect(),
        )
    }

    /// The entries of a mapping, those of `<<` after its own; `owner` says whose keys they are.
    pub(in crate::manifest) fn fields(
        self,
        owner: &'static str,
        known: &'static [&'static str],
        expected: &'static str,
    ) -> Option<Fields<'a>> {
        if !matches!(self.value, Value::Mapping(_)) {
            return self.unexpected(expected);
        }
        let mut entries = Vec::new();
        let mut seen = HashSet::new();
        self.collect(&mut entries, &mut seen);
        for entry in &entries {
            if !known.contains(&entry.key) {
                let place = self
                    .document
                    .outline
                    .place(&self.document.source, entry.key_at);
                self.sink.report(
                    place,
                    ProblemKind::UnknownKey {
                        key: entry.key.to_owned(),
                        owner,
                        nearest: suggest::nearest(entry.key, known.iter().copied())
                            .map(str::to_owned),
                        known,
                    },
                );
            }
        }
        Some(Fields {
            mapping: self,
            owner,
            entries,
        })
    }

    /// Own entries first, then what `<<` brings in and is not there yet. Recursion ends: the outline has
    /// refused anchors that contain themselves and what is nested too deep.
    fn collect(self, entries: &mut Vec<Entry<'a>>, seen: &mut HashSet<&'a str>) {
        let Value::Mapping(mapping) = self.value else {
            self.report::<()>(ProblemKind::BadMerge);
            return;
        };
        let pairs: &[Pair] = match self.document.outline.shape(self.at) {
            Shape::Mapping(pairs) => pairs,
            _ => &[],
        };
        let mut merged = None;
        let mut pairs = pairs.iter();
        for (key, value) in mapping {
            let pair = pairs.next();
            let value = self.part(value, pair.map(|pair| pair.value));
            if pair.is_some_and(|pair| pair.is_merge) {
                merged = Some(value);
                continue;
            }
            let key_node = self.part_of_key(key, pair);
            let Value::String(key) = key else {
                key_node.report::<()>(ProblemKind::KeyNotText {
                    written: key_node.written(),
                });
                continue;
            };
            if seen.insert(key) {
                entries.push(Entry {
                    key,
                    key_at: key_node.at,
                    value,
                });
            }
        }
        match merged.map(|node| (node, node.value)) {
            None => {}
            Some((node, Value::Sequence(values))) => {
                let items = match self.document.outline.shape(node.at) {
                    Shape::Sequence(items) => items.as_slice(),
                    _ => &[],
                };
                let mut items = items.iter();
                for value in values {
                    node.part(value, items.next().copied())
                        .collect(entries, seen);
                }
            }
            Some((node, _)) => node.collect(entries, seen),
        }
    }

    fn part(self, value: &'a Value, at: Option<NodeId>) -> Node<'a> {
        Node {
            value,
            at: at.map_or(self.at, |at| self.document.outline.resolve(at)),
            ..self
        }
    }

    fn part_of_key(self, key: &'a Value, pair: Option<&Pair>) -> Node<'a> {
        self.part(key, pair.map(|pair| pair.key))
    }
}

/// The entries of a mapping whose keys have been looked at.
pub(in crate::manifest) struct Fields<'a> {
    mapping: Node<'a>,
    owner: &'static str,
    entries: Vec<Entry<'a>>,
}

impl<'a> Fields<'a> {
    /// The mapping itself.
    pub(in crate::manifest) fn node(&self) -> Node<'a> {
        self.mapping
    }

    /// Whether the mapping has no keys at all.
    pub(in crate::manifest) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The value of `key`, where it is given.
    pub(in crate::manifest) fn get(&self, key: &str) -> Option<Node<'a>> {
        let entry = self.entries.iter().find(|entry| entry.key == key)?;
        Some(entry.value)
    }

    /// The value of `key`; reports where it is missing.
    pub(in crate::manifest) fn require(
        &self,
        key: &'static str,
        example: &'static str,
    ) -> Option<Node<'a>> {
        self.get(key).or_else(|| {
            self.mapping.report(ProblemKind::MissingKey {
                key,
                owner: self.owner,
                example,
            })
        })
    }

    /// What `read` makes of the value of `key`; `default` where it is missing or reported to be wrong
    /// (nothing is built from a manifest with problems).
    pub(in crate::manifest) fn read_or<T>(
        &self,
        key: &str,
        default: T,
        read: impl FnOnce(Node<'a>) -> Option<T>,
    ) -> T {
        self.get(key).and_then(read).unwrap_or(default)
    }
}
