//! How many requests of a channel are in work at once, and how many wait for that.

use std::sync::Arc;

use tokio::sync::Notify;
use zato::{Result, Running, service, services, testing};

use crate::support::{Answer, assert_answer, cid};

/// Answers at once.
#[service(name = "quick")]
async fn quick() -> Result<()> {
    Ok(())
}

/// Waits until it is told to go on.
#[service(name = "gate")]
async fn gate(#[state] gate: Arc<Gate>) -> Result<()> {
    gate.entered.notify_one();
    gate.open.notified().await;
    Ok(())
}

#[derive(Default)]
struct Gate {
    entered: Notify,
    open: Notify,
}

async fn started() -> (Running, testing::Client, Arc<Gate>) {
    let door = Arc::new(Gate::default());
    let app = testing::app("places").services(services![quick, gate]).state(Arc::clone(&door)).config_yaml(PLACES);
    let app = app.start().await.expect("the app starts");
    let client = testing::client(&app);
    (app, client, door)
}

fn done(number: u64) -> Answer {
    Answer::empty(204, &cid(number))
}

const PLACES: &str = "
server: {max_concurrent_requests: 3}
channel_rest:
  - {name: narrow, url_path: /narrow, service: gate, max_concurrent_requests: 1, max_queued_requests: 1}
  - {name: wide, url_path: /wide, service: gate}
  - {name: quick, url_path: /quick, service: quick}
";

#[tokio::test]
async fn a_full_channel_refuses_and_leaves_the_others_alone() {
    let (app, client, door) = started().await;
    let gate_in_flight = || app.statistics().iter().find(|one| one.service == "gate").map(|one| one.in_flight);
    let full = |number| Answer::problem(503, &cid(number), "temporarily unavailable").header("retry-after", "1");
    let (working, waiting, wide) = (client.get("/narrow"), client.get("/narrow"), client.get("/wide"));
    let refused = async {
        door.entered.notified().await;
        tokio::task::yield_now().await;
        assert_eq!(gate_in_flight(), Some(3), "one in work, one that waits for it, one of the other channel");
        assert_answer(client.get("/narrow").await, &full(4));
        // It has one place of the server's three, and who waits for it has none.
        assert_answer(client.get("/quick").await, &done(5));
        // A configuration that leaves its numbers alone leaves its places alone.
        app.apply_yaml(PLACES.replace("/quick", "/fast")).await.unwrap();
        assert_answer(client.get("/narrow").await, &full(6));
        assert_answer(client.get("/fast").await, &done(7));
    };
    let open = async {
        // The three end one after the other.
        loop {
            door.open.notify_one();
            tokio::task::yield_now().await;
            if gate_in_flight() == Some(0) {
                break;
            }
        }
    };
    let (working, waiting, wide, ()) = tokio::join!(working, waiting, wide, async {
        refused.await;
        open.await;
    });
    assert_answer(working, &done(1));
    assert_answer(waiting, &done(2));
    assert_answer(wide, &done(3));
    door.open.notify_one();
    assert_answer(client.get("/narrow").await, &done(8));
}

#[tokio::test]
async fn who_gives_up_waiting_gives_its_places_back() {
    let (_app, client, door) = started().await;
    {
        let (working, waiting) = (client.get("/narrow"), client.get("/narrow"));
        tokio::select! {
            _ = async { tokio::join!(working, waiting) } => panic!("nobody opens the gate"),
            () = async {
                door.entered.notified().await;
                tokio::task::yield_now().await;
            } => {}
        }
    }
    door.open.notify_one();
    assert_answer(client.get("/narrow").await, &done(3));
}

#[tokio::test]
async fn places_that_mean_nothing_are_refused() {
    let text = "channel_rest:
  - {name: a, url_path: /a, service: quick, max_concurrent_requests: 0}
  - {name: b, url_path: /b, service: quick, max_queued_requests: 5}
";
    let error = testing::app("places").services(services![quick]).config_yaml(text).start().await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the configuration can't be used:\n  configuration:2:5: the max_concurrent_requests of the channel \"a\" is 0, which \
         lets no request in; write \"is_active: false\"\n  configuration:3:5: the max_queued_requests of the channel \"b\" \
         means nothing without a max_concurrent_requests"
    );
}
