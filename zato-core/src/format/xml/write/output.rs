//! Tags and text, one after the other.

use super::{
    super::{characters::is_name, element::XSI_NAMESPACE, tag::XML_NAMESPACE},
    Unwritable, escape,
};

/// Writes tags and text, and knows what is open.
pub(super) struct Output<'w> {
    out: &'w mut String,
    /// Whether elements stand on lines of their own.
    is_pretty: bool,
    depth: usize,
    /// The default namespace that holds.
    namespace: Option<&'w str>,
    /// The start tag that was begun last has no `>` yet.
    tag_is_open: bool,
    /// What was written last is an end tag.
    is_after_element: bool,
}

/// An element whose end tag is to come.
pub(super) struct Begun<'w> {
    /// Where its attributes end.
    attributes_end: usize,
    /// How many prefixes were made up for its attributes.
    prefixes: usize,
    /// The default namespace around it.
    outer: Option<&'w str>,
}

impl<'w> Output<'w> {
    pub(super) fn new(out: &'w mut String, is_pretty: bool) -> Self {
        Self { out, is_pretty, depth: 0, namespace: None, tag_is_open: false, is_after_element: false }
    }

    /// Begins an element.
    pub(super) fn begin(&mut self, name: &str, namespace: Option<&'w str>) -> Result<Begun<'w>, Unwritable> {
        if !is_name(name) {
            return Err(Unwritable::new("the name can't be that of an XML element"));
        }
        self.end_start_tag();
        if self.is_pretty && self.depth > 0 {
            self.new_line();
        }
        self.out.push('<');
        self.out.push_str(name);
        let outer = self.namespace;
        if namespace != outer {
            self.out.push_str(" xmlns=\"");
            escape::attribute(self.out, namespace.unwrap_or_default());
            self.out.push('"');
            self.namespace = namespace;
        }
        self.tag_is_open = true;
        self.is_after_element = false;
        self.depth += 1;
        Ok(Begun { attributes_end: self.out.len(), prefixes: 0, outer })
    }

    /// Adds an attribute to an element, whatever has been written of that.
    pub(super) fn attribute(
        &mut self,
        begun: &mut Begun<'w>,
        name: &str,
        namespace: Option<&str>,
        value: &str,
    ) -> Result<(), Unwritable> {
        if !is_name(name) {
            return Err(Unwritable::new("the name can't be that of an XML attribute"));
        }
        carried(value)?;
        let mut attribute = String::with_capacity(name.len() + value.len() + 4);
        match namespace {
            None => attribute.push(' '),
            Some(XML_NAMESPACE) => attribute.push_str(" xml:"),
            Some(XSI_NAMESPACE) => attribute.push_str(&format!(" xmlns:xsi=\"{XSI_NAMESPACE}\" xsi:")),
            Some(namespace) => {
                begun.prefixes += 1;
                attribute.push_str(&format!(" xmlns:a{}=\"", begun.prefixes));
                escape::attribute(&mut attribute, namespace);
                attribute.push_str(&format!("\" a{}:", begun.prefixes));
            }
        }
        attribute.push_str(name);
        attribute.push_str("=\"");
        escape::attribute(&mut attribute, value);
        attribute.push('"');
        // Attributes mostly come first. Where one doesn't, what has been written is moved, once for each.
        self.out.insert_str(begun.attributes_end, &attribute);
        begun.attributes_end += attribute.len();
        Ok(())
    }

    /// Says of an element that it has no value.
    pub(super) fn nil(&mut self, begun: &mut Begun<'w>) -> Result<(), Unwritable> {
        self.attribute(begun, "nil", Some(XSI_NAMESPACE), "true")
    }

    /// Adds text.
    pub(super) fn text(&mut self, text: &str) -> Result<(), Unwritable> {
        carried(text)?;
        self.end_start_tag();
        self.is_after_element = false;
        escape::text(self.out, text);
        Ok(())
    }

    /// Ends an element.
    pub(super) fn end(&mut self, name: &str, begun: &Begun<'w>) {
        self.depth -= 1;
        self.namespace = begun.outer;
        if self.tag_is_open {
            self.out.push_str("/>");
            self.tag_is_open = false;
        } else {
            if self.is_after_element && self.is_pretty {
                self.new_line();
            }
            self.out.push_str("</");
            self.out.push_str(name);
            self.out.push('>');
        }
        self.is_after_element = true;
    }

    fn end_start_tag(&mut self) {
        if self.tag_is_open {
            self.out.push('>');
            self.tag_is_open = false;
        }
    }

    fn new_line(&mut self) {
        self.out.push('\n');
        for _ in 0..self.depth {
            self.out.push_str("  ");
        }
    }
}

fn carried(text: &str) -> Result<(), Unwritable> {
    if escape::is_carried(text) {
        return Ok(());
    }
    Err(Unwritable::new("a character that XML can't carry, not even as a reference"))
}
