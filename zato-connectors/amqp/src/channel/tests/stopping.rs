//! Stops, and configurations that change under load.

use std::sync::Arc;

use tokio::{
    sync::Semaphore,
    time::{Duration, Instant, sleep},
};
use zato_core::channel::Channel;

use super::kit::{Kit, Notes, Serve, body, nothing, service};

/// Notes its name with each message once it may go on.
fn gated(name: &'static str, notes: &Notes, gate: &Arc<Semaphore>) -> Serve {
    let (notes, gate) = (notes.clone(), Arc::clone(gate));
    service(move |message| {
        let (notes, gate) = (notes.clone(), Arc::clone(&gate));
        async move {
            gate.acquire().await.unwrap().forget();
            notes.add(format!("{name} {}", body(&message)));
            nothing()
        }
    })
}

#[tokio::test(start_paused = true)]
async fn a_stop_finishes_what_is_in_work_and_gives_the_rest_back() {
    let (notes, gate) = (Notes::default(), Arc::new(Semaphore::new(0)));
    let kit = Kit::with("pool_size: 2, prefetch_count: 5", gated("a", &notes, &gate));
    for _ in 0..10 {
        kit.publish("{}");
    }
    kit.until("handed over", || kit.broker.unsettled("orders") == 5).await;
    let finish = async {
        sleep(Duration::from_secs(3)).await;
        assert_eq!((kit.broker.unsettled("orders"), kit.broker.queue_depth("orders")), (2, Some(8)), "at once");
        gate.add_permits(10);
    };
    let (cut, ()) = tokio::join!(kit.channels.stop(Duration::from_secs(30)), finish);
    assert!(cut.is_empty(), "{cut:?}");
    assert_eq!((notes.len(), kit.broker.unsettled("orders"), kit.broker.queue_depth("orders")), (2, 0, Some(8)));
    assert_eq!(kit.broker.consumers("orders"), 0);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_finished_in_time_is_cut_and_comes_again() {
    let (notes, gate) = (Notes::default(), Arc::new(Semaphore::new(0)));
    let more = "pool_size: 2, on_error: dead_letter, dead_letter: {routing_key: dead}";
    let kit = Kit::with(more, gated("a", &notes, &gate));
    kit.declare("dead");
    for _ in 0..3 {
        kit.publish("{}");
    }
    kit.until("in work", || kit.broker.unsettled("orders") == 3).await;
    let begun = Instant::now();
    let cut = kit.channels.stop(Duration::from_secs(5)).await;
    assert!(begun.elapsed() < Duration::from_secs(7), "{:?}", begun.elapsed());
    assert_eq!(cut, ["2 messages of the channel \"orders\", which come again"]);
    kit.until("given back", || kit.broker.queue_depth("orders") == Some(3)).await;
    assert_eq!((kit.broker.unsettled("orders"), kit.broker.queue_depth("dead"), notes.len()), (0, Some(0), 0));
    assert!(kit.broker.messages("orders").iter().all(|message| message.is_redelivered));
}

#[tokio::test(start_paused = true)]
async fn what_is_in_work_is_finished_as_it_was_begun_and_the_subscription_goes_on() {
    let (notes, gate) = (Notes::default(), Arc::new(Semaphore::new(0)));
    let kit = Kit::with("pool_size: 1", gated("old", &notes, &gate));
    kit.publish("first");
    kit.publish("second");
    kit.until("in work", || kit.broker.unsettled("orders") == 2).await;
    sleep(Duration::from_secs(1)).await;
    let connections = kit.broker.connections();
    kit.apply([kit.wanted("orders", "pool_size: 1, timeout: 3s", gated("new", &notes, &gate))]);
    assert_eq!((kit.broker.consumers("orders"), kit.broker.unsettled("orders")), (1, 2), "nothing was given back");
    gate.add_permits(2);
    kit.until("served", || notes.len() == 2).await;
    kit.settled().await;
    assert_eq!(notes.all(), ["old first", "new second"]);
    assert_eq!((kit.broker.connections(), kit.count("acked")), (connections, 2));
}

#[tokio::test(start_paused = true)]
async fn another_subscription_takes_over_from_one_that_finishes_what_it_has() {
    let (notes, gate) = (Notes::default(), Arc::new(Semaphore::new(0)));
    // Nobody else may consume the queue, so that the new one has to wait for the old one to have left.
    let kit = Kit::with("pool_size: 1, exclusive: true", gated("old", &notes, &gate));
    kit.publish("first");
    kit.publish("second");
    kit.until("in work", || kit.broker.unsettled("orders") == 2).await;
    sleep(Duration::from_secs(1)).await;
    let other = Arc::new(Semaphore::new(10));
    kit.apply([kit.wanted("orders", "pool_size: 2, exclusive: true", gated("new", &notes, &other))]);
    kit.until("served", || notes.len() == 1).await;
    assert_eq!(notes.all(), ["new second"], "what the old one had not begun with");
    gate.add_permits(1);
    kit.settled().await;
    assert_eq!(notes.all(), ["new second", "old first"]);
    assert_eq!((kit.count("acked"), kit.broker.consumers("orders")), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn a_channel_that_is_gone_finishes_what_it_has_and_is_waited_for() {
    let (notes, gate) = (Notes::default(), Arc::new(Semaphore::new(0)));
    let kit = Kit::with("", gated("old", &notes, &gate));
    kit.publish("first");
    kit.until("in work", || kit.broker.unsettled("orders") == 1).await;
    sleep(Duration::from_secs(1)).await;
    kit.apply([]);
    kit.until("left", || kit.broker.consumers("orders") == 0).await;
    assert_eq!((kit.broker.unsettled("orders"), kit.channels.statuses()), (1, Vec::new()));
    let finish = async {
        sleep(Duration::from_secs(1)).await;
        gate.add_permits(1);
    };
    let (cut, ()) = tokio::join!(kit.channels.stop(Duration::from_secs(30)), finish);
    assert_eq!((cut, notes.len(), kit.broker.unsettled("orders")), (Vec::new(), 1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_stop_does_not_wait_for_what_is_held_back() {
    let kit = Kit::with("retry_delay: 1h", service(|_| async { Err(zato_core::Error::internal("x")) }));
    kit.publish("{}");
    kit.broker.nack_next(1);
    kit.until("in work", || kit.broker.unsettled("orders") == 1).await;
    sleep(Duration::from_secs(1)).await;
    let begun = Instant::now();
    assert!(kit.channels.stop(Duration::from_secs(30)).await.is_empty());
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    assert_eq!((kit.broker.unsettled("orders"), kit.broker.queue_depth("orders")), (0, Some(1)));
}

#[tokio::test(start_paused = true)]
async fn two_subscriptions_together_have_no_more_in_work_than_there_are_places() {
    let (notes, gate) = (Notes::default(), Arc::new(Semaphore::new(0)));
    let kit = Kit::with("pool_size: 1, prefetch_count: 5", gated("old", &notes, &gate));
    for body in ["first", "second", "third"] {
        kit.publish(body);
    }
    kit.until("in work", || kit.broker.unsettled("orders") == 3).await;
    sleep(Duration::from_secs(1)).await;
    let open = Arc::new(Semaphore::new(10));
    kit.apply([kit.wanted("orders", "pool_size: 1, prefetch_count: 9", gated("new", &notes, &open))]);
    sleep(Duration::from_secs(60)).await;
    assert_eq!(notes.len(), 0, "the first is in work still");
    gate.add_permits(1);
    kit.until("served", || notes.len() == 3).await;
    assert_eq!(notes.all(), ["old first", "new second", "new third"]);
}
