//! From bytes to text: which encoding they are in, and what of it is malformed.

use std::{borrow::Cow, str::from_utf8};

use encoding_rs::{DecoderResult, Encoding, ISO_2022_JP, REPLACEMENT, UTF_8, UTF_16BE, UTF_16LE, X_USER_DEFINED};

use super::{declaration, malformed::Malformed};
use crate::error::Fault;

/// Turns a document into text, without its byte order mark.
///
/// A byte order mark counts before everything, then the `charset` of the transport (RFC 7303 §3), then what the document
/// declares, then UTF-8. Names of encodings are read as the WHATWG's standard has them, which is what senders mean: what
/// says `ISO-8859-1` or `US-ASCII` is read as windows-1252, its superset.
///
/// # Errors
///
/// An encoding that is unknown or contradicts the bytes, and bytes that are none of it, with their place.
pub(super) fn text_of<'b>(bytes: &'b [u8], charset: Option<&str>) -> Result<Cow<'b, str>, Fault> {
    let (marked, content) = without_mark(bytes);
    let encoding = match (marked, charset) {
        // What the transport says outrules what the document says of itself, which whoever recoded it left as it was.
        (Some(marked), Some(_)) => marked,
        (Some(marked), None) => agreeing(marked, content)?,
        (None, Some(charset)) => named(charset, content)?,
        (None, None) => match in_two_bytes(content) {
            Some(wide) => agreeing(wide, content)?,
            None => declared(content)?,
        },
    };
    if encoding == UTF_8 {
        return from_utf8(content).map(Cow::Borrowed).map_err(|error| {
            let before = content.get(..error.valid_up_to()).and_then(|before| from_utf8(before).ok());
            not_in(encoding, before.unwrap_or_default())
        });
    }
    recoded(encoding, content).map(Cow::Owned)
}

fn without_mark(bytes: &[u8]) -> (Option<&'static Encoding>, &[u8]) {
    match bytes {
        [0xef, 0xbb, 0xbf, rest @ ..] => (Some(UTF_8), rest),
        [0xfe, 0xff, rest @ ..] => (Some(UTF_16BE), rest),
        [0xff, 0xfe, rest @ ..] => (Some(UTF_16LE), rest),
        _ => (None, bytes),
    }
}

/// Finds UTF-16 without a mark by its first character, which is `<` in any document (XML 1.0 appendix F.1).
fn in_two_bytes(content: &[u8]) -> Option<&'static Encoding> {
    match content {
        [0, b'<', ..] => Some(UTF_16BE),
        [b'<', 0, ..] => Some(UTF_16LE),
        _ => None,
    }
}

/// Returns an encoding that the bytes are seen to be in, unless the document declares another.
fn agreeing(seen: &'static Encoding, content: &[u8]) -> Result<&'static Encoding, Fault> {
    let beginning = content.get(..content.len().min(declaration::MAX_LENGTH * 2)).unwrap_or_default();
    // Cut off in the middle of a character, perhaps: that is found later.
    let (beginning, _) = seen.decode_without_bom_handling(beginning);
    let Some(label) = declaration::encoding(&beginning) else { return Ok(seen) };
    let is_same = match known(label) {
        Some(declared) if declared == UTF_16LE => seen != UTF_8,
        Some(declared) => declared == seen,
        None => return Err(unknown(label)),
    };
    if is_same { Ok(seen) } else { Err(contradictory(label, seen)) }
}

/// Returns the encoding that the transport names.
fn named(charset: &str, content: &[u8]) -> Result<&'static Encoding, Fault> {
    let encoding = known(charset).ok_or_else(|| unknown(charset))?;
    // "utf-16" alone says nothing of the order of bytes.
    let is_open = encoding == UTF_16LE && charset.trim().eq_ignore_ascii_case("utf-16");
    Ok(if is_open { in_two_bytes(content).unwrap_or(UTF_16BE) } else { encoding })
}

/// Returns the encoding that a document declares which is readable as ASCII up to there.
fn declared(content: &[u8]) -> Result<&'static Encoding, Fault> {
    let beginning = content.get(..content.len().min(declaration::MAX_LENGTH)).unwrap_or_default();
    let ascii = beginning.iter().position(|byte| !byte.is_ascii()).unwrap_or(beginning.len());
    let beginning = beginning.get(..ascii).and_then(|ascii| from_utf8(ascii).ok()).unwrap_or_default();
    let Some(label) = declaration::encoding(beginning) else { return Ok(UTF_8) };
    match known(label) {
        Some(wide) if wide == UTF_16LE || wide == UTF_16BE => Err(contradictory(label, UTF_8)),
        Some(encoding) => Ok(encoding),
        None => Err(unknown(label)),
    }
}

/// Looks an encoding up, but for those whose bytes don't mean the same wherever they stand, or mean nothing.
fn known(label: &str) -> Option<&'static Encoding> {
    let encoding = Encoding::for_label(label.as_bytes())?;
    (encoding != REPLACEMENT && encoding != X_USER_DEFINED && encoding != ISO_2022_JP).then_some(encoding)
}

/// Recodes bytes in any other encoding.
fn recoded(encoding: &'static Encoding, bytes: &[u8]) -> Result<String, Fault> {
    let mut decoder = encoding.new_decoder_without_bom_handling();
    let mut text = String::with_capacity(bytes.len());
    let mut rest = bytes;
    loop {
        let (result, read) = decoder.decode_to_string_without_replacement(rest, &mut text, true);
        match result {
            DecoderResult::InputEmpty => return Ok(text),
            DecoderResult::OutputFull => {
                rest = rest.get(read..).unwrap_or_default();
                // What is left takes at most three bytes for each, and one character more than that.
                text.reserve(rest.len() + rest.len() / 8 + 16);
            }
            DecoderResult::Malformed(..) => return Err(not_in(encoding, &text)),
        }
    }
}

