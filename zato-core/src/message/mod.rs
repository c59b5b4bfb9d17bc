//! What travels: a [`Message`] from a channel to a service, a [`Reply`] back.

mod certificate;
mod cid;
mod csv_options;
mod delivery;
mod form_options;
mod format_name;
mod format_options;
mod params;
mod payload;
mod problem;
mod reply;
mod stream;
mod trace;
mod xml_options;

use std::{
    fmt,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use http::{Extensions, HeaderMap, Method, Uri};
use tokio::time::Instant;

pub(crate) use self::trace::span_id;
pub use self::{
    certificate::{ClientCertificate, Fingerprint, SubjectName},
    cid::{Cid, InvalidCid},
    csv_options::{CsvDialect, CsvOptions, CsvQuoting, LineTerminator, OnExtra, OnMissing},
    delivery::{Answer, Delivery, Settlement, Settling},
    form_options::FormOptions,
    format_name::{Format, UnknownFormat},
    format_options::FormatOptions,
    params::{Params, ParamsPriority, UrlParams, percent_decode},
    payload::Payload,
    problem::Problem,
    reply::Reply,
    stream::ByteStream,
    trace::TraceParent,
    xml_options::XmlOptions,
};
pub(crate) use self::{
    params::{Param, pairs},
    payload::Content,
};

/// A request on its way to a service: where it came from, and what it carries.
///
/// ```
/// use std::sync::Arc;
/// use zato_core::message::{ChannelInfo, Message, Payload};
///
/// let channel = Arc::new(ChannelInfo::new("amqp", "orders", "order.take"));
/// let message = Message::new("4f6c0a1e".parse()?, channel, Payload::from(r#"{"id": 7}"#));
/// assert_eq!(message.head.channel.service, "order.take");
/// # Ok::<(), zato_core::Error>(())
/// ```
#[derive(Debug)]
pub struct Message {
    /// Everything but the payload; boxed, since a message passes through many hands.
    pub head: Box<Head>,
    /// What the service reads.
    pub payload: Payload,
}

impl Message {
    /// Makes a message that a channel has taken in.
    #[must_use]
    pub fn new(cid: Cid, channel: Arc<ChannelInfo>, payload: Payload) -> Self {
        Self::received_at(Instant::now(), cid, channel, payload)
    }

    /// Makes a message that a channel has taken in at a time that it knows already.
    #[must_use]
    pub fn received_at(received: Instant, cid: Cid, channel: Arc<ChannelInfo>, payload: Payload) -> Self {
        let head = Box::new(Head {
            cid,
            received,
            body_wait: Duration::ZERO,
            input: channel.format,
            output: channel.format,
            channel,
            params: Params::default(),
            headers: HeaderMap::new(),
            method: None,
            uri: None,
            client_address: None,
            certificate: None,
            caller: None,
            trace: None,
            depth: 0,
            is_detached: false,
            delivery: Mutex::new(None),
            extensions: Extensions::new(),
        });
        Self { head, payload }
    }

    /// Hands in what a service settles the message with that takes a [`Delivery`]; with any other service it is dropped, and
    /// so it is where the service fails before it takes it.
    #[must_use]
    pub fn with_delivery(mut self, delivery: Delivery) -> Self {
        self.head.delivery = Mutex::new(Some(delivery));
        self
    }

    /// Takes out what the message is settled with, for whoever serves messages without a service.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use zato_core::{channel::Delivery, message::{ChannelInfo, Message, Payload}};
    ///
    /// let channel = Arc::new(ChannelInfo::new("amqp", "orders", "order.take"));
    /// let message = Message::new("c1".parse()?, channel, Payload::empty()).with_delivery(Delivery::pair().0);
    /// assert!(message.take_delivery().is_some() && message.take_delivery().is_none(), "it is given once");
    /// # Ok::<(), zato_core::Error>(())
    /// ```
    #[must_use]
    pub fn take_delivery(&self) -> Option<Delivery> {
        self.head.take_delivery()
    }
}

/// What is known of a request beside its payload.
#[non_exhaustive]
pub struct Head {
    /// The correlation id.
    pub cid: Cid,
    /// When it was taken in, with all of its payload.
    pub received: Instant,
    /// How long its payload took to come, before that; nothing, if it came with the rest.
    pub body_wait: Duration,
    /// The channel that took it in, as configured.
    pub channel: Arc<ChannelInfo>,
    /// How the payload is read: as the channel says, or what a channel that negotiates has found out.
    pub input: Format,
    /// How the reply is written.
    pub output: Format,
    /// Path parameters and query string.
    pub params: Params,
    /// Headers, of whatever protocol brought them.
    pub headers: HeaderMap,
    /// The HTTP method, where there is one.
    pub method: Option<Method>,
    /// The URI asked for, where there is one.
    pub uri: Option<Uri>,
    /// Where the client is, as far as that is known.
    pub client_address: Option<IpAddr>,
    /// The certificate that the client presented to our listener, where it asks for one.
    pub certificate: Option<Arc<ClientCertificate>>,
    /// Who the caller proved to be, where the channel asks for that.
    pub caller: Option<Arc<Caller>>,
    /// The trace that the caller goes on with us.
    pub trace: Option<TraceParent>,
    /// How many services stand between the channel and this one: 0 for the first.
    pub depth: u16,
    /// Whether nobody waits for the reply, although another service began it: then it has a time of its own.
    pub(crate) is_detached: bool,
    /// What the service settles the message with, until it has taken it: a lock, since a context is shared.
    delivery: Mutex<Option<Delivery>>,
    /// What only one protocol knows.
    pub extensions: Extensions,
}

impl Head {
    /// Takes what the service settles the message with, which is given once.
    pub(crate) fn take_delivery(&self) -> Option<Delivery> {
        self.delivery.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Names the headers and says nothing of their values, nor of the query string: either may hold credentials.
impl fmt::Debug for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Head")
            .field("cid", &self.cid)
            .field("channel", &self.channel)
            .field("method", &self.method)
            .field("path", &self.uri.as_ref().map(Uri::path))
            .field("headers", &self.headers.keys().collect::<Vec<_>>())
            .field("caller", &self.caller)
            .field("depth", &self.depth)
            .finish_non_exhaustive()
    }
}

/// A channel as a message sees it: made once when a configuration is applied, shared by all its messages.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChannelInfo {
    /// Its name in the configuration.
    pub name: String,
    /// The technology: `rest`, `invoke`.
    pub kind: &'static str,
    /// The service that it calls.
    pub service: String,
    /// How payloads are read and replies written.
    pub format: Format,
    /// What it says about formats beside their names.
    pub options: FormatOptions,
    /// The path as configured, placeholders included, where there is one; or the queue that messages come from.
    pub route: Option<String>,
    /// What messages come from, if it is a broker, in the words of OpenTelemetry (`messaging.system`): `rabbitmq`.
    pub broker: Option<&'static str>,
    /// How long a service may take.
    pub timeout: Duration,
    /// Whether a parameter or the payload counts where both give a value; `None` if parameters are kept out of the model.
    pub params: Option<ParamsPriority>,
    /// Whether path or query string counts where both give a value.
    pub url_params: UrlParams,
}

impl ChannelInfo {
    /// Makes a JSON channel with a timeout of 30 seconds.
    #[must_use]
    pub fn new(kind: &'static str, name: impl Into<String>, service: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            kind,
            service: service.into(),
            format: Format::Json,
            options: FormatOptions::default(),
            route: None,
            broker: None,
            timeout: Duration::from_secs(30),
            params: Some(ParamsPriority::default()),
            url_params: UrlParams::default(),
        }
    }
}

impl fmt::Debug for ChannelInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} channel {:?} to {}", self.kind, self.name, self.service)
    }
}

/// Who a caller proved to be.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Caller {
    /// The name of the security definition that it satisfied.
    pub security: String,
    /// The user name of that definition.
    pub username: String,
}

impl Caller {
    /// Makes a caller that satisfied a security definition.
    pub fn new(security: impl Into<String>, username: impl Into<String>) -> Self {
        Self { security: security.into(), username: username.into() }
    }
}
