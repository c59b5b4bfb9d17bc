//! A cluster, whose nodes have the keys among them.

use std::{
    cell::Cell,
    time::{Duration, Instant},
};

use zato::{
    Error, Kind, Retry,
    redis::{Redis, RedisError, RedisErrorKind, redis_rs::Script},
};

use super::{started, state};
use crate::lent::{Cluster, Redis as Server, note, until};

#[tokio::test]
async fn everything_is_done_where_its_key_is() {
    let Some(cluster) = Cluster::own("everything_is_done_where_its_key_is").await else { return };
    let first = cluster.members().first().expect("there are three");
    let (_app, redis) = started(&format!("    cluster: '{}'\n    key_prefix: 'k:'\n", first.address())).await;
    for number in 0..50 {
        redis.set(&number.to_string(), &number).await.expect("some node has it");
    }
    for member in cluster.members() {
        assert_ne!(member.command(&["DBSIZE"]).await, "0");
    }
    let keys: Vec<String> = (0..50).map(|number| number.to_string()).collect();
    let values: Vec<Option<i32>> = redis.get_many(&keys).await.expect("all nodes answer");
    assert_eq!(values, (0..50).map(Some).collect::<Vec<_>>());

    let script = Script::new("return redis.call('incrby', KEYS[1], ARGV[1])");
    for key in ["a", "b", "c"] {
        assert_eq!(redis.script(&script).key(key).arg(5).invoke::<i64>().await.expect("its node knows it"), 5);
    }
    let done = redis
        .transaction(&["{bank}:a", "{bank}:b"], async |tx| {
            let balance: i64 = tx.get("{bank}:a").await?.unwrap_or(10);
            tx.set("{bank}:a", &(balance - 1))?;
            tx.increment("{bank}:b", 1);
            Ok(balance)
        })
        .await;
    assert_eq!(done.expect("they are in one slot"), 10);
    let error = redis.transaction(&["a", "b"], async |tx| tx.set("a", "x")).await.expect_err("they are not");
    assert_eq!(error.find::<RedisError>().map(RedisError::kind), Some(RedisErrorKind::CrossSlot), "{error:?}");

    let mut news = redis.subscribe(["news"]).await.expect("any node will do");
    redis.publish("news", &1).await.expect("any node will do");
    assert_eq!(news.next().await.expect("it comes").value::<i32>().expect("a number"), 1);
    let orders = redis.stream("orders");
    orders.add("first").await.expect("its node is there");
    assert_eq!(orders.read("0").await.expect("its node is there").len(), 1);
}

#[tokio::test]
async fn a_node_that_is_gone_is_waited_for_and_told() {
    let Some(cluster) = Cluster::own("a_node_that_is_gone_is_waited_for_and_told").await else { return };
    let nodes: Vec<String> = cluster.members().iter().map(|member| format!("'{}'", member.address())).collect();
    let keys = format!("    cluster: [{}]\n    timeout: 1s\n", nodes.join(", "));
    let (_app, redis) = started(&keys).await;
    let [_, _, last] = cluster.members() else { panic!("there are three") };
    // The slot of `foo` is the last one's.
    redis.set("foo", &1).await.expect("it is there");
    last.server().kill().await;
    let error = redis.set("foo", &2).await.expect_err("nobody has it");
    assert!(matches!(error.kind(), Kind::Unavailable | Kind::Timeout), "{error:?}");
    last.server().start().await;
    until("it is there again", async || redis.set("foo", &3).await.ok()).await;
    assert_eq!(redis.get("foo").await.ok(), Some(Some(3)));
}

/// One key of each member of the cluster.
const KEYS: [&str; 3] = ["b", "c", "foo"];

/// Has a transaction on the last member in which that goes between WATCH and EXEC.
async fn transaction_that_breaks(redis: &Redis, last: &Server) {
    let error = redis
        .transaction(&["foo"], async |tx| {
            assert_eq!(tx.get::<i32>("foo").await?, Some(1));
            last.server().kill().await;
            // Until that has come through.
            until("the connection to break", async || tx.get::<i32>("foo").await.err()).await;
            tx.set("foo", &2)
        })
        .await
        .expect_err("the node is gone");
    assert_eq!(error.find::<RedisError>().map(RedisError::kind), Some(RedisErrorKind::ConnectionLost), "{error:?}");
    assert_eq!((error.kind(), error.retry()), (Kind::Unavailable, Retry::Unsent), "{error:?}");
}

