use std::{fmt, sync::Arc};

use http::{HeaderMap, StatusCode};
use zato_core::{
    Error, Result,
    format::xml::{self, Document, Element},
    model::Model,
};

/// What a partner answered, if that is no fault: the envelope, and the status and headers that it came with.
///
/// # Examples
///
/// ```
/// use zato_core::{Result, service::Context};
/// use zato_rest::outgoing::soap::Soap;
///
/// async fn first_rate(ctx: &Context, rates: &Soap) -> Result<Option<String>> {
///     let response = rates.invoke(ctx, "GetRates").await?;
///     let rate = response.body().and_then(|body| body.child("rate"));
///     Ok(rate.map(|rate| rate.text().into_owned()))
/// }
/// ```
pub struct SoapResponse {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    /// `None` if the partner said nothing.
    pub(super) envelope: Option<Document>,
    pub(super) connection: Arc<str>,
}

impl SoapResponse {
    /// Returns the status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Returns the headers of HTTP.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// Returns a header of HTTP that is text; `None` if it is missing or not.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// Returns the whole envelope; `None` if the answer was empty.
    #[must_use]
    pub fn envelope(&self) -> Option<&Document> {
        self.envelope.as_ref()
    }

    /// Returns the header blocks of the envelope, in their order.
    pub fn soap_headers(&self) -> impl Iterator<Item = Element<'_>> {
        self.part("Header").into_iter().flat_map(Element::children)
    }

    /// Returns the first header block with a local name.
    #[must_use]
    pub fn soap_header(&self, name: &str) -> Option<Element<'_>> {
        self.soap_headers().find(|header| header.name() == name)
    }

    /// Returns the element that the body has; `None` if it is empty.
    #[must_use]
    pub fn body(&self) -> Option<Element<'_>> {
        self.part("Body")?.children().next()
    }

    /// Returns the element that the body has as XML; empty if there is none.
    #[must_use]
    pub fn body_xml(&self) -> String {
        self.body().map(Element::to_xml).unwrap_or_default()
    }

    /// Reads the element that the body has into a model.
    ///
    /// # Errors
    ///
    /// [`Upstream`](zato_core::Kind::Upstream) with everything that does not fit, for the log.
    pub fn model<T: Model>(&self) -> Result<T> {
        let Some(body) = self.body() else { return Err(self.unusable("its body is empty")) };
        xml::read_element(body, None).map_err(|error: Error| self.unusable(error))
    }

    fn part(&self, name: &str) -> Option<Element<'_>> {
        let root = self.envelope.as_ref()?.root();
        root.children().find(|part| part.is(name, root.namespace()))
    }

    fn unusable(&self, what: impl fmt::Display) -> Error {
        let Self { status, connection, .. } = self;
        Error::upstream(format!("the partner's answer can't be used: {what}"))
            .with("status", status)
            .with("connection", connection)
    }
}

/// The envelope is not shown: it is somebody else's data.
impl fmt::Debug for SoapResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { status, connection, .. } = self;
        f.debug_struct("SoapResponse").field("connection", connection).field("status", status).finish_non_exhaustive()
    }
}
