//! Reading objects: whole, in part, and put together from segments.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{Method, StatusCode, header};

use super::{
    answer::{Answer, Outcome, Piece, Refusal},
    conditions,
    ranges::{Wanted, wanted},
    request::{Call, Place},
    store::{Content, Object, Store},
};

/// How deep large objects may be made of large objects, as in Swift.
const DEEPEST: u32 = 10;

/// Answers with an object.
pub(super) fn object(store: &Store, call: &Call, place: &Place, now: Duration) -> Outcome {
    let object = match store.object(place, now) {
        Ok(object) => object,
        // There is nothing, and anything was to be there (RFC 9110 §13.1.1).
        Err(_) if call.header("if-match").is_some_and(|tag| tag.trim() == "*") => {
            return Err(StatusCode::PRECONDITION_FAILED.into());
        }
        Err(refusal) => return Err(refusal),
    };
    let compared = if call.query.manifest() == "get" { &object.etag } else { object.compared_etag() };
    if let Some(status) = conditions::unmet(&call.headers, object, compared) {
        let answer = Answer::new(status).with("etag", object.etag_header());
        return Ok(answer.with("last-modified", object.stamp.date()));
    }
    if let Some(manifest) = object.manifest().filter(|_| call.query.manifest() == "get") {
        return Ok(manifest.answer(call.query.get("format") == Some("raw"), head(object, StatusCode::OK)));
    }
    let length = object.length();
    if call.method == Method::HEAD {
        return Ok(head(object, StatusCode::OK).with("content-length", length));
    }
    let pieces = pieces(store, &place.account, object, now, 0);
    match wanted(call.header("range"), length) {
        Wanted::Whole => answer(head(object, StatusCode::OK), pieces),
        Wanted::Part(first, last) => {
            let head = head(object, StatusCode::PARTIAL_CONTENT);
            let range = format!("bytes {first}-{last}/{length}");
            answer(head.with("content-range", range), cut(pieces, first, last))
        }
        Wanted::Nothing => {
            let refused = Answer::from(Refusal::from(StatusCode::RANGE_NOT_SATISFIABLE));
            Ok(refused.with("content-range", format_args!("bytes */{length}")).with("etag", object.etag_header()))
        }
    }
}

/// Returns what an object holds; none if it or a part of it is missing.
pub(super) fn whole(store: &Store, place: &Place, now: Duration) -> Option<Bytes> {
    let object = store.object(place, now).ok()?;
    join(pieces(store, &place.account, object, now, 0))
}

/// Puts pieces together; none if one is missing.
pub(super) fn join(pieces: Vec<Piece>) -> Option<Bytes> {
    if let [Piece::Data(only)] = pieces.as_slice() {
        return Some(only.clone());
    }
    let mut whole = BytesMut::new();
    for piece in pieces {
        let Piece::Data(bytes) = piece else { return None };
        whole.extend_from_slice(&bytes);
    }
    Some(whole.freeze())
}

fn head(object: &Object, status: StatusCode) -> Answer {
    let mut answer = Answer::new(status).with_all(&object.metadata);
    answer.headers.insert(header::CONTENT_TYPE, object.content_type.clone());
    if let Some(at) = object.delete_at {
        answer = answer.with("x-delete-at", at);
    }
    if object.manifest().is_some() {
        answer = answer.with("x-static-large-object", "True");
    }
    answer
        .with("etag", object.etag_header())
        .with("last-modified", object.stamp.date())
        .with("x-timestamp", object.stamp.text())
        .with("accept-ranges", "bytes")
}

/// Answers with pieces. Where the first one is missing, that can still be said.
fn answer(head: Answer, pieces: Vec<Piece>) -> Outcome {
    if matches!(pieces.first(), Some(Piece::Lost(_))) {
        return Err(StatusCode::CONFLICT.into());
    }
    Ok(Answer { body: pieces, ..head })
}

