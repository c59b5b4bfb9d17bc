use std::{sync::Arc, time::Duration};

use tokio::time;
use zato_core::{
    Error, Result, Retry,
    connection::{Handle, Slot},
    resilience::Deadline,
    service::Context,
};

#[cfg(feature = "testing")]
use crate::testing::recorder::Recording;
use crate::{
    config::AmqpConfig,
    connector::AmqpConnector,
    error,
    message::{AmqpMessage, Defaults, Sender, id},
    meter::{Meter, Outcome},
    publisher::{Fate, Publisher, REPLY_TO},
    reply::AmqpReply,
    wire::{Delivered, Publication, Scope, WireError},
};

/// The handle of an outgoing AMQP connection: `#[out("Fraud Detection Connection")] fraud: Amqp`.
///
/// # Examples
///
/// ```
/// use zato_amqp::{Amqp, AmqpMessage};
/// use zato_core::{Result, service::Context};
///
/// async fn notify(ctx: &Context, fraud: &Amqp, user: &str) -> Result<()> {
///     let message = AmqpMessage::text(format!("User `{user}` was seen")).exchange("/tutorial").routing_key("api");
///     fraud.send(ctx, message).await?;
///     Ok(())
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Amqp(Arc<Slot<AmqpConnector>>);

/// A message that the broker has.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sent {
    /// Its message id.
    pub message_id: String,
}

