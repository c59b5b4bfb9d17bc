//! Parser events to nodes, with a stack of its own instead of recursion.

use std::collections::HashMap;

use granit_parser::{Event, ScalarStyle, Tag};

use super::budget::{Budget, Cost};
use super::merge::{MERGE, merge};
use crate::config::node::names_a_secret;
use crate::config::suggest::quoted;
use crate::config::{ConfigFault, Key, Node, NodeKind, Origin, Style, scalar};

/// Puts one document together.
#[derive(Debug)]
pub(super) struct Builder {
    file: Origin,
    open: Vec<Frame>,
    root: Option<Node>,
    /// What the parser's anchor numbers stand for. An anchor is here once its value is complete.
    anchors: HashMap<usize, (Node, Cost)>,
    budget: Budget,
}

/// A list or map whose end has not been seen.
#[derive(Debug)]
struct Frame {
    origin: Origin,
    anchor: usize,
    collection: Collection,
}

#[derive(Debug)]
enum Collection {
    List(Vec<Node>),
    Map(MapFrame),
}

#[derive(Debug, Default)]
struct MapFrame {
    entries: Vec<(Key, Node)>,
    /// Where each key was seen: a list of entries alone would make a large map quadratic.
    seen: HashMap<String, Origin>,
    /// The key whose value comes next.
    key: Option<Key>,
    /// Whether that key is an unquoted `<<`.
    merging: bool,
    sources: Vec<Node>,
}

impl Builder {
    pub(super) fn new(file: &Origin) -> Self {
        Self { file: file.clone(), open: Vec::new(), root: None, anchors: HashMap::new(), budget: Budget::default() }
    }

    pub(super) fn finish(self) -> Option<Node> {
        self.root
    }

    /// Takes the next event, whose node starts at `origin`, and whose tag, if it has one, is at `tag_origin`.
    pub(super) fn take(
        &mut self,
        event: Event<'_>,
        origin: Origin,
        tag_origin: Option<&Origin>,
    ) -> Result<(), ConfigFault> {
        let unknown = || unknown_tag(tag_origin.unwrap_or(&origin));
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let plain = is_plain(style, tag.as_deref()).ok_or_else(unknown)?;
                self.spend(Cost::of_scalar(&text), &origin)?;
                let node = Node::new(origin, scalar_kind(text.into_owned(), plain));
                self.value(node, anchor, style == ScalarStyle::Plain)
            }
            Event::SequenceStart(_, anchor, tag) => {
                if tag.as_ref().is_some_and(|tag| tag.core_suffix() != Some("seq")) {
                    return Err(unknown());
                }
                self.start(anchor, origin, Collection::List(Vec::new()))
            }
            Event::MappingStart(_, anchor, tag) => {
                if tag.as_ref().is_some_and(|tag| tag.core_suffix() != Some("map")) {
                    return Err(unknown());
                }
                self.start(anchor, origin, Collection::Map(MapFrame::default()))
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(),
            Event::Alias(anchor) => self.alias(anchor, &origin),
            // Its name is not told: it may be a password that begins with an asterisk.
            Event::UnresolvedAlias(_) => Err(ConfigFault::at(
                &origin,
                "no anchor of this alias's name stands before it; quote a text that begins with *",
            )),
            // The ends of streams and documents; comments and anchor names are switched off.
            _ => Ok(()),
        }
    }

    fn spend(&mut self, cost: Cost, origin: &Origin) -> Result<(), ConfigFault> {
        self.budget.spend(cost, self.open.len()).map_err(|message| ConfigFault::at(origin, message))
    }

    fn start(&mut self, anchor: usize, origin: Origin, collection: Collection) -> Result<(), ConfigFault> {
        if self.wants_key() {
            let shape = if matches!(collection, Collection::List(_)) { "a list" } else { "a map" };
            return Err(ConfigFault::at(&origin, format!("a key is a text; this is {shape}")));
        }
        self.spend(Cost { bytes: Cost::of_scalar("").bytes, depth: 1 }, &origin)?;
        self.open.push(Frame { origin, anchor, collection });
        Ok(())
    }

    fn end(&mut self) -> Result<(), ConfigFault> {
        let Some(Frame { origin, anchor, collection }) = self.open.pop() else {
            return Err(ConfigFault::at(&self.file, "a list or map ends here that never started"));
        };
        let kind = match collection {
            Collection::List(items) => NodeKind::List(items),
            Collection::Map(mut map) => {
                merge(&mut map.entries, map.sources)?;
                NodeKind::Map(map.entries)
            }
        };
        self.value(Node::new(origin, kind), anchor, false)
    }

    fn alias(&mut self, anchor: usize, origin: &Origin) -> Result<(), ConfigFault> {
        let Some((_, cost)) = self.anchors.get(&anchor) else {
            return Err(ConfigFault::at(origin, "this alias stands inside of the value that it is an alias of"));
        };
        self.spend(*cost, origin)?;
        let Some((node, _)) = self.anchors.get(&anchor) else { return Ok(()) };
        let mut node = node.clone();
        if self.wants_key() {
            // A value is where its text is; a key is where it is used.
            node.origin = origin.clone();
        }
        self.value(node, 0, false)
    }

    fn wants_key(&self) -> bool {
        matches!(self.open.last(), Some(Frame { collection: Collection::Map(MapFrame { key: None, .. }), .. }))
    }

    /// Puts a finished value where it belongs: into the list or map that is open, or at the top.
    fn value(&mut self, node: Node, anchor: usize, plain: bool) -> Result<(), ConfigFault> {
        if anchor != 0 {
            // The copy is paid for before it is made; how deep it is was checked while it was built.
            let cost = Cost::of(&node);
            self.spend(Cost { depth: 0, ..cost }, &node.origin)?;
            self.anchors.insert(anchor, (node.clone(), cost));
        }
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some(Frame { collection: Collection::List(items), .. }) => items.push(node),
            Some(Frame { collection: Collection::Map(map), .. }) => map.take(node, plain)?,
        }
        Ok(())
    }
}

