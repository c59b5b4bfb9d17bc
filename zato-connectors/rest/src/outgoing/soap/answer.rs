//! What comes back: an envelope, a fault, or something else.

use http::{HeaderMap, HeaderValue, StatusCode, header};
use zato_core::{
    BoxError, Error, Result, Retry,
    bytes::Bytes,
    format::{
        soap::Version,
        xml::{Document, Element},
    },
    resilience::Verdict,
};

use super::SoapFault;

/// Says what an answer tells of the partner. A fault that blames us says that the partner is well, although its status is
/// the one of a failure (SOAP 1.1 §6.2).
pub(super) fn judge(status: StatusCode, headers: &HeaderMap, body: &Bytes) -> Option<Verdict> {
    if status != StatusCode::INTERNAL_SERVER_ERROR || !is_xml(headers) {
        return None;
    }
    let document = Document::parse_in(body.clone(), charset(headers)).ok()?;
    let fault = SoapFault::of(document.root(), version_of(document.root())?)?;
    fault.is_senders().then_some(Verdict::GOOD)
}

/// Takes an answer to what was sent in a version; `None` if it has no content, as that to a message that nobody answers.
///
/// # Errors
///
/// [`Upstream`](zato_core::Kind::Upstream), with the fault among its causes if it is one.
pub(super) fn read(
    version: Version,
    status: StatusCode,
    headers: &HeaderMap,
    body: &Bytes,
) -> Result<Option<Document>> {
    let is_failure = status.as_u16() >= 400;
    if body.trim_ascii().is_empty() {
        return if is_failure { Err(failed(status)) } else { Ok(None) };
    }
    if !is_xml(headers) {
        let error = if is_failure { failed(status) } else { Error::upstream("the partner's answer is no SOAP") };
        return Err(error.with("content type", shown(headers)));
    }
    let document = match Document::parse_in(body.clone(), charset(headers)) {
        Ok(document) => document,
        // Whatever the page of a proxy in between looks like, its status says more.
        Err(_) if is_failure => return Err(failed(status)),
        Err(malformed) => {
            let error = Error::upstream("the partner's answer can't be used").with_retry(Retry::Never);
            return Err(error.with_source(BoxError::from(malformed)));
        }
    };
    let Some(found) = version_of(document.root()) else {
        let error = if is_failure { failed(status) } else { Error::upstream("the partner's answer is no SOAP") };
        return Err(error.with("element", document.root().name()));
    };
    if let Some(fault) = SoapFault::of(document.root(), found) {
        return Err(of_fault(fault, status));
    }
    if is_failure {
        return Err(failed(status));
    }
    if found != version {
        let words = format!("the partner answered in SOAP {found}, and not in {version}; set soap_version");
        return Err(Error::upstream(words).with_retry(Retry::Never));
    }
    Ok(Some(document))
}

fn failed(status: StatusCode) -> Error {
    Error::upstream(format!("the partner answered {status}"))
}

fn of_fault(fault: SoapFault, status: StatusCode) -> Error {
    let error = Error::upstream("the partner answered with a fault").with("status", status);
    // The next one is answered the same.
    let error = if fault.is_senders() { error.with_retry(Retry::Never) } else { error };
    error.with_source(fault)
}

/// Returns the version of an envelope, which its namespace says.
pub(super) fn version_of(root: Element<'_>) -> Option<Version> {
    root.namespace().filter(|_| root.name() == "Envelope").and_then(Version::of_namespace)
}

fn content_type(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok())
}

/// Whether something is XML by its type; what has none may be.
fn is_xml(headers: &HeaderMap) -> bool {
    let Some(value) = content_type(headers) else { return !headers.contains_key(header::CONTENT_TYPE) };
    let name = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    matches!(name.as_str(), "text/xml" | "application/xml") || name.ends_with("+xml")
}

fn charset(headers: &HeaderMap) -> Option<&str> {
    let mut parameters = content_type(headers)?.split(';').skip(1);
    let charset = parameters.find_map(|parameter| {
        let (name, value) = parameter.trim().split_once('=')?;
        name.trim().eq_ignore_ascii_case("charset").then_some(value.trim())
    })?;
    Some(charset.trim_matches('"'))
}

fn shown(headers: &HeaderMap) -> String {
    let value = headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    String::from_utf8_lossy(value.unwrap_or(b"none")).into_owned()
}
