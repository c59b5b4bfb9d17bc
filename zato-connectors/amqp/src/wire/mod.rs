//! A connection to a broker, as thin as can be: what AMQP 0-9-1 knows, and nothing of services, configuration or retries.
//!
//! There are two, and everything above runs on either: the `lapin` folder speaks to a real broker, and the `memory` folder is
//! one in the test's own process. What both have to do alike is held by one contract suite.

#[cfg(test)]
#[cfg(feature = "testing")]
mod contract;
mod error;
mod lapin;
#[cfg(feature = "testing")]
pub(crate) mod memory;
mod size;
mod stream;

use std::time::Duration;

use ::lapin::{BasicProperties, types::FieldTable};
use bytes::Bytes;
use tokio::time::timeout;

pub(crate) use self::{
    error::{Code, Scope, WireError},
    lapin::{Credentials, Endpoint, connect},
    stream::Security,
};

/// What a broker answers.
pub(crate) type Result<T> = std::result::Result<T, WireError>;

/// How long the broker may take to answer; a message that is published has a time of its own.
pub(crate) const ANSWER: Duration = Duration::from_secs(10);

/// Waits for an answer of the broker, and not for ever; `failing` says what the broker has not done then, such as `opened no
/// channel`.
///
/// # Errors
///
/// Those of the answer; one of the connection if none has come.
pub(crate) async fn answered<T>(failing: &str, answer: impl Future<Output = Result<T>>) -> Result<T> {
    let late = |_| Err(WireError::connection(format!("the broker {failing} within {} seconds", ANSWER.as_secs())));
    timeout(ANSWER, answer).await.unwrap_or_else(late)
}

/// A connection. Dropping it breaks it off without a goodbye.
#[derive(Debug)]
pub(crate) enum Connection {
    Lapin(Box<lapin::Connection>),
    #[cfg(feature = "testing")]
    Memory(memory::Connection),
}

/// One of the lightweight connections that a connection carries (AMQP 0-9-1 §2.1.2): most faults end one alone.
#[derive(Clone, Debug)]
pub(crate) enum Channel {
    Lapin(lapin::Channel),
    #[cfg(feature = "testing")]
    Memory(memory::Channel),
}

/// What a queue delivers to one of its consumers.
#[derive(Debug)]
pub(crate) enum Deliveries {
    Lapin(lapin::Deliveries),
    #[cfg(feature = "testing")]
    Memory(memory::Deliveries),
}

/// What happens to a connection as a whole.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    /// The broker takes no messages for now, for the reason that it gives.
    Blocked(String),
    /// It takes them again.
    Unblocked,
    /// The connection is gone; nothing follows.
    Lost(WireError),
}

/// A message on its way to an exchange.
#[derive(Clone, Debug)]
pub(crate) struct Publication {
    pub(crate) exchange: String,
    pub(crate) routing_key: String,
    /// Whether the broker gives it back if no queue is bound for it.
    pub(crate) is_mandatory: bool,
    /// With a message id, by which one that comes back is found.
    pub(crate) properties: BasicProperties,
    pub(crate) body: Bytes,
}

/// What a broker says of a message that was published on a channel with confirms.
#[derive(Clone, Debug)]
pub(crate) enum Confirmed {
    /// It has the message. What it gives back may be this message, or another one of the same channel: the library hands
    /// it to whichever was confirmed in the same breath, so that it has to be told by its message id.
    Ack(Option<Returned>),
    /// It could not take it.
    Nack(Option<Returned>),
}

/// A message that no queue is bound for.
#[derive(Clone, Debug)]
pub(crate) struct Returned {
    pub(crate) message_id: Option<String>,
    /// Such as `NO_ROUTE`.
    pub(crate) reason: String,
}