fn not_in(encoding: &'static Encoding, before: &str) -> Fault {
    Malformed::new(format!("bytes that are not {}", encoding.name()), before.len()).into_fault(before)
}

fn unknown(label: &str) -> Fault {
    let label = shown(label);
    Fault::new("", format!("malformed XML: unknown encoding \"{label}\"; send UTF-8"))
}

fn contradictory(label: &str, seen: &'static Encoding) -> Fault {
    let (label, seen) = (shown(label), seen.name());
    Fault::new("", format!("malformed XML: the declaration says {label:?}, but the bytes are {seen}"))
}

/// Returns as much of a name as an encoding's has.
fn shown(label: &str) -> String {
    label.chars().filter(|character| character.is_ascii_graphic() && *character != '"').take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8], charset: Option<&str>) -> Result<String, String> {
        text_of(bytes, charset).map(Cow::into_owned).map_err(|fault| fault.to_string())
    }

    fn wide(text: &str, unit: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(unit).collect()
    }

    #[test]
    fn every_encoding_that_the_issue_names_is_read() {
        let declared = |name: &str, letter: &[u8]| {
            let head = format!("<?xml version=\"1.0\" encoding='{name}'?><a>").into_bytes();
            let text = read(&[&head, letter, b"</a>"].concat(), None)?;
            Ok::<_, String>(text.split_once("<a>").unwrap().1.replace("</a>", ""))
        };
        for (name, bytes, text) in [
            ("UTF-8", "ż€".as_bytes(), "ż€"),
            ("utf-8", "ż".as_bytes(), "ż"),
            ("ISO-8859-1", b"\xe9", "é"),
            ("ISO-8859-2", b"\xbf", "ż"),
            ("windows-1250", b"\xbf", "ż"),
            ("windows-1251", b"\xe9", "й"),
            ("windows-1252", b"\x80", "€"),
            ("windows-1253", b"\xe1", "α"),
            ("windows-1254", b"\xfe", "ş"),
            ("windows-1255", b"\xe0", "א"),
            ("windows-1256", b"\xc7", "ا"),
            ("windows-1257", b"\xe0", "ą"),
            ("windows-1258", b"\xd0", "Đ"),
            ("CP1250", b"\xbf", "ż"),
        ] {
            assert_eq!(declared(name, bytes), Ok(text.to_owned()), "{name}");
        }
        let said = |fault: &str| Err(format!("malformed XML: {fault}"));
        assert_eq!(declared("x-klingon", b"a"), said("unknown encoding \"x-klingon\"; send UTF-8"));
        assert_eq!(declared("UTF-16", b"a"), said("the declaration says \"UTF-16\", but the bytes are UTF-8"));
        assert_eq!(declared("UTF-8", b"\xe9"), said("bytes that are not UTF-8 at line 1 column 42"));
        assert_eq!(declared("windows-1253", b"a\xd2"), said("bytes that are not windows-1253 at line 1 column 50"));
    }

    #[test]
    fn utf_16_is_known_by_its_mark_or_its_first_character() {
        let text = "<?xml version='1.0' encoding='UTF-16'?><a>ż𝄞</a>";
        for unit in [u16::to_be_bytes, u16::to_le_bytes] {
            assert_eq!(read(&wide(text, unit), None), Ok(text.to_owned()));
            assert_eq!(read(&wide(&format!("\u{feff}{text}"), unit), None), Ok(text.to_owned()));
            assert_eq!(read(&wide(&format!("\u{feff}{text}"), unit), Some("utf-8")), Ok(text.to_owned()));
            assert_eq!(read(&wide("<a/>", unit), Some("UTF-16")), Ok("<a/>".to_owned()));
        }
        let odd = wide("\u{feff}<a/>", u16::to_le_bytes);
        assert_eq!(
            read(&odd[..odd.len() - 1], None),
            Err("malformed XML: bytes that are not UTF-16LE at line 1 column 4".to_owned())
        );
        let lie = wide("\u{feff}<?xml version='1.0' encoding='utf-8'?><a/>", u16::to_le_bytes);
        assert_eq!(
            read(&lie, None),
            Err("malformed XML: the declaration says \"utf-8\", but the bytes are UTF-16LE".to_owned())
        );
    }

    #[test]
    fn a_mark_outrules_the_transport_and_that_the_declaration() {
        let text = "<?xml version='1.0' encoding='ISO-8859-2'?><a>ż</a>";
        assert_eq!(read(text.as_bytes(), Some("utf-8")), Ok(text.to_owned()));
        let marked = format!("\u{feff}{text}");
        assert_eq!(read(marked.as_bytes(), Some("windows-1250")), Ok(text.to_owned()));
        assert_eq!(
            read(marked.as_bytes(), None),
            Err("malformed XML: the declaration says \"ISO-8859-2\", but the bytes are UTF-8".to_owned())
        );
        assert_eq!(read(b"<a>\xbf</a>", Some("iso-8859-2")), Ok("<a>ż</a>".to_owned()));
        assert_eq!(read(b"<a/>", Some("none")), Err("malformed XML: unknown encoding \"none\"; send UTF-8".to_owned()));
    }
}
