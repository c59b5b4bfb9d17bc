//! What every broker does, whether it is a real one or the one in memory: each test runs against both.
//!
//! RabbitMQ is right: where the two differ, it is the one in memory that is mended.

mod consuming;
mod dead_letters;
mod declaring;
mod ending;
mod publishing;
mod replying;

use std::{
    future::Future,
    io::{self, Write as _},
    sync::Once,
    time::Duration,
};

use ::lapin::{
    BasicProperties,
    types::{AMQPValue, FieldTable},
    uri::AMQPUri,
};
use bytes::Bytes;
use tokio::time;

use super::{
    Channel, Code, Confirmed, Connection, Credentials, Delivered, Deliveries, Endpoint, Exchange, Publication, Queue,
    Result, Scope, Security, Subscription, memory,
};

/// Where a RabbitMQ is that may be used; set by `cargo xtask test`.
const URL: &str = "ZATO_TEST_RABBITMQ_URL";

/// How long something may take that has to happen.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long nothing has to happen until nothing is believed to happen.
const QUIET: Duration = Duration::from_millis(150);

/// Runs every behaviour against both brokers.
macro_rules! contract {
    ($($room:ident: $($name:ident),+;)+) => {
        mod in_memory {
            $($(
                #[tokio::test(start_paused = true)]
                async fn $name() {
                    super::$room::$name(&super::Peer::memory()).await;
                }
            )+)+
        }

        mod rabbitmq {
            $($(
                #[tokio::test]
                async fn $name() {
                    if let Some(peer) = super::Peer::real(stringify!($name)) {
                        super::$room::$name(&peer).await;
                    }
                }
            )+)+
        }
    };
}

contract! {
    declaring: what_is_there_already, other_queues, other_exchanges, missing_things, reserved_names, unfit_arguments,
        unfit_quorum_queues, exclusive_queues, auto_delete, expiring_queues, long_names, unknown_exchange_type;
    publishing: properties_come_through, exchange_types, exchanges_behind_exchanges, alternate_exchanges,
        unroutable_messages, missing_exchange, internal_exchange, bad_expiration, without_confirms, full_queues,
        many_at_once;
    consuming: acknowledgements, prefetch, turns, back_to_the_old_place, back_by_a_closed_channel,
        back_by_a_lost_connection, unknown_tags, cancelled, dropped_deliveries, without_acknowledgements,
        exclusive_consumers, priorities, reused_tags, quorum_counts;
    dead_letters: rejected, expired, expired_by_its_own_account, displaced, too_often, cycles, several_deaths;
    replying: answers, nobody_asks, unfit_questions;
    ending: closed_channels, closed_connections, dropped_connections, events;
}

/// A broker to try.
enum Peer {
    Memory(memory::Broker),
    Real(Endpoint, Credentials),
}

impl Peer {
    fn memory() -> Self {
        Self::Memory(memory::Broker::new())
    }

    fn real(test: &str) -> Option<Self> {
        static LEFT_OUT: Once = Once::new();
        let Ok(url) = std::env::var(URL) else {
            // Past the test harness, which keeps what a test that passes prints to itself.
            LEFT_OUT.call_once(|| {
                let words = format!("{URL} is not set; `cargo xtask test` starts a broker and sets it");
                let _ = writeln!(
                    io::stderr(),
                    "LEFT OUT: all that RabbitMQ and the broker in memory have to do alike: {words}"
                );
            });
            return None;
        };
        let uri: AMQPUri = url.parse().expect("a URL such as amqp://user:password@host:port/vhost");
        let endpoint = Endpoint { host: uri.authority.host, port: uri.authority.port, vhost: uri.vhost };
        let credentials = Credentials {
            username: uri.authority.userinfo.username,
            password: uri.authority.userinfo.password.into(),
            security: Security::Plain,
            connection_name: format!("contract: {test}"),
            heartbeat_seconds: 0,
            frame_max: 0,
            connect_timeout: PATIENCE,
        };
        Some(Self::Real(endpoint, credentials))
    }

    async fn connect(&self) -> Connection {
        let connection = async {
            match self {
                Self::Memory(broker) => broker.connect().await,
                Self::Real(endpoint, credentials) => super::connect(endpoint, credentials).await,
            }
        };
        soon(connection).await.expect("a connection")
    }

