//! A real broker, by way of lapin, whose own recovery is left off: what recovers here knows what has to come back.

use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};

use ::lapin::{
    Confirmation, ConnectionProperties, Consumer, Event as RawEvent, ExchangeKind,
    message::BasicReturnMessage,
    options::{
        BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicNackOptions, BasicPublishOptions,
        BasicQosOptions, ConfirmSelectOptions, ExchangeBindOptions, ExchangeDeclareOptions, QueueBindOptions,
        QueueDeclareOptions,
    },
    types::{FieldTable, ShortString},
    uri::{AMQPAuthority, AMQPQueryString, AMQPScheme, AMQPUri, AMQPUserInfo},
};
use async_rs::Runtime;
use futures_core::Stream;
use tokio::{sync, time};
use tokio_util::sync::{CancellationToken, DropGuard};
use zato_core::config::Secret;

use super::{
    Confirmed, Delivered, Event, Exchange, Publication, Queue, QueueState, Result, Returned, Scope, Subscription,
    WireError, size,
    stream::{self, Security},
};

/// How often it is looked whether a connection stands that has told nothing.
const LOOK: Duration = Duration::from_secs(1);

/// How long a goodbye may take.
const GOODBYE: Duration = Duration::from_secs(3);

/// How many numbers of channels may be spoilt by faults before a connection is made anew; brokers have 2047 (RabbitMQ's
/// `channel_max`), and what is spoilt counts as open.
const MAX_SPOILED: u32 = 1000;

/// Where a broker is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) vhost: String,
}

/// Who connects, and how.
#[derive(Clone, Debug)]
pub(crate) struct Credentials {
    pub(crate) username: String,
    pub(crate) password: Secret,
    pub(crate) security: Security,
    /// The name that the broker shows to operators.
    pub(crate) connection_name: String,
    /// How often either side gives a sign of life at least; 0 for never.
    pub(crate) heartbeat_seconds: u16,
    /// The largest frame in bytes; 0 leaves it to the broker.
    pub(crate) frame_max: u32,
    /// How long it may take until the other side has accepted the connection, and TLS stands.
    pub(crate) connect_timeout: Duration,
}

/// A connection to a real broker.
pub(crate) struct Connection {
    connection: ::lapin::Connection,
    events: sync::Mutex<Pin<Box<dyn Stream<Item = RawEvent> + Send>>>,
    /// That we have said goodbye, of which the library tells nothing.
    is_closed: CancellationToken,
    was_asked: AtomicBool,
    /// How many numbers of channels can't be used any more.
    spoiled: AtomicU32,
    /// Ends the library's thread with us, whether or not the broker answers.
    _end: DropGuard,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").field("status", &self.connection.status()).finish_non_exhaustive()
    }
}

/// Connects to a broker.
///
/// # Cancel safety
///
/// When dropped, nothing is left of the attempt.
pub(crate) async fn connect(endpoint: &Endpoint, credentials: &Credentials) -> Result<super::Connection> {
    let end = CancellationToken::new();
    let guard = end.clone().drop_guard();
    let (security, within) = (credentials.security.clone(), credentials.connect_timeout);
    let connection = ::lapin::Connection::connector(
        uri(endpoint, credentials),
        Runtime::new(stream::kit()),
        async move |uri: AMQPUri, _| {
            let address = (uri.authority.host.as_str(), uri.authority.port);
            stream::open(address, &security, within, end.clone()).await.map_err(Into::into)
        },
        properties(credentials),
    );
    let connection = connection.await?;
    let events = sync::Mutex::new(Box::pin(connection.events_listener()) as Pin<Box<_>>);
    let is_closed = CancellationToken::new();
    Ok(super::Connection::Lapin(Box::new(Connection {
        connection,
        events,
        is_closed,
        was_asked: AtomicBool::new(false),
        spoiled: AtomicU32::new(0),
        _end: guard,
    })))
}

