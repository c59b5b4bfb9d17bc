//! From text to nodes.
//!
//! quick-xml finds where tags, texts and the like begin and end. It lets through much of what XML forbids, so that all of
//! that is looked at here.

use quick_xml::{
    Reader,
    errors::{Error, IllFormedError, SyntaxError},
    events::Event,
};

use super::{
    characters::{first_that_is_none, is_white, name_length},
    content::Content,
    declaration,
    malformed::Malformed,
    nodes::{NONE, Name, Node, Nodes},
    tag::Tag,
};

/// How deep elements may stand in one another: as deep as JSON's values, and no reading recurses deeper.
pub(super) const MAX_DEPTH: usize = 128;

/// How long a name may be, with its prefix: far beyond any that people use.
pub(super) const MAX_NAME: usize = 1024;

const DOCTYPE: &str = "a DOCTYPE, which is not taken";

/// An element whose end tag has not come yet.
#[derive(Clone, Copy)]
pub(super) struct Open {
    node: usize,
    /// How many declarations of namespaces held before it.
    scope: usize,
    /// The declaration of the default namespace that held before it.
    default_namespace: u32,
    has_elements: bool,
}

/// Reads a text as a document.
///
/// # Errors
///
/// The first thing that is wrong with it.
pub(super) fn nodes_of(text: &str) -> Result<Nodes, Malformed> {
    // A number of 32 bits has to name any place in it, and in what lies beside it, which is no longer.
    if text.len() > (u32::MAX / 2 - 2) as usize {
        return Err(Malformed::new("more than 2 GiB", 0));
    }
    if let Some(at) = first_that_is_none(text) {
        return Err(Malformed::new("a character that XML does not have", at));
    }
    // The reader would pass over it without counting it.
    if text.starts_with('\u{feff}') {
        return Err(Malformed::new("text outside of the root element", 0));
    }
    let mut reader = Reader::from_str(text);
    let config = reader.config_mut();
    config.check_comments = true;
    config.check_end_names = false;
    config.allow_unmatched_ends = true;
    config.trim_markup_names_in_closing_tags = false;
    let mut parser = Parser::new(text);
    loop {
        let from = offset(reader.buffer_position(), text);
        let event = reader.read_event();
        let to = offset(reader.buffer_position(), text);
        match event {
            Ok(Event::Eof) => return parser.end(),
            Ok(event) => parser.event(&event, from, to)?,
            Err(error) => return Err(told(&error, offset(reader.error_position(), text))),
        }
    }
}

fn offset(position: u64, text: &str) -> usize {
    usize::try_from(position).unwrap_or(usize::MAX).min(text.len())
}

/// Says what quick-xml found, in our words where those are clearer.
fn told(error: &Error, at: usize) -> Malformed {
    match error {
        Error::Syntax(SyntaxError::UnclosedDoctype) | Error::IllFormed(IllFormedError::MissingDoctypeName) => {
            Malformed::new(DOCTYPE, at)
        }
        Error::Syntax(syntax) => Malformed::new(syntax.to_string(), at),
        Error::IllFormed(IllFormedError::DoubleHyphenInComment) => Malformed::new("`--` in a comment", at),
        Error::IllFormed(IllFormedError::UnclosedReference) => Malformed::new("`&` that begins no entity", at),
        _ => Malformed::new("markup that can't be read", at),
    }
}

/// Converts a place in the document, which is known to be short enough.
pub(super) fn place(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(NONE)
}

/// A declaration of a namespace that holds.
#[derive(Clone, Copy)]
pub(super) struct Scoped {
    pub(super) declaration: u32,
    /// Tells nearly all prefixes apart, so that they are not compared letter by letter: a document may have thousands of
    /// names for each declaration.
    pub(super) key: u32,
}

pub(super) struct Parser<'t> {
    pub(super) text: &'t str,
    pub(super) nodes: Nodes,
    open: Vec<Open>,
    /// The declarations of namespaces that hold, from the outside in.
    pub(super) scope: Vec<Scoped>,
    /// The declaration of the default namespace that holds.
    pub(super) default_namespace: u32,
    /// The text since the last tag.
    content: Content,
    /// Kept for its memory.
    tag: Tag,
    /// What keys of prefixes begin with: nobody can make up prefixes of one key.
    seed: u32,
}

impl<'t> Parser<'t> {
    fn new(text: &'t str) -> Self {
        // No more elements than that, and hardly ever more elements and texts: an element with text has two tags. So the
        // nodes, which take more memory than the text, need not be moved as they grow.
        let tags = text.bytes().fold(0, |count, byte| count + usize::from(byte == b'<'));
        let nodes = Nodes { nodes: Vec::with_capacity(tags + 1), ..Nodes::default() };
        Self {
            text,
            nodes,
            open: Vec::with_capacity(16),
            scope: Vec::new(),
            default_namespace: NONE,
            content: Content::default(),
            tag: Tag::default(),
            seed: fastrand::u32(..),
        }
    }

    /// Returns the key of a prefix (FNV-1a, 32 bits).
    pub(super) fn key_of(&self, prefix: &str) -> u32 {
        prefix.bytes().fold(self.seed, |key, byte| (key ^ u32::from(byte)).wrapping_mul(0x0100_0193))
    }

