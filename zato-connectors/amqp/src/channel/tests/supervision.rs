//! What breaks, and comes back.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use tokio::{
    sync::Semaphore,
    time::{Duration, sleep},
};
use zato_core::{
    ambient::{Ambient, Clock},
    chrono::{DateTime, Utc},
    connection::State,
    testing::{self, SequentialIds},
};

use super::kit::{Kit, Notes, body, nothing, service};

/// Notes each message, and keeps the first until it may go on.
fn first_waits(notes: &Notes, gate: &Arc<Semaphore>) -> super::kit::Serve {
    let (notes, gate) = (notes.clone(), Arc::clone(gate));
    service(move |message| {
        let (notes, gate) = (notes.clone(), Arc::clone(&gate));
        async move {
            notes.add(body(&message));
            if notes.len() == 1 {
                gate.acquire().await.unwrap().forget();
            }
            nothing()
        }
    })
}

#[tokio::test(start_paused = true)]
async fn a_message_is_never_acknowledged_on_another_channel_than_it_came_by() {
    let (notes, gate) = (Notes::default(), Arc::new(Semaphore::new(0)));
    let kit = Kit::with("", first_waits(&notes, &gate));
    kit.publish("{}");
    kit.until("in work", || notes.len() == 1).await;
    kit.broker.close_connections("maintenance");
    // It comes again while the first attempt is in work still.
    kit.until("served", || kit.count("acked") == 1).await;
    gate.add_permits(1);
    kit.until("noticed", || kit.count("stale") == 1).await;
    kit.settled().await;
    assert_eq!((notes.len(), kit.count("acked"), kit.broker.queue_depth("orders")), (2, 1, Some(0)));
    let status = kit.status();
    assert!(matches!(*status.state, State::Up { .. }));
    assert_eq!(status.reconnects, 1);
}

#[tokio::test(start_paused = true)]
async fn consuming_goes_on_after_a_restart_and_after_refused_connections() {
    let notes = Notes::default();
    let served = notes.clone();
    let kit = Kit::with(
        "",
        service(move |message| {
            served.add(body(&message));
            async { nothing() }
        }),
    );
    kit.consuming("orders").await;
    kit.broker.refuse_connections(true);
    kit.broker.restart();
    kit.until("down", || matches!(kit.state(), State::Down { .. })).await;
    sleep(Duration::from_secs(60)).await;
    kit.publish("while it was down");
    kit.broker.refuse_connections(false);
    // The longest pause is 5 seconds, of the connection and of the subscription.
    sleep(Duration::from_secs(10)).await;
    assert_eq!(notes.all(), ["while it was down"]);
    assert!(matches!(kit.state(), State::Up { .. }));
}

#[tokio::test(start_paused = true)]
async fn a_missing_queue_is_told_once_with_what_to_do_and_consumed_when_it_is_there() {
    let logs = testing::capture_logs();
    let kit = Kit::new();
    kit.broker.delete_queue("orders");
    kit.apply([kit.wanted("orders", "", service(|_| async { nothing() }))]);
    sleep(Duration::from_secs(60)).await;
    let State::Down { error, attempts, .. } = kit.state() else { panic!("{:?}", kit.state()) };
    assert_eq!(
        error,
        "there is no queue \"orders\" for the channel \"orders\"; declare it in the definition \"main\", or create it"
    );
    assert!(attempts > 10, "{attempts}");
    let told = logs.events().iter().filter(|line| line.message.starts_with("can't consume")).count();
    assert_eq!(told, 1);
    kit.declare("orders");
    kit.consuming("orders").await;
    assert!(matches!(kit.state(), State::Up { .. }));
}

#[tokio::test(start_paused = true)]
async fn a_subscription_that_somebody_has_ended_is_made_again_and_what_was_delivered_still_settled() {
    let (notes, gate) = (Notes::default(), Arc::new(Semaphore::new(0)));
    let kit = Kit::with("", first_waits(&notes, &gate));
    kit.publish("first");
    kit.until("in work", || notes.len() == 1).await;
    kit.broker.cancel_consumers("orders");
    kit.until("left", || kit.broker.consumers("orders") == 0).await;
    kit.until("interrupted", || kit.status().reconnects == 1).await;
    kit.consuming("orders").await;
    kit.publish("second");
    kit.until("served", || kit.count("acked") == 1).await;
    gate.add_permits(1);
    kit.settled().await;
    assert_eq!((notes.all(), kit.count("acked"), kit.count("stale")), (vec!["first".into(), "second".into()], 2, 0));
}