fn uri(endpoint: &Endpoint, credentials: &Credentials) -> AMQPUri {
    let userinfo =
        AMQPUserInfo { username: credentials.username.clone(), password: credentials.password.expose().to_owned() };
    AMQPUri {
        // TLS is the stream's business; the library must not begin with it.
        scheme: AMQPScheme::AMQP,
        authority: AMQPAuthority { userinfo, host: endpoint.host.clone(), port: endpoint.port },
        vhost: endpoint.vhost.clone(),
        query: AMQPQueryString {
            frame_max: Some(credentials.frame_max),
            heartbeat: Some(credentials.heartbeat_seconds),
            ..AMQPQueryString::default()
        },
    }
}

fn properties(credentials: &Credentials) -> ConnectionProperties {
    ConnectionProperties::default()
        .with_connection_name(credentials.connection_name.as_str().into())
        .with_client_property("product".into(), "zato".into())
        .with_client_property("version".into(), env!("CARGO_PKG_VERSION").into())
}

impl Connection {
    pub(super) async fn open_channel(&self) -> Result<Channel> {
        loop {
            let error = match self.connection.create_channel().await {
                Ok(channel) => return Ok(Channel { channel: Arc::new(channel), frame_max: self.frame_max() }),
                Err(error) => WireError::from(error),
            };
            // The library gives the number of a channel again, and has what that ended by for the new one as well (lapin
            // 4.12, "poison"). Brokers don't refuse channels in this way, so that the next number may do.
            if !error.is_of_channel() {
                return Err(error);
            }
            if self.spoiled.fetch_add(1, Ordering::Relaxed) >= MAX_SPOILED {
                // A new connection has them all.
                self.is_closed.cancel();
                return Err(WireError::connection("too many channels of the connection were ended by faults"));
            }
        }
    }

    /// The largest frame in bytes.
    fn frame_max(&self) -> usize {
        match self.connection.configuration().frame_max() {
            0 => usize::MAX,
            max => usize::try_from(max).unwrap_or(usize::MAX),
        }
    }

    pub(super) async fn event(&self) -> Event {
        let mut events = self.events.lock().await;
        let closed = || WireError::connection("the connection to the broker is closed");
        if !self.was_asked.swap(true, Ordering::Relaxed) && self.connection.status().blocked() {
            return Event::Blocked("the broker has said so before anybody listened".to_owned());
        }
        loop {
            // The library tells nothing of what happened before anybody listened, nor of a broker that closes a connection
            // without a fault.
            if !self.connection.status().connected() {
                self.is_closed.cancel();
            }
            let next = tokio::select! {
                biased;
                next = poll_fn(|cx| events.as_mut().poll_next(cx)) => next,
                () = self.is_closed.cancelled() => return Event::Lost(closed()),
                () = time::sleep(LOOK) => continue,
            };
            match next {
                Some(RawEvent::ConnectionBlocked(reason)) => return Event::Blocked(reason),
                Some(RawEvent::ConnectionUnblocked) => return Event::Unblocked,
                Some(RawEvent::Error(error)) => {
                    let error = WireError::from(error);
                    // What has ended one channel alone is told here, too.
                    if error.scope == Scope::Connection || !self.connection.status().connected() {
                        // Nothing follows, whoever asks again.
                        self.is_closed.cancel();
                        return Event::Lost(error);
                    }
                }
                Some(_) => {}
                None => return Event::Lost(closed()),
            }
        }
    }

    pub(super) async fn close(&self) -> Result<()> {
        let closed = time::timeout(GOODBYE, self.connection.close(200, "goodbye".into())).await;
        self.is_closed.cancel();
        closed.map_err(|_| WireError::connection("the broker did not answer a goodbye"))?.map_err(Into::into)
    }

    pub(super) fn raw(&self) -> &::lapin::Connection {
        &self.connection
    }
}

/// A channel of a real connection.
#[derive(Clone)]
pub(crate) struct Channel {
    channel: Arc<::lapin::Channel>,
    /// The largest frame in bytes.
    frame_max: usize,
}

