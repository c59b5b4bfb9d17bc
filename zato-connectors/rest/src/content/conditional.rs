//! Conditional requests (RFC 9110 §13): who has a reply already does not get it again.

use std::{
    hash::{DefaultHasher, Hasher},
    time::SystemTime,
};

use http::{HeaderMap, HeaderName, HeaderValue, header};

/// What a request demands of the reply that would be sent.
#[derive(Debug)]
pub(crate) struct Conditions {
    if_match: Option<Tags>,
    if_none_match: Option<Tags>,
    if_modified_since: Option<SystemTime>,
    if_unmodified_since: Option<SystemTime>,
}

/// Which replies a header of tags names.
#[derive(Debug)]
enum Tags {
    Any,
    Listed(Vec<HeaderValue>),
}

/// What to do with the reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Send,
    NotModified,
    Failed,
}

impl Conditions {
    /// Reads them, if there are any. A date that can't be read is none (RFC 9110 §13.1.3).
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        let this = Self {
            if_match: Tags::of(headers, header::IF_MATCH),
            if_none_match: Tags::of(headers, header::IF_NONE_MATCH),
            if_modified_since: date(headers, header::IF_MODIFIED_SINCE),
            if_unmodified_since: date(headers, header::IF_UNMODIFIED_SINCE),
        };
        let is_date = this.if_modified_since.is_some() || this.if_unmodified_since.is_some();
        (is_date || this.if_match.is_some() || this.if_none_match.is_some()).then_some(this)
    }

    /// Judges a reply to `GET` or `HEAD` by its validators, in the order of RFC 9110 §13.2.2. One that has none is sent:
    /// its service knows of no versions.
    pub(crate) fn judge(&self, headers: &HeaderMap) -> Verdict {
        let tag = headers.get(header::ETAG).map(HeaderValue::as_bytes).and_then(tag_of);
        let modified = date(headers, header::LAST_MODIFIED);
        if tag.is_none() && modified.is_none() {
            return Verdict::Send;
        }
        let is_met = match (&self.if_match, self.if_unmodified_since, modified) {
            (Some(tags), ..) => tags.name(tag, is_same_strongly),
            (None, Some(since), Some(modified)) => modified <= since,
            _ => true,
        };
        if !is_met {
            return Verdict::Failed;
        }
        let is_known = match (&self.if_none_match, self.if_modified_since, modified) {
            (Some(tags), ..) => tags.name(tag, is_same_weakly),
            (None, Some(since), Some(modified)) => modified <= since,
            _ => false,
        };
        if is_known { Verdict::NotModified } else { Verdict::Send }
    }
}

impl Tags {
    fn of(headers: &HeaderMap, name: HeaderName) -> Option<Self> {
        let values: Vec<_> = headers.get_all(name).iter().cloned().collect();
        match values.as_slice() {
            [] => None,
            [any] if any.as_bytes().trim_ascii() == b"*" => Some(Self::Any),
            _ => Some(Self::Listed(values)),
        }
    }

    /// Whether they name the reply.
    fn name(&self, tag: Option<Tag<'_>>, is_same: fn(Tag<'_>, Tag<'_>) -> bool) -> bool {
        match (self, tag) {
            (Self::Any, _) => true,
            (Self::Listed(_), None) => false,
            (Self::Listed(values), Some(tag)) => {
                values.iter().any(|value| Listed(value.as_bytes()).any(|listed| is_same(listed, tag)))
            }
        }
    }
}

/// An entity tag (RFC 9110 §8.8.3).
#[derive(Clone, Copy)]
struct Tag<'a> {
    is_weak: bool,
    opaque: &'a [u8],
}

fn is_same_strongly(one: Tag<'_>, other: Tag<'_>) -> bool {
    !one.is_weak && !other.is_weak && one.opaque == other.opaque
}

fn is_same_weakly(one: Tag<'_>, other: Tag<'_>) -> bool {
    one.opaque == other.opaque
}

fn tag_of(value: &[u8]) -> Option<Tag<'_>> {
    Listed(value).next()
}

/// The tags of a list. Those after one that is malformed are not read: nobody knows where they begin.
struct Listed<'a>(&'a [u8]);

impl<'a> Iterator for Listed<'a> {
    type Item = Tag<'a>;

    fn next(&mut self) -> Option<Tag<'a>> {
        let mut rest = self.0.trim_ascii_start();
        while let [b',', after @ ..] = rest {
            rest = after.trim_ascii_start();
        }
        let (is_weak, quoted) = rest.strip_prefix(b"W/").map_or((false, rest), |rest| (true, rest));
        let inner = quoted.strip_prefix(b"\"")?;
        let end = inner.iter().position(|byte| *byte == b'"')?;
        let (opaque, after) = inner.split_at_checked(end)?;
        self.0 = after.strip_prefix(b"\"")?;
        Some(Tag { is_weak, opaque })
    }
}

