use std::fmt::Write as _;

/// The XML of an envelope while it is written: what is ours as it is, what comes from elsewhere escaped.
pub(super) struct Markup(String);

impl Markup {
    /// Begins a document.
    pub(super) fn new() -> Self {
        Self(String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>"))
    }

    /// Writes markup of ours.
    pub(super) fn raw(&mut self, markup: &str) -> &mut Self {
        self.0.push_str(markup);
        self
    }

    /// Writes a text, or the value of an attribute. What no XML document may have in it, escaped or not (XML 1.0 §2.2),
    /// becomes U+FFFD.
    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        for character in text.chars() {
            match character {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                // A reader makes a line break of the first, and a space of all of them in an attribute (§2.11, §3.3.3).
                '\r' | '\n' | '\t' => {
                    let _ = write!(self.0, "&#{};", u32::from(character));
                }
                '\0'..=' ' if character != ' ' => self.0.push('\u{fffd}'),
                '\u{fffe}' | '\u{ffff}' => self.0.push('\u{fffd}'),
                other => self.0.push(other),
            }
        }
        self
    }

    /// Gives the text to whoever writes elements.
    pub(super) fn as_mut(&mut self) -> &mut String {
        &mut self.0
    }

    pub(super) fn into_bytes(self) -> bytes::Bytes {
        self.0.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_is_written_ends_where_it_stands() {
        let mut markup = Markup::new();
        markup.raw("<a b=\"").text("\"><x/>").raw("\">").text("a & b\r\n\u{0}\u{ffff}]]>").raw("</a>");
        let (_, written) = markup.0.split_once("?>").unwrap();
        assert_eq!(written, "<a b=\"&quot;&gt;&lt;x/&gt;\">a &amp; b&#13;&#10;\u{fffd}\u{fffd}]]&gt;</a>");
    }
}
