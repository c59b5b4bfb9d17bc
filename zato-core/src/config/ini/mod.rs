//! INI in the dialect of ConfigObj, which Zato's own files of configuration are written in.
//!
//! ```text
//! # Keys may stand before any section.
//! name = bank
//!
//! [notify_fraud]
//! RGV = True               # so does a comment at the end of a line
//! watched = RGV, CRT,      # commas make a list; the last may be there or not
//! phrase = "Hello, world"  # quotes keep commas, hashes and blanks
//!     [[limits]]           # a section in the one before
//!     daily = 10
//! ```
//!
//! Three quotes, of either kind, begin a text that may have several lines. There are no escapes: a text with both kinds of
//! quotes stands between three. `,` alone is an empty list, and nothing after the equals sign an empty text. Keys and
//! names of sections may be quoted, too. Blanks before and after keys and values don't count, nor does indentation.
//! `%(name)s` is a text like any other: nothing is put in from other keys.
//!
//! Every value is a text, quoted or not: see [`Style::Untyped`]. Refused are a key or section that is there twice, a
//! section that is two levels below the one before, and what would cost too much memory: the limits are those of
//! [`yaml`](crate::config::yaml).

mod line;
mod sections;
mod value;

use self::line::{Line, Lines};
use self::sections::Sections;
use crate::config::{ConfigFault, Key, Node, Style, encoding};

/// Reads a text; `file` is the name to put in every origin. An empty text is an empty map.
///
/// # Errors
///
/// The first fault of the text, with its place.
///
/// # Examples
///
/// ```
/// use zato_core::config::{ConfigFault, ini};
///
/// let node = ini::parse("tutorial.conf", "[notify_fraud]\nRGV = True")?;
/// assert_eq!(node.at_path("notify_fraud.RGV").and_then(|node| node.as_str()), Some("True"));
/// let fault = ini::parse("tutorial.conf", "[notify_fraud]\nRGV: True").unwrap_err();
/// assert_eq!(fault.to_string(), "tutorial.conf:2:1: this line has no \"=\"; write key = value, or [name] for a section");
/// # Ok::<(), ConfigFault>(())
/// ```
pub fn parse(file: &str, text: &str) -> Result<Node, ConfigFault> {
    let text = encoding::unmarked(file, text)?;
    let mut lines = Lines::new(file, text);
    let mut sections = Sections::new(lines.start());
    while let Some(mut line) = lines.next() {
        line.skip_blanks();
        match line.peek() {
            None | Some('#') => {}
            Some('[') => {
                let (depth, name) = header(&mut line)?;
                sections.open(depth, name)?;
            }
            Some(_) => {
                let key = key(&mut line)?;
                let value = value::read(&mut line, &mut lines)?;
                sections.add(key, value)?;
            }
        }
    }
    Ok(sections.finish())
}

/// Reads a text from bytes, which must be UTF-8; a byte order mark is accepted.
///
/// # Errors
///
/// The first fault of the text, with its place; for bytes that are not UTF-8, the place of the first of them.
pub fn parse_bytes(file: &str, bytes: &[u8]) -> Result<Node, ConfigFault> {
    encoding::decoded(file, bytes).and_then(|text| parse(file, text))
}

/// Reads `[name]`, `[[name]]` and so on, and gives how many brackets there are.
fn header(line: &mut Line<'_>) -> Result<(usize, Key), ConfigFault> {
    let start = line.place();
    let opening = line.count('[');
    let origin = line.place();
    let name = match line.peek() {
        Some('"' | '\'') => line.quoted()?,
        _ => line.until(&[']']).trim_end(),
    };
    let closing = line.count(']');
    if opening != closing {
        let message = format!(
            "\"[\" stands {opening} times before this section's name and \"]\" {closing} times after it; write both as often"
        );
        return Err(ConfigFault::at(&start, message));
    }
    if name.is_empty() {
        return Err(ConfigFault::at(&origin, "this section has no name; write [name]"));
    }
    line.end("after the section's name; give it a line of its own")?;
    Ok((opening, Key { name: name.to_owned(), origin }))
}

/// Reads a key and the equals sign after it.
fn key(line: &mut Line<'_>) -> Result<Key, ConfigFault> {
    let origin = line.place();
    let name = match line.peek() {
        Some('"' | '\'') => line.quoted()?,
        _ => line.until(&['=']).trim_end(),
    };
    line.skip_blanks();
    // The line is not told: it may be what is left of a password.
    if !line.take('=') {
        return Err(ConfigFault::at(&origin, "this line has no \"=\"; write key = value, or [name] for a section"));
    }
    if name.is_empty() {
        return Err(ConfigFault::at(&origin, "a key is missing before \"=\"; write key = value"));
    }
    Ok(Key { name: name.to_owned(), origin })
}

/// How every scalar of this format is written.
const STYLE: Style = Style::Untyped;

#[cfg(test)]
mod tests;
