//! Copies within the server: `COPY`, and `PUT` with `X-Copy-From`.

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::{
    answer::{Outcome, Refusal, length},
    checksum, container, expiry, manifest, metadata, object, read,
    request::{Call, Place, Query, decoded},
    server::Server,
    store::Content,
};

/// What stands for itself in a path.
const PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Writes a copy to where the request goes.
pub(super) fn put(server: &mut Server, call: &Call, to: &Place, body: &Bytes) -> Outcome {
    if !body.is_empty() {
        return Err(Refusal::new(StatusCode::BAD_REQUEST, "Copy requests require a zero byte body"));
    }
    let from = place(call, to, "x-copy-from", "x-copy-from-account")?;
    carry_over(server, call, &from, to)
}

/// Writes a copy of what the request goes to.
pub(super) fn copy(server: &mut Server, call: &Call, from: &Place) -> Outcome {
    let to = place(call, from, "destination", "destination-account")?;
    object::admit(server, call, &to, None)?;
    carry_over(server, call, from, &to)
}

/// Reads the place that headers name.
fn place(call: &Call, here: &Place, path: &str, account: &str) -> Outcome<Place> {
    if call.header(account).is_some_and(|account| account != here.account) {
        return Err(StatusCode::FORBIDDEN.into());
    }
    let said = decoded(call.header(path).unwrap_or_default())?;
    let refused = || {
        let text = format!("{path} header must be of the form <container name>/<object name>");
        Refusal::new(StatusCode::PRECONDITION_FAILED, text)
    };
    Place::read(&here.account, &said).ok_or_else(refused)
}

fn carry_over(server: &mut Server, call: &Call, from: &Place, to: &Place) -> Outcome {
    let is_manifest = call.query.manifest() == "get";
    let now = server.clock.now();
    let source = read::object(&server.store, &reading(call, is_manifest), from, now)?;
    if !source.status.is_success() {
        return Ok(source);
    }
    let copied = server.store.object(from, now)?.clone();
    let content = read::join(source.body).ok_or_else(|| Refusal::from(StatusCode::SERVICE_UNAVAILABLE))?;
    object::check_length(server, length(&content))?;
    container::check_quota(server.store.container(&to.account, &to.container)?, length(&content))?;

    let mut headers = call.headers.clone();
    if call.header("x-fresh-metadata").is_none_or(|fresh| !fresh.eq_ignore_ascii_case("true")) {
        headers = copied.metadata.clone();
        if let Some(at) = copied.delete_at {
            headers.insert("x-delete-at", at.into());
        }
        merge(&mut headers, &call.headers);
    }
    if headers.get(header::CONTENT_TYPE).is_none_or(|kind| kind.is_empty()) {
        headers.insert(header::CONTENT_TYPE, copied.content_type.clone());
    }
    expiry::read(&headers, now)?;
    let answer = if is_manifest && copied.manifest().is_some() {
        manifest::put_as(server, call, &headers, to, &content)?
    } else {
        let etag = checksum::md5(&content);
        object::check_etag(call, &etag)?;
        let answer = object::store(server, &headers, to, Content::Plain(content), etag)?;
        let is_of_large = copied.manifest().is_some() || copied.copied.is_some();
        server.store.object_mut(to, now)?.copied = is_of_large.then(|| copied.compared_etag().to_owned());
        answer
    };
    Ok(answer
        .with("x-copied-from", utf8_percent_encode(from.to_string().trim_start_matches('/'), PATH))
        .with("x-copied-from-account", &from.account)
        .with("x-copied-from-last-modified", copied.stamp.date())
        .with_all(&metadata::of_object(&headers)))
}

/// Puts headers over others of the same names.
fn merge(headers: &mut HeaderMap, over: &HeaderMap) {
    for (name, value) in over {
        headers.insert(name.clone(), value.clone());
    }
}

