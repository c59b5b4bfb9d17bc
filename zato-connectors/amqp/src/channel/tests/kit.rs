use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use lapin::{
    BasicProperties,
    types::{AMQPValue, FieldTable},
};
use tokio::time::{Duration, sleep, timeout};
use zato_core::{
    Result,
    ambient::Ambient,
    bytes::Bytes,
    channel::{BoxFuture, Channel, Inlet, Intake, Served, Shape, broker::Entry},
    config::{ServerConfig, from_node, yaml},
    connection::{ConnectionStatus, State},
    message::{Message, Payload, Reply},
    metrics::Exposition,
    testing::{SequentialIds, TestClock},
};

use super::super::{AmqpChannels, PreparedChannels, entry::Consuming};
use crate::{
    definition::AmqpDefinition,
    link::Topology,
    wire::{Publication, Queue, memory::Broker},
};

/// A broker in memory, and channels that consume it.
pub(super) struct Kit {
    pub(super) broker: Broker,
    pub(super) channels: AmqpChannels,
    definition: Arc<AmqpDefinition>,
}

/// An entry by its name.
pub(super) type Wanted = (String, Entry<Consuming>);

/// What a made-up service does with a message.
pub(super) type Serve = Arc<dyn Fn(Message) -> BoxFuture<'static, Result<Reply>> + Send + Sync>;

/// Makes a service of a function.
pub(super) fn service<F>(serve: impl Fn(Message) -> F + Send + Sync + 'static) -> Serve
where
    F: Future<Output = Result<Reply>> + Send + 'static,
{
    Arc::new(move |message| Box::pin(serve(message)))
}

pub(super) fn nothing() -> Result<Reply> {
    Ok(Reply::new(Payload::empty()))
}

struct MadeUp {
    serve: Serve,
    takes_delivery: bool,
}

impl Intake for MadeUp {
    fn take(&self, message: Message) -> BoxFuture<'static, Result<Reply>> {
        (self.serve)(message)
    }

    fn takes_delivery(&self) -> bool {
        self.takes_delivery
    }

    fn served(&self) -> Option<Served<'_>> {
        Some(Served { name: "made.up", documentation: "", input: Shape::Raw, output: Shape::Raw })
    }
}

impl Kit {
    /// Makes a broker with a queue called `orders`.
    pub(super) fn new() -> Self {
        let broker = Broker::new();
        let definition = Arc::new(AmqpDefinition::of_memory("main", broker.clone()));
        let kit = Self { broker, channels: AmqpChannels::new(), definition };
        kit.declare("orders");
        kit
    }

    /// Makes one whose definition declares a queue, which is not there yet.
    pub(super) fn declaring(queue: &str) -> Self {
        let broker = Broker::new();
        let queues = vec![from_node(&yaml::parse("zato.yaml", &format!("name: {queue}")).unwrap()).unwrap()];
        let topology = Topology { queues, ..Topology::default() };
        let definition = Arc::new(AmqpDefinition::of_memory_with("main", broker.clone(), topology));
        Self { broker, channels: AmqpChannels::new(), definition }
    }

    /// Makes it with one channel, `orders`, which has more keys than the necessary ones.
    pub(super) fn with(more: &str, serve: Serve) -> Self {
        let kit = Self::new();
        kit.apply([kit.wanted("orders", more, serve)]);
        kit
    }

    pub(super) fn apply(&self, wanted: impl IntoIterator<Item = Wanted>) {
        self.channels.activate(PreparedChannels(wanted.into_iter().collect()));
    }

    /// Says of a queue that it is to be consumed by a service.
    pub(super) fn wanted(&self, queue: &str, more: &str, serve: Serve) -> Wanted {
        entry(queue, more, serve, false, &self.definition, ambient())
    }

    /// The same, with a clock and randomness of its own.
    pub(super) fn wanted_with(&self, queue: &str, serve: Serve, ambient: Ambient) -> Wanted {
        entry(queue, "", serve, false, &self.definition, ambient)
    }

    /// The same, by a service that settles its messages itself.
    pub(super) fn wanted_by_hand(&self, queue: &str, more: &str, serve: Serve) -> Wanted {
        entry(queue, more, serve, true, &self.definition, ambient())
    }

    /// Returns how often the connection for publishing was made anew, and how many attempts at it have failed.
    pub(super) fn publishing(&self) -> (u64, u64) {
        self.definition.publishing.counts()
    }

    pub(super) fn declare(&self, queue: &str) {
        self.declare_with(queue, &[]);
    }

    pub(super) fn declare_with(&self, queue: &str, arguments: &[(&str, AMQPValue)]) {
        let name = queue.to_owned();
        let arguments = table(arguments);
        let queue = Queue { name, is_durable: true, is_exclusive: false, is_auto_delete: false, arguments };
        self.broker.declare_queue(&queue).unwrap();
    }

    pub(super) fn publish(&self, body: &'static str) {
        self.publish_with(body, BasicProperties::default());
    }

    pub(super) fn publish_with(&self, body: &'static str, properties: BasicProperties) {
        self.publish_to("orders", body, properties);
    }

