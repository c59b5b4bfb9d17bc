//! `server.workers`: threads with a runtime and a queue of connections of their own.

use std::{collections::BTreeSet, sync::Arc, thread};

use tokio::{
    net::TcpListener,
    sync::{Notify, Semaphore},
    task::JoinSet,
};
use zato::{App, Raw, Result, rest::RestChannels, service, services, testing};

use crate::support::{Answer, Wire, assert_answer, cid, listening_app};

/// Says on which thread it runs.
#[service(name = "thread.name")]
async fn name() -> Result<Raw> {
    Ok(Raw::new(thread::current().name().unwrap_or_default().to_owned()))
}

struct Gate {
    entered: Notify,
    open: Semaphore,
}

/// Waits until it is told to go on.
#[service(name = "gate")]
async fn gate(#[state] gate: Arc<Gate>) -> Result<()> {
    gate.entered.notify_one();
    gate.open.acquire().await?.forget();
    Ok(())
}

fn config(server: &str) -> String {
    let channels =
        "[{name: name, url_path: /name, service: thread.name}, {name: gate, url_path: /gate, service: gate}]";
    format!("server: {{bind: '127.0.0.1:0', {server}}}\nchannel_rest: {channels}")
}

fn with_services(app: App) -> (App, Arc<Gate>) {
    let door = Arc::new(Gate { entered: Notify::new(), open: Semaphore::new(0) });
    (app.services(services![name, gate]).state(Arc::clone(&door)), door)
}

/// The threads that many connections are served on.
async fn threads(app: &zato::Running) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for _ in 0..40 {
        names.insert(Wire::to(app).await.get("/name").await.body);
    }
    names
}

fn names(of: &[&str]) -> BTreeSet<String> {
    of.iter().map(|name| (*name).to_owned()).collect()
}

#[tokio::test]
async fn connections_are_served_by_threads_of_their_own() {
    let (app, _) = with_services(listening_app("workers"));
    let app = app.config_yaml(config("workers: 2")).start().await.unwrap();
    let seen = threads(&app).await;
    assert!(seen.is_subset(&names(&["zato-worker-0", "zato-worker-1"])), "{seen:?}");
    // Elsewhere one queue is shared, and one thread may get all.
    assert!(seen.len() == 2 || cfg!(not(target_os = "linux")), "{seen:?}");
    // Also where the program listens from now on.
    app.apply_yaml(config("workers: 2").replace("127.0.0.1:0", "127.0.0.2:0")).await.unwrap();
    assert!(app.addresses()[0].starts_with("http://127.0.0.2:"), "{:?}", app.addresses());
    assert!(threads(&app).await.is_subset(&names(&["zato-worker-0", "zato-worker-1"])));
    assert_eq!(app.stop().await, [""; 0]);
}

#[tokio::test]
async fn more_room_is_noticed_by_a_thread_that_has_nobody() {
    let (app, _) = with_services(listening_app("workers"));
    let app = app.config_yaml(config("workers: 2, max_connections: 1")).start().await.unwrap();
    let mut first = Wire::to(&app).await;
    assert_eq!(first.get("/name").await.status, 200);
    // Of so many, some wait at the thread that doesn't have the first.
    let mut waiting = Vec::new();
    for _ in 0..12 {
        waiting.push(Wire::to(&app).await);
    }
    app.apply_yaml(config("workers: 2, max_connections: 100")).await.unwrap();
    for wire in &mut waiting {
        assert_eq!(wire.get("/name").await.status, 200);
    }
    assert_eq!(first.get("/name").await.status, 200);
}

#[tokio::test]
async fn a_listener_that_is_handed_in_is_shared_by_the_threads() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (app, _) = with_services(testing::app("workers").channel(RestChannels::on(listener)));
    let app = app.config_yaml(config("workers: per_core")).start().await.unwrap();
    assert!(threads(&app).await.iter().all(|name| name.starts_with("zato-worker-")));
    assert_eq!(app.stop().await, [""; 0]);
}

#[tokio::test]
async fn the_limit_of_connections_is_over_all_threads() {
    let (app, door) = with_services(listening_app("workers"));
    let app = app.config_yaml(config("workers: 4, max_connections: 2")).start().await.unwrap();
    let mut held = [Wire::to(&app).await, Wire::to(&app).await];
    for wire in &mut held {
        wire.send("GET /gate HTTP/1.1\r\nHost: a\r\n\r\n").await;
        door.entered.notified().await;
    }
    let mut third = Wire::to(&app).await;
    let mut waiting = JoinSet::new();
    waiting.spawn(async move { third.get("/name").await.status });
    // Time for what must not happen, which shows nowhere.
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    assert!(waiting.try_join_next().is_none(), "it waits for a place");
    door.open.add_permits(6);
    drop(held);
    assert_eq!(waiting.join_next().await.unwrap().unwrap(), 200);
}

#[tokio::test]
async fn a_stop_lets_requests_on_every_thread_finish() {
    let (app, door) = with_services(listening_app("workers"));
    let app = app.config_yaml(config("workers: 3")).start().await.unwrap();
    let mut wires = Vec::new();
    for _ in 0..6 {
        let mut wire = Wire::to(&app).await;
        wire.send("GET /gate HTTP/1.1\r\nHost: a\r\n\r\n").await;
        door.entered.notified().await;
        wires.push(wire);
    }
    let mut stopping = JoinSet::new();
    stopping.spawn(app.stop());
    door.open.add_permits(6);
    for (number, wire) in (1..).zip(&mut wires) {
        let answer = wire.answer().await;
        let expected = Answer::empty(204, &cid(number));
        // The word to stop may come just after the answer.
        let is_last = answer.headers.iter().any(|(name, _)| name == "connection");
        assert_answer(answer, &if is_last { expected.header("connection", "close") } else { expected });
    }
    assert_eq!(stopping.join_next().await.unwrap().unwrap(), [""; 0]);
}

#[tokio::test]
async fn a_change_of_their_number_waits_for_the_next_start() {
    let logs = testing::capture_logs();
    let (app, _) = with_services(listening_app("workers"));
    let app = app.config_yaml(config("workers: 1")).start().await.unwrap();
    app.apply_yaml(config("workers: 2")).await.unwrap();
    let warned = logs.events().into_iter().find(|event| event.message.contains("server.workers")).unwrap();
    assert_eq!(warned.message, "server.workers was changed, which takes effect at the next start");
    assert_eq!((&*warned.fields["before"], &*warned.fields["after"]), ("1", "2"));
    assert_eq!(threads(&app).await, names(&["zato-worker-0"]));
}

#[tokio::test]
async fn what_is_no_number_of_threads_is_refused_with_its_place() {
    let (app, _) = with_services(listening_app("workers"));
    let error = app.config_yaml("server:\n  workers: 0\n").start().await.unwrap_err().to_string();
    assert!(error.contains("configuration:2:12: "), "{error}");
    assert!(error.contains("shared, per_core or a number from 1 to 1024"), "{error}");
}
