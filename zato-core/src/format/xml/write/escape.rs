//! Text as XML has it.

use super::super::characters::is_character;

/// Adds text that stands between tags.
///
/// A carriage return goes as a reference, since it would be read as a line feed (XML 1.0 §2.11).
pub(in super::super) fn text(out: &mut String, text: &str) {
    escaped(out, text, |byte| match byte {
        b'<' => Some("&lt;"),
        b'>' => Some("&gt;"),
        b'&' => Some("&amp;"),
        b'\r' => Some("&#13;"),
        _ => None,
    });
}

/// Adds the value of an attribute in double quotes; white space goes as references, since it would be read as spaces
/// (XML 1.0 §3.3.3).
pub(in super::super) fn attribute(out: &mut String, value: &str) {
    escaped(out, value, |byte| match byte {
        b'<' => Some("&lt;"),
        b'>' => Some("&gt;"),
        b'&' => Some("&amp;"),
        b'"' => Some("&quot;"),
        b'\t' => Some("&#9;"),
        b'\n' => Some("&#10;"),
        b'\r' => Some("&#13;"),
        _ => None,
    });
}

/// Whether XML can carry a text.
pub(super) fn is_carried(text: &str) -> bool {
    text.chars().all(is_character)
}

fn escaped(out: &mut String, text: &str, reference: impl Fn(u8) -> Option<&'static str>) {
    let mut rest = text;
    while let Some((at, reference)) = rest.bytes().enumerate().find_map(|(at, byte)| Some((at, reference(byte)?))) {
        let (plain, after) = rest.split_at_checked(at).unwrap_or_default();
        out.push_str(plain);
        out.push_str(reference);
        rest = after.get(1..).unwrap_or_default();
    }
    out.push_str(rest);
}