impl Amqp {
    /// Sends a message, and returns when the broker has it (publisher confirms).
    ///
    /// # Errors
    ///
    /// - [`Unavailable`](zato_core::Kind::Unavailable) at once if the connection is down; nothing was sent.
    /// - [`Upstream`](zato_core::Kind::Upstream) if there is no such exchange, if no queue is bound for the message (unless it is not
    ///   `mandatory`), if the broker refuses it or ends the channel for it, or if the connection broke before it was
    ///   confirmed: then the broker may have it or not. With `retry: true` such a message is sent again under the same
    ///   message id, so that it may come twice.
    /// - [`Timeout`](zato_core::Kind::Timeout) if it was not confirmed within the `timeout`.
    /// - [`Internal`](zato_core::Kind::Internal) if it can't be a message of AMQP.
    ///
    /// # Cancel safety
    ///
    /// When dropped, a message that was not sent yet never is; of one that was, nobody knows whether the broker has it.
    pub async fn send<'m>(&self, ctx: &Context, message: impl Into<AmqpMessage<'m>>) -> Result<Sent> {
        let client = self.0.client()?;
        let (publication, deadline) = client.begin(ctx, message.into()).map_err(|error| self.about(error))?;
        self.deliver(client, publication, deadline).await
    }

    /// Sends several messages at once, in their order, and tells of each what [`send`](Self::send) would.
    ///
    /// # Cancel safety
    ///
    /// As [`send`](Self::send), for each.
    pub fn send_batch<'m, M: Into<AmqpMessage<'m>>>(
        &self,
        ctx: &Context,
        messages: impl IntoIterator<Item = M>,
    ) -> impl Future<Output = Vec<Result<Sent>>> + Send {
        // Made into messages before anything is awaited: what makes them need not be handed from thread to thread then.
        let (client, deadlines) = (self.0.client(), messages.into_iter().map(Into::into));
        let begun: Vec<_> = match &client {
            Ok(client) => deadlines.map(|message| client.begin(ctx, message)).collect(),
            Err(error) => deadlines.map(|_: AmqpMessage<'m>| Err(again(error))).collect(),
        };
        async move {
            match client {
                Ok(client) => self.deliver_all(&client, begun).await,
                Err(_) => begun.into_iter().map(|refused| refused.and_then(|_| Err(gone()))).collect(),
            }
        }
    }

    /// Asks somebody and waits for the reply (RPC): the message goes out with a correlation id and a queue for replies,
    /// RabbitMQ's direct reply-to. Of one correlation id there is one request at a time.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send); [`Timeout`](zato_core::Kind::Timeout) if no reply came within the `timeout`;
    /// [`Upstream`](zato_core::Kind::Upstream) if the other side says that it failed, or the connection broke meanwhile.
    ///
    /// # Cancel safety
    ///
    /// As [`send`](Self::send); a reply that comes later is dropped.
    pub async fn request<'m>(&self, ctx: &Context, message: impl Into<AmqpMessage<'m>>) -> Result<AmqpReply> {
        let client = self.0.client()?;
        let (publication, deadline) = client.begin(ctx, message.into()).map_err(|error| self.about(error))?;
        let asked = client.ask(ctx, publication, deadline).await.and_then(AmqpReply::of);
        asked.map_err(|error| self.about(error))
    }

    /// Publishes a test message to the exchange and routing key that are configured, as Zato's *Publish* button does: the
    /// broker has it then, and so has whoever consumes it.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub async fn send_test_message(&self, ctx: &Context) -> Result<Sent> {
        let text = format!("test message of the connection \"{}\"", self.name());
        self.send(ctx, AmqpMessage::text(text).kind("zato.test")).await
    }

    /// Opens a channel and closes it, and returns how long that took.
    ///
    /// # Errors
    ///
    /// As [`Slot::ping`].
    pub async fn ping(&self) -> Result<Duration> {
        self.0.ping().await
    }

    /// Returns the connection's name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.name()
    }

    /// Returns a channel of the library's own, on the connection that messages are published on, for what this handle
    /// doesn't offer. It is closed when it is dropped, and gone when the connection is.
    ///
    /// # Errors
    ///
    /// [`Unavailable`](zato_core::Kind::Unavailable) if the connection is down, or none in reality.
    pub async fn channel(&self) -> Result<lapin::Channel> {
        let client = self.0.client()?;
        client.channel().await.map_err(|error| self.about(error))
    }

    /// Sends a message, and again if that is wanted and nobody knows what became of it.
    async fn deliver(&self, client: Arc<AmqpClient>, publication: Publication, deadline: Deadline) -> Result<Sent> {
        let note = Note::of(&publication, client.settings.is_retried);
        let handed = client.hand_over(client.turn(), publication, deadline, false).await;
        let fate = client.fate(handed, deadline).await;
        self.conclude(client, note, deadline, fate).await
    }

    /// Hands messages over in their order, and waits for all of them.
    async fn deliver_all(
        &self,
        client: &Arc<AmqpClient>,
        begun: Vec<Result<(Publication, Deadline)>>,
    ) -> Vec<Result<Sent>> {
        let turn = client.turn();
        let mut handed_over = Vec::with_capacity(begun.len());
        for one in begun {
            handed_over.push(match one {
                Ok((publication, deadline)) => {
                    let note = Note::of(&publication, client.settings.is_retried);
                    Ok((note, deadline, client.hand_over(turn, publication, deadline, false).await))
                }
                Err(error) => Err(self.about(error)),
            });
        }
        let mut sent = Vec::with_capacity(handed_over.len());
        for one in handed_over {
            sent.push(match one {
                Ok((note, deadline, handed)) => {
                    let fate = client.fate(handed, deadline).await;
                    self.conclude(Arc::clone(client), note, deadline, fate).await
                }
                Err(error) => Err(error),
            });
        }
        sent
    }

    async fn conclude(
        &self,
        mut client: Arc<AmqpClient>,
        note: Note,
        deadline: Deadline,
        mut fate: Fate,
    ) -> Result<Sent> {
        while may_be_sent_again(&fate)
            && let Some(publication) = &note.again
        {
            let (error, is_suspect) = (note.told(&fate, deadline), fate.is_suspect());
            client.settings.meter.count(Outcome::Again);
            if let Fate::Unknown(broken) | Fate::Unsent(broken) = &fate
                && broken.scope == Scope::Connection
            {
                self.0.lost(&client, &error::of(broken.clone()));
            }
            let Ok(next) = time::timeout_at(deadline.at(), self.0.until_up()).await else {
                return Err(self.about(error.unwrap_or_else(|| too_slow(deadline))));
            };
            client = next;
            let handed = client.hand_over(client.turn(), publication.clone(), deadline, is_suspect).await;
            fate = client.fate(handed, deadline).await;
        }
        match note.told(&fate, deadline) {
            None => Ok(Sent { message_id: note.message_id }),
            Some(error) => Err(self.about(error.with("message_id", note.message_id))),
        }
    }

    fn about(&self, error: Error) -> Error {
        error.with("connection", self.name())
    }
}

