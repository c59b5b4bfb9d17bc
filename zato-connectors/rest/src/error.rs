//! An error as HTTP tells it.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use serde::Serialize;
use zato_core::{
    Error, Fault,
    config::ErrorFormat,
    message::{Cid, Format},
};

use crate::{body::Body, rate};

/// The header that carries the correlation id.
pub(crate) const CID: http::HeaderName = http::HeaderName::from_static("x-zato-cid");

/// Turns an error into a reply: the status by its kind, and what the caller may read.
pub(crate) fn reply(error: &Error, cid: Cid, format: ErrorFormat, output: Format) -> Response<Body> {
    let status = error.kind().status();
    let mut reply = of_status(status, error, cid, format, output);
    if let Some(wait) = error.retry_after() {
        // Whole seconds, and never so few that the caller comes back too early (RFC 9110 §10.2.3).
        reply.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(rate::whole(wait)));
    }
    reply
}

/// Turns an error into a reply of a status of HTTP's own, written in the format of the channel's replies as far as there
/// is a form of errors in it: JSON for all of them so far.
pub(crate) fn of_status(
    status: StatusCode,
    error: &Error,
    cid: Cid,
    format: ErrorFormat,
    _output: Format,
) -> Response<Body> {
    let (content_type, body) = match format {
        ErrorFormat::Zato => (HeaderValue::from_static("application/json"), zato(error, cid)),
        _ => (HeaderValue::from_static("application/problem+json"), problem(status, error, cid)),
    };
    let mut headers = HeaderMap::with_capacity(4);
    headers.insert(header::CONTENT_TYPE, content_type);
    with_cid(&mut headers, cid);
    let mut reply = Response::new(Body::from(body));
    *reply.status_mut() = status;
    *reply.headers_mut() = headers;
    reply
}

/// Adds the correlation id to the headers of a reply.
pub(crate) fn with_cid(headers: &mut HeaderMap, cid: Cid) {
    let value =
        HeaderValue::from_bytes(cid.as_bytes()).expect("a correlation id has no characters that a header can't have");
    headers.insert(CID, value);
}

/// Problem details (RFC 9457 §3), with the faults in an extension member named as in its example.
#[derive(Serialize)]
struct Problem<'a> {
    r#type: &'static str,
    title: &'static str,
    status: u16,
    detail: &'a str,
    cid: &'a str,
    #[serde(skip_serializing_if = "<[Fault]>::is_empty")]
    errors: &'a [Fault],
}

fn problem(status: StatusCode, error: &Error, cid: Cid) -> Bytes {
    json(&Problem {
        r#type: "about:blank",
        title: status.canonical_reason().unwrap_or("Error"),
        status: status.as_u16(),
        detail: error.public_message(),
        cid: cid.as_str(),
        errors: error.input_faults(),
    })
}

/// Zato's own form, since its version 3.
#[derive(Serialize)]
pub(crate) struct ZatoEnv<'a> {
    pub(crate) result: &'static str,
    pub(crate) cid: &'a str,
    pub(crate) details: &'a str,
}

fn zato(error: &Error, cid: Cid) -> Bytes {
    let faults: Vec<_> = error.input_faults().iter().map(ToString::to_string).collect();
    let details = if faults.is_empty() { error.public_message() } else { &faults.join("; ") };
    json(&ZatoEnv { result: "Error", cid: cid.as_str(), details })
}

/// Writes JSON with its members in the order of the type.
pub(crate) fn json(value: &impl Serialize) -> Bytes {
    Bytes::from(serde_json::to_vec(value).expect("texts and numbers can be written as JSON"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use zato_core::Fault;

    use super::*;

    fn text(reply: Response<Body>) -> String {
        String::from_utf8(reply.into_body().bytes().unwrap().to_vec()).unwrap()
    }

    #[test]
    fn a_callers_mistake_is_told_in_full_and_ours_is_not() {
        let cid = "c1".parse().unwrap();
        let faults = Error::faults(vec![Fault::new("/a", "missing")]);
        assert_eq!(
            text(reply(&faults, cid, ErrorFormat::Problem, Format::Json)),
            r#"{"type":"about:blank","title":"Bad Request","status":400,"detail":"the input can't be used","cid":"c1","errors":[{"path":"/a","detail":"missing"}]}"#
        );
        assert_eq!(
            text(reply(&faults, cid, ErrorFormat::Zato, Format::Json)),
            r#"{"result":"Error","cid":"c1","details":"/a: missing"}"#
        );
        let ours = Error::internal("password=hunter2");
        assert!(!text(reply(&ours, cid, ErrorFormat::Problem, Format::Json)).contains("hunter2"));
    }

    #[test]
    fn when_to_come_back_is_rounded_up() {
        let busy = Error::unavailable("full").with_retry_after(Duration::from_millis(1_200));
        let reply = reply(&busy, "c1".parse().unwrap(), ErrorFormat::Problem, Format::Json);
        assert_eq!((reply.status().as_u16(), &reply.headers()["retry-after"]), (503, &HeaderValue::from(2)));
    }
}