impl std::fmt::Debug for Channel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Channel({}, {:?})", self.channel.id(), self.channel.status())
    }
}

/// The library panics at names that are longer than the protocol has them.
pub(super) fn short(text: &str) -> Result<ShortString> {
    ShortString::try_new(text).map_err(|_| {
        let head: String = text.chars().take(32).collect();
        WireError::unsendable(format!(
            "\"{head}...\" is longer than the 255 bytes that AMQP has for names and properties"
        ))
    })
}

impl Channel {
    pub(super) async fn declare_exchange(&self, exchange: &Exchange) -> Result<()> {
        let options = ExchangeDeclareOptions {
            passive: false,
            durable: exchange.is_durable,
            auto_delete: exchange.is_auto_delete,
            internal: exchange.is_internal,
            nowait: false,
        };
        let kind = match exchange.kind.as_str() {
            "direct" => ExchangeKind::Direct,
            "fanout" => ExchangeKind::Fanout,
            "topic" => ExchangeKind::Topic,
            "headers" => ExchangeKind::Headers,
            other => {
                short(other)?;
                ExchangeKind::Custom(other.to_owned())
            }
        };
        let name = short(&exchange.name)?;
        Ok(self.channel.exchange_declare(name, kind, options, exchange.arguments.clone()).await?)
    }

    pub(super) async fn check_exchange(&self, name: &str) -> Result<()> {
        let options = ExchangeDeclareOptions { passive: true, ..ExchangeDeclareOptions::default() };
        Ok(self.channel.exchange_declare(short(name)?, ExchangeKind::Direct, options, FieldTable::default()).await?)
    }

    pub(super) async fn declare_queue(&self, queue: &Queue) -> Result<QueueState> {
        let options = QueueDeclareOptions {
            passive: false,
            durable: queue.is_durable,
            exclusive: queue.is_exclusive,
            auto_delete: queue.is_auto_delete,
            nowait: false,
        };
        self.queue(&queue.name, options, queue.arguments.clone()).await
    }

    pub(super) async fn check_queue(&self, name: &str) -> Result<QueueState> {
        let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        self.queue(name, options, FieldTable::default()).await
    }

    async fn queue(&self, name: &str, options: QueueDeclareOptions, arguments: FieldTable) -> Result<QueueState> {
        let queue = self.channel.queue_declare(short(name)?, options, arguments).await?;
        Ok(QueueState { messages: queue.message_count(), consumers: queue.consumer_count() })
    }

    pub(super) async fn bind_queue(
        &self,
        queue: &str,
        exchange: &str,
        key: &str,
        arguments: &FieldTable,
    ) -> Result<()> {
        let (queue, exchange, key) = (short(queue)?, short(exchange)?, short(key)?);
        Ok(self.channel.queue_bind(queue, exchange, key, QueueBindOptions::default(), arguments.clone()).await?)
    }

    pub(super) async fn bind_exchange(&self, to: &str, from: &str, key: &str, arguments: &FieldTable) -> Result<()> {
        let (to, from, key) = (short(to)?, short(from)?, short(key)?);
        Ok(self.channel.exchange_bind(to, from, key, ExchangeBindOptions::default(), arguments.clone()).await?)
    }

    pub(super) async fn confirm(&self) -> Result<()> {
        Ok(self.channel.confirm_select(ConfirmSelectOptions::default()).await?)
    }

