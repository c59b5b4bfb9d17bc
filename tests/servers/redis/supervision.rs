//! One server, and what happens to it.

use std::time::{Duration, Instant};

use zato::{
    Kind, Retry,
    redis::{RedisError, RedisErrorKind, SubscriptionEvent},
};

use super::{started, state};
use crate::lent::{Redis as Server, until};

fn kind(error: &zato::Error) -> Option<RedisErrorKind> {
    error.find::<RedisError>().map(RedisError::kind)
}

#[tokio::test]
async fn a_server_that_is_stopped_or_killed_is_connected_to_again() {
    let Some(server) = Server::own("a_server_that_is_stopped_or_killed_is_connected_to_again").await else { return };
    let (app, redis) = started(&format!("    url: {}\n    timeout: 2s\n", server.url())).await;
    for round in 0..2 {
        redis.set("key", &round).await.expect("it is there");
        if round == 0 {
            server.server().stop().await;
        } else {
            server.server().kill().await;
        }
        until("it is down", async || (!state(&app).is_up()).then_some(())).await;
        let begun = Instant::now();
        let error = redis.get::<i32>("key").await.expect_err("nobody is there");
        assert_eq!(error.kind(), Kind::Unavailable);
        assert!(begun.elapsed() < Duration::from_millis(500), "calls fail at once");
        server.server().start().await;
        until("it is up", async || state(&app).is_up().then_some(())).await;
        assert_eq!(redis.get("key").await.expect("it is there"), Some(round));
        assert!(
            redis.transaction(&["key"], async |tx| tx.set("key", "more")).await.is_ok(),
            "the pool has none of before"
        );
    }
}

#[tokio::test]
async fn connections_that_an_operator_cuts_are_made_anew() {
    let Some(server) = Server::own("connections_that_an_operator_cuts_are_made_anew").await else { return };
    let (app, redis) = started(&format!("    url: {}\n    protocol: 3\n", server.url())).await;
    let mut news = redis.subscribe(["news"]).await.expect("it is there");
    assert!(server.cut().await >= 2);
    let event = tokio::time::timeout(Duration::from_secs(30), news.next_event()).await.expect("in time");
    assert!(matches!(event, Some(SubscriptionEvent::Resubscribed)), "{event:?}");
    until("it is up", async || state(&app).is_up().then_some(())).await;
    assert_eq!(redis.publish("news", "text").await.expect("it is up"), 1);
    assert_eq!(news.next().await.map(|message| message.value::<String>().expect("a text")).as_deref(), Some("text"));
}

#[tokio::test]
async fn a_server_that_hangs_is_waited_for_so_long_and_no_longer() {
    let Some(server) = Server::own("a_server_that_hangs_is_waited_for_so_long_and_no_longer").await else { return };
    let keys = format!("    url: {}\n    timeout: 300ms\n    ping_interval: 200ms\n", server.url());
    let (app, redis) = started(&keys).await;
    server.server().pause().await;
    let error = redis.set("key", &1).await.expect_err("it does not answer");
    assert_eq!(
        (kind(&error), error.kind(), error.retry()),
        (Some(RedisErrorKind::Timeout), Kind::Timeout, Retry::Never)
    );
    until("it is found to hang", async || (!state(&app).is_up()).then_some(())).await;
    server.server().resume().await;
    until("it is up", async || state(&app).is_up().then_some(())).await;
    assert!(redis.set("key", &2).await.expect("it answers"));
    assert_eq!(redis.get("key").await.expect("it answers"), Some(2));
}

#[tokio::test]
async fn a_full_server_is_read_from() {
    let told = ["--maxmemory", "3mb", "--maxmemory-policy", "noeviction"];
    let Some(server) = Server::told(&told, "a_full_server_is_read_from").await else { return };
    let (app, redis) = started(&format!("    url: {}\n", server.url())).await;
    let large = "x".repeat(200_000);
    let mut written = 0;
    let error = loop {
        match redis.set(&format!("key:{written}"), &large).await {
            Ok(_) => written += 1,
            Err(error) => break error,
        }
        assert!(written < 1000, "it is never full");
    };
    assert_eq!((kind(&error), error.kind()), (Some(RedisErrorKind::OutOfMemory), Kind::Unavailable));
    assert!(redis.get::<String>("key:0").await.is_ok() && state(&app).is_up());
    for key in 0..written {
        redis.delete(&format!("key:{key}")).await.expect("it has memory for that");
    }
    assert!(redis.set("key", &1).await.is_ok());
}

#[tokio::test]
async fn what_is_not_allowed_is_told() {
    let Some(server) = Server::told(&["--requirepass", "s3cret"], "what_is_not_allowed_is_told").await else { return };
    let yaml = super::config(&format!("    url: {}\n", server.url()));
    let app = super::app("redis").config_yaml(yaml).start().await.expect("it starts");
    let refused =
        async || (!state(&app).is_up()).then(|| state(&app).to_string()).filter(|state| state.contains("NOAUTH"));
    until("it says why", refused).await;
    let url = server.url().replace("redis://", "redis://:s3cret@");
    let (_app, redis) = started(&format!("    url: {url}\n")).await;
    assert!(redis.set("key", &1).await.is_ok());
    let subscription = redis.subscribe(["news"]).await;
    assert!(subscription.is_ok(), "{subscription:?}");
    assert!(redis.transaction(&["key"], async |tx| tx.get::<i32>("key").await).await.is_ok());
}

#[tokio::test]
async fn a_replica_says_so_and_is_read_from() {
    let test = "a_replica_says_so_and_is_read_from";
    let Some(server) = Server::own(test).await else { return };
    server.command(&["SET", "key", "7"]).await;
    let replica = server.replica(test).await;
    let (_app, redis) = started(&format!("    url: {}\n", replica.url())).await;
    let error = redis.set("key", &1).await.expect_err("it is a replica");
    assert_eq!((kind(&error), error.retry()), (Some(RedisErrorKind::ReadOnly), Retry::Unsent));
    assert_eq!(redis.get("key").await.expect("it can be read"), Some(7));
}
