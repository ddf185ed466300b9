//! The shape of a YAML text and the positions of its parts, without its values.

use std::{collections::HashMap, sync::Arc};

use saphyr_parser::{Event, Parser, ScalarStyle, Span};

use crate::manifest::{
    kind::ProblemKind,
    problem::Sink,
    source::{Place, Source},
};

/// How deep lists and mappings may lie in each other, aliases followed. A manifest needs six levels.
const MAX_DEPTH: usize = 64;

/// How many nodes a text may have, aliases followed. A sub-partner with a label takes five.
const MAX_NODES: u64 = 2_000_000;

/// The number of a node in its outline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NodeId(usize);

/// The nodes of one document. Its expansion is known to be of bearable size and depth, and no mapping
/// has a key twice.
pub(super) struct Outline {
    nodes: Vec<OutlineNode>,
    root: NodeId,
}

struct OutlineNode {
    /// In characters.
    span: (usize, usize),
    shape: Shape,
    /// Levels of lists and mappings, aliases followed.
    height: usize,
    /// Nodes, aliases followed, itself included.
    size: u64,
}

/// What a node is made of.
pub(super) enum Shape {
    Scalar,
    Alias(NodeId),
    Sequence(Vec<NodeId>),
    Mapping(Vec<Pair>),
}

/// A key of a mapping and what it maps to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pair {
    pub(super) key: NodeId,
    pub(super) value: NodeId,
    /// The key is `<<`, unquoted.
    pub(super) is_merge: bool,
}

impl Outline {
    /// Reads the outline of the only document of `source`; reports all that stands against reading its values.
    pub(super) fn read(source: &Arc<Source>, sink: &Sink) -> Option<Outline> {
        let mut builder = Builder::new(source, sink);
        let mut sound = true;
        for event in Parser::new_from_str(source.text()) {
            match event {
                Ok((event, span)) => match builder.take(event, span) {
                    Ok(()) => {}
                    Err(Stop) => return None,
                },
                Err(error) => {
                    let at = source.byte_of_char(error.marker().index());
                    // The parser has a limit of its own for `[` and `{` that it looks at ahead of its events.
                    let kind = match error.info() {
                        "recursion limit exceeded" => ProblemKind::TooDeep { limit: MAX_DEPTH },
                        info => ProblemKind::Syntax(info.to_owned()),
                    };
                    sink.report(source.place(at..at), kind);
                    sound = false;
                    break;
                }
            }
        }
        if !sound {
            return None;
        }
        let Some(root) = builder.root else {
            sink.report(source.place(0..0), ProblemKind::EmptyFile);
            return None;
        };
        (!builder.has_duplicates).then_some(Outline {
            nodes: builder.nodes,
            root,
        })
    }

    pub(super) fn root(&self) -> NodeId {
        self.resolve(self.root)
    }

    /// What an alias stands for; any other node itself.
    pub(super) fn resolve(&self, id: NodeId) -> NodeId {
        match self.nodes.get(id.0).map(|node| &node.shape) {
            Some(Shape::Alias(target)) => *target,
            _ => id,
        }
    }

    pub(super) fn shape(&self, id: NodeId) -> &Shape {
        self.nodes
            .get(id.0)
            .map_or(&Shape::Scalar, |node| &node.shape)
    }

    pub(super) fn place(&self, source: &Arc<Source>, id: NodeId) -> Place {
        place(&self.nodes, source, id)
    }
}

fn place(nodes: &[OutlineNode], source: &Arc<Source>, id: NodeId) -> Place {
    let (start, end) = nodes.get(id.0).map_or((0, 0), |node| node.span);
    source.place(source.byte_of_char(start)..source.byte_of_char(end))
}

/// Reading has to end here; the reason is reported.
struct Stop;

struct Builder<'a> {
    source: &'a Arc<Source>,
    sink: &'a Sink,
    nodes: Vec<OutlineNode>,
    /// The lists and mappings that are not closed yet.
    open: Vec<Open<'a>>,
    anchors: HashMap<usize, Anchor>,
    root: Option<NodeId>,
    documents: usize,
    has_duplicates: bool,
}

#[derive(Clone, Copy)]
enum Anchor {
    Open,
    Done(NodeId),
}

struct Open<'a> {
    start: usize,
    anchor: usize,
    height: usize,
    size: u64,
    inside: Inside<'a>,
}

enum Inside<'a> {
    Sequence(Vec<NodeId>),
    Mapping {
        pairs: Vec<Pair>,
        /// The key whose value comes next, and whether it is a merge key.
        key: Option<(NodeId, bool)>,
        seen: HashMap<std::borrow::Cow<'a, str>, NodeId>,
    },
}

impl<'a> Builder<'a> {
    fn new(source: &'a Arc<Source>, sink: &'a Sink) -> Self {
        Builder {
            source,
            sink,
            nodes: Vec::new(),
            open: Vec::new(),
            anchors: HashMap::new(),
            root: None,
            documents: 0,
            has_duplicates: false,
        }
    }

