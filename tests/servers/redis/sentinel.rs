//! A server that another takes the place of.

use std::time::{Duration, Instant};

use zato::redis::Redis;

use super::{started, state};
use crate::lent::{Redis as Server, Sentinel, until};

async fn writes(redis: &Redis, value: i64) {
    let begun = Instant::now();
    until("the new primary", async || redis.set("key", &value).await.ok()).await;
    assert!(begun.elapsed() < Duration::from_secs(40));
    assert_eq!(redis.get("key").await.ok(), Some(Some(value)));
}

#[tokio::test]
async fn the_new_primary_is_found_when_the_old_one_is_killed() {
    let test = "the_new_primary_is_found_when_the_old_one_is_killed";
    let Some(primary) = Server::own(test).await else { return };
    let replica = primary.replica(test).await;
    let sentinel = Sentinel::watching(&primary, 1, test).await;
    // One that is not there is passed over.
    let keys = format!(
        "    sentinels: ['127.0.0.1:1', '{}']\n    sentinel_master: {}\n    timeout: 1s\n",
        sentinel.address(),
        Sentinel::MAIN
    );
    let (app, redis) = started(&keys).await;
    writes(&redis, 1).await;
    primary.server().kill().await;
    writes(&redis, 2).await;
    assert_eq!(replica.command(&["GET", "key"]).await, "2");
    // The old one is back as a replica, and nobody writes to it.
    primary.server().start().await;
    until("it is a replica", async || primary.info("role").await.filter(|role| role == "slave")).await;
    writes(&redis, 3).await;
    assert_eq!(replica.command(&["GET", "key"]).await, "3");
    assert!(state(&app).is_up());
}

#[tokio::test]
async fn the_new_primary_is_found_when_an_operator_moves_it() {
    let test = "the_new_primary_is_found_when_an_operator_moves_it";
    let Some(primary) = Server::own(test).await else { return };
    let replica = primary.replica(test).await;
    let sentinel = Sentinel::watching(&primary, 1, test).await;
    let keys = format!("    sentinels: '{}'\n    sentinel_master: {}\n", sentinel.address(), Sentinel::MAIN);
    let (_app, redis) = started(&keys).await;
    writes(&redis, 1).await;
    // It takes a while until it thinks the replica good enough.
    let fail_over = async || sentinel.try_command(&["SENTINEL", "FAILOVER", Sentinel::MAIN]).await.ok();
    until("the sentinel moving it", fail_over).await;
    until("the other role", async || replica.info("role").await.filter(|role| role == "master")).await;
    // The old one takes writes, which are lost, until it is told that it is one no more.
    let arrives = async || {
        let is_written = redis.set("key", &2).await.is_ok();
        (is_written && replica.command(&["GET", "key"]).await == "2").then_some(())
    };
    until("what is written on the new primary", arrives).await;
}

#[tokio::test]
async fn a_name_that_no_sentinel_knows_is_told() {
    let test = "a_name_that_no_sentinel_knows_is_told";
    let Some(primary) = Server::own(test).await else { return };
    let sentinel = Sentinel::watching(&primary, 0, test).await;
    let keys = format!("    sentinels: '{}'\n    sentinel_master: other\n", sentinel.address());
    let app = super::app("redis").config_yaml(super::config(&keys)).start().await.expect("it starts");
    let words = "the sentinels know no master of the name";
    until("it says why", async || state(&app).to_string().contains(words).then_some(())).await;
}
