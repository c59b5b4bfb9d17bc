//! What services send: a payload, and what AMQP says beside it.

use std::{borrow::Cow, fmt, time::Duration};

use lapin::{
    BasicProperties,
    types::{AMQPValue, FieldTable, ShortString},
};
use serde::Serialize;
use zato_core::{
    Error, Result, Value,
    bytes::Bytes,
    chrono::{DateTime, Utc},
    message::{Cid, TraceParent},
    service::Raw,
};

use crate::{
    config::{Arguments, DataFormat, DeliveryMode, argument},
    headers::{CID, TRACEPARENT},
    wire::Publication,
};

/// A message to be sent: a model, text or bytes, and what this one has other than its connection says.
///
/// A model is written in the `data_format` of the connection. Texts, bytes and references to models become a message by
/// themselves where one is asked for.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use zato_amqp::AmqpMessage;
///
/// let message = AmqpMessage::text("User `my.user` accessed `123456`")
///     .exchange("/tutorial")
///     .routing_key("api")
///     .priority(7)
///     .expiration(Duration::from_secs(60))
///     .header("tenant", "bank");
/// assert_eq!(format!("{message:?}"), r#"AmqpMessage(32 bytes to "/tutorial" with "api")"#);
/// ```
#[must_use = "a message is sent by `Amqp::send`"]
pub struct AmqpMessage<'a> {
    payload: Payload<'a>,
    pub(crate) exchange: Option<Cow<'a, str>>,
    pub(crate) routing_key: Option<Cow<'a, str>>,
    pub(crate) is_mandatory: Option<bool>,
    pub(crate) timeout: Option<Duration>,
    properties: BasicProperties,
    headers: FieldTable,
    /// The first thing that was wrong with what was given.
    fault: Option<Error>,
}

type Write<'a> = dyn FnOnce(DataFormat) -> Result<Bytes> + Send + 'a;