fn pieces(store: &Store, account: &str, object: &Object, now: Duration, depth: u32) -> Vec<Piece> {
    let manifest = match &object.content {
        Content::Plain(bytes) => return vec![Piece::Data(bytes.clone())],
        Content::Manifest(manifest) => manifest,
    };
    let mut all = Vec::new();
    for segment in manifest.segments() {
        let found = store.object(&segment.place(account), now).ok();
        let found = found.filter(|found| found.etag == segment.etag && found.length() == segment.bytes);
        let found = match found {
            Some(found) if depth < DEEPEST => pieces(store, account, found, now, depth + 1),
            _ => vec![Piece::Lost(segment.bytes)],
        };
        all.extend(match segment.range {
            Some((first, last)) => cut(found, first, last),
            None => found,
        });
    }
    all
}

/// Returns what of the pieces lies between two bytes, both included.
fn cut(pieces: Vec<Piece>, first: u64, last: u64) -> Vec<Piece> {
    let (mut at, end) = (0_u64, last.saturating_add(1));
    let mut kept = Vec::new();
    for piece in pieces {
        let length = piece.length();
        let (from, to) = (first.saturating_sub(at).min(length), end.saturating_sub(at).min(length));
        at = at.saturating_add(length);
        if from >= to {
            continue;
        }
        kept.push(match piece {
            Piece::Data(bytes) => Piece::Data(bytes.slice(index(from)..index(to))),
            Piece::Lost(_) => Piece::Lost(to - from),
        });
    }
    kept
}

fn index(at: u64) -> usize {
    usize::try_from(at).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::{SwiftServer, kit};

    #[test]
    fn pieces_are_cut() {
        let data = |text: &'static str| Piece::Data(Bytes::from(text));
        let all = || vec![data("abc"), data("def"), data("ghi")];
        for (first, last, expected) in
            [(0, 8, "abcdefghi"), (2, 3, "cd"), (3, 5, "def"), (8, 99, "i"), (1, 7, "bcdefgh")]
        {
            assert_eq!(join(cut(all(), first, last)).unwrap(), expected);
        }
        assert!(join(vec![data("abc"), Piece::Lost(1)]).is_none());
        assert_eq!(cut(vec![Piece::Lost(5)], 1, 2).iter().map(Piece::length).sum::<u64>(), 2);
    }

    #[tokio::test]
    async fn a_part_is_answered_as_such() {
        let caller = kit::caller(&SwiftServer::new()).await;
        caller.fill("/c", &[]).await;
        caller.send("PUT", "/c/o.txt", &[], "0123456789").await;
        let whole = caller.send("GET", "/c/o.txt", &[], "").await;
        assert_eq!((whole.status, &*whole.body), (200, &b"0123456789"[..]));
        assert_eq!((whole.header("content-length"), whole.header("content-type")), ("10", "text/plain"));
        assert_eq!(whole.header("accept-ranges"), "bytes");
        let part = caller.send("GET", "/c/o.txt", &[("range", "bytes=-3")], "").await;
        assert_eq!((part.status, &*part.body), (206, &b"789"[..]));
        assert_eq!((part.header("content-range"), part.header("content-length")), ("bytes 7-9/10", "3"));
        let nothing = caller.send("GET", "/c/o.txt", &[("range", "bytes=10-")], "").await;
        assert_eq!((nothing.status, nothing.header("content-range")), (416, "bytes */10"));
        let head = caller.send("HEAD", "/c/o.txt", &[], "").await;
        assert_eq!((head.status, head.header("content-length"), head.body.len()), (200, "10", 0));
        assert_eq!(caller.send("GET", "/c/none", &[("if-match", "*")], "").await.status, 412);
    }

    #[tokio::test]
    async fn what_is_read_breaks_and_differs_where_it_is_told_to() {
        let caller = kit::caller(&SwiftServer::new()).await;
        caller.fill("/c", &["name"]).await;
        caller.server.break_next("GET", 2);
        assert!(caller.attempt("GET", "/c/name", &[], "").await.is_err());
        caller.server.corrupt_next("GET");
        assert_eq!(caller.send("GET", "/c/name", &[], "").await.body, "oame");
        assert_eq!(caller.send("GET", "/c/name", &[], "").await.body, "name");
    }
}