    pub(super) fn publish_to(&self, queue: &str, body: &'static str, properties: BasicProperties) {
        let publication = Publication {
            exchange: String::new(),
            routing_key: queue.to_owned(),
            is_mandatory: true,
            properties: properties.with_delivery_mode(2),
            body: Bytes::from(body),
        };
        assert!(self.broker.publish(publication).unwrap(), "there is a queue {queue}");
    }

    pub(super) async fn until(&self, what: &str, is_so: impl Fn() -> bool) {
        let wait = async {
            while !is_so() {
                sleep(Duration::from_millis(5)).await;
            }
        };
        if timeout(Duration::from_secs(120), wait).await.is_err() {
            panic!("not {what}: {:?} {}", self.channels, self.metrics());
        }
    }

    /// Waits until nothing is left to do in any queue that is consumed, and `orders` is.
    pub(super) async fn settled(&self) {
        self.consuming("orders").await;
        self.until("settled", || self.broker.is_settled()).await;
    }

    pub(super) async fn consuming(&self, queue: &str) {
        self.until("consuming", || self.broker.consumers(queue) > 0).await;
    }

    pub(super) fn state(&self) -> State {
        self.status().state.as_ref().clone()
    }

    pub(super) fn status(&self) -> ConnectionStatus {
        self.channels.statuses().into_iter().next().expect("there is a channel")
    }

    pub(super) fn metrics(&self) -> String {
        let mut exposition = Exposition::default();
        self.channels.metrics(&mut exposition);
        exposition.to_string()
    }

    /// Returns how many messages of the channel `orders` came to some end.
    pub(super) fn count(&self, outcome: &str) -> usize {
        let start = format!(
            "zato_channel_messages_total{{section=\"channel_amqp\",channel=\"orders\",outcome=\"{outcome}\"}} "
        );
        let metrics = self.metrics();
        metrics.lines().find_map(|line| line.strip_prefix(&start)).expect("it is counted").parse().unwrap()
    }

    /// Returns the properties and the body of every message in a queue.
    pub(super) fn messages(&self, queue: &str) -> Vec<(BasicProperties, Bytes)> {
        self.broker.messages(queue).into_iter().map(|message| (message.properties, message.body)).collect()
    }

    /// Returns the only message in a queue.
    pub(super) fn only(&self, queue: &str) -> (BasicProperties, Bytes) {
        let mut messages = self.messages(queue);
        assert_eq!(messages.len(), 1, "in {queue}: {messages:?}");
        messages.remove(0)
    }
}

fn ambient() -> Ambient {
    Ambient::new(TestClock::default(), SequentialIds::default())
}

/// Says of a queue that it is to be consumed by a service.
pub(super) fn entry(
    queue: &str,
    more: &str,
    serve: Serve,
    takes_delivery: bool,
    definition: &Arc<AmqpDefinition>,
    ambient: Ambient,
) -> Wanted {
    let text = format!("{{name: {queue}, definition: main, queue: {queue}, service: made.up, {more}}}");
    let config = from_node(&yaml::parse("zato.yaml", &text).unwrap()).unwrap();
    let inlet = Inlet::new(Arc::new(MadeUp { serve, takes_delivery }));
    let consuming = Consuming::of(&config, &ServerConfig::default(), inlet, Arc::clone(definition), ambient);
    (queue.to_owned(), Entry::Consuming(consuming))
}

pub(super) fn table(pairs: &[(&str, AMQPValue)]) -> FieldTable {
    let mut table = FieldTable::default();
    for (name, value) in pairs {
        table.insert((*name).into(), value.clone());
    }
    table
}

pub(super) fn text(text: &str) -> AMQPValue {
    AMQPValue::LongString(text.into())
}

pub(super) fn header(message: &(BasicProperties, Bytes), name: &str) -> Option<AMQPValue> {
    message.0.headers().as_ref()?.inner().get(name).cloned()
}

/// Notes what it is told, in order.
#[derive(Clone, Default)]
pub(super) struct Notes(Arc<Mutex<Vec<String>>>);

impl Notes {
    pub(super) fn add(&self, note: impl Into<String>) {
        self.0.lock().unwrap().push(note.into());
    }

    pub(super) fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    pub(super) fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

/// How many are inside at once, and at the most.
#[derive(Clone, Default)]
pub(super) struct Crowd(Arc<(AtomicUsize, AtomicUsize)>);

impl Crowd {
    pub(super) fn enter(&self) {
        let now = self.0.0.fetch_add(1, Ordering::SeqCst) + 1;
        self.0.1.fetch_max(now, Ordering::SeqCst);
    }

    pub(super) fn leave(&self) {
        self.0.0.fetch_sub(1, Ordering::SeqCst);
    }

    pub(super) fn now(&self) -> usize {
        self.0.0.load(Ordering::SeqCst)
    }

    pub(super) fn most(&self) -> usize {
        self.0.1.load(Ordering::SeqCst)
    }
}

pub(super) fn body(message: &Message) -> String {
    let bytes = message.payload.bytes().expect("a channel hands over bytes");
    String::from_utf8(bytes.to_vec()).unwrap()
}
