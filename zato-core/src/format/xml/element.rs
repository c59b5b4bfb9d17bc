use std::{borrow::Cow, fmt};

use super::{
    Position,
    nodes::{AttributeNode, NONE, Node, Nodes, XML},
    tag::XML_NAMESPACE,
    write::escape,
};

/// The namespace of `xsi:nil` and `xsi:type`.
pub(super) const XSI_NAMESPACE: &str = "http://www.w3.org/2001/XMLSchema-instance";

/// An element of a [`Document`](super::Document): a place in it, free to copy.
///
/// ```
/// use zato_core::format::xml::Document;
///
/// let document = Document::parse(r#"<o:order xmlns:o="urn:orders" id="7"><line>A</line><line>B &amp; C</line></o:order>"#)?;
/// let order = document.root();
/// assert_eq!(order.attribute("id"), Some("7"));
/// let lines: Vec<_> = order.children().map(|line| line.text()).collect();
/// assert_eq!(lines, ["A", "B & C"]);
/// assert_eq!(order.child("line").unwrap().to_xml(), r#"<line xmlns:o="urn:orders">A</line>"#);
/// # Ok::<(), zato_core::Error>(())
/// ```
#[derive(Clone, Copy)]
pub struct Element<'d> {
    text: &'d str,
    nodes: &'d Nodes,
    node: &'d Node,
    /// The number of the first node in it.
    first: u32,
}

/// An attribute of an [`Element`]. What declares namespaces is none.
///
/// ```
/// use zato_core::format::xml::Document;
///
/// let document = Document::parse(r#"<a xmlns="urn:a" xml:lang="en" b="1&#10;2"/>"#)?;
/// let attributes: Vec<_> = document.root().attributes().collect();
/// assert_eq!((attributes[0].name, attributes[0].value), ("lang", "en"));
/// assert_eq!((attributes[1].name, attributes[1].namespace, attributes[1].value), ("b", None, "1\n2"));
/// # Ok::<(), zato_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Attribute<'d> {
    /// The local name.
    pub name: &'d str,
    /// The namespace, which only attributes with a prefix have.
    pub namespace: Option<&'d str>,
    /// The value, with references replaced and white space turned into spaces.
    pub value: &'d str,
    /// The name as it is written, with its prefix.
    pub(super) written: &'d str,
}

impl<'d> Element<'d> {
    /// Returns the first node as an element, which it is.
    pub(super) fn root(text: &'d str, nodes: &'d Nodes) -> Self {
        let node = nodes.nodes.first().expect("a document without an element was refused");
        Self { text, nodes, node, first: 1 }
    }

