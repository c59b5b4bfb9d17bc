//! An error as HTTP tells it.

use std::borrow::Cow;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use serde::Serialize;
#[cfg(feature = "xml")]
use zato_core::format;
use zato_core::{
    Error, Fault,
    config::ErrorFormat,
    message::{Cid, Format, Problem},
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

/// Turns an error into a reply of a status of HTTP's own, in XML for a channel that replies in that, else in JSON.
pub(crate) fn of_status(
    status: StatusCode,
    error: &Error,
    cid: Cid,
    format: ErrorFormat,
    output: Format,
) -> Response<Body> {
    let problem = || Problem::with_status(status, error, cid);
    let (content_type, body) = match (format, output) {
        #[cfg(feature = "xml")]
        (ErrorFormat::Zato, Format::Xml) => {
            ("application/xml; charset=utf-8", xml(&zato(error, cid), "response", None))
        }
        #[cfg(feature = "xml")]
        (_, Format::Xml) => {
            let problem = xml(&in_xml(&problem()), "problem", Some(PROBLEM_NAMESPACE));
            ("application/problem+xml; charset=utf-8", problem)
        }
        (ErrorFormat::Zato, _) => ("application/json", json(&zato(error, cid))),
        _ => (Problem::CONTENT_TYPE, problem().to_json()),
    };
    let mut headers = HeaderMap::with_capacity(4);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
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

/// The namespace of problem details in XML (RFC 9457 appendix B), where the items of a list are called `i`.
#[cfg(feature = "xml")]
const PROBLEM_NAMESPACE: &str = "urn:ietf:rfc:7807";

#[cfg(feature = "xml")]
#[derive(Serialize)]
struct XmlProblem<'a> {
    r#type: &'static str,
    title: &'static str,
    status: u16,
    detail: &'a str,
    cid: Cid,
    #[serde(skip_serializing_if = "Option::is_none")]
    errors: Option<Listed<'a>>,
}

#[cfg(feature = "xml")]
#[derive(Serialize)]
struct Listed<'a> {
    i: &'a [Fault],
}

#[cfg(feature = "xml")]
fn in_xml<'a>(problem: &Problem<'a>) -> XmlProblem<'a> {
    let &Problem { r#type, title, status, detail, cid, errors, .. } = problem;
    let errors = (!errors.is_empty()).then_some(Listed { i: errors });
    XmlProblem { r#type, title, status, detail, cid, errors }
}

/// Zato's own form, since its version 3.
#[derive(Serialize)]
pub(crate) struct ZatoEnv<'a> {
    pub(crate) result: &'static str,
    pub(crate) cid: Cid,
    pub(crate) details: Cow<'a, str>,
}

fn zato(error: &Error, cid: Cid) -> ZatoEnv<'_> {
    let faults: Vec<_> = error.input_faults().iter().map(in_words).collect();
    let details = if faults.is_empty() { Cow::Borrowed(error.public_message()) } else { Cow::Owned(faults.join("; ")) };
    ZatoEnv { result: "Error", cid, details }
}

/// Writes XML; an error whose words XML can't carry goes without them.
#[cfg(feature = "xml")]
fn xml(value: &impl Serialize, name: &str, namespace: Option<&str>) -> Bytes {
    let mut text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_owned();
    let declaration = text.len();
    if format::xml::write_element(&mut text, value, name, namespace).is_err() {
        text.truncate(declaration);
        text.push_str(&std::format!("<{name}/>"));
    }
    Bytes::from(text)
}

/// Says all of a fault in one text, where there are no members for its parts.
fn in_words(fault: &Fault) -> String {
    match &fault.value {
        Some(value) => format!("{fault} (value: {value})"),
        None => fault.to_string(),
    }
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
        #[cfg(feature = "xml")]
        {
            assert_eq!(
                text(reply(&faults, cid, ErrorFormat::Problem, Format::Xml)),
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<problem xmlns=\"urn:ietf:rfc:7807\"><type>about:blank</type>\
                 <title>Bad Request</title><status>400</status><detail>the input can't be used</detail><cid>c1</cid>\
                 <errors><i><path>/a</path><detail>missing</detail></i></errors></problem>"
            );
            assert_eq!(
                text(reply(&faults, cid, ErrorFormat::Zato, Format::Xml)),
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
                 <response><result>Error</result><cid>c1</cid><details>/a: missing</details></response>"
            );
            let odd = Error::invalid_input("a\0b");
            assert!(text(reply(&odd, cid, ErrorFormat::Problem, Format::Xml)).ends_with("<problem/>"));
        }
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
