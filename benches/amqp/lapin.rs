//! The floor: lapin, and nothing between it and the job. What it publishes is what zato publishes, properties and headers
//! included, and persistent; it is told of messages that went nowhere, and every message is confirmed and acknowledged.

use std::{
    borrow::Cow,
    collections::VecDeque,
    future::poll_fn,
    pin::Pin,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use lapin::{
    BasicProperties, Channel, Confirmation, Connection, ConnectionProperties, Consumer, PublisherConfirm,
    message::Delivery,
    options::{BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions, ConfirmSelectOptions},
    types::{AMQPValue, FieldTable},
};
use tokio::task::JoinSet;
use zato::futures_core::Stream as _;

use crate::{BYTES, IN_FLIGHT, PREFETCH, QUEUE, Result, obey, order::Order, talk::Orders};

/// Does a job as often as it is told.
pub(crate) async fn serve(job: &str, url: &str, mut orders: Orders) -> Result<()> {
    let connect = async || Connection::connect(url, ConnectionProperties::default()).await;
    let connection = connect().await?;
    match job {
        "publish" => {
            let publisher = Publisher::open(&connection).await?;
            obey(&mut orders, async |count| publisher.publish_many(count, bytes).await).await?;
        }
        "publish-one" => {
            let publisher = Publisher::open(&connection).await?;
            obey(&mut orders, async |count| publisher.publish_each(count).await).await?;
        }
        "consume" => {
            let consume = async |count| Subscription::open(&connection).await?.take(count, |_| Ok(())).await;
            obey(&mut orders, consume).await?;
        }
        "service" => {
            // Brokers hold up who publishes too fast, and must not hold up acknowledgements with it.
            let publishing = connect().await?;
            let publisher = Publisher::open(&publishing).await?;
            obey(&mut orders, async |count| both(&publisher, &connection, count).await).await?;
            // Nothing is measured by how a connection ends, here and below.
            let _ = publishing.close(200, "goodbye".into()).await;
        }
        other => return Err(format!("no job named {other:?}").into()),
    }
    let _ = connection.close(200, "goodbye".into()).await;
    Ok(())
}

/// A channel with confirms.
pub(crate) struct Publisher(Channel);

impl Publisher {
    pub(crate) async fn open(connection: &Connection) -> Result<Self> {
        let channel = connection.create_channel().await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        Ok(Self(channel))
    }

    /// Publishes so many messages, of which many are on their way at once.
    pub(crate) async fn publish_many(
        &self,
        count: u32,
        body: impl Fn(u32) -> Result<Cow<'static, [u8]>>,
    ) -> Result<Duration> {
        let start = Instant::now();
        let mut window = VecDeque::with_capacity(IN_FLIGHT);
        for number in 0..count {
            if window.len() == IN_FLIGHT
                && let Some(first) = window.pop_front()
            {
                confirmed(first).await?;
            }
            window.push_back(self.publish(&body(number)?).await?);
        }
        for confirm in window {
            confirmed(confirm).await?;
        }
        Ok(start.elapsed())
    }

    /// Publishes so many messages, each when the one before it is confirmed.
    async fn publish_each(&self, count: u32) -> Result<Duration> {
        let start = Instant::now();
        for _ in 0..count {
            confirmed(self.publish(&BYTES).await?).await?;
        }
        Ok(start.elapsed())
    }

    async fn publish(&self, body: &[u8]) -> Result<PublisherConfirm> {
        let options = BasicPublishOptions { mandatory: true, immediate: false };
        Ok(self.0.basic_publish("".into(), QUEUE.into(), options, body, properties()).await?)
    }
}

/// What is sent where it does not matter what it is.
pub(crate) fn bytes(_: u32) -> Result<Cow<'static, [u8]>> {
    Ok(Cow::Borrowed(&BYTES))
}

fn json(number: u32) -> Result<Cow<'static, [u8]>> {
    Ok(Cow::Owned(serde_json::to_vec(&Order::new(number))?))
}

/// What zato says beside a payload: an id of its own for each message, and where in a trace its sender stood.
fn properties() -> BasicProperties {
    let (trace, span, cid) = (fastrand::u128(..), fastrand::u64(..), fastrand::u128(..) >> 32);
    let mut headers = FieldTable::default();
    headers.insert("x-zato-cid".into(), AMQPValue::LongString(format!("{cid:024x}").into()));
    headers.insert("traceparent".into(), AMQPValue::LongString(format!("00-{trace:032x}-{span:016x}-00").into()));
    BasicProperties::default()
        .with_content_type("application/json".into())
        .with_delivery_mode(2)
        .with_priority(5)
        .with_message_id(format!("{:032x}", fastrand::u128(..)).into())
        .with_timestamp(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs())
        .with_headers(headers)
}

async fn confirmed(confirm: PublisherConfirm) -> Result<()> {
    match confirm.await? {
        Confirmation::Ack(None) => Ok(()),
        other => Err(format!("a message was not taken: {other:?}").into()),
    }
}

/// A subscription on a channel of its own.
struct Subscription {
    channel: Channel,
    consumer: Consumer,
}

impl Subscription {
    async fn open(connection: &Connection) -> Result<Self> {
        let channel = connection.create_channel().await?;
        channel.basic_qos(PREFETCH, BasicQosOptions::default()).await?;
        let options = BasicConsumeOptions::default();
        let consumer = channel.basic_consume(QUEUE.into(), "".into(), options, FieldTable::default()).await?;
        Ok(Self { channel, consumer })
    }

    /// Consumes so many messages, and tells how long it took from the first one on.
    async fn take(mut self, count: u32, take: impl Fn(&Delivery) -> Result<()>) -> Result<Duration> {
        let mut start = None;
        for _ in 0..count {
            let delivery = next(&mut self.consumer).await?;
            start.get_or_insert_with(Instant::now);
            take(&delivery)?;
            delivery.ack(BasicAckOptions::default()).await?;
        }
        let took = start.map(|start| start.elapsed());
        self.channel.close(200, "goodbye".into()).await?;
        Ok(took.unwrap_or_default())
    }
}

async fn next(consumer: &mut Consumer) -> Result<Delivery> {
    let delivery = poll_fn(|cx| Pin::new(&mut *consumer).poll_next(cx)).await;
    Ok(delivery.ok_or("the subscription has ended")??)
}

/// Publishes orders and consumes them at the same time.
async fn both(publisher: &Publisher, connection: &Connection, count: u32) -> Result<Duration> {
    let subscription = Subscription::open(connection).await?;
    let start = Instant::now();
    let mut tasks = JoinSet::new();
    tasks.spawn(subscription.take(count, read));
    publisher.publish_many(count, json).await?;
    while let Some(consumed) = tasks.join_next().await {
        consumed??;
    }
    Ok(start.elapsed())
}

fn read(delivery: &Delivery) -> Result<()> {
    let order: Order = serde_json::from_slice(&delivery.data)?;
    if order.is_good() { Ok(()) } else { Err("another order came than was sent".into()) }
}
