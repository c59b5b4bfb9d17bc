//! What channels lean on a broker for, with a real RabbitMQ: `cargo xtask test` starts one.

use std::{
    hash::{BuildHasher as _, RandomState},
    io::{self, Write as _},
    sync::Arc,
};

use lapin::{
    BasicProperties,
    options::QueueDeleteOptions,
    types::{AMQPValue, FieldArray},
    uri::AMQPUri,
};
use tokio::time::{Duration, sleep, timeout};
use zato_core::{
    Error,
    ambient::Ambient,
    bytes::Bytes,
    channel::Channel as _,
    config::{from_node, yaml},
    connection::State,
};

use super::{
    super::{AmqpChannels, PreparedChannels},
    kit::{Notes, Serve, body, entry, nothing, service, table, text},
};
use crate::{
    Received,
    definition::AmqpDefinition,
    link::{Hold, Live, Target, Topology},
    wire::{Confirmed, Credentials, Endpoint, Publication, Queue, Security},
};

const URL: &str = "ZATO_TEST_RABBITMQ_URL";

/// Queues of a real broker that nobody else uses.
struct Real {
    definition: Arc<AmqpDefinition>,
    channels: AmqpChannels,
    hold: Hold,
    queue: String,
}

impl Real {
    /// Makes a queue, which the definition declares, and consumes it.
    async fn with(more: &str, serve: Serve) -> Option<Self> {
        let Ok(url) = std::env::var(URL) else {
            let _ = writeln!(
                io::stderr(),
                "LEFT OUT: channels with RabbitMQ: {URL} is not set; `cargo xtask test` sets it"
            );
            return None;
        };
        let uri: AMQPUri = url.parse().expect("a URL such as amqp://user:password@host:port/vhost");
        let endpoints = vec![Endpoint { host: uri.authority.host, port: uri.authority.port, vhost: uri.vhost }];
        let credentials = Credentials {
            username: uri.authority.userinfo.username,
            password: uri.authority.userinfo.password.into(),
            security: Security::Plain,
            connection_name: "channels".to_owned(),
            heartbeat_seconds: 10,
            frame_max: 131_072,
            connect_timeout: Duration::from_secs(5),
        };
        let queue = format!("orders-{:016x}", RandomState::new().hash_one(0));
        let declared = yaml::parse("zato.yaml", &format!("{{name: {queue}, type: quorum}}")).unwrap();
        let queues = vec![from_node(&declared).unwrap()];
        let topology = Topology { queues, ..Topology::default() };
        let target = Target::Broker { endpoints, credentials };
        let definition = Arc::new(AmqpDefinition::new("main", target, topology, &Ambient::default()));
        let hold = definition.publishing.hold();
        let channels = AmqpChannels::new();
        let kit = Self { definition, channels, hold, queue };
        kit.channels.activate(PreparedChannels(vec![entry(
            &kit.queue,
            more,
            serve,
            false,
            &kit.definition,
            Ambient::default(),
        )]));
        kit.channels.tried().await;
        // A broker that is busy may fail with a quorum queue that has just been declared (INTERNAL_ERROR), and is asked again.
        for _ in 0..600 {
            if kit.channels.statuses()[0].state.is_up() {
                return Some(kit);
            }
            sleep(Duration::from_millis(50)).await;
        }
        panic!("{:?}", kit.channels.statuses());
    }

    async fn live(&self) -> Arc<Live> {
        self.hold.up().await
    }

    async fn publish(&self, body: &'static str, properties: BasicProperties) {
        let channel = self.live().await.open_channel().await.unwrap();
        channel.confirm().await.unwrap();
        let publication = Publication {
            exchange: String::new(),
            routing_key: self.queue.clone(),
            is_mandatory: true,
            properties: properties.with_delivery_mode(2),
            body: Bytes::from(body),
        };
        assert!(matches!(channel.publish(publication).await.unwrap(), Confirmed::Ack(None)));
    }

    async fn depth(&self, queue: &str) -> u32 {
        let channel = self.live().await.open_channel().await.unwrap();
        channel.check_queue(queue).await.map_or(0, |state| state.messages)
    }

