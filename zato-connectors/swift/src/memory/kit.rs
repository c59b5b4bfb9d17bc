//! What the tests of the server speak to it with.

use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, Request};
use zato_core::{Result, message::ByteStream};

use super::SwiftServer;

/// What came back, read to its end.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// Somebody with a token.
pub(crate) struct Caller {
    pub(crate) server: SwiftServer,
    pub(crate) token: String,
}

impl Seen {
    /// Returns a header, or nothing.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.headers.contains_key(name)
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

impl Caller {
    /// Sends a request to a path within the account `test`, encoded as paths are.
    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Seen {
        self.attempt(method, path, headers, body).await.unwrap()
    }

    /// The same where the connection may break.
    pub(crate) async fn attempt(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Result<Seen> {
        let mut all = vec![("x-auth-token", self.token.as_str())];
        all.extend(headers);
        exchange(&self.server, method, &format!("http://memory/v1/AUTH_test{path}"), &all, body).await
    }

    /// Makes a container with objects that hold their own names.
    pub(crate) async fn fill(&self, container: &str, names: &[&str]) {
        assert_eq!(self.send("PUT", container, &[], "").await.status, 201);
        for name in names {
            let seen = self.send("PUT", &format!("{container}/{name}"), &[], (*name).to_owned()).await;
            assert_eq!(seen.status, 201, "{name}");
        }
    }
}

/// Sends a request and reads the answer to its end.
pub(crate) async fn exchange(
    server: &SwiftServer,
    method: &str,
    uri: &str,
    headers: &[(&str, &str)],
    body: impl Into<Bytes>,
) -> Result<Seen> {
    let body = body.into();
    let length = u64::try_from(body.len()).unwrap();
    // Two pieces, if there are two bytes, since no body comes in whole.
    let (first, second) = (body.slice(..body.len() / 2), body.slice(body.len() / 2..));
    let body = ByteStream::new(stream::iter([Ok(first), Ok(second)])).with_length(length);
    let mut request = Request::builder().method(method).uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let (parts, body) = server.answer(request.body(body).unwrap()).await?.into_parts();
    let body = body.bytes_within(usize::MAX).await?;
    Ok(Seen { status: parts.status.as_u16(), headers: parts.headers, body })
}

/// Logs in by auth v1.
pub(crate) async fn login(server: &SwiftServer, user: &str, key: &str) -> Seen {
    let headers = [("x-auth-user", user), ("x-auth-key", key)];
    exchange(server, "GET", "http://memory/auth/v1.0", &headers, "").await.unwrap()
}

pub(crate) async fn caller_as(server: &SwiftServer, user: &str, key: &str) -> Caller {
    let token = login(server, user, key).await.header("x-auth-token").to_owned();
    Caller { server: server.clone(), token }
}

/// Returns somebody with all rights.
pub(crate) async fn caller(server: &SwiftServer) -> Caller {
    caller_as(server, "test:tester", "testing").await
}
