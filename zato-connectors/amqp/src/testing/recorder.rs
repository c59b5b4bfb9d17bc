use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use lapin::{
    BasicProperties,
    types::{AMQPValue, ShortString},
};
use zato_core::{
    Error, Result,
    bytes::Bytes,
    config::{from_node, yaml},
    connection::{Handle, Slot},
    format,
    message::Format,
    model::Model,
};

use crate::{
    Amqp, AmqpClient, AmqpConfig, error,
    meter::Meter,
    publisher::Fate,
    sending::Settings,
    wire::{Delivered, Publication, WireError},
};

/// Stands in for a broker that takes whatever is sent, and remembers it: for unit tests of services.
///
/// # Examples
///
/// ```
/// use zato_amqp::{Amqp, AmqpMessage};
/// use zato_core::{Result, service::Context, testing};
///
/// async fn notify(ctx: &Context, fraud: &Amqp, user: &str) -> Result<()> {
///     fraud.send(ctx, AmqpMessage::text(user).routing_key("api")).await?;
///     Ok(())
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// let fraud = Amqp::recorder();
/// notify(&testing::context(), &fraud.amqp(), "my.user").await?;
/// let sent = fraud.sent();
/// assert_eq!((sent.len(), sent[0].routing_key.as_str(), sent[0].text()), (1, "api", "my.user"));
///
/// fraud.next_is_unroutable();
/// let error = notify(&testing::context(), &fraud.amqp(), "my.user").await.unwrap_err();
/// assert!(error.message().contains("no queue"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct AmqpRecorder {
    amqp: Amqp,
    recording: Arc<Recording>,
}

/// A message that a service has sent.
#[derive(Clone)]
#[non_exhaustive]
pub struct SentMessage {
    /// The exchange; empty for the default one.
    pub exchange: String,
    /// The routing key.
    pub routing_key: String,
    /// Whether it would have been an error if no queue were bound for it.
    pub is_mandatory: bool,
    /// What it carries.
    pub body: Bytes,
    /// Its properties, headers among them.
    pub properties: BasicProperties,
}

impl Amqp {
    /// Makes a recorder: its handle sends nothing anywhere, and what is sent by it can be looked at.
    #[must_use]
    pub fn recorder() -> AmqpRecorder {
        AmqpRecorder::with_config("")
    }
}

impl AmqpRecorder {
    /// Makes a recorder whose connection has keys of an entry of `outgoing_amqp`, such as `exchange: orders`.
    ///
    /// # Panics
    ///
    /// If they can't be used.
    #[must_use]
    #[track_caller]
    pub fn with_config(keys: &str) -> Self {
        let text = format!("name: recorder\ndefinition: recorder\n{keys}");
        let config: Result<AmqpConfig, _> = yaml::parse("keys", &text).and_then(|node| from_node(&node));
        let config = match config {
            Ok(config) => config,
            Err(fault) => panic!("a recorder can't have this configuration: {fault}"),
        };
        if let Some((key, words)) = config.out_of_range().first() {
            panic!("a recorder can't have this configuration: {key}: {words}");
        }
        let (settings, recording) = (Settings::of(&config, Arc::new(Meter::default())), Arc::new(Recording::default()));
        let client = AmqpClient::recording(Arc::new(settings), Arc::clone(&recording));
        Self { amqp: Amqp::from_slot(Slot::up("recorder", client)), recording }
    }

    /// Returns the handle.
    #[must_use]
    pub fn amqp(&self) -> Amqp {
        self.amqp.clone()
    }

    /// Returns everything that was sent so far, in its order, requests and what was not taken among it.
    #[must_use]
    pub fn sent(&self) -> Vec<SentMessage> {
        self.recording.lock().sent.clone()
    }

    /// Lets the next message be one that no queue is bound for; called several times, so many.
    pub fn next_is_unroutable(&self) {
        self.next(Fate::Unroutable("NO_ROUTE".to_owned()));
    }

    /// Lets the broker not take the next message.
    pub fn next_is_refused(&self) {
        self.next(Fate::Refused);
    }

    /// Lets the connection break before the next message is confirmed.
    pub fn next_is_lost(&self) {
        self.next(Fate::Unknown(WireError::connection("connection reset by peer")));
    }

    /// Answers the next request with this, as JSON.
    ///
    /// # Panics
    ///
    /// If it can't be written.
    #[track_caller]
    pub fn reply<T: serde::Serialize>(&self, reply: &T) {
        let body = serde_json::to_vec(reply).expect("a reply can be written as JSON");
        let properties = BasicProperties::default().with_content_type("application/json".into());
        self.recording.lock().replies.push_back((body.into(), properties));
    }

    fn next(&self, fate: Fate) {
        self.recording.lock().fates.push_back(fate);
    }
}

impl SentMessage {
    /// Returns what it carries, as text.
    ///
    /// # Panics
    ///
    /// If it is not UTF-8.
    #[must_use]
    #[track_caller]
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("the message is UTF-8")
    }

    /// Reads what it carries into a model, as JSON.
    ///
    /// # Errors
    ///
    /// Every fault.
    pub fn model<T: Model>(&self) -> Result<T> {
        format::read(Format::Json, &self.body)
    }

    /// Returns a header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&AMQPValue> {
        self.properties.headers().as_ref().and_then(|headers| headers.inner().get(name))
    }

    /// Returns the content type.
    #[must_use]
    pub fn content_type(&self) -> Option<&str> {
        self.properties.content_type().as_ref().map(ShortString::as_str)
    }
}

/// Says where it went and how long it is, never what it says.
impl fmt::Debug for SentMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { exchange, routing_key, body, .. } = self;
        write!(f, "SentMessage({} bytes to {exchange:?} with {routing_key:?})", body.len())
    }
}

/// What a recorder remembers, and what it was told to answer.
#[derive(Debug, Default)]
pub(crate) struct Recording(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    sent: Vec<SentMessage>,
    fates: VecDeque<Fate>,
    replies: VecDeque<(Bytes, BasicProperties)>,
}

impl Recording {
    /// Takes a message.
    pub(crate) fn take(&self, publication: Publication) -> Fate {
        let mut inner = self.lock();
        let Publication { exchange, routing_key, is_mandatory, properties, body } = publication;
        inner.sent.push(SentMessage { exchange, routing_key, is_mandatory, body, properties });
        match inner.fates.pop_front() {
            // Who does not want to know is not told.
            Some(Fate::Unroutable(_)) if !is_mandatory => Fate::Confirmed,
            Some(fate) => fate,
            None => Fate::Confirmed,
        }
    }

    /// Takes a request, and answers it.
    pub(crate) fn ask(&self, publication: Publication) -> Result<Delivered> {
        match self.take(publication) {
            Fate::Confirmed => {}
            Fate::Unroutable(reason) => return Err(Error::upstream(format!("no queue is bound for it ({reason})"))),
            Fate::Refused => return Err(Error::upstream("the broker could not take it")),
            Fate::Unsent(error) | Fate::Unknown(error) | Fate::Blamed(error) => return Err(error::of(error)),
            Fate::Late { .. } => return Err(Error::timeout("the broker has not confirmed it in time")),
        }
        let Some((body, properties)) = self.lock().replies.pop_front() else {
            return Err(Error::timeout("nobody replies; say what with `AmqpRecorder::reply`"));
        };
        let (exchange, routing_key) = (String::new(), String::new());
        Ok(Delivered { tag: 1, exchange, routing_key, is_redelivered: false, properties, body })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
