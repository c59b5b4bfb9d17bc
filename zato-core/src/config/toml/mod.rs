//! TOML 1.1 to [`Node`]s, with the place of every value.
//!
//! Numbers and booleans are [plain](Style::Plain), strings [quoted](Style::Quoted), dates and times are quoted in the form
//! of RFC 3339. A text has at most 1 MiB, and tables and arrays are nested at most [`MAX_DEPTH`] levels deep.

mod depth;
mod places;

use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeInteger, DeTable, DeValue};

use self::places::Places;
use crate::config::node::names_a_secret;
use crate::config::yaml::MAX_DEPTH;
use crate::config::{ConfigFault, Key, Node, NodeKind, Origin, Style, encoding};

/// The largest text that is read, in bytes: one of commas alone takes up some hundred times as much memory.
pub const MAX_BYTES: usize = 1024 * 1024;

/// Reads a text; `file` is the name to put in every origin. An empty text is an empty map.
///
/// # Errors
///
/// The first fault of the text, with its place.
///
/// # Examples
///
/// ```
/// use zato_core::config::{ConfigFault, toml};
///
/// let node = toml::parse("tutorial.toml", "[notify_fraud]\nRGV = true")?;
/// assert_eq!(node.at_path("notify_fraud.RGV").map(|node| node.origin.to_string()).as_deref(), Some("tutorial.toml:2:7"));
/// # Ok::<(), ConfigFault>(())
/// ```
pub fn parse(file: &str, text: &str) -> Result<Node, ConfigFault> {
    let text = encoding::unmarked(file, text)?;
    let start = Origin::start_of(file);
    if text.len() > MAX_BYTES {
        let message = format!("the file is larger than {} MiB; split it", MAX_BYTES >> 20);
        return Err(ConfigFault::at(&start, message));
    }
    let reader = Reader { places: Places::of(text), file: Arc::clone(&start.file) };
    if let Some(offset) = depth::too_deep(text) {
        return Err(too_deep(&reader.origin(offset)));
    }
    match DeTable::parse(text) {
        Ok(table) => Ok(Node::new(start, NodeKind::Map(reader.entries(table.into_inner(), 1)?))),
        Err(error) => {
            let origin = reader.origin(error.span().unwrap_or_default().start);
            Err(ConfigFault::at(&origin, format!("this is not valid TOML: {}", on_one_line(error.message()))))
        }
    }
}

/// Reads a text from bytes, which must be UTF-8; a byte order mark is accepted.
///
/// # Errors
///
/// The first fault of the text, with its place; for bytes that are not UTF-8, the place of the first of them.
pub fn parse_bytes(file: &str, bytes: &[u8]) -> Result<Node, ConfigFault> {
    encoding::decoded(file, bytes).and_then(|text| parse(file, text))
}

fn too_deep(origin: &Origin) -> ConfigFault {
    ConfigFault::at(origin, format!("tables and arrays are nested deeper than {MAX_DEPTH} levels here"))
}

fn on_one_line(message: &str) -> String {
    message.trim_end().replace('\n', "; ")
}

struct Reader<'a> {
    places: Places<'a>,
    file: Arc<str>,
}

impl Reader<'_> {
    fn origin(&self, offset: usize) -> Origin {
        let (line, column) = self.places.at(offset);
        Origin { file: Arc::clone(&self.file), line, column }
    }

    /// Reads the entries of a table in the order in which they are written.
    fn entries(&self, table: DeTable<'_>, depth: usize) -> Result<Vec<(Key, Node)>, ConfigFault> {
        let mut entries: Vec<_> = table.into_iter().collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        let mut read = Vec::with_capacity(entries.len());
        for (key, value) in entries {
            let key = Key { origin: self.origin(key.span().start), name: key.into_inner().into_owned() };
            let mut value = self.value(value, Some(&key.origin), depth)?;
            if names_a_secret(&key.name) {
                value.hide();
            }
            read.push((key, value));
        }
        Ok(read)
    }

    /// Reads a value. A table may be written in many places: it is where its key is.
    fn value(&self, value: Spanned<DeValue<'_>>, key: Option<&Origin>, depth: usize) -> Result<Node, ConfigFault> {
        let own = self.origin(value.span().start);
        let origin = key.filter(|_| value.get_ref().is_table()).cloned().unwrap_or(own);
        if depth > MAX_DEPTH {
            return Err(too_deep(&origin));
        }
        let kind = match value.into_inner() {
            DeValue::String(text) => scalar(text, Style::Quoted),
            DeValue::Integer(number) => scalar(integer(&number), Style::Plain),
            DeValue::Float(number) => scalar(float(number.as_str()), Style::Plain),
            DeValue::Boolean(value) => scalar(value.to_string(), Style::Plain),
            DeValue::Datetime(value) => scalar(value.to_string(), Style::Quoted),
            DeValue::Array(items) => {
                let items = items.into_iter().map(|item| self.value(item, None, depth + 1));
                NodeKind::List(items.collect::<Result<_, _>>()?)
            }
            DeValue::Table(table) => NodeKind::Map(self.entries(table, depth + 1)?),
        };
        Ok(Node::new(origin, kind))
    }
}

fn scalar(text: impl Into<String>, style: Style) -> NodeKind {
    NodeKind::Scalar { text: text.into(), style }
}

/// Writes an integer as other formats do: `0b11`, `1_000` and `+1` are TOML's alone.
fn integer(number: &DeInteger<'_>) -> String {
    let value = i128::from_str_radix(number.as_str(), number.radix());
    value.map_or_else(|_| number.to_string(), |value| value.to_string())
}

/// Writes a float as other formats do.
fn float(text: &str) -> String {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    match digits {
        "inf" => format!("{sign}.inf"),
        "nan" => ".nan".to_owned(),
        digits => format!("{sign}{digits}"),
    }
}

#[cfg(test)]
mod tests;
