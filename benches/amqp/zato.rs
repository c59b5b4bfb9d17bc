//! The same jobs done by zato services, with everything that is on by default.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::{StreamExt as _, stream};
use tokio::{sync::Notify, time::sleep};
use zato::{
    Context, Error, Raw,
    amqp::{Amqp, AmqpMessage},
    bytes::Bytes,
    model, service, services,
};

use crate::{BYTES, IN_FLIGHT, PREFETCH, QUEUE, Result, obey, order::OrderModel, talk::Orders};

/// Does a job as often as it is told.
pub(crate) async fn serve(job: &str, url: &str, mut orders: Orders) -> Result<()> {
    let services = match job {
        "consume" => services![take],
        _ => services![connected, publish, publish_orders, take_order],
    };
    let app = zato::app("bench").services(services);
    let service = if job == "service" { "bench.take-order" } else { "bench.take" };
    let config = |consumes| match job {
        "publish" | "publish-one" => broker(url) + &outgoing(),
        "consume" => broker(url) + &channel(service, consumes),
        _ => broker(url) + &outgoing() + &channel(service, consumes),
    };
    let app = app.config_yaml(config(false)).logging().start().await?;
    if job != "consume" {
        app.invoke::<connected>(()).await?;
    }
    let work = async |count| {
        TALLY.expect(count);
        if matches!(job, "consume" | "service") {
            app.apply_yaml(config(true)).await?;
        }
        let start = Instant::now();
        let took = match job {
            "publish" => app.invoke::<publish>(Wanted { count, at_once: IN_FLIGHT }).await.map(|()| start.elapsed())?,
            "publish-one" => app.invoke::<publish>(Wanted { count, at_once: 1 }).await.map(|()| start.elapsed())?,
            "consume" => TALLY.all_taken().await,
            "service" => {
                app.invoke::<publish_orders>(Wanted { count, at_once: IN_FLIGHT }).await?;
                TALLY.all_taken().await;
                start.elapsed()
            }
            other => return Err(format!("no job named {other:?}").into()),
        };
        // Others take their turn with the same queue.
        app.apply_yaml(config(false)).await?;
        Ok(took)
    };
    let obeyed = obey(&mut orders, work).await;
    app.stop().await;
    obeyed
}

/// Where the broker is. Nothing is declared: the queue is there.
fn broker(url: &str) -> String {
    // One call publishes a whole round.
    let server = "server: {bind: \"127.0.0.1:0\", request_timeout: 10m}";
    format!("{server}\ndefinition_amqp:\n  - {{name: Broker, address: \"{url}\"}}\n")
}

fn outgoing() -> String {
    let settings = format!("definition: Broker, routing_key: {QUEUE}, max_in_flight: {IN_FLIGHT}, timeout: 1m");
    format!("outgoing_amqp:\n  - {{name: Out, {settings}}}\n")
}

fn channel(service: &str, is_active: bool) -> String {
    let settings = format!("definition: Broker, queue: {QUEUE}, prefetch_count: {PREFETCH}, service: {service}");
    format!("channel_amqp:\n  - {{name: In, {settings}, is_active: {is_active}}}\n")
}

/// Waits until messages can be sent: under valgrind that takes longer than a program waits with its start.
#[service(name = "bench.connected")]
async fn connected(#[out("Out")] out: &Amqp) -> zato::Result<()> {
    while out.ping().await.is_err() {
        sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}

/// How many messages to publish, and how many of them at once.
#[model]
pub(crate) struct Wanted {
    count: u32,
    at_once: usize,
}

/// Publishes bytes.
#[service(name = "bench.publish")]
async fn publish(ctx: &Context, input: Wanted, #[out("Out")] out: &Amqp) -> zato::Result<()> {
    let message = || AmqpMessage::bytes(Bytes::from_static(&BYTES));
    if input.at_once == 1 {
        for _ in 0..input.count {
            out.send(ctx, message()).await?;
        }
        return Ok(());
    }
    let sent = (0..input.count).map(|_| out.send(ctx, message()));
    let mut sent = stream::iter(sent).buffer_unordered(input.at_once);
    while let Some(sent) = sent.next().await {
        sent?;
    }
    Ok(())
}

/// Publishes orders.
#[service(name = "bench.publish-orders")]
async fn publish_orders(ctx: &Context, input: Wanted, #[out("Out")] out: &Amqp) -> zato::Result<()> {
    let sent = (0..input.count).map(async |number| out.send(ctx, &OrderModel::new(number)).await);
    let mut sent = stream::iter(sent).buffer_unordered(input.at_once);
    while let Some(sent) = sent.next().await {
        sent?;
    }
    Ok(())
}

/// Takes bytes.
#[service(name = "bench.take")]
async fn take(input: Raw) -> zato::Result<()> {
    if input.bytes().await?.len() != BYTES.len() {
        return Err(Error::invalid_input("other bytes came than were sent"));
    }
    TALLY.taken();
    Ok(())
}

/// Takes an order.
#[service(name = "bench.take-order")]
async fn take_order(input: OrderModel) -> zato::Result<()> {
    if !input.is_good() {
        return Err(Error::invalid_input("another order came than was sent"));
    }
    TALLY.taken();
    Ok(())
}

/// What the services have taken, since they have nobody to tell.
static TALLY: Tally =
    Tally { wanted: AtomicU32::new(0), taken: AtomicU32::new(0), first: Mutex::new(None), last: Notify::const_new() };

struct Tally {
    wanted: AtomicU32,
    taken: AtomicU32,
    /// When the first one came.
    first: Mutex<Option<Instant>>,
    /// Told when the last one was taken.
    last: Notify,
}

impl Tally {
    fn expect(&self, count: u32) {
        self.wanted.store(count, Ordering::Relaxed);
        self.taken.store(0, Ordering::Relaxed);
    }

    fn taken(&self) {
        let before = self.taken.fetch_add(1, Ordering::Relaxed);
        if before == 0 {
            *self.first.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        }
        if before + 1 == self.wanted.load(Ordering::Relaxed) {
            self.last.notify_one();
        }
    }

    /// Waits for the last one, and tells how long it took from the first one on.
    async fn all_taken(&self) -> Duration {
        self.last.notified().await;
        let first = *self.first.lock().unwrap_or_else(PoisonError::into_inner);
        first.map_or(Duration::ZERO, |first| first.elapsed())
    }
}