#[tokio::test(start_paused = true)]
async fn under_load_and_losses_every_message_is_served_and_none_acknowledged_before() {
    let notes = Notes::default();
    let served = notes.clone();
    let kit = Kit::with(
        "pool_size: 8, prefetch_count: 16, retry_delay: 100ms",
        service(move |message| {
            let (served, body) = (served.clone(), body(&message));
            async move {
                sleep(Duration::from_millis(50)).await;
                // Every third fails at the first attempt.
                let number: usize = body.parse().unwrap();
                let has_failed = served.all().contains(&format!("failed {body}"));
                if number.is_multiple_of(3) && !has_failed {
                    served.add(format!("failed {body}"));
                    return Err(zato_core::Error::internal("x"));
                }
                served.add(body);
                nothing()
            }
        }),
    );
    for number in 0..300_usize {
        kit.publish(Box::leak(number.to_string().into_boxed_str()));
        if number % 60 == 59 {
            kit.broker.close_connections("maintenance");
            sleep(Duration::from_millis(700)).await;
        }
    }
    let is_empty = |queue| kit.broker.queue_depth(queue) == Some(0) && kit.broker.unsettled(queue) == 0;
    kit.until("all served", || is_empty("orders") && is_empty("orders.retry.100")).await;
    let all = notes.all();
    let missing: Vec<_> = (0..300).map(|number| number.to_string()).filter(|number| !all.contains(number)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[tokio::test(start_paused = true)]
async fn a_queue_that_the_definition_declares_is_declared_again_when_somebody_has_deleted_it() {
    let notes = Notes::default();
    let served = notes.clone();
    let kit = Kit::declaring("orders");
    kit.apply([kit.wanted(
        "orders",
        "",
        service(move |message| {
            served.add(body(&message));
            async { nothing() }
        }),
    )]);
    kit.consuming("orders").await;
    assert!(kit.broker.delete_queue("orders"));
    kit.until("interrupted", || kit.status().reconnects == 1).await;
    kit.consuming("orders").await;
    kit.publish("{}");
    kit.until("served", || notes.len() == 1).await;
}

#[tokio::test(start_paused = true)]
async fn a_channel_that_the_broker_has_closed_is_noticed_while_all_places_are_taken() {
    let (notes, gate) = (Notes::default(), Arc::new(Semaphore::new(0)));
    let kit = Kit::with("pool_size: 1", first_waits(&notes, &gate));
    kit.publish("{}");
    kit.until("in work", || notes.len() == 1).await;
    sleep(Duration::from_secs(1)).await;
    kit.broker.close_channels("delivery acknowledgement timed out");
    kit.until("noticed", || kit.status().reconnects == 1).await;
    kit.consuming("orders").await;
    assert_eq!(notes.len(), 1, "its place is taken still");
    gate.add_permits(1);
    kit.until("served", || kit.count("acked") == 1).await;
    assert_eq!((notes.len(), kit.count("stale")), (2, 1));
}

/// A clock that panics when it is asked for the first time.
struct Broken(AtomicBool);

impl Clock for Broken {
    fn now(&self) -> DateTime<Utc> {
        assert!(self.0.swap(true, Ordering::Relaxed), "told to");
        DateTime::UNIX_EPOCH
    }
}

#[tokio::test(start_paused = true)]
async fn consuming_that_panics_is_down_and_begins_again() {
    let notes = Notes::default();
    let served = notes.clone();
    let kit = Kit::new();
    let ambient = Ambient::new(Broken(AtomicBool::new(false)), SequentialIds::default());
    let serve = service(move |message| {
        served.add(body(&message));
        async { nothing() }
    });
    kit.apply([kit.wanted_with("orders", serve, ambient)]);
    kit.until("down", || matches!(kit.state(), State::Down { .. })).await;
    let State::Down { error, .. } = kit.state() else { panic!("{:?}", kit.state()) };
    assert!(error.starts_with("consuming broke off by a fault of this program"), "{error}");
    kit.publish("{}");
    kit.until("served", || notes.len() == 1).await;
    assert!(matches!(kit.state(), State::Up { .. }));
}
