use std::{collections::HashMap, ops::Range, sync::Arc};

use saphyr_parser::{Event, Parser, ScalarStyle, Tag};
use serde_yaml::Number;

use super::{
    problem::{Mistake, Quoted, Sink},
    source::{Source, SourcePlace},
    syntax::syntax,
    written::{Written, as_parsed},
};

/// Aliases expanded. A manifest needs six levels.
const MAX_DEPTH: usize = 64;

/// Aliases expanded. A sub-partner with a label takes five.
const MAX_NODES: u64 = 2_000_000;

#[derive(Debug, Clone, Copy)]
pub(super) struct NodeId(usize);

/// One document, limited in size and depth with all aliases expanded. It is built from the parser's events, which have
/// places (docs/architecture.md).
pub(crate) struct Tree {
    pub(super) source: Arc<Source>,
    nodes: Vec<TreeNode>,
    pub(super) root: NodeId,
}

struct TreeNode {
    /// In bytes.
    span: Range<usize>,
    content: NodeContent,
    weight: Weight,
}

pub(super) enum NodeContent {
    Nothing,
    Bool(bool),
    /// With its text, which is exact.
    Number(Number, Box<str>),
    Text(String),
    List(Vec<NodeId>),
    /// Its own entries, then those of `<<`; the first entry of a key counts.
    Mapping(Vec<MappingEntry>),
    Tagged,
    Merge,
}

impl NodeContent {
    pub(super) fn kind(&self) -> &'static str {
        match self {
            NodeContent::Nothing => "nothing",
            NodeContent::Bool(_) => "a truth value",
            NodeContent::Number(..) => "a number",
            NodeContent::Text(_) | NodeContent::Merge => "a text",
            NodeContent::List(_) => "a list",
            NodeContent::Mapping(_) => "a mapping",
            NodeContent::Tagged => "a value with a !tag",
        }
    }
}

#[derive(Debug, Clone, Copy)]
pub(super) struct MappingEntry {
    pub(super) key: NodeId,
    pub(super) value: NodeId,
}

#[derive(Clone, Copy)]
struct Weight {
    height: usize,
    nodes: u64,
}

const SCALAR: Weight = Weight { height: 0, nodes: 1 };

impl Tree {
    pub(crate) fn read(source: &Arc<Source>, sink: &Sink) -> Option<Tree> {
        let written = as_parsed(&source.text);
        let text = match &written {
            Written::Plainly => &source.text,
            Written::Otherwise(text) => text,
        };
        let mut builder = Builder {
            tree: Tree { source: Arc::clone(source), nodes: Vec::new(), root: NodeId(0) },
            written: &written,
            sink,
            open: Vec::new(),
            anchors: HashMap::new(),
            documents: 0,
            cursor: (0, 0),
        };
        for event in Parser::new_from_str(text) {
            match event {
                Ok((event, span)) => {
                    let span = builder.bytes(span.start.index())..builder.bytes(span.end.index());
                    builder.take(event, span).ok()?;
                }
                Err(error) => {
                    let at = builder.bytes(error.marker().index());
                    for open in builder.open.iter().filter(|open| open.kind == NodeKind::Mapping) {
                        builder.entries(&open.parts); // for what it reports
                    }
                    let (before, after) = source.text.split_at(at);
                    // The parser has its own limit for nested `[` and `{`.
                    let mistake = match error.info() {
                        "recursion limit exceeded" => too_deep(),
                        info => syntax(info, before),
                    };
                    // The parser stops where the value before a tab begins.
                    let tab = after.find('\t').filter(|_| error.info().ends_with("found a tab"));
                    let at = at + tab.unwrap_or(0);
                    return sink.report(source.place(at..at), mistake);
                }
            }
        }
        let tree = builder.tree;
        match tree.nodes.get(tree.root.0).map(|root| &root.content) {
            None => sink.report(source.place(0..0), empty()),
            Some(NodeContent::Nothing) => sink.report(tree.place(tree.root), empty()),
            Some(_) => Some(tree),
        }
    }

    /// The values of all keys of this name, wherever they stand.
    pub(super) fn values_of<'t>(&'t self, key: &'t str) -> impl Iterator<Item = NodeId> + Clone {
        let entries = self.nodes.iter().flat_map(|node| match &node.content {
            NodeContent::Mapping(entries) => entries.as_slice(),
            _ => &[],
        });
        let is_it = move |entry: &&MappingEntry| matches!(self.content(entry.key), NodeContent::Text(name) if name == key);
        entries.filter(is_it).map(|entry| entry.value)
    }

    pub(super) fn content(&self, id: NodeId) -> &NodeContent {
        &self.nodes[id.0].content
    }

    pub(super) fn place(&self, id: NodeId) -> SourcePlace {
        self.source.place(self.nodes[id.0].span.clone())
    }
}

fn empty() -> Mistake {
    Mistake::new("the manifest is empty")
        .help("begin with `version: 1`; the README has a manifest to start from")
}

fn too_deep() -> Mistake {
    Mistake::new(format!("lists and mappings are nested more than {MAX_DEPTH} levels deep"))
        .help("a manifest needs six levels")
}