/// A message from a queue.
#[derive(Clone, Debug)]
pub(crate) struct Delivered {
    /// Its number on its channel, by which it is settled, and on no other.
    pub(crate) tag: u64,
    pub(crate) exchange: String,
    pub(crate) routing_key: String,
    pub(crate) is_redelivered: bool,
    pub(crate) properties: BasicProperties,
    pub(crate) body: Bytes,
}

/// An exchange to be declared, or looked for.
#[derive(Clone, Debug)]
pub(crate) struct Exchange {
    pub(crate) name: String,
    /// `direct`, `fanout`, `topic`, `headers`, or one of a plugin's.
    pub(crate) kind: String,
    pub(crate) is_durable: bool,
    pub(crate) is_auto_delete: bool,
    pub(crate) is_internal: bool,
    pub(crate) arguments: FieldTable,
}

/// A queue to be declared.
#[derive(Clone, Debug)]
pub(crate) struct Queue {
    pub(crate) name: String,
    pub(crate) is_durable: bool,
    pub(crate) is_exclusive: bool,
    pub(crate) is_auto_delete: bool,
    pub(crate) arguments: FieldTable,
}

/// How many messages wait in a queue, and how many consumers it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct QueueState {
    pub(crate) messages: u32,
    pub(crate) consumers: u32,
}

/// What a channel consumes, and how.
#[derive(Clone, Debug, Default)]
pub(crate) struct Subscription {
    pub(crate) queue: String,
    /// Chosen by the broker if it is empty.
    pub(crate) consumer_tag: String,
    /// Whether messages are settled by being delivered.
    pub(crate) is_unacknowledged: bool,
    pub(crate) is_exclusive: bool,
    pub(crate) arguments: FieldTable,
}

/// Hands a call on to whichever it is.
macro_rules! either {
    ($this:expr, $one:ident => $call:expr) => {
        match $this {
            Self::Lapin($one) => $call,
            #[cfg(feature = "testing")]
            Self::Memory($one) => $call,
        }
    };
}

impl Connection {
    /// Opens a channel.
    pub(crate) async fn open_channel(&self) -> Result<Channel> {
        match self {
            Self::Lapin(connection) => connection.open_channel().await.map(Channel::Lapin),
            #[cfg(feature = "testing")]
            Self::Memory(connection) => connection.open_channel().await.map(Channel::Memory),
        }
    }

    /// Waits for what happens next; what has happened since it was asked last is told in order.
    ///
    /// # Cancel safety
    ///
    /// May be dropped at any time, nothing is missed.
    pub(crate) async fn event(&self) -> Event {
        either!(self, connection => connection.event().await)
    }

    /// Says goodbye.
    pub(crate) async fn close(&self) -> Result<()> {
        either!(self, connection => connection.close().await)
    }

    /// Returns the library's own connection, unless there is no real broker behind it.
    pub(crate) fn raw(&self) -> Option<&::lapin::Connection> {
        match self {
            Self::Lapin(connection) => Some(connection.raw()),
            #[cfg(feature = "testing")]
            Self::Memory(_) => None,
        }
    }
}

impl Channel {
    /// Declares an exchange; nothing happens if it is there already, and just so.
    pub(crate) async fn declare_exchange(&self, exchange: &Exchange) -> Result<()> {
        either!(self, channel => channel.declare_exchange(exchange).await)
    }

    /// Finds out whether an exchange is there.
    pub(crate) async fn check_exchange(&self, name: &str) -> Result<()> {
        either!(self, channel => channel.check_exchange(name).await)
    }

    /// Declares a queue; nothing happens if it is there already, and just so.
    pub(crate) async fn declare_queue(&self, queue: &Queue) -> Result<QueueState> {
        either!(self, channel => channel.declare_queue(queue).await)
    }

    /// Finds out whether a queue is there.
    pub(crate) async fn check_queue(&self, name: &str) -> Result<QueueState> {
        either!(self, channel => channel.check_queue(name).await)
    }

