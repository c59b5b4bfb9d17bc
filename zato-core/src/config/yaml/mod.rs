//! Text to [`Node`]s: one YAML document with the place of every value.
//!
//! Scalars keep their source text and whether they were quoted, because only the reader of a value knows whether
//! `0123` is a number or a password. That is why this stands on the parser's events and not on a `Deserialize` type,
//! which would have resolved the scalar already.
//!
//! Refused: keys that are there twice, several documents in one file, tags that YAML does not define, and what would
//! cost too much memory: see [`MAX_BYTES`], [`MAX_DEPTH`] and [`MAX_EXPANDED_BYTES`].

mod budget;
mod builder;
mod merge;

use granit_parser::{Event, Marker, Parser, ScanError, options};

pub(in crate::config) use self::budget::too_large;
pub use self::budget::{MAX_BYTES, MAX_DEPTH, MAX_EXPANDED_BYTES};
use self::builder::Builder;
use crate::config::encoding::{self, narrow};
use crate::config::{ConfigFault, Node, NodeKind, Origin};

/// Reads a document; `file` is the name to put in every origin. An empty text is an empty map.
///
/// # Errors
///
/// The first fault of the text, with its place.
///
/// # Examples
///
/// ```
/// use zato_core::config::yaml;
///
/// let fault = yaml::parse("zato.yaml", "port: 80\nhost: a\nport: 81").unwrap_err();
/// assert_eq!(fault.to_string(), "zato.yaml:3:1: key \"port\" is already set at zato.yaml:1:1");
/// ```
pub fn parse(file: &str, text: &str) -> Result<Node, ConfigFault> {
    let start = Origin::start_of(file);
    // The parser would take a byte order mark for a character of the first line, and move its columns.
    let text = encoding::unmarked(file, text)?;
    let options = options! {
        emit_comments: false,
        emit_unresolved_aliases: true,
        flow_nesting_limit: MAX_DEPTH,
        block_nesting_limit: MAX_DEPTH,
    };
    let mut builder = Builder::new(&start);
    let mut documents = 0_usize;
    for next in Parser::new_from_str_with_options(text, options) {
        let (event, span) = next.map_err(|error| invalid(&start, text, &error))?;
        if matches!(event, Event::DocumentStart(..)) {
            documents += 1;
            if documents > 1 {
                let message = "a second document starts here; keep one document per file";
                return Err(ConfigFault::at(&origin(&start, &span.start), message));
            }
        }
        let tag = span.tag_start().as_ref().map(|tag| origin(&start, tag));
        builder.take(event, origin(&start, &span.start), tag.as_ref())?;
    }
    let root = builder.finish();
    Ok(root.filter(|root| !root.is_null()).unwrap_or_else(|| Node::new(start, NodeKind::Map(Vec::new()))))
}

/// Reads a document from bytes, which must be UTF-8; a byte order mark is accepted.
///
/// # Errors
///
/// The first fault of the text, with its place; for bytes that are not UTF-8, the place of the first of them.
pub fn parse_bytes(file: &str, bytes: &[u8]) -> Result<Node, ConfigFault> {
    encoding::decoded(file, bytes).and_then(|text| parse(file, text))
}

fn origin(start: &Origin, marker: &Marker) -> Origin {
    Origin { file: start.file.clone(), line: narrow(marker.line().max(1)), column: narrow(marker.col() + 1) }
}

fn invalid(start: &Origin, text: &str, error: &ScanError) -> ConfigFault {
    let marker = error.marker();
    let line = text.lines().nth(marker.line().saturating_sub(1)).unwrap_or_default();
    let mut message = format!("this is not valid YAML: {}", error.info());
    if line.contains("${") && line.contains(['[', '{']) {
        // `{a: ${B}}` reads well and is not YAML: the second brace opens a map.
        message.push_str("; inside of [] and {}, write \"${NAME}\" with quotes");
    }
    ConfigFault::at(&origin(start, marker), message)
}

#[cfg(test)]
mod tests;