#[diagnostic::do_not_recommend]
impl Handle for Amqp {
    type Connector = AmqpConnector;

    fn from_slot(slot: Arc<Slot<AmqpConnector>>) -> Self {
        Self(slot)
    }

    fn slot(&self) -> &Arc<Slot<AmqpConnector>> {
        &self.0
    }
}

/// What every message of a connection has in common.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) name: String,
    pub(crate) defaults: Defaults,
    pub(crate) timeout: Duration,
    pub(crate) is_retried: bool,
    pub(crate) meter: Arc<Meter>,
}

/// The client behind an [`Amqp`]: channels with confirms on a connection of its definition's.
#[derive(Debug)]
pub struct AmqpClient {
    settings: Arc<Settings>,
    way: Way,
}

#[derive(Debug)]
enum Way {
    Broker(Box<Publisher>),
    #[cfg(feature = "testing")]
    Recorder(Arc<Recording>),
}

impl Settings {
    pub(crate) fn of(config: &AmqpConfig, meter: Arc<Meter>) -> Self {
        let defaults = Defaults {
            exchange: config.exchange.clone(),
            routing_key: config.routing_key.clone(),
            data_format: config.data_format,
            delivery_mode: config.delivery_mode,
            priority: config.priority,
            expiration: config.expiration.map(Into::into),
            content_type: config.content_type.clone(),
            content_encoding: config.content_encoding.clone(),
            user_id: config.user_id.clone(),
            app_id: config.app_id.clone(),
            headers: config.headers.clone(),
            mandatory: config.mandatory,
        };
        Self { name: config.name.clone(), defaults, timeout: config.timeout.0, is_retried: config.retry, meter }
    }
}

/// What stays known of a message when it is handed over. The message itself does only where it may be sent again: a copy of
/// everything in it costs as much as putting it together.
struct Note {
    message_id: String,
    exchange: String,
    routing_key: String,
    again: Option<Publication>,
}

impl Note {
    fn of(publication: &Publication, is_retried: bool) -> Self {
        Self {
            message_id: publication.properties.message_id().as_ref().map(ToString::to_string).unwrap_or_default(),
            exchange: publication.exchange.clone(),
            routing_key: publication.routing_key.clone(),
            again: is_retried.then(|| publication.clone()),
        }
    }

    /// Says what a fate means for who has sent the message; nothing if all is well.
    fn told(&self, fate: &Fate, deadline: Deadline) -> Option<Error> {
        let Self { exchange, routing_key, .. } = self;
        let whereto = match exchange.as_str() {
            "" => format!("the queue \"{routing_key}\""),
            exchange => format!("the exchange \"{exchange}\" with the routing key \"{routing_key}\""),
        };
        Some(match fate {
            Fate::Confirmed => return None,
            Fate::Unroutable(reason) if exchange.is_empty() => {
                Error::upstream(format!("there is no queue \"{routing_key}\" ({reason})")).with_retry(Retry::Never)
            }
            Fate::Unroutable(reason) => {
                Error::upstream(format!("no queue is bound for a message to {whereto} ({reason})"))
                    .with_retry(Retry::Never)
            }
            Fate::Refused => Error::upstream(format!("the broker could not take a message to {whereto}")),
            Fate::Unsent(error) => {
                let ours = error::of(error.clone());
                if ours.retry() == Retry::Never { ours } else { ours.with_retry(Retry::Unsent) }
            }
            Fate::Unknown(error) => Error::upstream(format!(
                "a message to {whereto} was not confirmed, the broker may have it or not: {error}"
            )),
            Fate::Blamed(error) => error::of(error.clone()).with_retry(Retry::Never),
            Fate::Late { is_on_its_way: true } => too_slow(deadline),
            Fate::Late { is_on_its_way: false } => {
                Error::timeout("there was no place for it: too many messages are on their way")
                    .with_retry(Retry::Unsent)
            }
        })
    }
}

