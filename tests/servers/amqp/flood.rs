//! A queue that has run full, and a service that is slow.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use serde_json::json;
use zato::{
    Raw, Result, Running,
    amqp::{Amqp, AmqpMessage},
    service, services,
};

use super::{all_up, config};
use crate::{
    process::{Usage, ran_alone},
    rabbitmq::{Broker, Queue, until},
};

/// How many messages wait.
const WAITING: usize = 100_000;

/// How many of them are served while that is looked at.
const SERVED: usize = 5_000;

/// How much larger the process may become meanwhile, in megabytes; a hundred wait.
const MEGABYTES: usize = 16;

#[derive(Debug, Default)]
struct Counts {
    slow: AtomicUsize,
    quick: AtomicUsize,
}

/// Takes its time.
#[service(name = "slow")]
async fn slow(_: Raw, #[state] counts: &Arc<Counts>) -> Result<()> {
    tokio::time::sleep(Duration::from_millis(5)).await;
    counts.slow.fetch_add(1, Ordering::Relaxed);
    Ok(())
}

/// Takes none.
#[service(name = "quick")]
async fn quick(_: Raw, #[state] counts: &Arc<Counts>) -> Result<()> {
    counts.quick.fetch_add(1, Ordering::Relaxed);
    Ok(())
}

/// Both channels, of which the slow one consumes or not.
fn yaml(url: &str, is_active: bool) -> String {
    let more = format!(
        "outgoing_amqp: [{{name: Out, definition: main, timeout: 60s, max_in_flight: 5000}}]\n\
         channel_amqp:\n  - {{name: slow, definition: main, queue: slow, service: slow, is_active: {is_active}}}\n  \
         - {{name: quick, definition: main, queue: quick, service: quick}}\n"
    );
    config(url, "", &more)
}

/// Sends messages to the quick service, one after the other, and returns how long half of them took at the most from there
/// to here.
async fn pace(app: &Running, counts: &Counts) -> Duration {
    let out: Amqp = app.out("Out").expect("it is there");
    let mut took = Vec::new();
    for _ in 0..100 {
        let (begun, before) = (Instant::now(), counts.quick.load(Ordering::Relaxed));
        out.send(&app.context(), AmqpMessage::text("quick").routing_key("quick")).await.expect("the queue is there");
        while counts.quick.load(Ordering::Relaxed) == before {
            assert!(begun.elapsed() < Duration::from_secs(30), "it arrives");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        took.push(begun.elapsed());
    }
    took.sort();
    took.get(50).copied().expect("a hundred were sent")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_that_has_run_full_fills_no_memory_and_holds_no_other_up() {
    let test = "amqp::flood::a_queue_that_has_run_full_fills_no_memory_and_holds_no_other_up";
    if ran_alone(test).await {
        return;
    }
    let Some(broker) = Broker::own(test).await else { return };
    broker.management().declare_queue("slow", json!({"x-queue-mode": "lazy"})).await;
    broker.management().declare_queue("quick", json!({})).await;
    let counts = Arc::<Counts>::default();
    let app = super::app("flood").services(services![slow, quick]).state(Arc::clone(&counts));
    let app = app.config_yaml(yaml(&broker.url(), false)).start().await.expect("it starts");
    until("both are connected", async || app.connections().iter().all(|it| it.state.is_up()).then_some(())).await;
    let begun = Instant::now();
    let (out, body): (Amqp, _) = (app.out("Out").expect("it is there"), "x".repeat(1024));
    for _ in 0..WAITING / 5000 {
        let messages = (0..5000).map(|_| AmqpMessage::text(body.as_str()).routing_key("slow"));
        let sent = out.send_batch(&app.context(), messages).await;
        assert!(sent.iter().all(Result::is_ok), "{sent:?}");
    }
    eprintln!("{WAITING} published in {:?}, {:?}", begun.elapsed(), Usage::now());
    let alone = pace(&app, &counts).await;
    let before = Usage::now();

    app.apply_yaml(yaml(&broker.url(), true)).await.expect("it is applied");
    all_up(&app).await;
    until("the slow one is at it", async || (counts.slow.load(Ordering::Relaxed) > 100).then_some(())).await;
    let begun = Instant::now();
    let beside = pace(&app, &counts).await;
    until("many are served", async || (counts.slow.load(Ordering::Relaxed) > SERVED).then_some(())).await;
    let (after, served) = (Usage::now(), counts.slow.load(Ordering::Relaxed));
    eprintln!("{served} served in {:?}; {before:?}, then {after:?}", begun.elapsed());
    eprintln!("a quick message took {alone:?} alone, and {beside:?} beside the slow ones");
    assert!(after.megabytes <= before.megabytes + MEGABYTES, "memory is flat");
    // Behind a hundred that are slow it would wait for fifty milliseconds at the least, behind all of them for a minute.
    assert!(beside < alone * 20 + Duration::from_millis(500), "the quick one keeps its pace");

    let begun = Instant::now();
    assert_eq!(app.stop().await, [""; 0], "what is in work is finished");
    assert!(begun.elapsed() < Duration::from_secs(20), "and nothing that waits");
    let served = counts.slow.load(Ordering::Relaxed);
    let waiting = u64::try_from(WAITING - served).expect("few");
    let is_left = |queue: &Queue| (queue.messages, queue.ready, queue.consumers) == (waiting, waiting, 0);
    let left = async || broker.management().queue("slow").await.filter(is_left);
    until("what was not served is back in its queue", left).await;
}