    async fn until_depth(&self, queue: &str, depth: u32) {
        let wait = async {
            while self.depth(queue).await != depth {
                sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(Duration::from_secs(20), wait).await.expect("it takes too long");
    }

    async fn declare(&self, queue: &str) {
        let name = queue.to_owned();
        let arguments = table(&[("x-expires", AMQPValue::LongInt(60_000))]);
        let queue = Queue { name, is_durable: true, is_exclusive: false, is_auto_delete: false, arguments };
        self.live().await.open_channel().await.unwrap().declare_queue(&queue).await.unwrap();
    }

    /// Leaves nothing behind.
    async fn end(self) {
        assert!(self.channels.stop(Duration::from_secs(5)).await.is_empty());
        let raw = self.live().await.raw().unwrap().create_channel().await.unwrap();
        for queue in [self.queue.clone(), format!("{}.retry.50", self.queue), format!("{}.dead", self.queue)] {
            let _ = raw.queue_delete(queue.into(), QueueDeleteOptions::default()).await;
        }
        self.definition.publishing.close().await;
        self.definition.consuming.close().await;
    }
}

async fn until(notes: &Notes, len: usize) {
    let wait = async {
        while notes.len() < len {
            sleep(Duration::from_millis(5)).await;
        }
    };
    if timeout(Duration::from_secs(20), wait).await.is_err() {
        panic!("it takes too long: {:?}", notes.all());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_goes_round_as_often_as_it_may_and_no_broker_takes_that_for_a_circle() {
    let notes = Notes::default();
    let served = notes.clone();
    let serve = service(move |message| {
        let received = message.head.extensions.get::<Arc<Received>>().unwrap();
        served.add(format!(
            "{} {:?} {}",
            received.attempt(),
            received.message_id(),
            received.header("x-death").is_some()
        ));
        async { Err(Error::internal("x")) }
    });
    let Some(kit) = Real::with("retry_delay: 50ms, max_attempts: 5, on_exhausted: reject", serve).await else { return };
    // As if it had died in this queue before: a broker would drop a copy of it that comes back.
    let died = table(&[("queue", text(&kit.queue)), ("reason", text("expired")), ("exchange", text(""))]);
    let deaths = vec![AMQPValue::FieldTable(died)];
    let headers = table(&[("x-death", AMQPValue::FieldArray(FieldArray::from(deaths)))]);
    kit.publish("{}", BasicProperties::default().with_message_id("m1".into()).with_headers(headers)).await;
    until(&notes, 5).await;
    kit.until_depth(&kit.queue, 0).await;
    let expected: Vec<_> = (1..=5).map(|attempt| format!("{attempt} Some(\"m1\") true")).collect();
    assert_eq!(notes.all(), expected);
    kit.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_gives_back_what_nobody_has_begun_with() {
    let notes = Notes::default();
    let served = notes.clone();
    let serve = service(move |message| {
        served.add(body(&message));
        async {
            sleep(Duration::from_millis(300)).await;
            nothing()
        }
    });
    let Some(kit) = Real::with("pool_size: 1, prefetch_count: 5", serve).await else { return };
    for _ in 0..10 {
        kit.publish("{}", BasicProperties::default()).await;
    }
    until(&notes, 1).await;
    assert!(kit.channels.stop(Duration::from_secs(5)).await.is_empty());
    let rest = u32::try_from(10 - notes.len()).unwrap();
    kit.until_depth(&kit.queue, rest).await;
    assert!(rest >= 8, "{rest}");
    kit.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_is_deleted_is_declared_and_consumed_again_and_dead_letters_are_kept() {
    let notes = Notes::default();
    let served = notes.clone();
    let serve = service(move |message| {
        served.add(body(&message));
        async { Err(Error::invalid_input("x")) }
    });
    let dead = format!("dead-{:016x}", RandomState::new().hash_one(0));
    let more = format!("retry_delay: 50ms, dead_letter: {{routing_key: {dead}}}");
    let Some(kit) = Real::with(&more, serve).await else { return };
    let raw = kit.live().await.raw().unwrap().create_channel().await.unwrap();
    raw.queue_delete(kit.queue.clone().into(), QueueDeleteOptions::default()).await.unwrap();
    let up = async {
        while !matches!(&*kit.channels.statuses()[0].state, State::Up { .. })
            || kit.channels.statuses()[0].reconnects == 0
        {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_secs(20), up).await.expect("it takes too long");
    kit.publish("{}", BasicProperties::default()).await;
    until(&notes, 1).await;
    kit.declare(&dead).await;
    kit.until_depth(&dead, 1).await;
    kit.until_depth(&kit.queue, 0).await;
    kit.end().await;
}