/// Whether it helps to send a message again, at the risk that it comes twice.
fn may_be_sent_again(fate: &Fate) -> bool {
    match fate {
        Fate::Unknown(_) => true,
        Fate::Unsent(error) => error.scope != Scope::Nothing && error.code.is_none(),
        Fate::Confirmed | Fate::Unroutable(_) | Fate::Refused | Fate::Blamed(_) | Fate::Late { .. } => false,
    }
}

/// An error as it was, for one more message.
fn again(error: &Error) -> Error {
    Error::new(error.kind(), error.message().to_owned()).with_retry(Retry::Unsent)
}

fn gone() -> Error {
    Error::unavailable("the connection to the broker is down").with_retry(Retry::Unsent)
}

fn too_slow(deadline: Deadline) -> Error {
    let seconds = deadline.timeout().as_secs_f64();
    Error::timeout(format!("the broker has not confirmed the message within {seconds} s, and may have it or not"))
}

/// A message that was handed over, or the reason why it could not be in time.
pub(crate) enum Handed {
    Pending(crate::publisher::Pending),
    Known(Fate),
    TooLate,
}

impl AmqpClient {
    pub(crate) fn new(settings: Arc<Settings>, publisher: Publisher) -> Self {
        Self { settings, way: Way::Broker(Box::new(publisher)) }
    }

    #[cfg(feature = "testing")]
    pub(crate) fn recording(settings: Arc<Settings>, recording: Arc<Recording>) -> Self {
        Self { settings, way: Way::Recorder(recording) }
    }

    /// Returns how many messages are on their way.
    pub(crate) fn in_flight(&self) -> usize {
        match &self.way {
            Way::Broker(publisher) => publisher.in_flight(),
            #[cfg(feature = "testing")]
            Way::Recorder(_) => 0,
        }
    }

    pub(crate) fn meter(&self) -> &Meter {
        &self.settings.meter
    }

    /// Puts together what is sent, and until when.
    fn begin(&self, ctx: &Context, message: AmqpMessage<'_>) -> Result<(Publication, Deadline)> {
        let deadline = Deadline::after(message.timeout.unwrap_or(self.settings.timeout));
        let sender = Sender { cid: ctx.cid(), trace: ctx.trace_of_call(), now: ctx.now(), random: ctx.random() };
        Ok((message.into_publication(&self.settings.defaults, &sender)?, deadline))
    }

    fn turn(&self) -> usize {
        match &self.way {
            Way::Broker(publisher) => publisher.turn(),
            #[cfg(feature = "testing")]
            Way::Recorder(_) => 0,
        }
    }

    /// Hands a message over as soon as there is a place for it.
    async fn hand_over(&self, turn: usize, publication: Publication, deadline: Deadline, is_alone: bool) -> Handed {
        match &self.way {
            Way::Broker(publisher) => {
                let place = match publisher.free_place() {
                    Some(place) => place,
                    None => match time::timeout_at(deadline.at(), publisher.place()).await {
                        Ok(place) => place,
                        Err(_) => return Handed::TooLate,
                    },
                };
                Handed::Pending(match is_alone {
                    true => publisher.publish_alone(turn, publication, place),
                    false => publisher.publish(turn, publication, place),
                })
            }
            #[cfg(feature = "testing")]
            Way::Recorder(recording) => Handed::Known(recording.take(publication)),
        }
    }