enum Payload<'a> {
    Bytes(Bytes, Option<&'static str>),
    Model(Box<Write<'a>>),
}

/// What a connection says of every message of its own.
#[derive(Clone, Debug)]
pub(crate) struct Defaults {
    pub(crate) exchange: String,
    pub(crate) routing_key: String,
    pub(crate) data_format: DataFormat,
    pub(crate) delivery_mode: DeliveryMode,
    pub(crate) priority: u8,
    pub(crate) expiration: Option<Duration>,
    pub(crate) content_type: Option<String>,
    pub(crate) content_encoding: Option<String>,
    pub(crate) user_id: Option<String>,
    pub(crate) app_id: Option<String>,
    pub(crate) headers: Arguments,
    pub(crate) mandatory: bool,
}

/// What is known of who sends.
pub(crate) struct Sender {
    pub(crate) cid: Cid,
    pub(crate) trace: TraceParent,
    pub(crate) now: DateTime<Utc>,
    pub(crate) random: u128,
}

impl<'a> AmqpMessage<'a> {
    fn of(payload: Payload<'a>) -> Self {
        Self {
            payload,
            exchange: None,
            routing_key: None,
            is_mandatory: None,
            timeout: None,
            properties: BasicProperties::default(),
            headers: FieldTable::default(),
            fault: None,
        }
    }

    /// Takes a model, or anything that serde can write.
    pub fn model<T: Serialize + Sync + ?Sized>(model: &'a T) -> Self {
        Self::of(Payload::Model(Box::new(move |format| written(model, format))))
    }

    /// Takes a text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::of(Payload::Bytes(text.into().into(), Some("text/plain; charset=utf-8")))
    }

    /// Takes bytes.
    pub fn bytes(bytes: impl Into<Bytes>) -> Self {
        Self::of(Payload::Bytes(bytes.into(), Some("application/octet-stream")))
    }

    /// Takes bytes as they came to a service, with their content type.
    ///
    /// # Errors
    ///
    /// Those of the stream, if they come as one: a message is sent as a whole.
    pub async fn raw(raw: Raw) -> Result<Self> {
        let content_type = raw.content_type().and_then(|value| value.to_str().ok()).map(str::to_owned);
        let message = Self::bytes(raw.bytes().await?);
        Ok(match content_type {
            Some(content_type) => message.content_type(content_type),
            None => message,
        })
    }

    /// Sends it to another exchange than the connection says; the empty name is the default exchange, whose routing keys
    /// are names of queues.
    pub fn exchange(mut self, exchange: impl Into<Cow<'a, str>>) -> Self {
        self.exchange = Some(exchange.into());
        self
    }

    /// Sends it with another routing key than the connection says.
    pub fn routing_key(mut self, key: impl Into<Cow<'a, str>>) -> Self {
        self.routing_key = Some(key.into());
        self
    }

    /// Says whether it is an error if no queue is bound for it.
    pub fn mandatory(mut self, is_mandatory: bool) -> Self {
        self.is_mandatory = Some(is_mandatory);
        self
    }

    /// Gives this message another `timeout` than the connection has.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sets its priority, from 0 to 9.
    pub fn priority(self, priority: u8) -> Self {
        if priority > 9 {
            return self.wrong("a priority is from 0 to 9");
        }
        self.with(|properties| properties.with_priority(priority))
    }

    /// Says whether durable queues have it still when the broker has been restarted.
    pub fn delivery_mode(self, mode: DeliveryMode) -> Self {
        self.with(|properties| properties.with_delivery_mode(mode.number()))
    }

    /// Says how long it may wait in a queue; to the millisecond.
    pub fn expiration(self, expiration: Duration) -> Self {
        let milliseconds = expiration.as_millis().to_string();
        self.with(|properties| properties.with_expiration(milliseconds.into()))
    }

    /// Sets its content type.
    pub fn content_type(self, content_type: impl Into<String>) -> Self {
        self.short(content_type, BasicProperties::with_content_type)
    }

    /// Sets its content encoding; it is told and not done.
    pub fn content_encoding(self, encoding: impl Into<String>) -> Self {
        self.short(encoding, BasicProperties::with_content_encoding)
    }

    /// Sets what a reply is told by.
    pub fn correlation_id(self, id: impl Into<String>) -> Self {
        self.short(id, BasicProperties::with_correlation_id)
    }

    /// Sets the queue that replies go to.
    pub fn reply_to(self, queue: impl Into<String>) -> Self {
        self.short(queue, BasicProperties::with_reply_to)
    }

    /// Sets its message id; unless given it is a random one.
    pub fn message_id(self, id: impl Into<String>) -> Self {
        self.short(id, BasicProperties::with_message_id)
    }

    /// Sets when it was made, to the second; unless given it is now.
    pub fn timestamp(self, at: DateTime<Utc>) -> Self {
        match u64::try_from(at.timestamp()) {
            Ok(seconds) => self.with(|properties| properties.with_timestamp(seconds)),
            Err(_) => self.wrong("AMQP has no times before 1970"),
        }
    }

    /// Sets what sort of message it is: the property `type`.
    pub fn kind(self, kind: impl Into<String>) -> Self {
        self.short(kind, BasicProperties::with_type)
    }

    /// Says who sends it; the broker refuses anybody but who is connected.
    pub fn user_id(self, user: impl Into<String>) -> Self {
        self.short(user, BasicProperties::with_user_id)
    }

    /// Says which program sends it.
    pub fn app_id(self, app: impl Into<String>) -> Self {
        self.short(app, BasicProperties::with_app_id)
    }

    /// Sets a header, in place of one that is configured or was set before: a text, number or boolean, or anything that
    /// JSON has.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        let name = ShortString::try_new(name.into()).map_err(|error| error.to_string());
        match (name, argument(value.into())) {
            (Ok(name), Ok(value)) => {
                self.headers.insert(name, value);
                self
            }
            (Err(words), _) | (_, Err(words)) => self.wrong(words),
        }
    }

    /// Sets a header to a value of AMQP itself, such as a timestamp or a table.
    pub fn header_value(mut self, name: impl Into<String>, value: AMQPValue) -> Self {
        match ShortString::try_new(name.into()) {
            Ok(name) => {
                self.headers.insert(name, value);
                self
            }
            Err(error) => self.wrong(error.to_string()),
        }
    }

    fn short(self, text: impl Into<String>, set: impl FnOnce(BasicProperties, ShortString) -> BasicProperties) -> Self {
        match ShortString::try_new(text.into()) {
            Ok(text) => self.with(|properties| set(properties, text)),
            Err(error) => self.wrong(error.to_string()),
        }
    }

    fn with(mut self, set: impl FnOnce(BasicProperties) -> BasicProperties) -> Self {
        self.properties = set(std::mem::take(&mut self.properties));
        self
    }

    fn wrong(mut self, words: impl Into<Cow<'static, str>>) -> Self {
        self.fault.get_or_insert_with(|| Error::internal(words).with_public("a message can't be sent as it is"));
        self
    }

    /// Puts together what is published: what the call says, over what the connection says, over what is the default. Boxed,
    /// since it is some 400 bytes and goes from hand to hand.
    pub(crate) fn into_publication(self, defaults: &Defaults, sender: &Sender) -> Result<Box<Publication>> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        let (body, usual_type) = match self.payload {
            Payload::Bytes(bytes, content_type) => (bytes, content_type),
            Payload::Model(write) => (write(defaults.data_format)?, Some(defaults.data_format.content_type())),
        };
        let content_type = defaults.content_type.as_deref().or(usual_type);
        let mut properties = self.properties;
        properties = filled(properties, defaults, content_type);
        if properties.message_id().is_none() {
            properties = properties.with_message_id(id(sender.random));
        }
        if properties.timestamp().is_none()
            && let Ok(seconds) = u64::try_from(sender.now.timestamp())
        {
            properties = properties.with_timestamp(seconds);
        }
        let mut headers = defaults.headers.table().clone();
        for (name, value) in self.headers.inner() {
            headers.insert(name.clone(), value.clone());
        }
        headers.insert(CID.into(), AMQPValue::LongString(sender.cid.as_str().into()));
        headers.insert(TRACEPARENT.into(), AMQPValue::LongString(sender.trace.to_bytes().to_vec().into()));
        Ok(Box::new(Publication {
            exchange: self.exchange.map_or_else(|| defaults.exchange.clone(), Cow::into_owned),
            routing_key: self.routing_key.map_or_else(|| defaults.routing_key.clone(), Cow::into_owned),
            is_mandatory: self.is_mandatory.unwrap_or(defaults.mandatory),
            properties: properties.with_headers(headers),
            body,
        }))
    }
}