/// Writes to the last member's key until that is done, while the others are there at any time; returns how often it was tried.
async fn written_while_others_are_there(redis: &Redis, value: i32) -> usize {
    let mut tries = 0;
    let write = async || {
        tries += 1;
        for key in ["b", "c"] {
            assert_eq!(redis.get(key).await.ok(), Some(Some(1)), "{key} is another node's");
            assert!(redis.set(key, &1).await.is_ok(), "{key} is another node's");
        }
        let written = redis.set("foo", &value).await;
        let is_unavailable = |error: &Error| matches!(error.kind(), Kind::Unavailable | Kind::Timeout);
        assert!(written.as_ref().err().is_none_or(is_unavailable), "{written:?}");
        written.ok()
    };
    until("the replica to take over", write).await;
    tries
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shard_whose_primary_dies_is_missed_alone_and_not_for_long() {
    let test = "redis::cluster::a_shard_whose_primary_dies_is_missed_alone_and_not_for_long";
    let Some((cluster, replica)) = Cluster::replicated(test).await else { return };
    let [first, middle, last] = cluster.members() else { panic!("there are three") };
    let keys = format!("    cluster: ['{}', '{}']\n    timeout: 1s\n", last.address(), first.address());
    let (app, redis) = started(&keys).await;
    for (key, member) in KEYS.iter().zip([first, middle, last]) {
        redis.set(key, &1).await.expect("it is there");
        assert_eq!(member.command(&["GET", key]).await, "1");
    }
    let news = redis.stream("{foo}:news");
    news.group("readers").create("0").await.expect("it is there");
    until("it replicated", async || replica.command(&["DBSIZE"]).await.eq("2").then_some(())).await;

    let begun = Instant::now();
    transaction_that_breaks(&redis, last).await;
    let tries = written_while_others_are_there(&redis, 3).await;
    assert!(tries > 1, "it was never missed");
    eprintln!("{test}: a replica took over within {:?}", begun.elapsed());
    // Nothing of the transaction has come to be, and everything is where the replica was.
    assert_eq!(replica.command(&["GET", "foo"]).await, "3");
    let moved = redis.transaction(&["foo"], async |tx| {
        let value: i32 = tx.get("foo").await?.unwrap_or(0);
        tx.set("foo", &(value + 1))
    });
    moved.await.expect("its node has changed");
    let script = Script::new("return redis.call('incrby', KEYS[1], ARGV[1])");
    assert_eq!(redis.script(&script).key("foo").arg(5).invoke::<i64>().await.expect("it is there"), 9);
    let id = news.add("text").await.expect("it is there");
    let read = news.group("readers").read("one").wait(Duration::from_secs(1)).await.expect("it is there");
    assert_eq!(read.first().map(|entry| entry.id.as_str()), Some(id.as_str()));
    assert_eq!(redis.get_many::<i32, _>(&KEYS).await.expect("all are there"), [Some(1), Some(1), Some(9)]);
    assert!(state(&app).is_up());

    // It comes back as a replica, and an operator makes it the primary, once more in the middle of a transaction.
    last.server().start().await;
    let is_linked = async || last.info("master_link_status").await.filter(|status| status == "up");
    until("the old primary linked", is_linked).await;
    transaction_across_a_failover(&redis, last).await;
    written_while_others_are_there(&redis, 20).await;
    assert_eq!(last.command(&["GET", "foo"]).await, "20");
}

/// Has a transaction on the replica's primary that the replica takes the place of between WATCH and EXEC: it is done once, or
/// it says that it is not done.
async fn transaction_across_a_failover(redis: &Redis, replica: &Server) {
    let is_first = Cell::new(true);
    let done = redis
        .transaction(&["foo"], async |tx| {
            let value: i32 = tx.get("foo").await?.unwrap_or(0);
            if is_first.replace(false) {
                replica.command(&["CLUSTER", "FAILOVER"]).await;
                until("the failover", async || replica.info("role").await.filter(|role| role == "master")).await;
            }
            tx.set("foo", &(value + 1))
        })
        .await;
    note(format_args!("a transaction across a failover: {done:?}"));
    let value = replica.command(&["GET", "foo"]).await;
    match done {
        Ok(()) => assert_eq!(value, "10"),
        Err(error) => assert_eq!((error.retry(), value.as_str()), (Retry::Unsent, "9"), "{error:?}"),
    }
}
