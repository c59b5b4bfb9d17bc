use std::fmt;

use lapin::BasicProperties;
use zato_core::{Error, Result, Value, bytes::Bytes, format, message::Format, model::Model};

use crate::wire::Delivered;

/// The property `type` of a reply that tells of a failure, as problem details (RFC 9457).
pub(crate) const KIND_OF_ERROR: &str = "zato.error";

/// What somebody replied to a request.
///
/// # Examples
///
/// ```
/// use zato_amqp::{Amqp, AmqpMessage};
/// use zato_core::{Result, Value, service::Context};
///
/// async fn balance(ctx: &Context, payments: &Amqp, account: &str) -> Result<Value> {
///     payments.request(ctx, AmqpMessage::text(account).routing_key("payments.balance")).await?.value()
/// }
/// ```
pub struct AmqpReply {
    body: Bytes,
    properties: BasicProperties,
}

impl AmqpReply {
    /// Takes a reply, unless it says that the other side failed.
    pub(crate) fn of(delivered: Delivered) -> Result<Self> {
        let Delivered { body, properties, .. } = delivered;
        if properties.kind().as_ref().is_some_and(|kind| kind.as_str() == KIND_OF_ERROR) {
            let told: Option<Value> = serde_json::from_slice(&body).ok();
            let detail = told.as_ref().and_then(|told| told.get("detail")).and_then(Value::as_str);
            return Err(Error::upstream(format!("who was asked failed: {}", detail.unwrap_or("no reason was given"))));
        }
        Ok(Self { body, properties })
    }

    /// Returns the body.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        self.body
    }

    /// Returns the body as text.
    ///
    /// # Errors
    ///
    /// [`Upstream`](zato_core::Kind::Upstream) if it is not UTF-8.
    pub fn text(self) -> Result<String> {
        String::from_utf8(self.body.into()).map_err(|error| unusable("it is not UTF-8").with_source(error))
    }

    /// Reads the body into a model, as JSON; or as XML, if its content type says so.
    ///
    /// # Errors
    ///
    /// [`Upstream`](zato_core::Kind::Upstream) if it can't be read.
    pub fn model<T: Model>(self) -> Result<T> {
        let is_xml = self.content_type().is_some_and(|kind| kind.contains("xml")) && Format::Xml.is_built_in();
        let read = format::read(if is_xml { Format::Xml } else { Format::Json }, &self.body);
        read.map_err(|error| unusable(error.message()))
    }

    /// Reads the body as JSON of whatever shape.
    ///
    /// # Errors
    ///
    /// [`Upstream`](zato_core::Kind::Upstream) if it can't be read.
    pub fn value(self) -> Result<Value> {
        serde_json::from_slice(&self.body).map_err(unusable)
    }

    /// Returns the content type.
    #[must_use]
    pub fn content_type(&self) -> Option<&str> {
        self.properties.content_type().as_ref().map(|text| text.as_str())
    }

    /// Returns the properties, headers among them, as the library has them.
    #[must_use]
    pub fn properties(&self) -> &BasicProperties {
        &self.properties
    }
}

fn unusable(what: impl fmt::Display) -> Error {
    Error::upstream(format!("a reply can't be used: {what}"))
}

impl fmt::Debug for AmqpReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AmqpReply").field("bytes", &self.body.len()).finish_non_exhaustive()
    }
}
