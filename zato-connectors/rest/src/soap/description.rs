//! What an endpoint tells the tools of its callers: its WSDL, at `?wsdl`.

use bytes::Bytes;
use http::{HeaderValue, request::Parts};

use super::Endpoint;

/// What describes an endpoint, and what that is called.
pub(crate) type Description = (Bytes, HeaderValue);

impl Endpoint {
    /// Whether a request asks for a description, whatever the case that it asks in.
    pub(crate) fn is_asked_for_description(parts: &Parts) -> bool {
        parts.uri.query().is_some_and(|query| query.eq_ignore_ascii_case("wsdl"))
    }

    /// Writes the description of all channels of the path, for whoever reached it under the address of the request;
    /// `None` if there is none.
    pub(crate) fn description(&self, _: &Parts) -> Option<Description> {
        None
    }
}
