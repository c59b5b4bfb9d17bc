//! A start tag: its name, its attributes, and the namespaces that it declares.

use std::collections::HashSet;

use super::{
    characters::{is_white, name_length},
    content::referenced,
    malformed::Malformed,
    nodes::{AttributeNode, Declaration, NONE, Name, Node, Span, XML},
    parse::{MAX_NAME, Parser, Scoped, place},
};

/// How many attributes an element may have, declarations of namespaces among them: each is compared with each.
const MAX_ATTRIBUTES: usize = 512;

/// How many declarations of namespaces may hold at once: each prefix is looked for among them.
const MAX_DECLARATIONS: usize = 256;

/// The namespace of the prefix `xml`.
pub(super) const XML_NAMESPACE: &str = "http://www.w3.org/XML/1998/namespace";

/// The namespace of the prefix `xmlns`.
const XMLNS_NAMESPACE: &str = "http://www.w3.org/2000/xmlns/";

/// What is found in a start tag, kept from one to the next for its memory.
#[derive(Debug, Default)]
pub(super) struct Tag {
    found: Vec<(Name, Span)>,
}

impl Tag {
    /// Reads a start tag that begins with its name at one place and ends before another.
    pub(super) fn read(&mut self, parser: &mut Parser<'_>, from: usize, to: usize) -> Result<Node, Malformed> {
        let name = name(parser, from, to)?;
        let outside = parser.scope.len();
        self.found.clear();
        let after = name.whole().to as usize;
        if after < to {
            self.attributes(parser, after, to)?;
        }
        let attributes = parser.nodes.attributes.len();
        if !self.found.is_empty() {
            self.declare(parser, outside, from)?;
            self.resolve(parser, attributes)?;
        }
        let namespace = match name.prefix {
            0 => parser.default_namespace,
            _ => resolved(parser, name)?,
        };
        Ok(Node {
            name,
            to: NONE,
            next: NONE,
            attributes: place(attributes),
            scope: parser.scope.last().map_or(NONE, |scoped| scoped.declaration),
            namespace,
            attribute_count: u16::try_from(parser.nodes.attributes.len() - attributes).unwrap_or(u16::MAX),
            is_text: false,
        })
    }

    /// Finds the attributes, whatever they mean.
    fn attributes(&mut self, parser: &mut Parser<'_>, from: usize, to: usize) -> Result<(), Malformed> {
        let mut at = from;
        loop {
            let name_at = past_white(parser, at, to);
            if name_at == to {
                return Ok(());
            }
            if name_at == at {
                return Err(Malformed::new("no white space before an attribute", at));
            }
            if self.found.len() == MAX_ATTRIBUTES {
                return Err(Malformed::new(format!("more than {MAX_ATTRIBUTES} attributes"), name_at));
            }
            let name = name(parser, name_at, to)?;
            let equals = past_white(parser, name.whole().to as usize, to);
            let rest = parser.piece(equals, to).strip_prefix('=');
            let quoted = past_white(parser, equals + 1, to);
            let quote = match parser.piece(quoted, to).bytes().next() {
                Some(quote @ (b'"' | b'\'')) if rest.is_some() => quote,
                _ => return Err(Malformed::new("an attribute without a value in quotes", name_at)),
            };
            let inside = parser.piece(quoted + 1, to);
            let Some(length) = inside.bytes().position(|byte| byte == quote) else {
                return Err(Malformed::new("an attribute without a value in quotes", name_at));
            };
            let value = value(parser, quoted + 1, quoted + 1 + length)?;
            self.found.push((name, value));
            at = quoted + 1 + length + 1;
        }
    }

    /// Declares the namespaces, and leaves the other attributes.
    fn declare(&mut self, parser: &mut Parser<'_>, outside: usize, from: usize) -> Result<(), Malformed> {
        let mut result = Ok(());
        self.found.retain(|(name, value)| {
            let is_declaration = match name.prefix {
                0 => parser.nodes.text(parser.text, name.local()) == "xmlns",
                _ => parser.nodes.text(parser.text, name.prefix()) == "xmlns",
            };
            if is_declaration && result.is_ok() {
                result = declare(parser, outside, *name, *value);
            }
            !is_declaration
        });
        if parser.scope.len() > MAX_DECLARATIONS {
            return Err(Malformed::new(format!("more than {MAX_DECLARATIONS} namespaces declared"), from));
        }
        result
    }

    /// Puts the attributes into their namespaces.
    fn resolve(&self, parser: &mut Parser<'_>, first: usize) -> Result<(), Malformed> {
        for (name, value) in &self.found {
            let namespace = if name.prefix == 0 { NONE } else { resolved(parser, *name)? };
            parser.nodes.attributes.push(AttributeNode { name: *name, value: *value, namespace });
        }
        let nodes = &parser.nodes;
        let attributes = nodes.attributes.get(first..).unwrap_or_default();
        let expanded = |attribute: &AttributeNode| {
            let namespace = match attribute.namespace {
                NONE => "",
                XML => XML_NAMESPACE,
                declared => nodes
                    .declarations
                    .get(declared as usize)
                    .map_or("", |declaration| nodes.text(parser.text, declaration.namespace)),
            };
            (nodes.text(parser.text, attribute.name.local()), namespace)
        };
        let is_same = |one: &&AttributeNode, other: &AttributeNode| expanded(one) == expanded(other);
        let doubled = if attributes.len() <= 8 {
            let mut rest = attributes;
            let mut doubled = None;
            while let (None, Some((attribute, after))) = (doubled, rest.split_first()) {
                doubled = after.iter().find(|other| is_same(other, attribute));
                rest = after;
            }
            doubled
        } else {
            let mut seen = HashSet::with_capacity(attributes.len());
            attributes.iter().find(|attribute| !seen.insert(expanded(attribute)))
        };
        match doubled {
            Some(doubled) => Err(Malformed::new("an attribute given more than once", doubled.name.from as usize)),
            None => Ok(()),
        }
    }
}

