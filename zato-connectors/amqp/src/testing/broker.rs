use std::{fmt, sync::Arc, time::Duration};

use lapin::{
    BasicProperties,
    types::{AMQPValue, FieldTable, ShortString},
};
use tokio::time;
use zato_core::{Result, bytes::Bytes, format, message::Format, model::Model};

use crate::{
    AmqpDefinition, ExchangeType,
    wire::{self, Publication, memory},
};

/// How long [`Broker::settled`] waits.
const PATIENCE: Duration = Duration::from_secs(10);

/// Stands in for RabbitMQ in the test's own process: exchanges, queues, acknowledgements, redelivery, dead letters and
/// delays, and the faults that it takes a while to bring about in a real one. A clone is the same broker.
///
/// It does what RabbitMQ 3.10 does, which one suite of tests holds that runs against both. It knows no users, no plugins and
/// one virtual host, and nothing is on a disk. Its delays are by tokio's clock: a test that pauses the clock
/// (`#[tokio::test(start_paused = true)]`) waits for nothing.
///
/// # Examples
///
/// ```
/// use zato_amqp::{ExchangeType, testing::Broker};
///
/// let broker = Broker::new();
/// broker.declare_queue("orders");
/// broker.declare_exchange("shop", ExchangeType::Topic);
/// broker.bind("orders", "shop", "order.*");
///
/// assert!(broker.publish("shop", "order.new", "4711"));
/// assert!(!broker.publish("shop", "customer.new", "Ada"));
///
/// let waiting = broker.messages("orders");
/// assert_eq!((waiting.len(), waiting[0].routing_key.as_str(), waiting[0].text()), (1, "order.new", "4711"));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Broker(memory::Broker);

/// A message that waits in a queue.
///
/// # Examples
///
/// ```
/// use zato_amqp::{lapin::BasicProperties, testing::Broker};
///
/// let broker = Broker::new();
/// broker.declare_queue("orders");
/// let properties = BasicProperties::default().with_content_type("text/plain".into()).with_priority(3);
/// broker.publish_with("", "orders", properties, "4711");
///
/// let message = &broker.messages("orders")[0];
/// assert_eq!((message.text(), message.content_type()), ("4711", Some("text/plain")));
/// assert_eq!((message.header("tenant"), *message.properties.priority()), (None, Some(3)));
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct QueuedMessage {
    /// The exchange that it was published to; empty for the default one.
    pub exchange: String,
    /// The routing key.
    pub routing_key: String,
    /// Whether it was delivered before, and came back.
    pub is_redelivered: bool,
    /// What it carries.
    pub body: Bytes,
    /// Its properties, headers among them.
    pub properties: BasicProperties,
}

/// What is there, and what is in it.
impl Broker {
    /// Makes a broker on which there are the exchanges that are always there, and no queue.
    #[must_use]
    pub fn new() -> Self {
        Self(memory::Broker::new())
    }

    /// Declares a durable queue; nothing happens if it is there already, and just so.
    ///
    /// # Panics
    ///
    /// If it is there already and otherwise, or can't have this name.
    #[track_caller]
    pub fn declare_queue(&self, name: &str) {
        self.declare_queue_with(name, FieldTable::default());
    }

    /// Declares a durable queue with arguments, such as `x-message-ttl`.
    ///
    /// # Panics
    ///
    /// If it is there already and otherwise, or can't have this name or these arguments.
    ///
    /// # Examples
    ///
    /// ```
    /// use zato_amqp::{
    ///     lapin::types::{AMQPValue, FieldTable},
    ///     testing::Broker,
    /// };
    ///
    /// let broker = Broker::new();
    /// let mut two_at_most = FieldTable::default();
    /// two_at_most.insert("x-max-length".into(), AMQPValue::LongInt(2));
    /// broker.declare_queue_with("latest", two_at_most);
    /// for number in ["1", "2", "3"] {
    ///     broker.publish("", "latest", number);
    /// }
    /// assert_eq!(broker.messages("latest")[0].text(), "2");
    /// ```
    #[track_caller]
    pub fn declare_queue_with(&self, name: &str, arguments: FieldTable) {
        let name = name.to_owned();
        let queue = wire::Queue { name, is_durable: true, is_exclusive: false, is_auto_delete: false, arguments };
        done(self.0.declare_queue(&queue));
    }

