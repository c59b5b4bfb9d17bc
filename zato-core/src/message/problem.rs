use bytes::Bytes;
use http::StatusCode;
use serde::Serialize;

use super::Cid;
use crate::error::{Error, Fault};

/// An error as its caller may read it: problem details (RFC 9457 §3), with the correlation id, and the faults of an input in an
/// extension member named as in that document's example.
///
/// Its members are written in this order; secrets, hosts and whatever else is ours alone are in none of them.
///
/// ```
/// use zato_core::{Error, Fault, message::Problem};
///
/// let error = Error::faults(vec![Fault::new("/iban", "missing")]);
/// let problem = Problem::of(&error, "c1".parse()?);
/// assert_eq!(
///     problem.to_json(),
///     concat!(
///         r#"{"type":"about:blank","title":"Bad Request","status":400,"detail":"the input can't be used","#,
///         r#""cid":"c1","errors":[{"path":"/iban","detail":"missing"}]}"#
///     )
/// );
/// # Ok::<(), zato_core::Error>(())
/// ```
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Problem<'a> {
    /// `about:blank`: the status says what sort of problem it is (RFC 9457 §4.2.1).
    pub r#type: &'static str,
    /// The words of the status.
    pub title: &'static str,
    /// The status, as HTTP has it, whatever protocol tells the problem.
    pub status: u16,
    /// What the caller may read of the error.
    pub detail: &'a str,
    /// The correlation id, by which the log has the rest.
    pub cid: Cid,
    /// What is wrong with an input, each with its place; left out where that is nothing.
    #[serde(skip_serializing_if = "<[Fault]>::is_empty")]
    pub errors: &'a [Fault],
}

impl<'a> Problem<'a> {
    /// The content type of what [`Problem::to_json`] gives.
    pub const CONTENT_TYPE: &'static str = "application/problem+json";

    /// Tells an error with the status of its kind.
    #[must_use]
    pub fn of(error: &'a Error, cid: Cid) -> Self {
        Self::with_status(error.kind().status(), error, cid)
    }

    /// Tells an error with another status than that of its kind, where a protocol has one of its own for it.
    #[must_use]
    pub fn with_status(status: StatusCode, error: &'a Error, cid: Cid) -> Self {
        Self {
            r#type: "about:blank",
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            detail: error.public_message(),
            cid,
            errors: error.input_faults(),
        }
    }

    /// Writes it as JSON.
    #[must_use]
    #[expect(clippy::missing_panics_doc, reason = "it never does")]
    pub fn to_json(&self) -> Bytes {
        serde_json::to_vec(self).expect("texts and numbers can be written as JSON").into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(problem: &Problem<'_>) -> String {
        String::from_utf8(problem.to_json().to_vec()).unwrap()
    }

    #[test]
    fn what_is_ours_is_not_told_and_no_faults_are_left_out() {
        let ours = Error::internal("password=hunter2");
        assert_eq!(
            json(&Problem::of(&ours, "c1".parse().unwrap())),
            r#"{"type":"about:blank","title":"Internal Server Error","status":500,"detail":"an error has occurred","cid":"c1"}"#
        );
    }

    #[test]
    fn a_status_of_the_protocol_goes_before_that_of_the_kind() {
        let error = Error::invalid_input("the header is too large");
        let told = Problem::with_status(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, &error, "c1".parse().unwrap());
        assert_eq!((told.status, told.title), (431, "Request Header Fields Too Large"));
        let unheard_of = StatusCode::from_u16(599).unwrap();
        assert_eq!(Problem::with_status(unheard_of, &error, "c1".parse().unwrap()).title, "Error");
    }
}