    fn event(&mut self, event: &Event<'_>, from: usize, to: usize) -> Result<(), Malformed> {
        match event {
            Event::Start(_) => self.start(from, to - 1, false),
            Event::Empty(_) => self.start(from, to - 2, true),
            Event::End(_) => self.end_tag(from, to - 1),
            Event::Text(_) => self.content(from, |content, nodes, text| content.text(nodes, text, from, to)),
            Event::GeneralRef(_) => {
                self.content(from, |content, nodes, text| content.reference(nodes, text, from + 1, to - 1))
            }
            Event::CData(_) => self
                .content(from, |content, nodes, text| content.literal(nodes, text, from + "<![CDATA[".len(), to - 3)),
            Event::PI(_) => self.instruction(from + 2, to - 2),
            Event::Decl(_) => self.declaration(from, to - 2),
            Event::DocType(_) => Err(Malformed::new(DOCTYPE, from)),
            Event::Comment(_) | Event::Eof => Ok(()),
        }
    }

    /// Returns the text from here to there.
    pub(super) fn piece(&self, from: usize, to: usize) -> &'t str {
        self.text.get(from..to).unwrap_or_default()
    }

    fn start(&mut self, from: usize, to: usize, is_empty: bool) -> Result<(), Malformed> {
        if self.open.is_empty() && !self.nodes.nodes.is_empty() {
            return Err(Malformed::new("a second root element", from));
        }
        if self.open.len() >= MAX_DEPTH {
            return Err(Malformed::new(format!("elements nested more than {MAX_DEPTH} deep"), from));
        }
        // White space between tags is layout.
        self.keep_content(false);
        if let Some(parent) = self.open.last_mut() {
            parent.has_elements = true;
        }
        let open = Open {
            node: self.nodes.nodes.len(),
            scope: self.scope.len(),
            default_namespace: self.default_namespace,
            has_elements: false,
        };
        let mut tag = std::mem::take(&mut self.tag);
        let node = tag.read(self, from + 1, to);
        self.tag = tag;
        self.nodes.nodes.push(node?);
        self.open.push(open);
        if is_empty {
            self.close(to + 2);
        }
        Ok(())
    }

    fn end_tag(&mut self, from: usize, to: usize) -> Result<(), Malformed> {
        let Some(open) = self.open.last() else {
            return Err(Malformed::new("an end tag without an element that is open", from));
        };
        let has_elements = open.has_elements;
        let name = self.nodes.nodes.get(open.node).map(|node| self.nodes.text(self.text, node.name.whole()));
        let written = self.piece(from + 2, to);
        let rest = name.and_then(|name| written.strip_prefix(name));
        if !rest.is_some_and(|rest| rest.bytes().all(is_white)) {
            return Err(Malformed::new("an end tag of another element than the one that is open", from));
        }
        self.keep_content(!has_elements);
        self.close(to + 1);
        Ok(())
    }

    /// Ends the element that was opened last.
    fn close(&mut self, to: usize) {
        let Some(open) = self.open.pop() else { return };
        let next = place(self.nodes.nodes.len());
        if let Some(node) = self.nodes.nodes.get_mut(open.node) {
            node.next = next;
            node.to = place(to);
        }
        self.scope.truncate(open.scope);
        self.default_namespace = open.default_namespace;
    }

    /// Adds to the text since the last tag.
    fn content(
        &mut self,
        from: usize,
        add: impl FnOnce(&mut Content, &mut Nodes, &'t str) -> Result<(), Malformed>,
    ) -> Result<(), Malformed> {
        let is_outside = self.open.is_empty();
        add(&mut self.content, &mut self.nodes, self.text)?;
        if is_outside && !std::mem::take(&mut self.content).is_white() {
            return Err(Malformed::new("text outside of the root element", from));
        }
        Ok(())
    }

    /// Makes a node of the text since the last tag.
    fn keep_content(&mut self, even_if_white: bool) {
        let content = std::mem::take(&mut self.content);
        let Some(span) = content.span() else { return };
        if !content.is_white() || even_if_white {
            let next = place(self.nodes.nodes.len() + 1);
            self.nodes.nodes.push(Node {
                name: Name { from: span.from, prefix: 0, local: 0 },
                to: span.to,
                next,
                attributes: 0,
                scope: NONE,
                namespace: NONE,
                attribute_count: 0,
                is_text: true,
            });
        }
    }

    fn instruction(&mut self, from: usize, to: usize) -> Result<(), Malformed> {
        self.nodes.has_instructions = true;
        let instruction = self.piece(from, to);
        let (target, rest) = instruction.split_at_checked(name_length(instruction)).unwrap_or_default();
        if target.is_empty() || !rest.bytes().next().is_none_or(is_white) {
            return Err(Malformed::new("a processing instruction without a name", from));
        }
        if target.eq_ignore_ascii_case("xml") {
            return Err(Malformed::new("a processing instruction with the name of the XML declaration", from));
        }
        Ok(())
    }

    fn declaration(&self, from: usize, to: usize) -> Result<(), Malformed> {
        if from > 0 {
            return Err(Malformed::new("an XML declaration after the beginning", from));
        }
        if !declaration::is_well_formed(self.piece("<?xml".len(), to)) {
            return Err(Malformed::new("an XML declaration of the wrong form", from));
        }
        Ok(())
    }

    fn end(self) -> Result<Nodes, Malformed> {
        if self.nodes.nodes.is_empty() {
            return Err(Malformed::new("no element", self.text.len()));
        }
        if !self.open.is_empty() {
            return Err(Malformed::new("an element without its end tag", self.text.len()));
        }
        Ok(self.nodes)
    }
}
