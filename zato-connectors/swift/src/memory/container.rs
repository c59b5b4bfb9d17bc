//! Requests to a container.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::{
    answer::{Answer, Outcome, Refusal},
    listing,
    metadata::{self, Owner},
    request::{Call, text},
    server::Server,
    store::{Container, Object, not_found},
};

/// How long a name may be, in bytes.
const LONGEST_NAME: usize = 256;

/// Makes a container, or changes its metadata if it is there.
pub(super) fn put(server: &mut Server, call: &Call, account: &str, name: &str) -> Outcome {
    if name.len() > LONGEST_NAME {
        let text = format!("Container name length of {} longer than {LONGEST_NAME}", name.len());
        return Err(Refusal::new(StatusCode::BAD_REQUEST, text));
    }
    check(call)?;
    let stamp = server.clock.stamp();
    let account = server.store.account_mut(account)?;
    let is_new = !account.containers.contains_key(name);
    let container = account.containers.entry(name.to_owned()).or_default();
    if is_new {
        container.stamp = stamp;
    }
    metadata::merge(&mut container.metadata, &call.headers, Owner::Container);
    Ok(Answer::new(if is_new { StatusCode::CREATED } else { StatusCode::ACCEPTED }))
}

/// Changes a container's metadata.
pub(super) fn post(server: &mut Server, call: &Call, account: &str, name: &str) -> Outcome {
    let container = server.store.container_mut(account, name)?;
    check(call)?;
    metadata::merge(&mut container.metadata, &call.headers, Owner::Container);
    Ok(Answer::new(StatusCode::NO_CONTENT))
}

fn check(call: &Call) -> Outcome<()> {
    metadata::check(&call.headers, Owner::Container)?;
    let quota = call.header("x-container-meta-quota-bytes").filter(|quota| !quota.is_empty());
    if quota.is_some_and(|quota| quota.parse::<u64>().is_err()) {
        return Err(Refusal::new(StatusCode::BAD_REQUEST, "Invalid bytes quota."));
    }
    Ok(())
}

/// Answers with what a container is like, for `GET` with its objects.
pub(super) fn read(server: &Server, call: &Call, account: &str, name: &str) -> Outcome {
    let container = server.store.container(account, name)?;
    let answer = if call.method == Method::HEAD {
        Answer::new(StatusCode::NO_CONTENT).with("content-type", "text/plain; charset=utf-8")
    } else {
        listing::answer(call, &container.objects, describe)?
    };
    Ok(answer
        .with("x-container-object-count", container.objects.len())
        .with("x-container-bytes-used", container.bytes_used())
        .with("x-timestamp", container.stamp.text())
        .with("last-modified", container.stamp.date())
        .with("x-storage-policy", "Policy-0")
        .with("accept-ranges", "bytes")
        .with_all(&container.metadata))
}

/// Describes an object as listings do. The hash of a large one is that of its manifest, and its own stands beside it.
fn describe(name: &str, object: &Object) -> Value {
    let mut entry = json!({
        "name": name,
        "hash": object.manifest().map_or_else(|| object.etag.clone(), |manifest| manifest.hash()),
        "bytes": object.length(),
        "content_type": String::from_utf8_lossy(object.content_type.as_bytes()),
        "last_modified": object.stamp.iso(),
    });
    if let Some(entry) = entry.as_object_mut().filter(|_| object.manifest().is_some()) {
        entry.insert("slo_etag".to_owned(), object.etag_header().into());
    }
    entry
}

/// Removes a container that holds nothing.
pub(super) fn delete(server: &mut Server, account: &str, name: &str) -> Outcome {
    if !server.store.container(account, name)?.objects.is_empty() {
        let text = "<html><h1>Conflict</h1><p>There was a conflict when trying to complete your request.</p></html>";
        return Err(Refusal::new(StatusCode::CONFLICT, text));
    }
    let account = server.store.account_mut(account)?;
    account.containers.remove(name).map(|_| Answer::new(StatusCode::NO_CONTENT)).ok_or_else(not_found)
}

/// Refuses what does not fit into a container any more.
pub(super) fn check_quota(container: &Container, length: u64) -> Outcome<()> {
    let Some(quota) = text(&container.metadata, "x-container-meta-quota-bytes") else { return Ok(()) };
    let is_within = quota.parse().is_ok_and(|quota: u64| container.bytes_used().saturating_add(length) <= quota);
    if is_within { Ok(()) } else { Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "Upload exceeds quota.")) }
}

#[cfg(test)]
mod tests {
    use crate::memory::{SwiftServer, kit};

    #[tokio::test]
    async fn a_container_is_made_changed_and_removed() {
        let caller = kit::caller(&SwiftServer::new()).await;
        let meta = [("x-container-meta-colour", "blue"), ("x-container-meta-size", "5")];
        assert_eq!(caller.send("HEAD", "/c", &[], "").await.status, 404);
        assert_eq!(caller.send("PUT", "/c", &meta, "").await.status, 201);
        assert_eq!(caller.send("PUT", "/c", &[], "").await.status, 202);
        assert_eq!(caller.send("PUT", "/c/o", &[], "abc").await.status, 201);
        let change = [("x-container-meta-colour", "red"), ("x-remove-container-meta-size", "x")];
        assert_eq!(caller.send("POST", "/c", &change, "").await.status, 204);
        let seen = caller.send("HEAD", "/c", &[], "").await;
        assert_eq!((seen.status, seen.header("x-container-meta-colour")), (204, "red"));
        assert!(!seen.has("x-container-meta-size"));
        assert_eq!((seen.header("x-container-object-count"), seen.header("x-container-bytes-used")), ("1", "3"));

        assert_eq!(caller.send("DELETE", "/c", &[], "").await.status, 409);
        assert_eq!(caller.send("DELETE", "/c/o", &[], "").await.status, 204);
        assert_eq!(caller.send("DELETE", "/c", &[], "").await.status, 204);
        for method in ["DELETE", "GET", "POST"] {
            assert_eq!(caller.send(method, "/c", &[], "").await.status, 404, "{method}");
        }
    }

    #[tokio::test]
    async fn names_are_of_a_length() {
        let caller = kit::caller(&SwiftServer::new()).await;
        assert_eq!(caller.send("PUT", &format!("/{}", "n".repeat(256)), &[], "").await.status, 201);
        assert_eq!(caller.send("PUT", &format!("/{}", "n".repeat(257)), &[], "").await.status, 400);
    }

    #[tokio::test]
    async fn a_quota_holds() {
        let caller = kit::caller(&SwiftServer::new()).await;
        assert_eq!(caller.send("PUT", "/c", &[("x-container-meta-quota-bytes", "4")], "").await.status, 201);
        assert_eq!(caller.send("PUT", "/c/a", &[], "abc").await.status, 201);
        assert_eq!(caller.send("PUT", "/c/b", &[], "de").await.status, 413);
        assert_eq!(caller.send("PUT", "/c/b", &[], "d").await.status, 201);
        assert_eq!(caller.send("POST", "/c", &[("x-container-meta-quota-bytes", "much")], "").await.status, 400);
    }
}
