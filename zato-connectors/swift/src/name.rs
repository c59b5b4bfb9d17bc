//! Names of containers and objects: what Swift takes, and how they stand in a URL.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use zato_core::{Error, Result};

/// How long the name of a container may be, in bytes (Swift's `max_container_name_length`).
pub(crate) const CONTAINER: usize = 256;

/// How long the name of an object may be, in bytes (Swift's `max_object_name_length`).
pub(crate) const OBJECT: usize = 1024;

/// Everything but what a URL never needs to encode (RFC 3986 §2.3).
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The same with slashes as they are, which separate nothing in the name of an object and read better.
const PATH: &AsciiSet = &SEGMENT.remove(b'/');

/// Checks the name of a container.
pub(crate) fn container(name: &str) -> Result<()> {
    if name.contains('/') {
        return Err(refused("container", name, "has a slash, which separates it from its objects"));
    }
    checked("container", name, CONTAINER)
}

/// Checks the name of an object.
pub(crate) fn object(name: &str) -> Result<()> {
    checked("object", name, OBJECT)
}

fn checked(what: &'static str, name: &str, max: usize) -> Result<()> {
    // An encoded dot is a dot to whoever reads a URL (WHATWG URL, "double-dot URL path segment").
    let is_dots = name.split('/').any(|segment| matches!(segment, "." | ".."));
    let fault = if name.is_empty() {
        "is empty"
    } else if name.len() > max {
        return Err(refused(what, name, &format!("has more than {max} bytes")));
    } else if name.chars().any(char::is_control) {
        "has a line break or another control character"
    } else if is_dots {
        "has a segment of dots alone, which would lead elsewhere"
    } else {
        return Ok(());
    };
    Err(refused(what, name, fault))
}

#[cold]
fn refused(what: &'static str, name: &str, fault: &str) -> Error {
    let shown: String = name.chars().take(100).collect();
    Error::invalid_input(format!("the name of the {what} {fault}")).with(what, shown.escape_debug())
}

/// Returns a container, and an object in it, as they stand in a URL.
pub(crate) fn path(container: &str, object: Option<&str>) -> String {
    let container = utf8_percent_encode(container, SEGMENT);
    match object {
        Some(object) => format!("{container}/{}", path_of_object(object)),
        None => container.to_string(),
    }
}

/// Returns the name of an object as it stands in a URL.
pub(crate) fn path_of_object(object: &str) -> String {
    utf8_percent_encode(object, PATH).to_string()
}

/// Returns a name as it stands between two slashes, whatever characters it has.
pub(crate) fn segment(text: &str) -> String {
    let encoded = utf8_percent_encode(text, SEGMENT).to_string();
    // One of dots alone would lead elsewhere.
    if encoded.bytes().all(|byte| byte == b'.') { encoded.replace('.', "%2E") } else { encoded }
}

/// Returns an object as it stands in a line of a bulk request. Swift reads so many bytes of each, encoded, so that no more is
/// encoded than has to be: what the decoding would take for something else, and what is whitespace to somebody.
pub(crate) fn line(container: &str, object: &str) -> String {
    let mut line = String::with_capacity(container.len() + object.len() + 8);
    for part in [container, "/", object] {
        for character in part.chars() {
            if character == '%' || character.is_whitespace() || character.is_control() {
                line.extend(utf8_percent_encode(character.encode_utf8(&mut [0; 4]), SEGMENT));
            } else {
                line.push(character);
            }
        }
    }
    line
}

/// Returns a value as it stands in a query string.
pub(crate) fn value(text: &str) -> String {
    utf8_percent_encode(text, SEGMENT).to_string()
}

#[cfg(test)]
mod tests {
    use zato_core::Kind;

    use super::*;

    #[test]
    fn names_stand_in_a_url_as_one_reads_them() {
        assert_eq!(
            path("CRM", Some("2026/11/Żółw 100%?#.json")),
            "CRM/2026/11/%C5%BB%C3%B3%C5%82w%20100%25%3F%23.json"
        );
        assert_eq!(path("a b", None), "a%20b");
        assert_eq!(line("a b", "ż%/\u{a0}\u{85}?"), "a%20b/ż%25/%C2%A0%C2%85?");
    }

    #[test]
    fn what_swift_can_not_keep_is_refused_by_what_is_wrong() {
        for (name, words) in [
            ("", "the name of the object is empty"),
            ("a\nb", "the name of the object has a line break or another control character"),
            ("a/../b", "the name of the object has a segment of dots alone, which would lead elsewhere"),
            (".", "the name of the object has a segment of dots alone, which would lead elsewhere"),
        ] {
            let error = object(name).unwrap_err();
            assert_eq!((error.kind(), error.message()), (Kind::InvalidInput, words), "{name:?}");
        }
        assert_eq!(object(&"a".repeat(1025)).unwrap_err().message(), "the name of the object has more than 1024 bytes");
        assert_eq!(container("a/b").unwrap_err().kind(), Kind::InvalidInput);
        for name in ["a", ".hidden", "a/b/c", "...", "a//b", "/a", "%2F", "Ż ó\u{202e}"] {
            assert!(object(name).is_ok(), "{name}");
        }
        assert!(object(&"a".repeat(1024)).is_ok() && container(&"a".repeat(256)).is_ok());
    }
}