    /// Declares a durable exchange; nothing happens if it is there already, and just so.
    ///
    /// # Panics
    ///
    /// If it is there already and otherwise, or can't have this name or type.
    #[track_caller]
    #[expect(clippy::needless_pass_by_value, reason = "a type is written where it is used")]
    pub fn declare_exchange(&self, name: &str, kind: ExchangeType) {
        done(self.0.declare_exchange(&wire::Exchange {
            name: name.to_owned(),
            kind: kind.as_str().to_owned(),
            is_durable: true,
            is_auto_delete: false,
            is_internal: false,
            arguments: FieldTable::default(),
        }));
    }

    /// Has an exchange hand messages on to a queue, those with this routing key, or with one of this pattern.
    ///
    /// # Panics
    ///
    /// If one of them is not there.
    #[track_caller]
    pub fn bind(&self, queue: &str, exchange: &str, key: &str) {
        done(self.0.bind_queue(queue, exchange, key, &FieldTable::default()));
    }

    /// Has an exchange, `from`, hand messages on to another, `to`, those with this routing key, or with one of this pattern.
    ///
    /// # Panics
    ///
    /// If one of them is not there.
    #[track_caller]
    pub fn bind_exchange(&self, to: &str, from: &str, key: &str) {
        done(self.0.bind_exchange(to, from, key, &FieldTable::default()));
    }

    /// Publishes a message, and returns whether there was a queue for it and each has taken it.
    ///
    /// # Panics
    ///
    /// If the exchange is not there.
    #[track_caller]
    pub fn publish(&self, exchange: &str, key: &str, body: impl Into<Bytes>) -> bool {
        self.publish_with(exchange, key, BasicProperties::default(), body)
    }

    /// Publishes a message with properties, and returns whether there was a queue for it and each has taken it.
    ///
    /// # Panics
    ///
    /// If the exchange is not there, or the expiration among the properties is no number of milliseconds.
    #[track_caller]
    pub fn publish_with(&self, exchange: &str, key: &str, properties: BasicProperties, body: impl Into<Bytes>) -> bool {
        let (exchange, routing_key) = (exchange.to_owned(), key.to_owned());
        let publication = Publication { exchange, routing_key, is_mandatory: true, properties, body: body.into() };
        done(self.0.publish(publication))
    }

    /// Returns what waits in a queue, first what is delivered first; what is with a consumer is not among it.
    #[must_use]
    pub fn messages(&self, queue: &str) -> Vec<QueuedMessage> {
        self.0.messages(queue).into_iter().map(QueuedMessage::from).collect()
    }

    /// Returns how many messages wait in a queue; nothing if there is no such queue.
    #[must_use]
    pub fn queue_depth(&self, queue: &str) -> Option<usize> {
        self.0.queue_depth(queue)
    }

    /// Returns how many messages of a queue were delivered, and neither acknowledged nor rejected yet.
    #[must_use]
    pub fn unsettled(&self, queue: &str) -> usize {
        self.0.unsettled(queue)
    }

    /// Returns how many consumers a queue has.
    #[must_use]
    pub fn consumers(&self, queue: &str) -> usize {
        self.0.consumers(queue)
    }