/// Sets what a call has left open.
fn filled(mut properties: BasicProperties, defaults: &Defaults, content_type: Option<&str>) -> BasicProperties {
    type Get = fn(&BasicProperties) -> &Option<ShortString>;
    type Set = fn(BasicProperties, ShortString) -> BasicProperties;
    let texts: [(Option<&str>, Get, Set); 4] = [
        (content_type, BasicProperties::content_type, BasicProperties::with_content_type),
        (
            defaults.content_encoding.as_deref(),
            BasicProperties::content_encoding,
            BasicProperties::with_content_encoding,
        ),
        (defaults.user_id.as_deref(), BasicProperties::user_id, BasicProperties::with_user_id),
        (defaults.app_id.as_deref(), BasicProperties::app_id, BasicProperties::with_app_id),
    ];
    for (text, get, set) in texts {
        // Those of the configuration were found to be short enough, and ours are.
        if let (Some(text), None) = (text, get(&properties))
            && let Ok(text) = ShortString::try_new(text)
        {
            properties = set(properties, text);
        }
    }
    if properties.delivery_mode().is_none() {
        properties = properties.with_delivery_mode(defaults.delivery_mode.number());
    }
    if properties.priority().is_none() {
        properties = properties.with_priority(defaults.priority);
    }
    if let (Some(expiration), None) = (defaults.expiration, properties.expiration()) {
        properties = properties.with_expiration(expiration.as_millis().to_string().into());
    }
    properties
}

/// Writes 128 random bits as an id.
pub(crate) fn id(random: u128) -> ShortString {
    format!("{random:032x}").into()
}

fn written<T: Serialize + ?Sized>(model: &T, format: DataFormat) -> Result<Bytes> {
    match format {
        DataFormat::Json => Ok(serde_json::to_vec(model)?.into()),
        #[cfg(feature = "xml")]
        DataFormat::Xml => {
            let mut options = zato_core::message::XmlOptions::default();
            options.root = "request".to_owned();
            Ok(zato_core::format::xml::write_document(model, &options)?.into())
        }
        #[cfg(not(feature = "xml"))]
        DataFormat::Xml => unreachable!("a configuration with it was refused"),
    }
}

impl<'a, T: zato_core::model::Model + Sync> From<&'a T> for AmqpMessage<'a> {
    fn from(model: &'a T) -> Self {
        Self::model(model)
    }
}

impl From<&str> for AmqpMessage<'_> {
    fn from(text: &str) -> Self {
        Self::text(text)
    }
}

impl From<String> for AmqpMessage<'_> {
    fn from(text: String) -> Self {
        Self::text(text)
    }
}

impl From<Bytes> for AmqpMessage<'_> {
    fn from(bytes: Bytes) -> Self {
        Self::bytes(bytes)
    }
}

impl From<Vec<u8>> for AmqpMessage<'_> {
    fn from(bytes: Vec<u8>) -> Self {
        Self::bytes(bytes)
    }
}

/// Says where it goes and how long it is, never what it says.
impl fmt::Debug for AmqpMessage<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AmqpMessage(")?;
        match &self.payload {
            Payload::Bytes(bytes, _) => write!(f, "{} bytes", bytes.len())?,
            Payload::Model(_) => f.write_str("a model")?,
        }
        if let Some(exchange) = &self.exchange {
            write!(f, " to {exchange:?}")?;
        }
        if let Some(key) = &self.routing_key {
            write!(f, " with {key:?}")?;
        }
        f.write_str(")")
    }
}