    pub(super) async fn publish(&self, publication: Publication) -> Result<Confirmed> {
        let Publication { exchange, routing_key, is_mandatory, properties, body } = publication;
        let (exchange, routing_key) = (short(&exchange)?, short(&routing_key)?);
        let (size, frame_max) = (size::of_header(&properties), self.frame_max);
        if size > frame_max {
            // The broker would end the connection for that, with everything that is on its way.
            return Err(WireError::unsendable(format!(
                "the properties and headers of the message have {size} bytes, and have to fit into one frame of {frame_max}"
            )));
        }
        let options = BasicPublishOptions { mandatory: is_mandatory, immediate: false };
        let confirm = self.channel.basic_publish(exchange, routing_key, options, &body, properties).await?;
        match confirm.await? {
            Confirmation::Ack(returned) => Ok(Confirmed::Ack(returned.as_ref().map(returned_of))),
            Confirmation::Nack(returned) => Ok(Confirmed::Nack(returned.as_ref().map(returned_of))),
            Confirmation::NotRequested => Err(WireError::unsendable("the channel has no confirms")),
        }
    }

    pub(super) fn settle_confirms(&self) {
        // All that one frame confirms is confirmed under one lock. Whoever has had that lock since, as the first step of
        // this does, comes after all of it. The rest of it, which would wait, is not wanted.
        let mut waiting = pin!(self.channel.wait_for_confirms());
        let _ = waiting.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    }

    pub(super) async fn prefetch(&self, count: u16) -> Result<()> {
        Ok(self.channel.basic_qos(count, BasicQosOptions::default()).await?)
    }

    pub(super) async fn consume(&self, subscription: &Subscription) -> Result<Deliveries> {
        let options = BasicConsumeOptions {
            no_local: false,
            no_ack: subscription.is_unacknowledged,
            exclusive: subscription.is_exclusive,
            nowait: false,
        };
        let (queue, tag) = (short(&subscription.queue)?, short(&subscription.consumer_tag)?);
        let consumer = self.channel.basic_consume(queue, tag, options, subscription.arguments.clone()).await?;
        Ok(Deliveries { consumer, is_over: false })
    }

    pub(super) async fn cancel(&self, consumer_tag: &str) -> Result<()> {
        Ok(self.channel.basic_cancel(short(consumer_tag)?, BasicCancelOptions::default()).await?)
    }

    pub(super) async fn ack(&self, tag: u64) -> Result<()> {
        Ok(self.channel.basic_ack(tag, BasicAckOptions::default()).await?)
    }

    pub(super) async fn nack(&self, tag: u64, requeue: bool) -> Result<()> {
        Ok(self.channel.basic_nack(tag, BasicNackOptions { multiple: false, requeue }).await?)
    }

    pub(super) fn is_open(&self) -> bool {
        self.channel.status().connected()
    }

    pub(super) async fn close(&self) -> Result<()> {
        let closed = time::timeout(GOODBYE, self.channel.close(200, "goodbye".into())).await;
        closed.map_err(|_| WireError::connection("the broker did not answer a goodbye"))?.map_err(Into::into)
    }
}

fn returned_of(message: &BasicReturnMessage) -> Returned {
    Returned {
        message_id: message.properties.message_id().as_ref().map(ToString::to_string),
        reason: message.reply_text.to_string(),
    }
}

/// What a queue of a real broker delivers.
pub(crate) struct Deliveries {
    consumer: Consumer,
    is_over: bool,
}

impl std::fmt::Debug for Deliveries {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Deliveries").field("consumer", &self.consumer).finish()
    }
}

impl Deliveries {
    pub(super) fn tag(&self) -> String {
        self.consumer.tag().to_string()
    }

    pub(super) async fn next(&mut self) -> Option<Result<Delivered>> {
        if self.is_over {
            return None;
        }
        let next = poll_fn(|cx: &mut Context<'_>| -> Poll<_> { Pin::new(&mut self.consumer).poll_next(cx) }).await;
        match next {
            Some(Ok(delivery)) => Some(Ok(Delivered {
                tag: delivery.delivery_tag,
                exchange: delivery.exchange.into(),
                routing_key: delivery.routing_key.into(),
                is_redelivered: delivery.redelivered,
                properties: delivery.properties,
                body: delivery.data.into(),
            })),
            Some(Err(error)) => {
                self.is_over = true;
                Some(Err(error.into()))
            }
            None => {
                self.is_over = true;
                None
            }
        }
    }
}
