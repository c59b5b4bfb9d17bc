//! Static large objects: a manifest names the segments, and reading it gives them one after the other.

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde_json::Value;

use super::{
    answer::{Answer, Outcome, Refusal, length},
    bulk::{self, Tally},
    checksum, manifest_input, object,
    request::{Call, Place},
    segment::Segment,
    server::Server,
    store::Content,
};

/// The segments of a large object.
#[derive(Clone, Debug)]
pub(super) struct Manifest(Vec<Segment>);

impl Manifest {
    pub(super) fn segments(&self) -> &[Segment] {
        &self.0
    }

    pub(super) fn length(&self) -> u64 {
        self.0.iter().map(Segment::length).sum()
    }

    pub(super) fn json(&self) -> Value {
        self.0.iter().map(Segment::json).collect()
    }

    /// Returns the checksum of the manifest itself, which listings have.
    pub(super) fn hash(&self) -> String {
        checksum::md5(self.json().to_string().as_bytes())
    }

    /// Returns the entity tag of the whole.
    fn etag(&self) -> String {
        checksum::md5(self.0.iter().map(Segment::mark).collect::<String>().as_bytes())
    }

    /// Answers with the manifest instead of what it is put together from; raw, it can be put once more.
    pub(super) fn answer(&self, is_raw: bool, head: Answer) -> Answer {
        let json = if is_raw { self.0.iter().map(Segment::raw).collect::<Value>() } else { self.json() };
        let json = json.to_string();
        head.with("content-type", "application/json; charset=utf-8")
            .with("etag", checksum::md5(json.as_bytes()))
            .with("content-length", length(json.as_bytes()))
            .containing(json)
    }
}

/// Stores a large object whose segments are all there.
pub(super) fn put(server: &mut Server, call: &Call, place: &Place, body: &Bytes) -> Outcome {
    put_as(server, call, &call.headers, place, body)
}

/// The same with other headers than those of the request.
pub(super) fn put_as(server: &mut Server, call: &Call, headers: &HeaderMap, place: &Place, body: &Bytes) -> Outcome {
    let asked = manifest_input::parse(place, body)?;
    let (mut segments, mut problems) = (Vec::new(), Vec::new());
    let now = server.clock.now();
    let last = asked.len().saturating_sub(1);
    for (index, asked) in asked.iter().enumerate() {
        let found = Place::read(&place.account, &asked.path).and_then(|place| server.store.object(&place, now).ok());
        match found {
            None => problems.push((asked.path.clone(), Refusal::from(StatusCode::NOT_FOUND).line())),
            Some(found) => match asked.check(found, index == last) {
                Ok(segment) => segments.push(segment),
                Err(found) => {
                    problems.extend(found.into_iter().map(|problem| (asked.path.clone(), problem.to_owned())));
                }
            },
        }
    }
    if !problems.is_empty() {
        return Ok(bulk::problems(call, StatusCode::BAD_REQUEST, &problems));
    }
    let manifest = Manifest(segments);
    let etag = manifest.etag();
    object::check_etag(call, &etag)?;
    object::store(server, headers, place, Content::Manifest(manifest), etag)
}

/// Removes a large object with its segments.
pub(super) fn delete(server: &mut Server, call: &Call, place: &Place) -> Outcome {
    let mut tally = Tally::default();
    let now = server.clock.now();
    let is_large = server.store.object(place, now).map(|object| object.manifest().is_some());
    match is_large {
        Ok(false) => tally.fail(StatusCode::BAD_REQUEST, "Not an SLO manifest"),
        Ok(true) => {
            for place in of_whole(server, place) {
                tally.remove(server, &place);
            }
        }
        Err(_) => tally.remove(server, place),
    }
    Ok(tally.answer(call))
}