    /// Returns how many connections there are.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.0.connections()
    }

    /// Waits until no queue that is consumed has messages, and all that was delivered is settled. What waits in queues that
    /// nobody consumes does not count.
    ///
    /// # Panics
    ///
    /// If that takes longer than 10 seconds.
    ///
    /// # Cancel safety
    ///
    /// May be dropped at any time, nothing is lost.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let broker = zato_amqp::testing::Broker::new();
    /// broker.declare_queue("nobody");
    /// broker.publish("", "nobody", "4711");
    /// broker.settled().await;
    /// assert_eq!(broker.queue_depth("nobody"), Some(1));
    /// # }
    /// ```
    pub async fn settled(&self) {
        let is_settled = time::timeout(PATIENCE, self.0.settled()).await.is_ok();
        assert!(is_settled, "messages are not settled within 10 seconds: {}", self.0.left());
    }

    /// Returns a definition that leads here, for [`App::fake_definition`](zato_core::app::App::fake_definition): what an
    /// app has over that definition, channels and outgoing connections, runs as it does with a real broker.
    ///
    /// # Examples
    ///
    /// ```
    /// use zato_amqp::{AmqpChannels, AmqpDefinition, testing::Broker};
    /// use zato_core::app::App;
    ///
    /// let broker = Broker::new();
    /// let app = App::new("bank").definition::<AmqpDefinition>().channel(AmqpChannels::new());
    /// let app = app.fakes_only().fake_definition("main", broker.definition());
    /// ```
    #[must_use]
    pub fn definition(&self) -> Arc<AmqpDefinition> {
        Arc::new(AmqpDefinition::of_memory("in memory", self.0.clone()))
    }
}

/// What can happen to a broker.
impl Broker {
    /// Closes every connection, as an operator does, for a reason. Whoever wants to connects again.
    pub fn close_connections(&self, reason: &str) {
        self.0.close_connections(reason);
    }

    /// Lets nobody connect until [`accept_connections`](Self::accept_connections). Those that are connected stay.
    pub fn refuse_connections(&self) {
        self.0.refuse_connections(true);
    }

    /// Lets everybody connect.
    pub fn accept_connections(&self) {
        self.0.refuse_connections(false);
    }

    /// Stops and starts again: connections are closed, and what is not durable and persistent is lost.
    ///
    /// # Examples
    ///
    /// ```
    /// use zato_amqp::{lapin::BasicProperties, testing::Broker};
    ///
    /// let broker = Broker::new();
    /// broker.declare_queue("orders");
    /// broker.publish("", "orders", "in memory alone");
    /// broker.publish_with("", "orders", BasicProperties::default().with_delivery_mode(2), "on disk");
    /// broker.restart();
    /// assert_eq!(broker.messages("orders")[0].text(), "on disk");
    /// ```
    pub fn restart(&self) {
        self.0.restart();
    }

    /// Takes no messages until [`unblock`](Self::unblock), as a broker does that has no memory or disk left, and says why to
    /// who publishes. Consumers go on.
    pub fn block(&self, reason: &str) {
        self.0.block(reason);
    }

    /// Takes messages again, first those that were sent meanwhile.
    pub fn unblock(&self) {
        self.0.unblock();
    }

    /// Answers nobody and delivers nothing until [`resume`](Self::resume), as if its process was stopped.
    pub fn pause(&self) {
        self.0.pause();
    }

    /// Goes on, first with what it was asked for meanwhile by connections that are still there.
    pub fn resume(&self) {
        self.0.resume();
    }

    /// Ends the subscriptions of a queue, as a broker does whose queue has moved to another node.
    pub fn cancel_consumers(&self, queue: &str) {
        self.0.cancel_consumers(queue);
    }

    /// Deletes a queue with all that is in it, which ends its subscriptions; returns whether it was there.
    pub fn delete_queue(&self, queue: &str) -> bool {
        self.0.delete_queue(queue)
    }

    /// Does not take the next messages, as many, and says so to who publishes them.
    pub fn refuse_next(&self, count: usize) {
        self.0.nack_next(count);
    }
}

/// Panics with the broker's own words at what a test has got wrong.
#[track_caller]
fn done<T>(result: wire::Result<T>) -> T {
    match result {
        Ok(done) => done,
        Err(error) => panic!("the broker refuses this: {error}"),
    }
}

impl QueuedMessage {
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

impl From<memory::Waiting> for QueuedMessage {
    fn from(waiting: memory::Waiting) -> Self {
        let memory::Waiting { exchange, routing_key, is_redelivered, properties, body } = waiting;
        Self { exchange, routing_key, is_redelivered, body, properties }
    }
}

/// Says where it went and how long it is, never what it says.
impl fmt::Debug for QueuedMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { exchange, routing_key, body, .. } = self;
        write!(f, "QueuedMessage({} bytes to {exchange:?} with {routing_key:?})", body.len())
    }
}