    /// Has an exchange hand messages on to a queue.
    pub(crate) async fn bind_queue(
        &self,
        queue: &str,
        exchange: &str,
        key: &str,
        arguments: &FieldTable,
    ) -> Result<()> {
        either!(self, channel => channel.bind_queue(queue, exchange, key, arguments).await)
    }

    /// Has an exchange, `from`, hand messages on to another, `to` (an extension of RabbitMQ's).
    pub(crate) async fn bind_exchange(&self, to: &str, from: &str, key: &str, arguments: &FieldTable) -> Result<()> {
        either!(self, channel => channel.bind_exchange(to, from, key, arguments).await)
    }

    /// Asks the broker to confirm what is published from here on (an extension of RabbitMQ's).
    pub(crate) async fn confirm(&self) -> Result<()> {
        either!(self, channel => channel.confirm().await)
    }

    /// Publishes a message on a channel with confirms, and waits until the broker has it.
    ///
    /// The message takes its place on the channel when the future is polled for the first time. That has to be done by one
    /// task alone for one channel: the library gives a message its number and queues it in two steps.
    pub(crate) async fn publish(&self, publication: Publication) -> Result<Confirmed> {
        either!(self, channel => channel.publish(publication).await)
    }

    /// Waits until every confirmation that the broker sent together with one that was seen can be seen, too.
    pub(crate) fn settle_confirms(&self) {
        either!(self, channel => channel.settle_confirms());
    }

    /// Limits how many messages may be delivered and not be settled.
    pub(crate) async fn prefetch(&self, count: u16) -> Result<()> {
        either!(self, channel => channel.prefetch(count).await)
    }

    /// Begins to consume a queue.
    pub(crate) async fn consume(&self, subscription: &Subscription) -> Result<Deliveries> {
        match self {
            Self::Lapin(channel) => channel.consume(subscription).await.map(Deliveries::Lapin),
            #[cfg(feature = "testing")]
            Self::Memory(channel) => channel.consume(subscription).await.map(Deliveries::Memory),
        }
    }

    /// Ends a subscription; what was delivered may still be settled.
    pub(crate) async fn cancel(&self, consumer_tag: &str) -> Result<()> {
        either!(self, channel => channel.cancel(consumer_tag).await)
    }

    /// Says that a message was dealt with. Returns when that is on its way: brokers confirm it by nothing.
    pub(crate) async fn ack(&self, tag: u64) -> Result<()> {
        either!(self, channel => channel.ack(tag).await)
    }

    /// Says that a message was not dealt with: it goes back into its queue, or to where the queue's dead letters go.
    pub(crate) async fn nack(&self, tag: u64, requeue: bool) -> Result<()> {
        either!(self, channel => channel.nack(tag, requeue).await)
    }

    /// Returns whether it can be used still.
    pub(crate) fn is_open(&self) -> bool {
        either!(self, channel => channel.is_open())
    }

    /// Closes it; what was delivered and not settled goes back into its queue.
    pub(crate) async fn close(&self) -> Result<()> {
        either!(self, channel => channel.close().await)
    }
}

impl Deliveries {
    /// Returns the consumer tag.
    pub(crate) fn tag(&self) -> String {
        either!(self, deliveries => deliveries.tag())
    }

    /// Waits for the next message; `None` when the subscription was ended, by us or by the broker, whose queue was deleted
    /// for example.
    ///
    /// # Cancel safety
    ///
    /// May be dropped at any time, no message is lost.
    pub(crate) async fn next(&mut self) -> Option<Result<Delivered>> {
        either!(self, deliveries => deliveries.next().await)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_answer_is_waited_for_and_not_for_ever() {
        let slow = async {
            tokio::time::sleep(ANSWER / 2).await;
            Ok(7)
        };
        assert_eq!(answered("counted nothing", slow).await.unwrap(), 7);
        let error = answered::<()>("opened no channel", std::future::pending()).await.unwrap_err();
        assert_eq!(error.message, "the broker opened no channel within 10 seconds");
        assert_eq!(error.scope, Scope::Connection);
    }
}
