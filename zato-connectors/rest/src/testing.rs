//! Talks to an app's REST channels in the test's own process: full stack, real HTTP where wanted, no socket. And stands in
//! for the partners that services call.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_body::Body as HttpBody;
use http_body_util::BodyExt;
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tower::ServiceExt;
use zato_core::{app::Running, service::Raw};

#[cfg(feature = "outgoing")]
pub use crate::outgoing::testing::{PartnerCall, PartnerReply, RestExpectation, RestFake};
#[cfg(all(feature = "outgoing", feature = "soap"))]
pub use crate::outgoing::testing::{SoapExpectation, SoapFake};
use crate::{Body, HttpService, RestChannels, upload};

/// Returns REST channels that open no socket, whatever the configuration says, neither for callers nor for operators:
/// tests with the same configuration run at the same time. What an app of the test kit has.
///
/// ```
/// use zato_core::app::App;
/// use zato_rest::testing;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> zato_core::Result<()> {
/// let yaml = "server: {bind: '0.0.0.0:80', admin: {}}";
/// let apps = [(); 2].map(|()| App::new("bank").channel(testing::channels()).config_yaml(yaml));
/// for app in apps {
///     assert!(app.start().await?.addresses().is_empty());
/// }
/// # Ok(())
/// # }
/// ```
#[must_use]
pub fn channels() -> RestChannels {
    RestChannels::silent()
}

/// A client of an app in the same process.
///
/// ```
/// use zato_core::app::App;
/// use zato_rest::{RestChannels, testing};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> zato_core::Result<()> {
/// let app = App::new("bank").channel(RestChannels::nested()).start().await?;
/// let reply = testing::client(&app).get("/zato/ping").await;
/// assert_eq!((reply.status.as_u16(), &reply.json()["pong"]), (200, &"zato".into()));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Client {
    service: HttpService,
}

/// Returns a client of an app.
///
/// # Panics
///
/// If the app has no REST channels.
#[must_use]
#[track_caller]
pub fn client(app: &Running) -> Client {
    Client { service: crate::http_service(app) }
}

/// Returns a client of an app's admin pages, whether or not they listen anywhere.
///
/// # Panics
///
/// If the app has no REST channels.
#[must_use]
#[track_caller]
pub fn admin(app: &Running) -> Client {
    Client { service: crate::admin_service(app) }
}

/// What an app replied.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TestReply {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

/// What an app replied, as far as it has come.
#[derive(Debug)]
#[non_exhaustive]
pub struct StreamedReply {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, piece by piece.
    pub body: Raw,
}

impl StreamedReply {
    /// Returns a header as text; empty if it is missing.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// How long a test may wait for a piece of a reply.
const PATIENCE: Duration = Duration::from_secs(3600);

impl TestReply {
    /// Returns the body as text.
    ///
    /// # Panics
    ///
    /// If it is not UTF-8.
    #[must_use]
    #[track_caller]
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("the body of the reply is UTF-8")
    }

    /// Returns the body as a dynamic value.
    ///
    /// # Panics
    ///
    /// If it is not JSON.
    #[must_use]
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).expect("the body of the reply is JSON")
    }

    /// Returns a header as text; empty if it is missing.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

impl Client {
    /// Sends `GET`.
    pub async fn get(&self, path: &str) -> TestReply {
        self.send(Method::GET, path, &[], Bytes::new()).await
    }

    /// Sends `POST` with a body.
    pub async fn post(&self, path: &str, body: impl Into<Bytes>) -> TestReply {
        self.send(Method::POST, path, &[], body).await
    }

    /// Calls an operation of a SOAP 1.1 channel: sends what stands in the body of an envelope.
    ///
    /// For anything else that an envelope may have, or for SOAP 1.2, [`Client::send`] takes whole ones.
    #[cfg(feature = "soap")]
    pub async fn soap(&self, path: &str, action: &str, operation: &str) -> TestReply {
        let namespace = crate::soap::Version::V11.namespace();
        let envelope = format!("<s:Envelope xmlns:s=\"{namespace}\"><s:Body>{operation}</s:Body></s:Envelope>");
        let headers = [("content-type", "text/xml; charset=utf-8"), ("soapaction", &format!("\"{action}\""))];
        self.send(Method::POST, path, &headers, envelope).await
    }

    /// Sends a request of any method, with headers.
    ///
    /// # Panics
    ///
    /// If path or headers can't stand in a request, or the body of the reply breaks off.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> TestReply {
        let response = self.response(method, path, headers, Body::from(body.into())).await;
        let (parts, body) = response.into_parts();
        let body = body.collect().await.expect("the body of the reply comes whole");
        TestReply { status: parts.status, headers: parts.headers, body: body.to_bytes() }
    }

    /// Sends a body as fast as the service takes it, and returns the reply as soon as it begins: neither is held as a
    /// whole by anybody but the service.
    ///
    /// # Panics
    ///
    /// If path or headers can't stand in a request.
    pub async fn stream(&self, method: Method, path: &str, headers: &[(&str, &str)], body: Raw) -> StreamedReply {
        let response = self.response(method, path, headers, Body::from(body.into_stream())).await;
        let (parts, body) = response.into_parts();
        let content_type = parts.headers.get(header::CONTENT_TYPE).cloned();
        let length = body.size_hint().exact();
        let (stream, _) = upload::stream(body, usize::MAX, PATIENCE).expect("nothing is larger than that");
        let body = Raw::from_stream(stream).with_content_type_of(content_type);
        let body = if let Some(length) = length { body.with_length(length) } else { body };
        StreamedReply { status: parts.status, headers: parts.headers, body }
    }

    async fn response(&self, method: Method, path: &str, headers: &[(&str, &str)], body: Body) -> Response<Body> {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(body).expect("path and headers can stand in a request");
        let Ok(response) = self.service.clone().oneshot(request).await;
        response
    }

    /// Sends bytes as they would come over a connection, and returns every byte that goes back until the connection ends.
    ///
    /// HTTP/1.1 as it is: pipelined requests, malformed ones, whatever; ask for `Connection: close` in the last one.
    ///
    /// # Panics
    ///
    /// If the in-memory connection breaks, which it doesn't.
    pub async fn bytes(&self, request: &[u8]) -> Vec<u8> {
        let (mut ours, theirs) = tokio::io::duplex(64 * 1024);
        let service = service_fn(|request| {
            let service = self.service.clone();
            async move { service.oneshot(request).await }
        });
        let serving = http1::Builder::new().half_close(true).serve_connection(TokioIo::new(theirs), service);
        let talking = async {
            ours.write_all(request).await.expect("an in-memory connection takes bytes");
            ours.shutdown().await.expect("an in-memory connection ends");
            let mut reply = Vec::new();
            ours.read_to_end(&mut reply).await.expect("an in-memory connection gives bytes");
            reply
        };
        let (_, reply) = tokio::join!(serving, talking);
        reply
    }
}
