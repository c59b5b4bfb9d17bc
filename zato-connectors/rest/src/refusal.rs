//! Answers that no service gave.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use serde::Serialize;
use zato_core::{
    Error, Kind,
    config::ErrorFormat,
    message::{Cid, Format},
};

use crate::{
    body::Body,
    config::METHODS,
    error::{self, ZatoEnv},
    soap::Exchange,
};

/// An answer that no service gave.
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) error: Error,
    headers: Vec<(http::HeaderName, HeaderValue)>,
    kind: RefusalKind,
}

enum RefusalKind {
    /// An error, written as the server writes them.
    Error,
    /// Nothing but headers.
    Empty,
    Ping,
    /// What somebody asked for that no service has to be asked for.
    #[cfg_attr(not(feature = "soap"), expect(dead_code, reason = "only SOAP channels describe themselves"))]
    Document(Bytes),
}

#[derive(Serialize)]
struct Pong<'a> {
    pong: &'static str,
    zato_env: ZatoEnv<'a>,
}

impl Refusal {
    pub(crate) fn of(error: Error) -> Self {
        let status = error.kind().status();
        Self { status, error, headers: Vec::new(), kind: RefusalKind::Error }
    }

    /// It is the client that was late, not a system behind us, which 504 would say (RFC 9110 §15.5.9).
    pub(crate) fn of_body(error: Error) -> Self {
        match error.kind() {
            Kind::Timeout => Self { status: StatusCode::REQUEST_TIMEOUT, ..Self::of(error) },
            _ => Self::of(error),
        }
    }

    /// Says that the connection ends, as it does where a part of a body is left (RFC 9112 §9.6).
    pub(crate) fn with_close(mut self) -> Self {
        self.headers.push((header::CONNECTION, HeaderValue::from_static("close")));
        self
    }

    pub(crate) fn with_headers(mut self, headers: HeaderMap) -> Self {
        self.headers.extend(headers.into_iter().filter_map(|(name, value)| Some((name?, value))));
        self
    }

    pub(crate) fn too_many_headers(most: usize) -> Self {
        let error = Error::invalid_input(format!("the request has more than {most} headers"));
        Self { status: StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, ..Self::of(error) }
    }

    /// A body that can't be read is left where it is, and the connection with it (RFC 9112 §6.1).
    pub(crate) fn unknown_coding() -> Self {
        let error = Error::invalid_input("no transfer coding is known but chunked, applied once");
        Self { status: StatusCode::NOT_IMPLEMENTED, ..Self::of(error) }.with_close()
    }

    /// Says nothing of the path that was asked for: a page that repeats it is a way to put words in our mouth.
    pub(crate) fn nothing_here() -> Self {
        Self::of(Error::not_found("no channel answers this path"))
    }

    pub(crate) fn method_not_allowed(allow: HeaderValue) -> Self {
        let error = Error::new(Kind::InvalidInput, "the method is not allowed here");
        let status = StatusCode::METHOD_NOT_ALLOWED;
        Self { status, headers: vec![(header::ALLOW, allow)], ..Self::of(error) }
    }

    pub(crate) fn options(allow: HeaderValue) -> Self {
        let refusal = Self::method_not_allowed(allow);
        Self { status: StatusCode::NO_CONTENT, kind: RefusalKind::Empty, ..refusal }
    }

    /// What a browser may let a page do.
    pub(crate) fn preflight(headers: Vec<(http::HeaderName, HeaderValue)>) -> Self {
        let refusal = Self::of(Error::new(Kind::InvalidInput, "a browser asks what it may do"));
        Self { status: StatusCode::NO_CONTENT, headers, kind: RefusalKind::Empty, ..refusal }
    }

    /// Says what a body may be compressed with (RFC 9110 §12.5.3, §15.5.16).
    pub(crate) fn unsupported_coding(is_any_known: bool) -> Self {
        let (known, message) = if is_any_known {
            ("gzip, zstd", "the body can be compressed with gzip or zstd, and once")
        } else {
            ("identity", "the body can't be compressed here")
        };
        let headers = vec![(header::ACCEPT_ENCODING, HeaderValue::from_static(known))];
        Self { headers, ..Self::of(Error::new(Kind::UnsupportedMediaType, message)) }
    }

    /// A reply in nothing that the caller takes (RFC 9110 §15.5.7).
    pub(crate) fn not_acceptable(offer: &str) -> Self {
        let error = Error::invalid_input(format!("Accept names none of what a reply can be: {offer}"));
        Self { status: StatusCode::NOT_ACCEPTABLE, ..Self::of(error) }
    }

    /// What the server as a whole allows, which `OPTIONS *` asks for (RFC 9110 §9.3.7).
    pub(crate) fn options_of_all() -> Self {
        let names = METHODS.each_ref().map(Method::as_str).join(", ");
        Self::options(HeaderValue::from_str(&names).expect("the names of methods can stand in a header"))
    }

    pub(crate) fn unauthenticated(challenge: HeaderValue) -> Self {
        let error = Error::new(Kind::Unauthenticated, "credentials are missing or wrong");
        Self { headers: vec![(header::WWW_AUTHENTICATE, challenge)], ..Self::of(error) }
    }

    /// A document of ours.
    #[cfg(feature = "soap")]
    pub(crate) fn document(bytes: Bytes, content_type: HeaderValue) -> Self {
        let headers = vec![(header::CONTENT_TYPE, content_type)];
        Self { status: StatusCode::OK, kind: RefusalKind::Document(bytes), headers, ..Self::nothing_here() }
    }

    /// The built-in channel that says that somebody is at home.
    pub(crate) fn ping(method: &Method) -> Self {
        match *method {
            Method::GET | Method::HEAD | Method::POST => {
                Self { status: StatusCode::OK, kind: RefusalKind::Ping, ..Self::nothing_here() }
            }
            Method::OPTIONS => Self::options(HeaderValue::from_static("GET, HEAD, POST, OPTIONS")),
            _ => Self::method_not_allowed(HeaderValue::from_static("GET, HEAD, POST, OPTIONS")),
        }
    }

    /// Writes it, for whoever speaks SOAP as a fault.
    pub(crate) fn into_response(
        self,
        cid: Cid,
        format: ErrorFormat,
        output: Format,
        soap: Option<&Exchange>,
    ) -> Response<Body> {
        let mut response = match (self.kind, soap) {
            (RefusalKind::Error, Some(soap)) => soap.fault(self.status, &self.error, cid),
            (RefusalKind::Document(bytes), _) => with_status(self.status, bytes, cid),
            (RefusalKind::Error, None) if self.status == self.error.kind().status() => {
                error::reply(&self.error, cid, format, output)
            }
            (RefusalKind::Error, None) => error::of_status(self.status, &self.error, cid, format, output),
            (RefusalKind::Empty, _) => with_status(self.status, Bytes::new(), cid),
            (RefusalKind::Ping, _) => {
                let zato_env = ZatoEnv { result: "ZATO_OK", cid, details: "".into() };
                let body = error::json(&Pong { pong: "zato", zato_env });
                let mut response = with_status(self.status, body, cid);
                response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
                response
            }
        };
        response.headers_mut().extend(self.headers);
        response
    }
}

fn with_status(status: StatusCode, body: Bytes, cid: Cid) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    error::with_cid(response.headers_mut(), cid);
    response
}
