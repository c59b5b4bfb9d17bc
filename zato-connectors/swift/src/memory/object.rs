//! Writing and removing objects.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};

use super::{
    answer::{Answer, Outcome, Refusal},
    checksum, conditions, container, expiry,
    metadata::{self, Owner},
    request::{Call, Place},
    server::Server,
    store::{Content, Object},
};

/// How long a name may be, in bytes.
const LONGEST_NAME: usize = 1024;

/// The content types that Swift guesses by a name's ending, as far as tests may care.
const GUESSES: &[(&str, &str)] = &[
    (".csv", "text/csv"),
    (".html", "text/html"),
    (".jpg", "image/jpeg"),
    (".json", "application/json"),
    (".pdf", "application/pdf"),
    (".png", "image/png"),
    (".txt", "text/plain"),
    (".xml", "application/xml"),
    (".zip", "application/zip"),
];

/// Tells, before its content is there, whether an object may be written.
pub(super) fn admit(server: &Server, call: &Call, place: &Place, length: Option<u64>) -> Outcome<()> {
    let container = server.store.container(&place.account, &place.container)?;
    let now = server.clock.now();
    if place.name.len() > LONGEST_NAME {
        let text = format!("Object name length of {} longer than {LONGEST_NAME}", place.name.len());
        return Err(Refusal::new(StatusCode::BAD_REQUEST, text));
    }
    metadata::check(&call.headers, Owner::Object)?;
    expiry::read(&call.headers, now)?;
    if let Some(condition) = call.header("if-none-match") {
        if condition.trim() != "*" {
            return Err(Refusal::new(StatusCode::BAD_REQUEST, "If-None-Match only supports *"));
        }
        if server.store.object(place, now).is_ok() {
            return Err(StatusCode::PRECONDITION_FAILED.into());
        }
    }
    check_length(server, length.unwrap_or_default())?;
    container::check_quota(container, length.unwrap_or_default())
}

/// Refuses what is too long for one object.
pub(super) fn check_length(server: &Server, length: u64) -> Outcome<()> {
    if length > server.max_object_size {
        return Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "Your request is too large."));
    }
    Ok(())
}

/// Stores an object.
pub(super) fn put(server: &mut Server, call: &Call, place: &Place, body: &Bytes) -> Outcome {
    let etag = checksum::md5(body);
    check_etag(call, &etag)?;
    store(server, &call.headers, place, Content::Plain(body.clone()), etag)
}

/// Refuses what is not what its sender says that it is.
pub(super) fn check_etag(call: &Call, etag: &str) -> Outcome<()> {
    let sent = call.header("etag").map(conditions::bare).filter(|sent| !sent.is_empty());
    if sent.is_some_and(|sent| !sent.eq_ignore_ascii_case(etag)) {
        return Err(StatusCode::UNPROCESSABLE_ENTITY.into());
    }
    Ok(())
}

/// Puts an object into its place, with what the headers say of it.
pub(super) fn store(
    server: &mut Server,
    headers: &HeaderMap,
    place: &Place,
    content: Content,
    etag: String,
) -> Outcome {
    let delete_at = expiry::read(headers, server.clock.now())?;
    let stamp = server.clock.stamp();
    let content_type = headers.get(header::CONTENT_TYPE).filter(|kind| !kind.is_empty()).cloned();
    let content_type = content_type.unwrap_or_else(|| guess(&place.name));
    let metadata = metadata::of_object(headers);
    let object = Object { content, content_type, metadata, etag, copied: None, stamp, delete_at };
    let container = server.store.container_mut(&place.account, &place.container)?;
    let answer =
        Answer::new(StatusCode::CREATED).with("etag", object.etag_header()).with("last-modified", stamp.date());
    container.objects.insert(place.name.clone(), object);
    Ok(answer)
}

fn guess(name: &str) -> HeaderValue {
    let guessed = GUESSES.iter().find(|(ending, _)| name.ends_with(ending));
    HeaderValue::from_static(guessed.map_or("application/octet-stream", |(_, kind)| *kind))
}

/// Replaces all metadata of an object; its content type stays unless there is another one.
pub(super) fn post(server: &mut Server, call: &Call, place: &Place) -> Outcome {
    let now = server.clock.now();
    let stamp = server.clock.stamp();
    let object = server.store.object_mut(place, now)?;
    metadata::check(&call.headers, Owner::Object)?;
    object.delete_at = expiry::read(&call.headers, now)?;
    object.metadata = metadata::of_object(&call.headers);
    object.stamp = stamp;
    if let Some(content_type) = call.headers.get(header::CONTENT_TYPE).filter(|kind| !kind.is_empty()) {
        object.content_type = content_type.clone();
    }
    Ok(Answer::new(StatusCode::ACCEPTED))
}

