//! From a reply to an HTTP response.

use std::sync::Arc;

use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use http_body::Body as _;
use zato_core::{
    Error,
    message::{Cid, Reply},
};

use crate::{body::Body, download::Download, error, refusal::Refusal, table::Route};

/// What a connection has headers for, which is our business and no service's: copied from the reply of another
/// system, they would say where a body ends that isn't there (RFC 9112 §6, RFC 9110 §7.6.1).
static OF_THE_CONNECTION: [HeaderName; 7] = [
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    header::UPGRADE,
    header::TE,
    header::TRAILER,
];

/// Writes what a service answered.
pub(crate) fn written(reply: Reply, route: &Route, cid: Cid) -> Result<Response<Body>, Refusal> {
    let (status, mut headers, payload) = reply.into_parts();
    if status.is_informational() {
        let error = Error::internal(format!("the service answered with the status {status}, which is no answer"));
        tracing::error!(zato.cid = cid.as_str(), zato.channel = route.info.name, error = %error, "the reply can't be sent");
        return Err(Refusal::of(error));
    }
    // Nearly all replies have a content type and nothing else.
    if headers.keys().any(|name| *name != header::CONTENT_TYPE && OF_THE_CONNECTION.contains(name)) {
        for name in &OF_THE_CONNECTION {
            headers.remove(name);
        }
    }
    error::with_cid(&mut headers, cid);
    let body = match payload.into_bytes_or_stream() {
        Ok(bytes) => Body::from(bytes),
        Err(stream) => Body::stream(Download::new(stream, cid, Arc::clone(&route.info))),
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    Ok(response)
}

/// Whether replies of a status never have a body (RFC 9110 §6.4.1).
pub(crate) fn is_bodiless(status: StatusCode) -> bool {
    status == StatusCode::NO_CONTENT || status == StatusCode::NOT_MODIFIED
}

/// Leaves the body out of a reply that must not have one, which hyper does for HTTP/1 only. A reply to `HEAD` says how
/// long it would have been (RFC 9110 §8.6).
pub(crate) fn leave_body_out(response: &mut Response<Body>) {
    let body = std::mem::take(response.body_mut());
    if response.status() == StatusCode::NO_CONTENT {
        response.headers_mut().remove(header::CONTENT_TYPE);
    } else if let (false, Some(length)) = (is_bodiless(response.status()), body.size_hint().exact()) {
        response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    }
}

/// Says that the connection ends with this response.
pub(crate) fn with_close(mut response: Response<Body>) -> Response<Body> {
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}