impl MapFrame {
    fn take(&mut self, mut node: Node, plain: bool) -> Result<(), ConfigFault> {
        let Some(key) = self.key.take() else { return self.take_key(node, plain) };
        if self.merging {
            self.sources.push(node);
            return Ok(());
        }
        if matches!(node.kind, NodeKind::Null) {
            // The parser places a value that is not there behind the next token, which may be lines away.
            node.origin = key.origin.clone();
        }
        if names_a_secret(&key.name) {
            node.hide();
        }
        self.entries.push((key, node));
        Ok(())
    }

    fn take_key(&mut self, node: Node, plain: bool) -> Result<(), ConfigFault> {
        let Node { origin, kind, .. } = node;
        let name = match kind {
            NodeKind::Scalar { text, .. } => text,
            NodeKind::Null => {
                return Err(ConfigFault::at(&origin, "a key is missing or null here; quote it if it is a text"));
            }
            NodeKind::List(_) | NodeKind::Map(_) => {
                return Err(ConfigFault::at(&origin, "a key is a text; this is an alias of a list or map"));
            }
        };
        self.merging = plain && name == MERGE;
        if let Some(first) = self.seen.insert(name.clone(), origin.clone()) {
            return Err(ConfigFault::at(&origin, format!("key {} is already set at {first}", quoted(&name))));
        }
        self.key = Some(Key { name, origin });
        Ok(())
    }
}

fn scalar_kind(text: String, plain: bool) -> NodeKind {
    if plain && scalar::is_null(&text) {
        return NodeKind::Null;
    }
    NodeKind::Scalar { text, style: if plain { Style::Plain } else { Style::Quoted } }
}

/// Tells whether a scalar can be a number; `None` if its tag is unknown.
fn is_plain(style: ScalarStyle, tag: Option<&Tag>) -> Option<bool> {
    let Some(tag) = tag else { return Some(style == ScalarStyle::Plain) };
    match tag.core_suffix() {
        Some("str") => Some(false),
        Some("bool" | "int" | "float" | "null") => Some(true),
        // A lone `!` says "text" (YAML 1.2.2, 6.9.1).
        _ if tag.original() == "!" => Some(false),
        _ => None,
    }
}

/// The tag is not told: it may be a password that begins with an exclamation mark.
fn unknown_tag(origin: &Origin) -> ConfigFault {
    ConfigFault::at(origin, "a tag has no meaning here; remove it, or quote a text that begins with !")
}