fn past_white(parser: &Parser<'_>, from: usize, to: usize) -> usize {
    let rest = parser.piece(from, to);
    from.min(to) + rest.bytes().position(|byte| !is_white(byte)).unwrap_or(rest.len())
}

/// Reads a name with at most one colon in it.
fn name(parser: &Parser<'_>, from: usize, to: usize) -> Result<Name, Malformed> {
    let rest = parser.piece(from, to);
    let first = name_length(rest);
    let (prefix, local) = match rest.get(first..).and_then(|after| after.strip_prefix(':')) {
        Some(local) => (first, name_length(local)),
        None => (0, first),
    };
    let length = prefix + usize::from(prefix > 0) + local;
    let next = rest.as_bytes().get(length);
    // A colon without a prefix has length 0, and so has what begins with a digit.
    if local == 0 || first == 0 || !next.is_none_or(|byte| is_white(*byte) || *byte == b'=') {
        return Err(Malformed::new("a name that is none in XML", from));
    }
    match (u16::try_from(prefix), u16::try_from(local)) {
        (Ok(prefix), Ok(local)) if length <= MAX_NAME => Ok(Name { from: place(from), prefix, local }),
        _ => Err(Malformed::new(format!("a name of more than {MAX_NAME} bytes"), from)),
    }
}

/// Reads the value of an attribute: references are replaced, and white space becomes spaces (§3.3.3).
fn value(parser: &mut Parser<'_>, from: usize, to: usize) -> Result<Span, Malformed> {
    let written = parser.piece(from, to);
    let is_plain = |byte: u8| !matches!(byte, b'<' | b'&' | b'\t' | b'\n' | b'\r');
    let Some(plain) = written.bytes().position(|byte| !is_plain(byte)) else {
        return Ok(Span { from: place(from), to: place(to) });
    };
    let beside = &mut parser.nodes.beside;
    let beginning = place(parser.text.len() + beside.len());
    let (mut at, mut rest) = (from, written);
    let mut length = plain;
    loop {
        let (before, after) = rest.split_at_checked(length).unwrap_or((rest, ""));
        beside.push_str(before);
        at += before.len();
        let Some(first) = after.bytes().next() else { break };
        let taken = match first {
            b'<' => return Err(Malformed::new("`<` in the value of an attribute", at)),
            b'&' => {
                let (name, _) = after.get(1..).and_then(|name| name.split_once(';')).unwrap_or_default();
                beside.push(referenced(name).map_err(|what| Malformed::new(what, at))?);
                name.len() + 2
            }
            _ => {
                beside.push(' ');
                if after.starts_with("\r\n") { 2 } else { 1 }
            }
        };
        at += taken;
        rest = after.get(taken..).unwrap_or_default();
        length = rest.bytes().position(|byte| !is_plain(byte)).unwrap_or(rest.len());
    }
    Ok(Span { from: beginning, to: place(parser.text.len() + parser.nodes.beside.len()) })
}

/// Declares a namespace, as `xmlns="..."` or `xmlns:prefix="..."`.
fn declare(parser: &mut Parser<'_>, outside: usize, name: Name, namespace: Span) -> Result<(), Malformed> {
    let at = name.from as usize;
    let prefix = if name.prefix == 0 { Span { from: name.from, to: name.from } } else { name.local() };
    let (word, uri) = (parser.nodes.text(parser.text, prefix), parser.nodes.text(parser.text, namespace));
    if word == "xml" {
        return match uri {
            XML_NAMESPACE => Ok(()),
            _ => Err(Malformed::new("the prefix `xml` declared for another namespace", at)),
        };
    }
    if word == "xmlns" || uri == XML_NAMESPACE || uri == XMLNS_NAMESPACE {
        return Err(Malformed::new("a namespace of XML itself declared", at));
    }
    if uri.is_empty() && !word.is_empty() {
        return Err(Malformed::new("a prefix declared for no namespace", at));
    }
    let of_this_tag = parser.scope.get(outside..).unwrap_or_default();
    let key = parser.key_of(word);
    let is_doubled = of_this_tag.iter().any(|scoped| scoped.key == key && prefix_of(parser, scoped) == word);
    if is_doubled {
        return Err(Malformed::new("an attribute given more than once", at));
    }
    let outer = parser.scope.last().map_or(NONE, |scoped| scoped.declaration);
    let declaration = place(parser.nodes.declarations.len());
    if word.is_empty() {
        parser.default_namespace = if uri.is_empty() { NONE } else { declaration };
    }
    parser.nodes.declarations.push(Declaration { prefix, namespace, outer });
    parser.scope.push(Scoped { declaration, key });
    Ok(())
}

fn prefix_of<'p>(parser: &'p Parser<'_>, scoped: &Scoped) -> &'p str {
    let found = parser.nodes.declarations.get(scoped.declaration as usize);
    found.map_or("", |declaration| parser.nodes.text(parser.text, declaration.prefix))
}

/// Returns the declaration of the namespace that a name with a prefix is in.
fn resolved(parser: &Parser<'_>, name: Name) -> Result<u32, Malformed> {
    let prefix = parser.nodes.text(parser.text, name.prefix());
    if prefix == "xml" {
        return Ok(XML);
    }
    let key = parser.key_of(prefix);
    let found = parser.scope.iter().rev().find(|scoped| scoped.key == key && prefix_of(parser, scoped) == prefix);
    found
        .map(|scoped| scoped.declaration)
        .ok_or_else(|| Malformed::new("a prefix that is not declared", name.from as usize))
}