/// Returns where all is that a large object is made of, itself last.
fn of_whole(server: &Server, place: &Place) -> Vec<Place> {
    let mut places = vec![place.clone()];
    let mut next = 0;
    while let Some(place) = places.get(next).cloned() {
        next += 1;
        let object = server.store.object(&place, server.clock.now()).ok();
        for segment in object.and_then(|object| object.manifest()).map(Manifest::segments).unwrap_or_default() {
            let place = segment.place(&place.account);
            if !places.contains(&place) {
                places.push(place);
            }
        }
    }
    places.reverse();
    places
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::memory::{
        SwiftServer,
        kit::{self, Caller, Seen},
    };

    async fn put(caller: &Caller, manifest: Value) -> Seen {
        let headers = [("content-type", "text/plain"), ("x-object-meta-a", "1"), ("accept", "application/json")];
        caller.send("PUT", "/c/whole?multipart-manifest=put", &headers, manifest.to_string()).await
    }

    async fn filled() -> Caller {
        let caller = kit::caller(&SwiftServer::new()).await;
        caller.fill("/c", &[]).await;
        caller.fill("/s", &["one", "two", "three"]).await;
        caller
    }

    #[tokio::test]
    async fn a_large_object_is_its_segments_one_after_the_other() {
        let caller = filled().await;
        let segments =
            json!([{ "path": "/s/one", "size_bytes": 3 }, { "path": "s/three", "range": "2-" }, { "path": "/s/two" }]);
        let stored = put(&caller, segments).await;
        assert_eq!((stored.status, stored.header("etag").len()), (201, 34));
        let seen = caller.send("GET", "/c/whole", &[], "").await;
        assert_eq!((seen.body.as_ref(), seen.header("etag")), (&b"onereetwo"[..], stored.header("etag")));
        assert_eq!((seen.header("x-static-large-object"), seen.header("content-type")), ("True", "text/plain"));
        assert_eq!(caller.send("GET", "/c/whole", &[("range", "bytes=2-6")], "").await.body, "ereet");
        assert_eq!(caller.send("HEAD", "/c/whole", &[], "").await.header("content-length"), "9");

        let seen = caller.send("GET", "/c/whole?multipart-manifest=get", &[], "").await;
        assert_eq!((&seen.json()[1]["range"], &seen.json()[0]["name"]), (&json!("2-4"), &json!("/s/one")));
        let listed = caller.send("GET", "/c?format=json", &[], "").await.json();
        assert_eq!((&listed[0]["bytes"], &listed[0]["slo_etag"]), (&json!(9), &json!(stored.header("etag"))));

        let seen =
            caller.send("DELETE", "/c/whole?multipart-manifest=delete", &[("accept", "application/json")], "").await;
        assert_eq!((seen.status, &seen.json()["Number Deleted"]), (200, &json!(4)));
        assert!(caller.server.objects("s").is_empty() && caller.server.objects("c").is_empty());
    }

    #[tokio::test]
    async fn what_does_not_fit_is_refused() {
        let caller = filled().await;
        for (manifest, said) in [
            (json!({}), "Manifest must be a list."),
            (json!([{ "path": "/s/none" }]), "404 Not Found"),
            (json!([{ "path": "/s/one", "size_bytes": 9 }]), "Size Mismatch"),
            (json!([{ "path": "/s/one", "etag": "other" }]), "Etag Mismatch"),
            (json!([{ "path": "/s/one", "size": 3 }]), "extraneous keys"),
            (json!([{ "path": "one" }]), "path does not refer to an object"),
            (json!([{ "path": "/c/whole" }]), "must not include itself"),
            (json!([{ "path": "/s/one", "range": "5-6" }]), "Unsatisfiable Range"),
        ] {
            let seen = put(&caller, manifest).await;
            let text = String::from_utf8_lossy(&seen.body);
            assert!(seen.status == 400 && text.contains(said), "{said}: {text}");
        }
        assert_eq!(put(&caller, (0..1001).map(|_| json!({ "path": "/s/one" })).collect()).await.status, 413);
        assert!(caller.server.objects("c").is_empty());
    }

    #[tokio::test]
    async fn a_segment_that_is_gone_breaks_what_is_read() {
        let caller = filled().await;
        put(&caller, json!([{ "path": "/s/one" }, { "path": "/s/two" }])).await;
        caller.send("DELETE", "/s/two", &[], "").await;
        assert!(caller.attempt("GET", "/c/whole", &[], "").await.is_err());
        assert_eq!(caller.send("GET", "/c/whole", &[("range", "bytes=0-2")], "").await.body, "one");
        caller.send("DELETE", "/s/one", &[], "").await;
        assert_eq!(caller.send("GET", "/c/whole", &[], "").await.status, 409);
        assert!(caller.server.object("c", "whole").is_none());
    }
}