/// Removes an object. The segments of a large one stay.
pub(super) fn delete(server: &mut Server, place: &Place) -> Outcome {
    server.store.remove(place, server.clock.now())?;
    Ok(Answer::new(StatusCode::NO_CONTENT))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::memory::{SwiftServer, kit};

    const ABC: &str = "900150983cd24fb0d6963f7d28e17f72";

    #[tokio::test]
    async fn an_object_is_written_described_anew_and_removed() {
        let caller = kit::caller(&SwiftServer::new()).await;
        caller.fill("/c", &[]).await;
        let meta = [("x-object-meta-a", "1"), ("content-encoding", "gzip"), ("content-type", "text/x"), ("etag", ABC)];
        let seen = caller.send("PUT", "/c/x/y%20z", &meta, "abc").await;
        assert_eq!((seen.status, seen.header("etag")), (201, ABC));
        assert_eq!(caller.server.object("c", "x/y z").unwrap(), "abc");

        assert_eq!(caller.send("POST", "/c/x/y%20z", &[("x-object-meta-b", "2")], "").await.status, 202);
        let head = caller.send("HEAD", "/c/x/y%20z", &[], "").await;
        assert_eq!((head.header("content-type"), head.header("content-length")), ("text/x", "3"));
        assert_eq!((head.header("x-object-meta-b"), head.has("x-object-meta-a")), ("2", false));
        assert!(!head.has("content-encoding") && head.has("last-modified") && head.has("x-timestamp"));

        assert_eq!(caller.send("DELETE", "/c/x/y%20z", &[], "").await.status, 204);
        for method in ["DELETE", "GET", "HEAD", "POST"] {
            assert_eq!(caller.send(method, "/c/x/y%20z", &[], "").await.status, 404, "{method}");
        }
    }

    #[tokio::test]
    async fn what_cannot_be_written_is_not() {
        let server = SwiftServer::new();
        server.set_max_object_size(4);
        let caller = kit::caller(&server).await;
        caller.fill("/c", &["o"]).await;
        let (long, longer) = (format!("/c/{}", "n".repeat(1024)), format!("/c/{}", "n".repeat(1025)));
        for (path, header, body, status) in [
            ("/c/a", ("etag", ABC), "abd", 422),
            ("/c/o", ("if-none-match", "*"), "abc", 412),
            ("/c/a", ("if-none-match", "x"), "abc", 400),
            ("/other/a", ("etag", ABC), "abc", 404),
            ("/c/a", ("x-object-meta-a", "1"), "abcde", 413),
            (longer.as_str(), ("etag", ABC), "abc", 400),
            (long.as_str(), ("etag", ABC), "abc", 201),
            ("/c/new", ("if-none-match", "*"), "abc", 201),
        ] {
            assert_eq!(caller.send("PUT", path, &[header], body).await.status, status, "{path} {header:?}");
        }
        assert_eq!(server.objects("c").len(), 3);
        assert_eq!(server.object("c", "o").unwrap(), "o");
    }

    #[tokio::test(start_paused = true)]
    async fn faults_happen_once_and_leave_nothing_half_written() {
        let server = SwiftServer::new();
        let caller = kit::caller(&server).await;
        caller.fill("/c", &[]).await;
        server.fail_next("PUT", 503);
        assert_eq!(caller.send("PUT", "/c/o", &[], "abc").await.status, 503);
        server.break_next("put", 2);
        assert!(caller.attempt("PUT", "/c/o", &[], "abc").await.is_err());
        server.corrupt_next("PUT");
        assert_eq!(caller.send("PUT", "/c/o", &[("etag", ABC)], "abc").await.status, 422);
        server.set_down(true);
        assert!(caller.attempt("PUT", "/c/o", &[], "abc").await.is_err());
        server.set_down(false);
        assert!(server.objects("c").is_empty());

        server.lose_next_answer("PUT");
        assert!(caller.attempt("PUT", "/c/o", &[], "abc").await.is_err());
        assert_eq!(server.object("c", "o").unwrap(), "abc");
        server.delay_next("PUT", Duration::from_secs(60));
        let begun = tokio::time::Instant::now();
        assert_eq!(caller.send("PUT", "/c/o", &[("etag", ABC)], "abc").await.status, 201);
        assert_eq!((begun.elapsed().as_secs(), server.calls("PUT")), (60, 7));
    }
}
