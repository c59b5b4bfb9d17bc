use std::{any::Any, fmt};

use bytes::Bytes;
use serde_json::Value;

use super::ByteStream;

/// What a message carries.
///
/// A channel hands over bytes, or a stream of them to a service that takes [`Raw`](crate::service::Raw). A service that calls another one hands over the model itself, or a dynamic value, so
/// that nothing is written and read again on the way.
///
/// ```
/// use zato_core::message::Payload;
///
/// let payload = Payload::from(r#"{"id": 7}"#);
/// assert_eq!(format!("{payload:?}"), "Payload(9 bytes)");
/// assert_eq!(payload.into_bytes().unwrap(), r#"{"id": 7}"#);
/// ```
pub struct Payload(pub(crate) Content);

pub(crate) enum Content {
    Bytes(Bytes),
    Value(Value),
    Typed(Box<dyn Any + Send>),
    Stream(ByteStream),
}

impl Payload {
    /// Returns a payload of no bytes.
    #[must_use]
    pub fn empty() -> Self {
        Self(Content::Bytes(Bytes::new()))
    }

    /// Hands over a value as it is; whoever decodes it finds the same type, or says that it is another.
    pub fn typed<T: Send + 'static>(value: T) -> Self {
        Self(Content::Typed(Box::new(value)))
    }

    /// Returns the bytes, if it is bytes.
    #[must_use]
    pub fn bytes(&self) -> Option<&Bytes> {
        match &self.0 {
            Content::Bytes(bytes) => Some(bytes),
            Content::Value(_) | Content::Typed(_) | Content::Stream(_) => None,
        }
    }

    /// Takes the bytes out, if it is bytes.
    #[must_use]
    pub fn into_bytes(self) -> Option<Bytes> {
        match self.0 {
            Content::Bytes(bytes) => Some(bytes),
            Content::Value(_) | Content::Typed(_) | Content::Stream(_) => None,
        }
    }

    /// Takes the bytes out, or the stream of them; a channel writes either.
    ///
    /// # Errors
    ///
    /// The stream. What is neither bytes nor a stream is no bytes.
    pub fn into_bytes_or_stream(self) -> Result<Bytes, ByteStream> {
        match self.0 {
            Content::Bytes(bytes) => Ok(bytes),
            Content::Stream(stream) => Err(stream),
            Content::Value(_) | Content::Typed(_) => Ok(Bytes::new()),
        }
    }
}

impl From<Bytes> for Payload {
    fn from(bytes: Bytes) -> Self {
        Self(Content::Bytes(bytes))
    }
}

impl From<Vec<u8>> for Payload {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Content::Bytes(bytes.into()))
    }
}

impl From<String> for Payload {
    fn from(text: String) -> Self {
        Self(Content::Bytes(text.into()))
    }
}

impl From<&'static str> for Payload {
    fn from(text: &'static str) -> Self {
        Self(Content::Bytes(text.into()))
    }
}

impl From<ByteStream> for Payload {
    fn from(stream: ByteStream) -> Self {
        Self(Content::Stream(stream))
    }
}

impl From<Value> for Payload {
    fn from(value: Value) -> Self {
        Self(Content::Value(value))
    }
}

/// Says what it is and how long, never what it says.
impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Content::Bytes(bytes) => write!(f, "Payload({} bytes)", bytes.len()),
            Content::Value(_) => f.write_str("Payload(value)"),
            Content::Typed(_) => f.write_str("Payload(typed)"),
            Content::Stream(stream) => write!(f, "Payload({stream:?})"),
        }
    }
}
