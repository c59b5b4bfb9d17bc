//! A Swift that is killed, stopped and started again, and what becomes of who uses it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::task::JoinSet;
use zato::{
    Kind,
    bytes::Bytes,
    swift::{Swift, SwiftError, SwiftErrorKind},
};

use super::{login, started, state};
use crate::lent::{Swift as Server, until};

fn kind(error: &zato::Error) -> Option<SwiftErrorKind> {
    error.find::<SwiftError>().map(SwiftError::kind)
}

/// So many bytes that are not all the same.
fn bytes(length: usize) -> Bytes {
    (0..length).map(|index| u8::try_from(index % 251).unwrap_or_default()).collect()
}

#[tokio::test]
async fn a_server_that_is_restarted_is_waited_for() {
    let Some(server) = Server::own("swift::a_server_that_is_restarted_is_waited_for").await else { return };
    let keys = format!("{}    pool_size: 10\n", login(&server));
    let (_app, swift) = started(&keys).await;
    swift.container("a").create().await.expect("it is up");
    let over = Arc::new(AtomicBool::new(false));
    let mut writers = JoinSet::new();
    for writer in 0..8 {
        writers.spawn(write(swift.clone(), writer, Arc::clone(&over)));
    }
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        server.server().kill().await;
        server.server().start().await;
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    over.store(true, Ordering::Relaxed);
    let mut written = 0;
    while let Some(writer) = writers.join_next().await {
        written += writer.expect("every object is there once its writer was told so");
    }
    assert_eq!(swift.container("a").objects().collect().await.expect("it is up").len(), written);
}

/// Stores objects until it is told to end, reads each, and returns how many there are.
async fn write(swift: Swift, writer: u32, over: Arc<AtomicBool>) -> usize {
    let mut number = 0;
    while !over.load(Ordering::Relaxed) {
        let name = format!("{writer}/{number}");
        let object = swift.object("a", &name);
        object.put(name.clone()).await.unwrap_or_else(|error| panic!("{name}: {}", error.report()));
        let read = object.get().text().await.unwrap_or_else(|error| panic!("{name}: {}", error.report()));
        assert_eq!(read, name);
        number += 1;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    number
}

#[tokio::test]
async fn a_server_that_hangs_is_waited_for_so_long_and_no_longer() {
    let test = "swift::a_server_that_hangs_is_waited_for_so_long_and_no_longer";
    let Some(server) = Server::own(test).await else { return };
    let keys = format!(
        "{}    timeout: 500ms\n    retries: 1\n    starting_backoff: 100ms\n    ping_interval: 200ms\n",
        login(&server)
    );
    let (app, swift) = started(&keys).await;
    swift.container("a").create().await.expect("it is up");
    server.server().pause().await;
    let begun = Instant::now();
    let error = swift.object("a", "b").put("1").await.expect_err("it does not answer");
    assert_eq!((kind(&error), error.kind()), (Some(SwiftErrorKind::Timeout), Kind::Timeout), "{}", error.report());
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    until("it is found to hang", async || state(&app).to_string().contains("took too long").then_some(())).await;
    server.server().resume().await;
    until("it is up", async || swift.object("a", "b").put("1").await.ok()).await;
}

#[tokio::test]
async fn an_object_that_is_too_large_is_told_to_be() {
    let test = "swift::an_object_that_is_too_large_is_told_to_be";
    let Some(server) = Server::told(&["--max-file-size", "10000"], test).await else { return };
    let (_app, swift) = started(&login(&server)).await;
    swift.container("a").create().await.expect("it is up");
    swift.object("a", "b").put(bytes(10_000)).await.expect("it fits");
    for length in [10_001, 5_000_000] {
        let error = swift.object("a", "c").put(bytes(length)).await.expect_err("it does not");
        assert_eq!(
            (kind(&error), error.kind()),
            (Some(SwiftErrorKind::TooLarge), Kind::TooLarge),
            "{}",
            error.report()
        );
    }
}