struct Stop;

struct Builder<'a> {
    tree: Tree,
    written: &'a Written,
    sink: &'a Sink,
    open: Vec<Open>,
    /// `None` while the anchor's node is open.
    anchors: HashMap<usize, Option<NodeId>>,
    documents: usize,
    /// A character's number, and its byte.
    cursor: (usize, usize),
}

struct Open {
    start: usize,
    anchor: usize,
    weight: Weight,
    kind: NodeKind,
    /// Of a mapping: a key, its value, the next key and so on.
    parts: Vec<NodeId>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum NodeKind {
    List,
    Mapping,
    Tagged,
}

impl Builder<'_> {
    fn bytes(&mut self, character: usize) -> usize {
        let (from, byte) = self.cursor;
        let text = &self.tree.source.text;
        let byte = match character.checked_sub(from) {
            Some(further) => text[byte..]
                .char_indices()
                .nth(further)
                .map_or(text.len(), |(further, _)| byte + further),
            None => text[..byte]
                .char_indices()
                .nth_back(from - character - 1)
                .map_or(0, |(byte, _)| byte),
        };
        // After the end there is nothing to count on from.
        if byte < text.len() {
            self.cursor = (character, byte);
        }
        byte
    }

    fn take(&mut self, event: Event<'_>, span: Range<usize>) -> Result<(), Stop> {
        match event {
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents > 1 {
                    let mistake = Mistake::new(
                        "a second YAML document starts here; a manifest is one document",
                    );
                    let help = "remove the `---`, or make it a manifest of its own";
                    return Err(self.stop(span.start, mistake.help(help)));
                }
            }
            Event::Scalar(text, style, anchor, tag) => {
                let mapping = self.open.last().filter(|open| open.kind == NodeKind::Mapping);
                let parts = mapping.map(|open| open.parts.as_slice());
                let is_key = parts.is_some_and(|parts| parts.len() % 2 == 0);
                let span = match parts.and_then(|parts| parts.last()) {
                    // An empty value is shown at its key.
                    Some(key) if span.is_empty() && !is_key => self.tree.nodes[key.0].span.clone(),
                    _ => span,
                };
                let text = self.written.restored(&text, style);
                let content = scalar(&text, style, tag.as_deref(), is_key);
                let id = self.push(span, content, SCALAR)?;
                self.set_anchor(anchor, Some(id));
            }
            Event::Alias(anchor) => {
                let Some(Some(target)) = self.anchors.get(&anchor).copied() else {
                    let mistake = Mistake::new("this alias lies within its own anchor");
                    return Err(self.stop(span.start, mistake.help("a manifest needs six levels")));
                };
                self.weigh(span.start, self.tree.nodes[target.0].weight)?;
                self.put(target);
            }
            Event::SequenceStart(anchor, tag) => {
                self.begin(span.start, anchor, tag.as_deref(), NodeKind::List)?;
            }
            Event::MappingStart(anchor, tag) => {
                self.begin(span.start, anchor, tag.as_deref(), NodeKind::Mapping)?;
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(span.end)?,
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
        }
        Ok(())
    }

    fn begin(
        &mut self,
        start: usize,
        anchor: usize,
        tag: Option<&Tag>,
        kind: NodeKind,
    ) -> Result<(), Stop> {
        if self.open.len() >= MAX_DEPTH {
            return Err(self.stop(start, too_deep()));
        }
        self.set_anchor(anchor, None);
        self.open.push(Open {
            start,
            anchor,
            weight: SCALAR,
            kind: match tag {
                Some(tag) if !tag.is_yaml_core_schema() => NodeKind::Tagged,
                _ => kind,
            },
            parts: Vec::new(),
        });
        Ok(())
    }

    fn close(&mut self, end: usize) -> Result<(), Stop> {
        let Some(open) = self.open.pop() else {
            return Ok(()); // the parser only closes what it has opened
        };
        let content = match open.kind {
            NodeKind::List => NodeContent::List(open.parts),
            NodeKind::Mapping => NodeContent::Mapping(self.entries(&open.parts)),
            NodeKind::Tagged => NodeContent::Tagged,
        };
        let weight = Weight { height: open.weight.height + 1, ..open.weight };
        let id = self.push(open.start..end.max(open.start), content, weight)?;
        self.set_anchor(open.anchor, Some(id));
        Ok(())
    }

    fn push(
        &mut self,
        span: Range<usize>,
        content: NodeContent,
        weight: Weight,
    ) -> Result<NodeId, Stop> {
        self.weigh(span.start, weight)?;
        let id = NodeId(self.tree.nodes.len());
        self.tree.nodes.push(TreeNode { span, content, weight });
        self.put(id);
        Ok(id)
    }

