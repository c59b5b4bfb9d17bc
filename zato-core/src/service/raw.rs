use bytes::Bytes;
use http::HeaderValue;

/// Bytes as they come or go, for a service that reads or writes its payload itself.
///
/// ```
/// use zato_core::service::Raw;
///
/// let reply = Raw::new("a,b\n1,2\n").with_content_type("text/csv");
/// assert_eq!(reply.bytes(), "a,b\n1,2\n");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Raw {
    bytes: Bytes,
    content_type: Option<HeaderValue>,
}

impl Raw {
    /// Takes bytes, told as `application/octet-stream` unless said otherwise.
    pub fn new(bytes: impl Into<Bytes>) -> Self {
        Self { bytes: bytes.into(), content_type: None }
    }

    /// Sets what the bytes are called (RFC 6838).
    ///
    /// # Panics
    ///
    /// If the text can't stand in a header.
    #[must_use]
    #[track_caller]
    pub fn with_content_type(mut self, content_type: &'static str) -> Self {
        self.content_type = Some(HeaderValue::from_static(content_type));
        self
    }

    /// Sets what the bytes are called to what a header says.
    #[must_use]
    pub fn with_content_type_of(mut self, content_type: Option<HeaderValue>) -> Self {
        self.content_type = content_type;
        self
    }

    /// Returns the bytes.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Takes the bytes out.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        self.bytes
    }

    /// Returns what the bytes are called, if anybody said.
    #[must_use]
    pub fn content_type(&self) -> Option<&HeaderValue> {
        self.content_type.as_ref()
    }
}
