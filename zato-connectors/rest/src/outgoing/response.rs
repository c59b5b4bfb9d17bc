use std::{fmt, sync::Arc};

use http::{HeaderMap, StatusCode, header};
#[cfg(feature = "xml")]
use zato_core::format::xml::Document;
use zato_core::{Error, Result, Value, bytes::Bytes, format, message::Format, model::Model, service::Raw};

use super::transport::{Answer, AnswerBody};

/// What a partner answered: status, headers, and a body that is there as a whole, or as a stream.
///
/// A status is data. [`error_for_status`](Self::error_for_status) makes one that says that something went wrong an
/// error of the partner's, for which our own caller reads 502 and nothing of what the partner said.
///
/// # Examples
///
/// ```
/// use zato_core::{Result, Value, service::Context};
/// use zato_rest::outgoing::Rest;
///
/// async fn find(ctx: &Context, crm: &Rest) -> Result<Option<Value>> {
///     let response = crm.get(ctx).query("UserName", "my.user").await?;
///     if response.status() == 404 {
///         return Ok(None);
///     }
///     response.error_for_status()?.value().map(Some)
/// }
/// ```
pub struct RestResponse<B = Bytes> {
    status: StatusCode,
    headers: HeaderMap,
    body: B,
    connection: Arc<str>,
}

impl<B> RestResponse<B> {
    /// Returns the status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Returns whether the status is 200 to 299.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.status.is_success()
    }

    /// Returns the headers.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// Returns a header that is text; `None` if it is missing or not.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// Returns the response, if its status is below 400. What nobody has defined, 600 and above, is as bad as 500
    /// (RFC 9110 §15).
    ///
    /// # Errors
    ///
    /// [`Upstream`](zato_core::Kind::Upstream), with the status for the log.
    pub fn error_for_status(self) -> Result<Self> {
        if self.status.as_u16() >= 400 {
            return Err(
                Error::upstream(format!("the partner answered {}", self.status)).with("connection", self.connection)
            );
        }
        Ok(self)
    }

    /// Returns the body.
    #[must_use]
    pub fn into_body(self) -> B {
        self.body
    }

    fn unusable(&self, what: impl fmt::Display) -> Error {
        let Self { status, connection, .. } = self;
        Error::upstream(format!("the partner's answer can't be used: {what}"))
            .with("status", status)
            .with("connection", connection)
    }
}

impl RestResponse {
    pub(super) fn whole((connection, answer): (Arc<str>, Answer)) -> Self {
        let body = match answer.body {
            AnswerBody::Whole(bytes) => bytes,
            AnswerBody::Stream(_) => unreachable!("a stream was not asked for"),
        };
        Self { status: answer.status, headers: answer.headers, body, connection }
    }

    /// Returns the body as it came.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.body
    }

    /// Reads the body into a model: as XML where its Content-Type says so (`application/xml`, `text/xml`, or anything that
    /// ends in `+xml`), else as JSON.
    ///
    /// # Errors
    ///
    /// [`Upstream`](zato_core::Kind::Upstream) with everything that does not fit, for the log.
    pub fn model<T: Model>(&self) -> Result<T> {
        #[cfg(feature = "xml")]
        if let Some(charset) = self.charset_of_xml() {
            let document = Document::parse_in(self.body.clone(), charset);
            return document.and_then(|document| document.read(None)).map_err(|error| self.unusable(error));
        }
        format::read(Format::Json, &self.body).map_err(|error| self.unusable(error))
    }

    /// Returns the `charset` of a body that is XML, if it is (RFC 7303 §4).
    #[cfg(feature = "xml")]
    fn charset_of_xml(&self) -> Option<Option<&str>> {
        let mut parts = self.header(header::CONTENT_TYPE.as_str())?.split(';').map(str::trim);
        let media = parts.next()?.to_ascii_lowercase();
        if !matches!(media.as_str(), "application/xml" | "text/xml") && !media.ends_with("+xml") {
            return None;
        }
        let mut parameters = parts.filter_map(|parameter| parameter.split_once('='));
        let charset = parameters.find(|(name, _)| name.eq_ignore_ascii_case("charset"));
        Some(charset.map(|(_, charset)| charset.trim_matches('"')))
    }

    /// Reads the body, which is JSON, as a dynamic value; an empty one is `null`.
    ///
    /// # Errors
    ///
    /// [`Upstream`](zato_core::Kind::Upstream) if it is no JSON.
    pub fn value(&self) -> Result<Value> {
        if self.body.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&self.body).map_err(|error| self.unusable(error))
    }

    /// Reads the body as text in UTF-8.
    ///
    /// # Errors
    ///
    /// [`Upstream`](zato_core::Kind::Upstream) if it is something else.
    pub fn text(&self) -> Result<String> {
        std::str::from_utf8(&self.body).map(str::to_owned).map_err(|error| self.unusable(error))
    }
}

impl RestResponse<Raw> {
    pub(super) fn streamed((connection, answer): (Arc<str>, Answer)) -> Self {
        let content_type = answer.headers.get(header::CONTENT_TYPE).cloned();
        let body = match answer.body {
            AnswerBody::Whole(bytes) => Raw::new(bytes),
            AnswerBody::Stream(stream) => Raw::from(stream),
        };
        let body = body.with_content_type_of(content_type);
        Self { status: answer.status, headers: answer.headers, body, connection }
    }
}

/// The body is not shown: it is somebody else's data.
impl<B> fmt::Debug for RestResponse<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { status, connection, .. } = self;
        f.debug_struct("RestResponse").field("connection", connection).field("status", status).finish_non_exhaustive()
    }
}