    fn take(&mut self, event: Event<'a>, span: Span) -> Result<(), Stop> {
        let (start, end) = (span.start.index(), span.end.index());
        match event {
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents > 1 {
                    return Err(self.stop(start, ProblemKind::SeveralDocuments));
                }
                Ok(())
            }
            Event::Scalar(text, style, anchor, _) => {
                let key = self.key_of(&text, style);
                let span = match (end > start, self.awaited_key()) {
                    // Nothing is written: the key is what people can see.
                    (false, Some(key)) => self.nodes.get(key.0).map_or((start, end), |k| k.span),
                    _ => (start, end),
                };
                let id = self.push(span, Shape::Scalar, 0, 1)?;
                if let Some(is_merge) = key {
                    self.check_duplicate(text, id);
                    self.place_key(id, is_merge);
                } else {
                    self.place_value(id);
                }
                self.set_anchor(anchor, Anchor::Done(id));
                Ok(())
            }
            Event::Alias(anchor) => {
                let Some(Anchor::Done(target)) = self.anchors.get(&anchor).copied() else {
                    return Err(self.stop(start, ProblemKind::ContainsItself));
                };
                let (height, size) = self
                    .nodes
                    .get(target.0)
                    .map_or((0, 1), |node| (node.height, node.size));
                let id = self.push((start, end), Shape::Alias(target), height, size)?;
                self.place_node(id);
                Ok(())
            }
            Event::SequenceStart(anchor, _) => {
                self.begin(start, anchor, Inside::Sequence(Vec::new()))
            }
            Event::MappingStart(anchor, _) => {
                let inside = Inside::Mapping {
                    pairs: Vec::new(),
                    key: None,
                    seen: HashMap::new(),
                };
                self.begin(start, anchor, inside)
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(end),
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
        }
    }

    fn begin(&mut self, start: usize, anchor: usize, inside: Inside<'a>) -> Result<(), Stop> {
        if self.open.len() >= MAX_DEPTH {
            return Err(self.stop(start, ProblemKind::TooDeep { limit: MAX_DEPTH }));
        }
        self.set_anchor(anchor, Anchor::Open);
        self.open.push(Open {
            start,
            anchor,
            height: 0,
            size: 1,
            inside,
        });
        Ok(())
    }

    fn close(&mut self, end: usize) -> Result<(), Stop> {
        let Some(open) = self.open.pop() else {
            return Ok(()); // the parser only closes what it has opened
        };
        let shape = match open.inside {
            Inside::Sequence(items) => Shape::Sequence(items),
            Inside::Mapping { pairs, .. } => Shape::Mapping(pairs),
        };
        // `size` was counted while the parts came in; the node itself is one more in its parent.
        let span = (open.start, end.max(open.start));
        let id = self.push(span, shape, open.height + 1, open.size)?;
        self.place_node(id);
        self.set_anchor(open.anchor, Anchor::Done(id));
        Ok(())
    }

    /// Adds a node, and its weight to the list or mapping that it lies in.
    fn push(
        &mut self,
        span: (usize, usize),
        shape: Shape,
        height: usize,
        size: u64,
    ) -> Result<NodeId, Stop> {
        if self.open.len().saturating_add(height) > MAX_DEPTH {
            return Err(self.stop(span.0, ProblemKind::TooDeep { limit: MAX_DEPTH }));
        }
        let total = match self.open.last_mut() {
            Some(parent) => {
                parent.height = parent.height.max(height);
                parent.size = parent.size.saturating_add(size);
                parent.size
            }
            None => size,
        };
        if total > MAX_NODES || self.nodes.len() as u64 >= MAX_NODES {
            return Err(self.stop(span.0, ProblemKind::TooManyNodes { limit: MAX_NODES }));
        }
        let id = NodeId(self.nodes.len());
        self.nodes.push(OutlineNode {
            span,
            shape,
            height,
            size,
        });
        Ok(id)
    }

    /// Whether the next node is a key, and if so, whether a merge key.
    fn key_of(&self, text: &str, style: ScalarStyle) -> Option<bool> {
        match self.open.last().map(|open| &open.inside) {
            Some(Inside::Mapping { key: None, .. }) => {
                Some(text == "<<" && matches!(style, ScalarStyle::Plain))
            }
            _ => None,
        }
    }

    fn awaited_key(&self) -> Option<NodeId> {
        match &self.open.last()?.inside {
            Inside::Mapping { key, .. } => key.map(|(id, _)| id),
            Inside::Sequence(_) => None,
        }
    }

    fn place_node(&mut self, id: NodeId) {
        match self.key_of("", ScalarStyle::Plain) {
            Some(_) => self.place_key(id, false),
            None => self.place_value(id),
        }
    }

    fn place_key(&mut self, id: NodeId, is_merge: bool) {
        if let Some(Open {
            inside: Inside::Mapping { key, .. },
            ..
        }) = self.open.last_mut()
        {
            *key = Some((id, is_merge));
        }
    }

    fn place_value(&mut self, id: NodeId) {
        match self.open.last_mut().map(|open| &mut open.inside) {
            None => self.root = Some(id),
            Some(Inside::Sequence(items)) => items.push(id),
            Some(Inside::Mapping { pairs, key, .. }) => {
                if let Some((key, is_merge)) = key.take() {
                    pairs.push(Pair {
                        key,
                        value: id,
                        is_merge,
                    });
                }
            }
        }
    }

    fn check_duplicate(&mut self, text: std::borrow::Cow<'a, str>, id: NodeId) {
        let Some(Open {
            inside: Inside::Mapping { seen, .. },
            ..
        }) = self.open.last_mut()
        else {
            return;
        };
        if let Some(first) = seen.get(&text).copied() {
            let kind = ProblemKind::DuplicateKey(text.into_owned());
            self.sink.report_with(
                place(&self.nodes, self.source, id),
                kind,
                place(&self.nodes, self.source, first),
            );
            self.has_duplicates = true;
        } else {
            seen.insert(text, id);
        }
    }

    fn set_anchor(&mut self, anchor: usize, state: Anchor) {
        // The parser numbers anchors from 1 and gives 0 for none.
        if anchor != 0 {
            self.anchors.insert(anchor, state);
        }
    }

    fn stop(&self, at: usize, kind: ProblemKind) -> Stop {
        let at = self.source.byte_of_char(at);
        self.sink.report(self.source.place(at..at), kind);
        Stop
    }
}