    fn weigh(&mut self, at: usize, weight: Weight) -> Result<(), Stop> {
        if self.open.len().saturating_add(weight.height) > MAX_DEPTH {
            return Err(self.stop(at, too_deep()));
        }
        let total = match self.open.last_mut().map(|open| &mut open.weight) {
            Some(parent) => {
                parent.height = parent.height.max(weight.height);
                parent.nodes = parent.nodes.saturating_add(weight.nodes);
                parent.nodes
            }
            None => weight.nodes,
        };
        if total > MAX_NODES || self.tree.nodes.len() as u64 >= MAX_NODES {
            let mistake = Mistake::new(format!(
                "the manifest has more than {MAX_NODES} values, aliases counted each time they are used"
            ));
            let help = "list sub-partners in a partners file: `- { file: partners.csv }`";
            return Err(self.stop(at, mistake.help(help)));
        }
        Ok(())
    }

    fn put(&mut self, id: NodeId) {
        match self.open.last_mut() {
            None => self.tree.root = id,
            Some(open) => open.parts.push(id),
        }
    }

    /// See [`NodeContent::Mapping`]; reports keys that are not texts or are given twice.
    fn entries(&self, parts: &[NodeId]) -> Vec<MappingEntry> {
        let mut seen = HashMap::with_capacity(parts.len() / 2);
        let mut entries = Vec::with_capacity(parts.len() / 2);
        let mut merged = Vec::new();
        for pair in parts.chunks(2) {
            // A last key has no value only if the text ends there, and then the entries are not used.
            let (key, value) = (pair[0], pair[pair.len() - 1]);
            let content = self.tree.content(key);
            let name = match content {
                NodeContent::Text(text) => text.as_str(),
                NodeContent::Merge => "<<",
                _ => {
                    let place = self.tree.place(key);
                    let message = format!("the key {} is not a text", Quoted(place.text()));
                    let help = "keys are plain words; put a name of another kind in quotes";
                    let mistake = Mistake::new(message).help(help);
                    self.sink.report::<()>(place, mistake);
                    continue;
                }
            };
            match (seen.insert(name, key), content) {
                (Some(first), _) => {
                    let mistake = Mistake::new(format!("the key {} is given twice", Quoted(name)))
                        .help("keep one of the two");
                    let (key, first) = (self.tree.place(key), self.tree.place(first));
                    self.sink.report_again(key, mistake, first);
                }
                (None, NodeContent::Merge) => match self.tree.content(value) {
                    NodeContent::List(items) => merged.extend_from_slice(items),
                    _ => merged.push(value),
                },
                (None, _) => entries.push(MappingEntry { key, value }),
            }
        }
        for node in merged {
            if let NodeContent::Mapping(others) = self.tree.content(node) {
                entries.extend_from_slice(others);
            } else {
                let mistake = Mistake::new("`<<` takes a mapping or a list of mappings")
                    .help("write `<<: *anchor` or `<<: [*one, *other]`");
                self.sink.report::<()>(self.tree.place(node), mistake);
            }
        }
        entries
    }

    fn set_anchor(&mut self, anchor: usize, node: Option<NodeId>) {
        // The parser numbers anchors from 1; 0 is none.
        if anchor != 0 {
            self.anchors.insert(anchor, node);
        }
    }

    fn stop(&self, at: usize, mistake: Mistake) -> Stop {
        self.sink.report::<()>(self.tree.source.place(at..at), mistake);
        Stop
    }
}

/// By the rules of YAML 1.2.
fn scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>, is_key: bool) -> NodeContent {
    match tag {
        Some(tag) if tag.is_yaml_core_schema() && tag.suffix != "str" => {}
        Some(tag) if !tag.is_yaml_core_schema() => return NodeContent::Tagged,
        None if matches!(style, ScalarStyle::Plain) => {}
        _ => return NodeContent::Text(text.to_owned()),
    }
    match text {
        "" | "~" | "null" | "Null" | "NULL" => NodeContent::Nothing,
        "true" | "True" | "TRUE" => NodeContent::Bool(true),
        "false" | "False" | "FALSE" => NodeContent::Bool(false),
        "<<" if is_key => NodeContent::Merge,
        _ => match text.parse() {
            Ok(number) => NodeContent::Number(number, text.into()),
            Err(_) => NodeContent::Text(text.to_owned()),
        },
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::manifest::yaml::Node;

    #[test]
    fn nodes_are_found_among_characters_of_any_width() {
        let scalars: Vec<_> = (0..300).map(|n| format!("ä€x\u{1f600}{n}")).collect();
        let flow = format!("# ü\r\n- [{}]\r\n", scalars.join(", "));
        let block = scalars.join(": é\n- ");
        let text = format!("{flow}- {block}: é\n");
        let source = Source::from_bytes(Path::new("f"), text.into_bytes()).unwrap();
        let sink = Sink::default();
        let tree = Tree::read(&source, &sink).unwrap();
        let mut lines = Node::root(&tree, &sink).items().unwrap();
        let first: Vec<_> = lines.next().unwrap().items().unwrap().collect();
        let written: Vec<_> = first.iter().map(|node| node.written()).collect();
        assert_eq!(written, scalars);
        let keys: Vec<_> =
            lines.map(|line| line.entries().unwrap()[0].key_node.written()).collect();
        assert_eq!(keys, scalars);
    }
}