fn date(headers: &HeaderMap, name: HeaderName) -> Option<SystemTime> {
    headers.get(name).and_then(|value| httpdate::parse_http_date(value.to_str().ok()?).ok())
}

/// Makes a strong validator out of the bytes of a reply: their number, and what std hashes them to, which is the same
/// wherever the same version of the program runs. It tells versions of one thing apart, and is no proof against who
/// would make two of them look the same.
pub(crate) fn tag_for(bytes: &[u8]) -> HeaderValue {
    let mut hasher = DefaultHasher::new();
    hasher.write(bytes);
    let tag = format!("\"{:x}-{:016x}\"", bytes.len(), hasher.finish());
    HeaderValue::try_from(tag).expect("hexadecimal digits can stand in a header")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(text: &[(&'static str, &str)]) -> HeaderMap {
        text.iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap()))
            .collect()
    }

    fn judged(request: &[(&'static str, &str)], reply: &[(&'static str, &str)]) -> Verdict {
        Conditions::of(&headers(request)).map_or(Verdict::Send, |conditions| conditions.judge(&headers(reply)))
    }

    const EARLY: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const LATE: &str = "Sun, 06 Nov 1994 08:49:38 GMT";

    #[test]
    fn tags_are_compared_as_each_header_demands() {
        for (name, value, etag, verdict) in [
            ("if-none-match", "\"a\"", "\"a\"", Verdict::NotModified),
            ("if-none-match", "W/\"a\"", "\"a\"", Verdict::NotModified),
            ("if-none-match", "\"a\"", "W/\"a\"", Verdict::NotModified),
            ("if-none-match", "\"b\", W/\"x,y\" ,, \"a\"", "\"a\"", Verdict::NotModified),
            ("if-none-match", "W/\"x,y\"", "\"x,y\"", Verdict::NotModified),
            ("if-none-match", "*", "\"a\"", Verdict::NotModified),
            ("if-none-match", "\"A\"", "\"a\"", Verdict::Send),
            ("if-none-match", "a", "\"a\"", Verdict::Send),
            ("if-none-match", "\"a", "\"a\"", Verdict::Send),
            ("if-none-match", "\"\"", "\"\"", Verdict::NotModified),
            ("if-match", "\"a\"", "\"a\"", Verdict::Send),
            ("if-match", "*", "\"a\"", Verdict::Send),
            ("if-match", "W/\"a\"", "\"a\"", Verdict::Failed),
            ("if-match", "\"a\"", "W/\"a\"", Verdict::Failed),
            ("if-match", "\"b\"", "\"a\"", Verdict::Failed),
        ] {
            assert_eq!(judged(&[(name, value)], &[("etag", etag)]), verdict, "{name}: {value} of {etag}");
        }
    }

    #[test]
    fn dates_count_where_no_tags_do() {
        for (request, reply, verdict) in [
            (&[("if-modified-since", EARLY)][..], &[("last-modified", EARLY)][..], Verdict::NotModified),
            (&[("if-modified-since", LATE)], &[("last-modified", EARLY)], Verdict::NotModified),
            (&[("if-modified-since", EARLY)], &[("last-modified", LATE)], Verdict::Send),
            (&[("if-modified-since", EARLY)], &[("etag", "\"a\"")], Verdict::Send),
            (&[("if-modified-since", "yesterday")], &[("last-modified", EARLY)], Verdict::Send),
            (&[("if-unmodified-since", EARLY)], &[("last-modified", EARLY)], Verdict::Send),
            (&[("if-unmodified-since", EARLY)], &[("last-modified", LATE)], Verdict::Failed),
            (&[("if-unmodified-since", EARLY)], &[("etag", "\"a\"")], Verdict::Send),
            // A tag that differs counts more than a date that does not.
            (
                &[("if-none-match", "\"b\""), ("if-modified-since", LATE)],
                &[("etag", "\"a\""), ("last-modified", EARLY)],
                Verdict::Send,
            ),
            (
                &[("if-match", "\"a\""), ("if-unmodified-since", EARLY)],
                &[("etag", "\"a\""), ("last-modified", LATE)],
                Verdict::Send,
            ),
            // What fails is said before what is known.
            (&[("if-match", "\"b\""), ("if-none-match", "\"a\"")], &[("etag", "\"a\"")], Verdict::Failed),
            (&[("if-match", "\"a\"")], &[], Verdict::Send),
            (&[("if-match", "\"a\"")], &[("last-modified", EARLY)], Verdict::Failed),
        ] {
            assert_eq!(judged(request, reply), verdict, "{request:?} of {reply:?}");
        }
    }

    #[test]
    fn other_bytes_have_another_tag() {
        assert_eq!(tag_for(b"[1, 2]"), tag_for(b"[1, 2]"));
        assert_ne!(tag_for(b"[1, 2]"), tag_for(b"[2, 1]"));
        assert!(tag_of(tag_for(b"").as_bytes()).is_some_and(|tag| !tag.is_weak));
    }
}
