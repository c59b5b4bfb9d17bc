//! An error as SOAP tells it.

use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use zato_core::{
    Error,
    format::soap::{FaultCode, FaultMessage, Version},
    message::Cid,
};

use crate::{body::Body, error, rate};

/// The statuses of HTTP that a fault leaves as they are, since whoever stands between us and the caller acts on them; all
/// others become those of the bindings.
const KEPT: [StatusCode; 12] = [
    StatusCode::UNAUTHORIZED,
    StatusCode::FORBIDDEN,
    StatusCode::NOT_FOUND,
    StatusCode::METHOD_NOT_ALLOWED,
    StatusCode::REQUEST_TIMEOUT,
    StatusCode::PAYLOAD_TOO_LARGE,
    StatusCode::UNSUPPORTED_MEDIA_TYPE,
    StatusCode::TOO_MANY_REQUESTS,
    StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
    StatusCode::NOT_IMPLEMENTED,
    StatusCode::SERVICE_UNAVAILABLE,
    StatusCode::GATEWAY_TIMEOUT,
];

/// Turns an error into a fault of a version. `status` is what HTTP alone would say.
pub(super) fn response(
    version: Version,
    versions: &[Version],
    status: StatusCode,
    error: &Error,
    cid: Cid,
) -> Response<Body> {
    let of_status = if status.is_client_error() { FaultCode::Sender } else { FaultCode::Receiver };
    let said = error.source().and_then(|source| source.downcast_ref::<FaultCode>());
    let code = said.unwrap_or(&of_status);
    let body =
        FaultMessage { version, code, reason: error.public_message(), cid, faults: error.input_faults(), versions };
    let mut headers = HeaderMap::with_capacity(4);
    headers.insert(header::CONTENT_TYPE, version.content_type());
    error::with_cid(&mut headers, cid);
    if let Some(wait) = error.retry_after() {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(rate::whole(wait)));
    }
    let mut response = Response::new(Body::from(body.to_bytes()));
    // What an envelope says of its sender is no business of HTTP, which has no scheme to ask for it.
    let is_kept = said.is_none() && KEPT.contains(&status);
    *response.status_mut() = if is_kept { status } else { of_binding(version, code) };
    *response.headers_mut() = headers;
    response
}

/// The status of a fault: 500 in SOAP 1.1 (§6.2, WS-I Basic Profile 1.1 R1126), in SOAP 1.2 400 for a sender's (part 2
/// §7.5.2.2, table 20).
fn of_binding(version: Version, code: &FaultCode) -> StatusCode {
    match (version, code) {
        (Version::V11, _)
        | (
            _,
            FaultCode::Receiver
            | FaultCode::VersionMismatch
            | FaultCode::MustUnderstand(_)
            | FaultCode::DataEncodingUnknown,
        ) => StatusCode::INTERNAL_SERVER_ERROR,
        (Version::V12, _) => StatusCode::BAD_REQUEST,
    }
}
