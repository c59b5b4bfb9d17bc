use std::{sync::Arc, time::Duration};

use tokio::time;
use zato_core::{
    Error, Result, Retry,
    connection::{Handle, Slot},
    resilience::Deadline,
    service::Context,
};

use crate::{
    connector::AmqpConnector,
    error,
    message::AmqpMessage,
    meter::Outcome,
    publisher::Fate,
    reply::AmqpReply,
    sending::{AmqpClient, Note, may_be_sent_again},
    wire::{Publication, Scope},
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
        let begun = match self.0.client() {
            Ok(client) => {
                let begun: Vec<_> = messages.into_iter().map(|message| client.begin(ctx, message.into())).collect();
                Ok((client, begun))
            }
            Err(error) => Err(messages.into_iter().map(|_| Err(again(&error))).collect()),
        };
        async move {
            match begun {
                Ok((client, begun)) => self.deliver_all(&client, begun).await,
                Err(refused) => refused,
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
    async fn deliver(
        &self,
        client: Arc<AmqpClient>,
        publication: Box<Publication>,
        deadline: Deadline,
    ) -> Result<Sent> {
        let note = Note::of(&publication, client.settings.is_retried);
        let handed = client.hand_over(client.turn(), publication, deadline, false).await;
        let fate = client.fate(handed, deadline).await;
        self.conclude(client, note, deadline, fate).await
    }

    /// Hands messages over in their order, and waits for all of them.
    async fn deliver_all(
        &self,
        client: &Arc<AmqpClient>,
        begun: Vec<Result<(Box<Publication>, Deadline)>>,
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
            let is_suspect = fate.is_suspect();
            client.settings.meter.count(Outcome::Again);
            if let Fate::Unknown(broken) | Fate::Unsent(broken) = &fate
                && broken.scope == Scope::Connection
            {
                self.0.lost(&client, &error::of(broken.clone()));
            }
            let Ok(next) = time::timeout_at(deadline.at(), self.0.until_up()).await else { break };
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

/// An error as it was, for one more message.
fn again(error: &Error) -> Error {
    Error::new(error.kind(), error.message().to_owned()).with_retry(Retry::Unsent)
}