/// Returns the request that reads the source: conditions and ranges of a copy are about that one, also `If-None-Match: *`, which
/// so is never met.
fn reading(call: &Call, is_manifest: bool) -> Call {
    let headers = call.headers.clone();
    let query = if is_manifest { Query::of_raw_manifest() } else { Query::default() };
    Call { method: Method::GET, headers, query, target: call.target.clone() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::memory::{
        SwiftServer,
        kit::{self, Caller},
    };

    async fn filled() -> Caller {
        let caller = kit::caller(&SwiftServer::new()).await;
        caller.fill("/c", &[]).await;
        let headers = [("x-object-meta-a", "1"), ("x-object-meta-b", "2"), ("content-type", "text/x")];
        assert_eq!(caller.send("PUT", "/c/a%20b", &headers, "abc").await.status, 201);
        caller
    }

    #[tokio::test]
    async fn a_copy_has_the_metadata_of_both() {
        let caller = filled().await;
        for (method, path, header) in
            [("COPY", "/c/a%20b", ("destination", "/c/copy%25")), ("PUT", "/c/copy%25", ("x-copy-from", "c/a%20b"))]
        {
            let seen = caller.send(method, path, &[header, ("x-object-meta-b", "3")], "").await;
            assert_eq!((seen.status, seen.header("x-copied-from")), (201, "c/a%20b"), "{method}");
            let head = caller.send("HEAD", "/c/copy%25", &[], "").await;
            assert_eq!((head.header("x-object-meta-a"), head.header("x-object-meta-b")), ("1", "3"));
            assert_eq!((head.header("content-type"), head.header("content-length")), ("text/x", "3"));
            assert_eq!(caller.server.object("c", "copy%").unwrap(), "abc");
        }
        let fresh = [("destination", "c/copy%25"), ("x-fresh-metadata", "true"), ("x-object-meta-c", "4")];
        assert_eq!(caller.send("COPY", "/c/a%20b", &fresh, "").await.status, 201);
        let head = caller.send("HEAD", "/c/copy%25", &[], "").await;
        assert_eq!((head.has("x-object-meta-a"), head.header("x-object-meta-c")), (false, "4"));
        assert_eq!(head.header("content-type"), "text/x");
    }

    #[tokio::test]
    async fn what_cannot_be_copied_is_not() {
        let caller = filled().await;
        for (path, headers, status) in [
            ("/c/a%20b", [("destination", "copy"), ("x-a", "")], 412),
            ("/c/a%20b", [("x-a", ""), ("x-b", "")], 412),
            ("/c/a%20b", [("destination", "other/copy"), ("x-a", "")], 404),
            ("/c/none", [("destination", "c/copy"), ("x-a", "")], 404),
            ("/c/a%20b", [("destination", "c/copy"), ("if-match", "other")], 412),
            ("/c/a%20b", [("destination", "c/copy"), ("destination-account", "AUTH_other")], 403),
            ("/c/a%20b", [("destination", "c/copy"), ("if-none-match", "*")], 304),
        ] {
            assert_eq!(caller.send("COPY", path, &headers, "").await.status, status, "{path} {headers:?}");
        }
        assert_eq!(caller.send("PUT", "/c/copy", &[("x-copy-from", "/c/a%20b")], "body").await.status, 400);
        assert_eq!(caller.server.objects("c"), ["a b"]);
    }

    #[tokio::test]
    async fn conditions_on_a_copy_of_a_large_object_are_about_the_original() {
        let caller = filled().await;
        let manifest = json!([{ "path": "/c/a b" }]).to_string();
        let large = caller.send("PUT", "/c/l?multipart-manifest=put", &[], manifest).await;
        let copy = [("destination", "c/plain"), ("x-fresh-metadata", "true")];
        let plain = caller.send("COPY", "/c/l", &copy, "").await;
        assert_eq!(caller.send("COPY", "/c/plain", &[("destination", "c/again")], "").await.status, 201);
        for path in ["/c/plain", "/c/again"] {
            for (etag, status) in [(plain.header("etag"), 412), (large.header("etag"), 200)] {
                assert_eq!(caller.send("GET", path, &[("if-match", etag)], "").await.status, status, "{path}: {etag}");
            }
        }
        caller.send("PUT", "/c/plain", &[], "new").await;
        assert_eq!(caller.send("GET", "/c/plain", &[("if-match", large.header("etag"))], "").await.status, 412);
    }

    #[tokio::test]
    async fn a_large_object_is_copied_as_one_or_as_a_manifest() {
        let caller = filled().await;
        let manifest = json!([{ "path": "/c/a%20b".replace("%20", " ") }]).to_string();
        assert_eq!(caller.send("PUT", "/c/l?multipart-manifest=put", &[], manifest).await.status, 201);
        assert_eq!(caller.send("COPY", "/c/l", &[("destination", "c/plain")], "").await.status, 201);
        let copied = caller.send("COPY", "/c/l?multipart-manifest=get", &[("destination", "c/large")], "").await;
        assert_eq!(copied.status, 201);
        for (name, is_large) in [("plain", false), ("large", true)] {
            let seen = caller.send("GET", &format!("/c/{name}"), &[], "").await;
            assert_eq!((seen.body.as_ref(), seen.has("x-static-large-object")), (&b"abc"[..], is_large), "{name}");
        }
    }
}