    /// Returns the local name.
    #[must_use]
    pub fn name(self) -> &'d str {
        self.nodes.text(self.text, self.node.name.local())
    }

    /// Returns the namespace.
    #[must_use]
    pub fn namespace(self) -> Option<&'d str> {
        self.declared(self.node.namespace)
    }

    /// Whether it has a local name, and a namespace if one is given.
    #[must_use]
    pub fn is(self, name: &str, namespace: Option<&str>) -> bool {
        self.name() == name && (namespace.is_none() || self.namespace() == namespace)
    }

    /// Returns the value of the attribute with a local name, which is in no namespace if there are several.
    #[must_use]
    pub fn attribute(self, name: &str) -> Option<&'d str> {
        let named = || self.attributes().filter(|attribute| attribute.name == name);
        named().find(|attribute| attribute.namespace.is_none()).or_else(|| named().next()).map(|found| found.value)
    }

    /// Returns the value of the attribute with a local name in a namespace.
    #[must_use]
    pub fn attribute_in(self, namespace: &str, name: &str) -> Option<&'d str> {
        let is_it = |attribute: &Attribute<'_>| attribute.name == name && attribute.namespace == Some(namespace);
        self.attributes().find(is_it).map(|found| found.value)
    }

    /// Returns the attributes in their order, but for those that declare namespaces.
    pub fn attributes(self) -> impl Iterator<Item = Attribute<'d>> {
        let first = self.node.attributes as usize;
        let own = self.nodes.attributes.get(first..first + usize::from(self.node.attribute_count));
        own.unwrap_or_default().iter().map(move |attribute| self.shown(attribute))
    }

    /// Returns the attribute of a number, counted from 0.
    pub(super) fn attribute_at(self, number: usize) -> Option<Attribute<'d>> {
        if number >= usize::from(self.node.attribute_count) {
            return None;
        }
        self.nodes.attributes.get(self.node.attributes as usize + number).map(|attribute| self.shown(attribute))
    }

    /// Whether it is the same element of the same document.
    pub(super) fn is_same_place(self, other: Element<'_>) -> bool {
        std::ptr::eq(self.node, other.node)
    }

    /// Counts the elements and texts in it, itself included.
    pub(super) fn size(self) -> usize {
        (self.node.next - self.first) as usize + 1
    }

    fn shown(self, attribute: &'d AttributeNode) -> Attribute<'d> {
        Attribute {
            name: self.nodes.text(self.text, attribute.name.local()),
            namespace: self.declared(attribute.namespace),
            value: self.nodes.text(self.text, attribute.value),
            written: self.nodes.text(self.text, attribute.name.whole()),
        }
    }

    /// Returns the elements in it, in their order.
    #[must_use]
    pub fn children(self) -> Children<'d> {
        Children { text: self.text, nodes: self.nodes, next: self.first, end: self.node.next }
    }

    /// Returns the first element in it with a local name.
    #[must_use]
    pub fn child(self, name: &str) -> Option<Self> {
        self.children().find(|child| child.name() == name)
    }

    /// Returns its own text, without that of the elements in it.
    ///
    /// References and CDATA sections are replaced by what they mean; white space between elements is left out.
    #[must_use]
    pub fn text(self) -> Cow<'d, str> {
        let mut texts = self.texts();
        let Some(first) = texts.next() else { return Cow::Borrowed("") };
        match texts.next() {
            None => Cow::Borrowed(first),
            Some(second) => Cow::Owned([first, second].into_iter().chain(texts).collect()),
        }
    }

    fn texts(self) -> impl Iterator<Item = &'d str> {
        let mut next = self.first;
        std::iter::from_fn(move || {
            while next < self.node.next {
                let node = self.nodes.nodes.get(next as usize)?;
                next = node.next;
                if node.is_text {
                    return Some(self.nodes.text(self.text, node.text()));
                }
            }
            None
        })
    }

    /// Whether it says of itself that it has no value: `xsi:nil="true"`.
    #[must_use]
    pub fn is_nil(self) -> bool {
        self.node.attribute_count > 0
            && self.attribute_in(XSI_NAMESPACE, "nil").is_some_and(|value| matches!(value.trim(), "true" | "1"))
    }

    /// Returns where it begins. It is searched for from the beginning of the document.
    #[must_use]
    pub fn position(self) -> Position {
        Position::of(self.text, (self.node.name.from as usize).saturating_sub(1))
    }

    /// Returns the namespace that a prefix stands for here, as it may be used in text, such as that of `xsi:type`; the empty
    /// prefix stands for the default namespace.
    #[must_use]
    pub fn resolve(self, prefix: &str) -> Option<&'d str> {
        if prefix == "xml" {
            return Some(XML_NAMESPACE);
        }
        let found = self.scope().find(|(declared, _)| *declared == prefix);
        found.map(|(_, namespace)| namespace).filter(|namespace| !namespace.is_empty())
    }

    /// Returns it as a document of its own, as it is written, with all namespaces declared that hold for it.
    #[must_use]
    pub fn to_xml(self) -> String {
        let name = self.node.name.whole();
        let mut xml = format!("<{}", self.nodes.text(self.text, name));
        let own = self.scope_outside().map(|(declared, _)| declared);
        let own_count = self.scope().count() - own.count();
        let mut declared: Vec<&str> = self.scope().take(own_count).map(|(prefix, _)| prefix).collect();
        for (prefix, namespace) in self.scope_outside() {
            let is_undeclared = namespace.is_empty();
            if !declared.contains(&prefix) && !is_undeclared {
                let colon = if prefix.is_empty() { "" } else { ":" };
                xml.push_str(&format!(" xmlns{colon}{prefix}=\""));
                escape::attribute(&mut xml, namespace);
                xml.push('"');
            }
            declared.push(prefix);
        }
        xml.push_str(self.text.get(name.to as usize..self.node.to as usize).unwrap_or_default());
        xml
    }

    /// Returns prefix and namespace of the declarations that hold, from the inside out.
    fn scope(self) -> impl Iterator<Item = (&'d str, &'d str)> {
        self.declarations(self.node.scope)
    }

    /// As `scope`, without its own.
    fn scope_outside(self) -> impl Iterator<Item = (&'d str, &'d str)> {
        let begins = self.node.name.from;
        let is_own = |number: u32| {
            self.nodes.declarations.get(number as usize).is_some_and(|declaration| declaration.prefix.from >= begins)
        };
        let mut number = self.node.scope;
        while is_own(number) {
            number = self.nodes.declarations.get(number as usize).map_or(NONE, |declaration| declaration.outer);
        }
        self.declarations(number)
    }

    fn declarations(self, from: u32) -> impl Iterator<Item = (&'d str, &'d str)> {
        let mut number = from;
        std::iter::from_fn(move || {
            let declaration = self.nodes.declarations.get(number as usize)?;
            number = declaration.outer;
            let text = |span| self.nodes.text(self.text, span);
            Some((text(declaration.prefix), text(declaration.namespace)))
        })
    }

    fn declared(self, declaration: u32) -> Option<&'d str> {
        match declaration {
            NONE => None,
            XML => Some(XML_NAMESPACE),
            declared => {
                let declaration = self.nodes.declarations.get(declared as usize)?;
                Some(self.nodes.text(self.text, declaration.namespace))
            }
        }
    }
}

impl fmt::Debug for Element<'_> {
    /// Names it and says nothing of what is in it, which may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.namespace() {
            Some(namespace) => write!(f, "Element({{{namespace}}}{})", self.name()),
            None => write!(f, "Element({})", self.name()),
        }
    }
}

/// The elements in an [`Element`], in their order.
///
/// ```
/// use zato_core::format::xml::Document;
///
/// let document = Document::parse("<a><b/>text<c><d/></c></a>")?;
/// let names: Vec<_> = document.root().children().map(|child| child.name()).collect();
/// assert_eq!(names, ["b", "c"]);
/// # Ok::<(), zato_core::Error>(())
/// ```
#[derive(Clone, Copy)]
pub struct Children<'d> {
    text: &'d str,
    nodes: &'d Nodes,
    next: u32,
    end: u32,
}

impl<'d> Iterator for Children<'d> {
    type Item = Element<'d>;

    fn next(&mut self) -> Option<Element<'d>> {
        while self.next < self.end {
            let node = self.nodes.nodes.get(self.next as usize)?;
            let first = self.next + 1;
            self.next = node.next;
            if !node.is_text {
                return Some(Element { text: self.text, nodes: self.nodes, node, first });
            }
        }
        None
    }
}

impl fmt::Debug for Children<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(*self).finish()
    }
}
