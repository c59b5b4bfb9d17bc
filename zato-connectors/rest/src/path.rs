//! Paths: of a channel as it is configured, of a request as it comes.

use std::{borrow::Cow, sync::Arc};

use zato_core::message::percent_decode;

/// A channel's path, in the form that the table is keyed by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pattern {
    /// Parameters are numbered, so that channels of one path may name them as each likes.
    pub(crate) shape: String,
    /// The names, in the order of the path.
    pub(crate) names: Vec<Arc<str>>,
}

impl Pattern {
    /// Reads a channel's `url_path`.
    ///
    /// # Errors
    ///
    /// What is wrong with it, as the end of a sentence.
    pub(crate) fn parse(path: &str) -> Result<Self, String> {
        if !path.starts_with('/') {
            return Err("does not start with \"/\"".to_owned());
        }
        if let Some(character) = path.chars().find(|c| matches!(c, '?' | '#') || c.is_control()) {
            return Err(format!("has a {character:?}, which is no part of a path"));
        }
        let mut pattern = Self { shape: String::with_capacity(path.len()), names: Vec::new() };
        let segments: Vec<&str> = path.split('/').skip(1).collect();
        for (position, segment) in segments.iter().enumerate() {
            pattern.shape.push('/');
            pattern.add(segment, position + 1 == segments.len())?;
        }
        Ok(pattern)
    }

    fn add(&mut self, segment: &str, is_last: bool) -> Result<(), String> {
        if matches!(segment, "." | "..") {
            return Err(format!("has a segment {segment:?}"));
        }
        let mut rest = segment;
        let mut is_taken = false;
        while let Some((literal, from_brace)) = rest.split_once('{') {
            if literal.contains('}') {
                return Err("has a \"}\" without a \"{\"".to_owned());
            }
            self.literal(literal)?;
            let (name, after) = from_brace.split_once('}').ok_or("has a \"{\" without a \"}\"")?;
            if std::mem::replace(&mut is_taken, true) {
                return Err(format!("has two parameters in the segment {segment:?}"));
            }
            self.parameter(name, is_last && literal.is_empty() && after.is_empty())?;
            rest = after;
        }
        if rest.contains('}') {
            return Err("has a \"}\" without a \"{\"".to_owned());
        }
        self.literal(rest)
    }

    fn literal(&mut self, text: &str) -> Result<(), String> {
        let decoded = decode_segment(text).map_err(|fault| fault.to_owned())?;
        // A brace that was encoded is a character like any other, and doubled for the router.
        self.shape.push_str(&decoded.replace('{', "{{").replace('}', "}}"));
        Ok(())
    }

    fn parameter(&mut self, name: &str, may_be_rest: bool) -> Result<(), String> {
        let (star, name) = name.strip_prefix('*').map_or(("", name), |name| ("*", name));
        if name.is_empty() {
            return Err("has a parameter without a name".to_owned());
        }
        if !star.is_empty() && !may_be_rest {
            return Err(format!("has {{*{name}}} somewhere else than as the whole last segment"));
        }
        if self.names.iter().any(|known| **known == *name) {
            return Err(format!("has two parameters named \"{name}\""));
        }
        self.shape.push_str(&format!("{{{star}{}}}", self.names.len()));
        self.names.push(Arc::from(name));
        Ok(())
    }
}

/// Decodes the path of a request, segment by segment, so that what is encoded never makes or leaves a segment: an
/// encoded slash stays as it is, and a segment `.` or `..` is refused however it is written (RFC 3986 §6.2.2).
///
/// # Errors
///
/// Why the path can't be used, as the end of a sentence.
pub(crate) fn decode(path: &str) -> Result<Cow<'_, str>, &'static str> {
    // No encoding and no dot, as in nearly every path: one quick look is all it costs.
    if !path.bytes().fold(false, |any, byte| any | (byte == b'%') | (byte == b'.')) {
        return Ok(Cow::Borrowed(path));
    }
    let segments: Result<Vec<_>, _> = path.split('/').map(decode_segment).collect();
    let segments = segments?;
    if segments.iter().any(|segment| matches!(segment.as_ref(), "." | "..")) {
        return Err("has a segment \".\" or \"..\"");
    }
    Ok(Cow::Owned(segments.join("/")))
}

fn decode_segment(segment: &str) -> Result<Cow<'_, str>, &'static str> {
    if !segment.contains('%') {
        return Ok(Cow::Borrowed(segment));
    }
    // The slash is encoded once more, and so comes out of the decoding as it went in.
    let kept = segment.replace("%2F", "%252F").replace("%2f", "%252F");
    percent_decode(&kept).map(|decoded| Cow::Owned(decoded.into_owned()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn parameters_are_numbered_and_named() {
        for (path, shape, names) in [
            ("/", "/", &[][..]),
            ("/api/v1/client", "/api/v1/client", &[]),
            ("/api/{client_id}/order/{order id}", "/api/{0}/order/{1}", &["client_id", "order id"]),
            ("/files/{*rest}", "/files/{*0}", &["rest"]),
            ("/img-{id}.png", "/img-{0}.png", &["id"]),
            ("/caf%C3%A9/", "/café/", &[]),
            ("/%7Bid%7D/{id}", "/{{id}}/{0}", &["id"]),
        ] {
            let pattern = Pattern::parse(path).unwrap();
            assert_eq!((pattern.shape.as_str(), pattern.names), (shape, names.iter().map(|n| Arc::from(*n)).collect()));
        }
    }

    #[test]
    fn paths_that_can_not_be_used_say_why() {
        for (path, said) in [
            ("api", "does not start with \"/\""),
            ("", "does not start with \"/\""),
            ("/a?b", "has a '?', which is no part of a path"),
            ("/{}", "has a parameter without a name"),
            ("/{a", "has a \"{\" without a \"}\""),
            ("/a}", "has a \"}\" without a \"{\""),
            ("/{a}{b}", "has two parameters in the segment \"{a}{b}\""),
            ("/{a}/{a}", "has two parameters named \"a\""),
            ("/{*a}/b", "has {*a} somewhere else than as the whole last segment"),
            ("/a/../b", "has a segment \"..\""),
            ("/%zz", "has a '%' that two hexadecimal digits don't follow"),
        ] {
            assert_eq!(Pattern::parse(path), Err(said.to_owned()), "{path}");
        }
    }

    #[test]
    fn nothing_encoded_crosses_a_segment() {
        for (path, decoded) in [
            ("/a/b", Ok("/a/b")),
            ("/a%20b", Ok("/a b")),
            ("/INV%2f0001", Ok("/INV%2F0001")),
            ("/%252F", Ok("/%2F")),
            ("/a/.b/c..", Ok("/a/.b/c..")),
            ("/a/../b", Err("has a segment \".\" or \"..\"")),
            ("/a/%2e%2E/b", Err("has a segment \".\" or \"..\"")),
            ("/a/.", Err("has a segment \".\" or \"..\"")),
            ("/%", Err("has a '%' that two hexadecimal digits don't follow")),
            ("/%ff", Err("is not UTF-8 once it is decoded")),
        ] {
            assert_eq!(decode(path).as_deref().map_err(|fault| *fault), decoded, "{path}");
        }
    }

    proptest! {
        #[test]
        fn no_path_makes_it_panic_or_grow_segments(path in "(/[a-z%0-9A-F./]{0,12}){0,5}") {
            let _ = Pattern::parse(&path);
            if let Ok(decoded) = decode(&path) {
                prop_assert_eq!(decoded.matches('/').count(), path.matches('/').count());
                prop_assert!(decoded.split('/').all(|segment| segment != ".." && segment != "."));
            }
        }
    }
}