    /// Opens a channel with confirms.
    async fn channel(&self, connection: &Connection) -> Channel {
        let channel = soon(connection.open_channel()).await.expect("a channel");
        soon(channel.confirm()).await.expect("confirms");
        channel
    }

    fn vhost(&self) -> &str {
        match self {
            Self::Memory(_) => "/",
            Self::Real(endpoint, _) => &endpoint.vhost,
        }
    }
}

/// Returns a name that nobody else uses.
fn unique(name: &str) -> String {
    use std::hash::{BuildHasher as _, RandomState};
    format!("{name}-{:016x}", RandomState::new().hash_one(0))
}

async fn soon<T>(future: impl Future<Output = T>) -> T {
    time::timeout(PATIENCE, future).await.expect("it takes too long")
}

/// A queue that is not kept for long if nobody uses it.
fn queue(name: &str) -> Queue {
    queue_with(name, &[])
}

fn queue_with(name: &str, arguments: &[(&str, AMQPValue)]) -> Queue {
    let mut arguments = table(arguments);
    if !arguments.contains_key("x-expires") {
        arguments.insert("x-expires".into(), AMQPValue::LongInt(60_000));
    }
    Queue { name: name.to_owned(), is_durable: true, is_exclusive: false, is_auto_delete: false, arguments }
}

fn exchange(name: &str, kind: &str) -> Exchange {
    Exchange {
        name: name.to_owned(),
        kind: kind.to_owned(),
        is_durable: false,
        is_auto_delete: false,
        is_internal: false,
        arguments: FieldTable::default(),
    }
}

fn table(entries: &[(&str, AMQPValue)]) -> FieldTable {
    let mut table = FieldTable::default();
    for (key, value) in entries {
        table.insert((*key).into(), value.clone());
    }
    table
}

fn text(text: &str) -> AMQPValue {
    AMQPValue::LongString(text.into())
}

fn message(exchange: &str, key: &str, body: &str) -> Publication {
    Publication {
        exchange: exchange.to_owned(),
        routing_key: key.to_owned(),
        is_mandatory: false,
        properties: BasicProperties::default(),
        body: Bytes::copy_from_slice(body.as_bytes()),
    }
}

async fn publish(channel: &Channel, publication: Publication) {
    let confirmed = soon(channel.publish(publication)).await.expect("published");
    assert!(matches!(confirmed, Confirmed::Ack(None)), "{confirmed:?}");
}

fn consumer(queue: &str) -> Subscription {
    Subscription { queue: queue.to_owned(), ..Subscription::default() }
}

async fn consume(channel: &Channel, queue: &str) -> Deliveries {
    soon(channel.consume(&consumer(queue))).await.expect("a consumer")
}

async fn next(deliveries: &mut Deliveries) -> Delivered {
    soon(deliveries.next()).await.expect("no end").expect("no fault")
}

fn body(delivered: &Delivered) -> &str {
    std::str::from_utf8(&delivered.body).expect("a text")
}

async fn nothing(deliveries: &mut Deliveries) {
    let next = time::timeout(QUIET, deliveries.next()).await;
    assert!(next.is_err(), "{next:?}");
}

/// Waits until a queue has as many messages.
async fn depth(channel: &Channel, queue: &str, messages: u32) {
    let reached = async {
        while channel.check_queue(queue).await.expect("a queue").messages != messages {
            time::sleep(Duration::from_millis(10)).await;
        }
    };
    soon(reached).await;
}

/// Waits until a channel has noticed its end.
async fn end_of(channel: &Channel) {
    let ended = async {
        while channel.is_open() {
            time::sleep(Duration::from_millis(5)).await;
        }
    };
    soon(ended).await;
}

/// Returns all that a fault says.
fn fault<T: std::fmt::Debug>(result: Result<T>) -> (Scope, Option<Code>, String) {
    let error = result.expect_err("a fault");
    (error.scope, error.code, error.message)
}

fn refused(code: Code, message: impl Into<String>) -> (Scope, Option<Code>, String) {
    (Scope::Channel, Some(code), message.into())
}