    /// Waits until it is known what became of a message.
    async fn fate(&self, handed: Handed, deadline: Deadline) -> Fate {
        let fate = match handed {
            Handed::Known(fate) => fate,
            Handed::TooLate => Fate::Late { is_on_its_way: false },
            Handed::Pending(pending) => match time::timeout_at(deadline.at(), pending.fate()).await {
                Ok(fate) => fate,
                Err(_) => Fate::Late { is_on_its_way: true },
            },
        };
        // With the wait for a place, and every time that it was sent before.
        self.settings.meter.took(deadline.timeout().saturating_sub(deadline.remaining()));
        self.settings.meter.count(match &fate {
            Fate::Confirmed => Outcome::Confirmed,
            Fate::Unroutable(_) => Outcome::Unroutable,
            Fate::Refused | Fate::Blamed(_) => Outcome::Refused,
            Fate::Unsent(_) => Outcome::Unsent,
            Fate::Unknown(_) => Outcome::Unknown,
            Fate::Late { .. } => Outcome::Timeout,
        });
        fate
    }

    /// Sends a request and waits for its reply.
    async fn ask(&self, ctx: &Context, mut publication: Publication, deadline: Deadline) -> Result<Delivered> {
        let correlation = match publication.properties.correlation_id() {
            Some(id) => id.clone(),
            None => id(ctx.random()),
        };
        if publication.properties.reply_to().is_some() {
            return Err(Error::internal("a request has a queue for its reply; leave out the reply_to of the message"));
        }
        let properties = std::mem::take(&mut publication.properties);
        publication.properties = properties.with_correlation_id(correlation.clone()).with_reply_to(REPLY_TO.into());
        let publisher = match &self.way {
            Way::Broker(publisher) => publisher,
            #[cfg(feature = "testing")]
            Way::Recorder(recording) => return recording.ask(publication),
        };
        let Ok(place) = time::timeout_at(deadline.at(), publisher.place()).await else {
            return Err(too_slow(deadline));
        };
        let note = Note::of(&publication, false);
        let begun = publisher.request(publication, correlation.as_str(), place);
        let Ok(begun) = time::timeout_at(deadline.at(), begun).await else { return Err(too_slow(deadline)) };
        let (pending, waiting) = begun.map_err(error::of)?;
        let fate = self.fate(Handed::Pending(pending), deadline).await;
        if let Some(error) = note.told(&fate, deadline) {
            return Err(error);
        }
        match time::timeout_at(deadline.at(), waiting.reply()).await {
            Ok(Some(reply)) => Ok(reply),
            Ok(None) => Err(Error::upstream("the connection broke while a reply was awaited")),
            Err(_) => Err(Error::timeout(format!("no reply has come within {} s", deadline.timeout().as_secs_f64()))),
        }
    }

    pub(crate) async fn ping(&self) -> Result<()> {
        match &self.way {
            Way::Broker(publisher) => {
                let channel = publisher.live().open_channel().await.map_err(error::of)?;
                channel.close().await.map_err(error::of)
            }
            #[cfg(feature = "testing")]
            Way::Recorder(_) => Ok(()),
        }
    }

    pub(crate) async fn broken(&self) -> WireError {
        match &self.way {
            Way::Broker(publisher) => publisher.broken().await,
            #[cfg(feature = "testing")]
            Way::Recorder(_) => std::future::pending().await,
        }
    }

    async fn channel(&self) -> Result<lapin::Channel> {
        let none = || Error::unavailable("there is no real connection behind this one");
        match &self.way {
            Way::Broker(publisher) => {
                let connection = publisher.live().raw().ok_or_else(none)?;
                let opened = time::timeout(Duration::from_secs(10), connection.create_channel()).await;
                let late = |_| Error::timeout("the broker opened no channel within 10 seconds");
                opened.map_err(late)?.map_err(|error| error::of(error.into()))
            }
            #[cfg(feature = "testing")]
            Way::Recorder(_) => Err(none()),
        }
    }
}
