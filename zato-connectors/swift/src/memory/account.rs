//! Requests to an account.

use http::{Method, StatusCode};
use serde_json::json;

use super::{
    answer::{Answer, Outcome},
    listing,
    metadata::{self, Owner},
    request::Call,
    server::Server,
};

/// Answers with what an account is like, for `GET` with its containers.
pub(super) fn read(server: &Server, call: &Call, name: &str) -> Outcome {
    let account = server.store.account(name)?;
    let answer = if call.method == Method::HEAD {
        Answer::new(StatusCode::NO_CONTENT).with("content-type", "text/plain; charset=utf-8")
    } else {
        listing::answer(call, &account.containers, |name, container| {
            json!({
                "name": name,
                "count": container.objects.len(),
                "bytes": container.bytes_used(),
                "last_modified": container.stamp.iso(),
            })
        })?
    };
    Ok(answer
        .with("x-account-container-count", account.containers.len())
        .with("x-account-object-count", account.object_count())
        .with("x-account-bytes-used", account.bytes_used())
        .with("x-timestamp", account.stamp.text())
        .with("accept-ranges", "bytes")
        .with_all(&account.metadata))
}

/// Changes an account's metadata.
pub(super) fn post(server: &mut Server, call: &Call, name: &str) -> Outcome {
    metadata::check(&call.headers, Owner::Account)?;
    let account = server.store.account_mut(name)?;
    metadata::merge(&mut account.metadata, &call.headers, Owner::Account);
    Ok(Answer::new(StatusCode::NO_CONTENT))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::memory::{SwiftServer, kit};

    #[tokio::test]
    async fn an_account_tells_what_it_holds() {
        let caller = kit::caller(&SwiftServer::new()).await;
        caller.fill("/c", &["o", "two"]).await;
        caller.fill("/empty", &[]).await;
        let seen =
            caller.send("POST", "", &[("x-account-meta-owner", "me"), ("x-account-meta-temp-url-key", "k")], "").await;
        assert_eq!(seen.status, 204);
        let seen = caller.send("HEAD", "", &[], "").await;
        assert_eq!(
            ["container-count", "object-count", "bytes-used", "meta-owner", "meta-temp-url-key"]
                .map(|name| seen.header(&format!("x-account-{name}"))),
            ["2", "2", "4", "me", "k"]
        );
        assert_eq!((seen.status, seen.has("x-trans-id")), (204, true));

        let listed = caller.send("GET", "?format=json&prefix=c", &[], "").await.json();
        let modified = &listed[0]["last_modified"];
        assert_eq!(listed, json!([{ "name": "c", "count": 2, "bytes": 4, "last_modified": modified }]));
    }

    #[tokio::test]
    async fn what_an_account_cannot_is_refused() {
        let caller = kit::caller(&SwiftServer::new()).await;
        for (method, status) in [("PUT", 405), ("DELETE", 405), ("COPY", 405)] {
            assert_eq!(caller.send(method, "", &[], "").await.status, status, "{method}");
        }
        assert_eq!(caller.send("GET", "/c/%FF", &[], "").await.status, 412);
    }
}
