//! Elements of XML as they are written into a document of ours.

use std::fmt::{self, Write};

/// An element with what is in it, for a document that is written once per configuration.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Markup {
    name: &'static str,
    attributes: Vec<(String, String)>,
    content: Content,
}

#[derive(Clone, Debug, PartialEq)]
enum Content {
    Elements(Vec<Markup>),
    Text(String),
}

impl Markup {
    /// Makes an empty element; the name has its prefix.
    pub(crate) fn new(name: &'static str) -> Self {
        Self { name, attributes: Vec::new(), content: Content::Elements(Vec::new()) }
    }

    /// Adds an attribute.
    pub(crate) fn with(mut self, name: impl Into<String>, value: impl fmt::Display) -> Self {
        self.attributes.push((name.into(), value.to_string()));
        self
    }

    /// Adds an attribute, if there is something to say.
    pub(crate) fn with_some(self, name: &'static str, value: Option<impl fmt::Display>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// Adds elements.
    pub(crate) fn of(mut self, elements: impl IntoIterator<Item = Self>) -> Self {
        if let Content::Elements(all) = &mut self.content {
            all.extend(elements);
        }
        self
    }

    /// Puts elements in front of those that are there.
    pub(crate) fn beginning_with(mut self, elements: impl IntoIterator<Item = Self>) -> Self {
        if let Content::Elements(all) = &mut self.content {
            all.splice(0..0, elements);
        }
        self
    }

    /// Sets the text.
    pub(crate) fn text(mut self, text: impl Into<String>) -> Self {
        self.content = Content::Text(text.into());
        self
    }

    /// Returns its name with the prefix.
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// Returns the value of an attribute.
    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, depth: usize) -> fmt::Result {
        write!(f, "{:indent$}<{}", "", self.name, indent = depth * 2)?;
        for (name, value) in &self.attributes {
            write!(f, " {name}=\"{}\"", Escaped(value))?;
        }
        match &self.content {
            Content::Elements(elements) if elements.is_empty() => f.write_str("/>\n"),
            Content::Elements(elements) => {
                f.write_str(">\n")?;
                elements.iter().try_for_each(|element| element.write(f, depth + 1))?;
                writeln!(f, "{:indent$}</{}>", "", self.name, indent = depth * 2)
            }
            Content::Text(text) => writeln!(f, ">{}</{}>", Escaped(text), self.name),
        }
    }
}

/// Writes the element on lines of its own.
impl fmt::Display for Markup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, 0)
    }
}

/// Text as it may stand between tags and in an attribute's quotes; what XML can't carry (XML 1.0 §2.2) is left out.
pub(crate) struct Escaped<'a>(pub(crate) &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            match character {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\u{0}'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => {}
                other => f.write_char(other)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_indented_and_escaped() {
        let element = Markup::new("a").with("b", "\"<&>").of([Markup::new("c").text("1 < 2\u{0}"), Markup::new("d")]);
        assert_eq!(element.to_string(), "<a b=\"&quot;&lt;&amp;&gt;\">\n  <c>1 &lt; 2</c>\n  <d/>\n</a>\n");
    }
}
