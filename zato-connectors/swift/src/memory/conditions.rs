//! Conditions of a request: whether the object is still, or no longer, what somebody has (RFC 9110 §13).

use std::time::SystemTime;

use http::{HeaderMap, StatusCode};

use super::{request::text, store::Object};

/// Returns what is answered instead of the object, if a condition says so. The order is that of swob.
pub(super) fn unmet(headers: &HeaderMap, object: &Object, etag: &str) -> Option<StatusCode> {
    let named = |header| text(headers, header).map(|list| names(list, etag));
    if named("if-none-match") == Some(true) {
        return Some(StatusCode::NOT_MODIFIED);
    }
    if named("if-match") == Some(false) {
        return Some(StatusCode::PRECONDITION_FAILED);
    }
    let since = |header| text(headers, header).and_then(seconds);
    let written = object.stamp.seconds();
    if since("if-modified-since").is_some_and(|since| written <= since) {
        return Some(StatusCode::NOT_MODIFIED);
    }
    if since("if-unmodified-since").is_some_and(|since| written > since) {
        return Some(StatusCode::PRECONDITION_FAILED);
    }
    None
}

/// Tells whether a list of entity tags names this one.
fn names(list: &str, etag: &str) -> bool {
    list.split(',').map(bare).any(|named| named == "*" || named == etag)
}

/// Returns an entity tag without its quotes, and without the sign of a weak one.
pub(super) fn bare(etag: &str) -> &str {
    let etag = etag.trim();
    let etag = etag.strip_prefix("W/").unwrap_or(etag);
    etag.strip_prefix('"').and_then(|etag| etag.strip_suffix('"')).unwrap_or(etag)
}

fn seconds(date: &str) -> Option<u64> {
    let date = httpdate::parse_http_date(date).ok()?;
    Some(date.duration_since(SystemTime::UNIX_EPOCH).ok()?.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::{SwiftServer, kit};

    #[test]
    fn tags_are_named_with_quotes_and_without() {
        for list in ["abc", "\"abc\"", "W/\"abc\"", "x, \"abc\"", "*"] {
            assert!(names(list, "abc"), "{list}");
        }
        for list in ["", "\"ab\"", "abcd", "x, y"] {
            assert!(!names(list, "abc"), "{list}");
        }
    }

    #[tokio::test]
    async fn a_condition_that_is_not_met_is_told() {
        let caller = kit::caller(&SwiftServer::new()).await;
        caller.fill("/c", &["o"]).await;
        let head = caller.send("HEAD", "/c/o", &[], "").await;
        let (etag, modified) = (head.header("etag"), head.header("last-modified"));
        let long_ago = "Thu, 01 Jan 2015 00:00:00 GMT";
        for (name, value, status) in [
            ("if-none-match", etag, 304),
            ("if-none-match", "other", 200),
            ("if-match", etag, 200),
            ("if-match", "\"other\"", 412),
            ("if-modified-since", modified, 304),
            ("if-modified-since", long_ago, 200),
            ("if-unmodified-since", modified, 200),
            ("if-unmodified-since", long_ago, 412),
            ("if-modified-since", "no date", 200),
        ] {
            let seen = caller.send("GET", "/c/o", &[(name, value)], "").await;
            assert_eq!(seen.status, status, "{name}: {value}");
            assert_eq!(seen.header("etag"), etag);
        }
    }
}
