//! What a document is made of, in the order of the document, each a few numbers.
//!
//! Nothing here holds text of its own: it says from where to where it goes, in the document, or, where that is written in
//! another way there (`&amp;`, a carriage return, text around a comment), in one text beside it, which is counted on.

/// Stands for nothing, where a number would say which.
pub(super) const NONE: u32 = u32::MAX;

/// The declaration of the prefix `xml`, which every document has without saying so.
pub(super) const XML: u32 = u32::MAX - 1;

/// A piece of text, from where to where.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub(super) from: u32,
    pub(super) to: u32,
}

/// A name as it is written: a prefix and a colon, perhaps, and the local name.
#[derive(Clone, Copy, Debug)]
pub(super) struct Name {
    pub(super) from: u32,
    /// How long the prefix is; 0 if there is none.
    pub(super) prefix: u16,
    /// How long the local name is.
    pub(super) local: u16,
}

impl Name {
    pub(super) fn prefix(self) -> Span {
        Span { from: self.from, to: self.from + u32::from(self.prefix) }
    }

    pub(super) fn local(self) -> Span {
        let from = self.from + u32::from(self.prefix) + u32::from(self.prefix > 0);
        Span { from, to: from + u32::from(self.local) }
    }

    pub(super) fn whole(self) -> Span {
        Span { from: self.from, to: self.local().to }
    }
}

/// An element, or text in one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Node {
    /// The element's name; for text it only says where it begins.
    pub(super) name: Name,
    /// Where in the document the element ends, or the text.
    pub(super) to: u32,
    /// The node after this one and all that is in it.
    pub(super) next: u32,
    /// The first of its attributes.
    pub(super) attributes: u32,
    /// The innermost declaration of a namespace that holds for it.
    pub(super) scope: u32,
    /// The declaration of the namespace that it is in.
    pub(super) namespace: u32,
    /// How many attributes it has.
    pub(super) attribute_count: u16,
    pub(super) is_text: bool,
}

impl Node {
    /// Returns where the text is that it is.
    pub(super) fn text(&self) -> Span {
        Span { from: self.name.from, to: self.to }
    }
}

/// An attribute that declares no namespace.
#[derive(Clone, Copy, Debug)]
pub(super) struct AttributeNode {
    pub(super) name: Name,
    pub(super) value: Span,
    /// The declaration of the namespace that it is in.
    pub(super) namespace: u32,
}

/// The declaration of a namespace: `xmlns:prefix="name"`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Declaration {
    pub(super) prefix: Span,
    pub(super) namespace: Span,
    /// The one that held before it and still does.
    pub(super) outer: u32,
}

/// All of a document.
#[derive(Debug, Default)]
pub(super) struct Nodes {
    pub(super) nodes: Vec<Node>,
    pub(super) attributes: Vec<AttributeNode>,
    pub(super) declarations: Vec<Declaration>,
    /// What is not in the document as it is meant.
    pub(super) beside: String,
    /// Whether there is a processing instruction anywhere.
    pub(super) has_instructions: bool,
}

impl Nodes {
    /// Returns a piece of the document's text, or of what lies beside it.
    pub(super) fn text<'d>(&'d self, document: &'d str, span: Span) -> &'d str {
        let (from, to) = (span.from as usize, span.to as usize);
        let found = match from.checked_sub(document.len()) {
            Some(from) if span.to > span.from => self.beside.get(from..to - document.len()),
            _ => document.get(from..to),
        };
        found.unwrap_or_default()
    }
}
