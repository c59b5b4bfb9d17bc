//! Whether the databases and the Redis of tests do what tests rely on, with the clients that come with them.

use std::{path::Path, time::Duration};

use tokio::{net::TcpStream, time::timeout};

use crate::lent::{Cluster, Database, Dialect, Redis, Sentinel, until};

/// Each test of both dialects.
macro_rules! dialects {
    ($($name:ident),+) => {
        mod on_postgres {
            $(#[tokio::test] async fn $name() {
                super::$name(super::Dialect::Postgres, concat!("on_postgres::", stringify!($name))).await;
            })+
        }

        mod on_mariadb {
            $(#[tokio::test] async fn $name() {
                super::$name(super::Dialect::MariaDb, concat!("on_mariadb::", stringify!($name))).await;
            })+
        }
    };
}

dialects!(each_test_has_a_database_of_its_own, a_database_keeps_what_is_committed_whatever_ends_it);

async fn each_test_has_a_database_of_its_own(dialect: Dialect, test: &str) {
    let Some(database) = Database::shared(dialect, test).await else { return };
    let other = Database::shared(dialect, test).await.expect("it is here");
    for each in [&database, &other] {
        assert_eq!(each.dialect(), dialect);
        assert!(each.url().ends_with(&format!("@{}/{}", each.address(), each.name())));
        assert!(each.url().contains(&format!("//{}:{}@", each.user(), each.password())));
        assert!(each.tls_url().contains("@localhost:") && is_file(each.authority()));
        each.sql("CREATE TABLE orders (id INT PRIMARY KEY)").await;
    }
    database.sql("INSERT INTO orders VALUES (1), (2)").await;
    assert_eq!(database.sql("SELECT id FROM orders ORDER BY id").await, "1\n2");
    assert_eq!(other.sql("SELECT count(*) FROM orders").await, "0");
    database.try_sql("INSERT INTO orders VALUES (1)").await.expect_err("it fails");
    assert!(!database.server().is_own());
    let sleep = if dialect == Dialect::Postgres { "SELECT pg_sleep(60)" } else { "SELECT sleep(60)" };
    let (cut, slept) = tokio::join!(
        async {
            until("a connection", async || (database.connections().await == 1).then_some(())).await;
            database.cut().await
        },
        database.try_sql(sleep),
    );
    assert_eq!((cut, slept.is_err()), (1, true));
    let name = other.name().to_owned();
    drop(other);
    let left = format!("SELECT count(*) FROM information_schema.schemata WHERE schema_name = '{name}'");
    let left = if dialect == Dialect::Postgres {
        format!("SELECT count(*) FROM pg_database WHERE datname = '{name}'")
    } else {
        left
    };
    assert_eq!(database.sql(&left).await, "0");
}

async fn a_database_keeps_what_is_committed_whatever_ends_it(dialect: Dialect, test: &str) {
    let more: &[&str] =
        if dialect == Dialect::Postgres { &["-c", "max_connections=20"] } else { &["--max-connections=20"] };
    let Some(database) = Database::own(dialect, more, test).await else { return };
    database.sql("CREATE TABLE orders (id INT PRIMARY KEY)").await;
    for id in 0..3 {
        database.sql(&format!("INSERT INTO orders VALUES ({id})")).await;
        match id {
            0 => database.server().stop().await,
            1 => database.server().kill().await,
            _ => {
                database.server().pause().await;
                assert!(TcpStream::connect(database.address()).await.is_ok(), "the system takes connections");
                let ask = database.sql("SELECT count(*) FROM orders");
                let mut ask = Box::pin(ask);
                timeout(Duration::from_millis(300), &mut ask).await.expect_err("it fails");
                database.server().resume().await;
                assert_eq!(ask.await, "3");
                return;
            }
        }
        assert!(TcpStream::connect(database.address()).await.is_err(), "somebody is there");
        database.server().start().await;
        assert_eq!(database.sql("SELECT count(*) FROM orders").await, (id + 1).to_string());
    }
}

#[tokio::test]
async fn each_test_has_a_prefix_of_its_own() {
    let test = "each_test_has_a_prefix_of_its_own";
    let Some(redis) = Redis::shared(test).await else { return };
    let other = Redis::shared(test).await.expect("it is here");
    assert_ne!(redis.prefix(), other.prefix());
    let key = redis.prefix().to_owned() + "key";
    assert_eq!(redis.command(&["SET", &key, "value"]).await, "OK");
    assert_eq!(redis.command(&["GET", &key]).await, "value");
    redis.try_command(&["INCR", &key]).await.expect_err("it fails");
    redis.command(&["DEL", &key]).await;
    assert!(redis.tls_url().starts_with("rediss://localhost:"));
    let (certificate, client_key) = redis.server().client_pair();
    assert!([redis.server().authority(), certificate, client_key].iter().all(|file| is_file(file)));
}

#[tokio::test]
async fn redis_keeps_what_it_has_taken_whatever_ends_it() {
    let test = "redis_keeps_what_it_has_taken_whatever_ends_it";
    let Some(redis) = Redis::own(test).await else { return };
    for count in 1..=3 {
        assert_eq!(redis.command(&["INCR", "count"]).await, count.to_string());
        if count == 1 {
            redis.server().stop().await;
        } else {
            redis.server().kill().await;
        }
        redis.server().start().await;
    }
    redis.server().pause().await;
    let ask = redis.command(&["GET", "count"]);
    let mut ask = Box::pin(ask);
    timeout(Duration::from_millis(300), &mut ask).await.expect_err("it fails");
    redis.server().resume().await;
    assert_eq!(ask.await, "3");
    let (cut, answer) = tokio::join!(
        async {
            let is_there = async || redis.info("blocked_clients").await.filter(|clients| clients == "1");
            until("a connection", is_there).await;
            redis.cut().await
        },
        redis.try_command(&["BLPOP", "nothing", "5"]),
    );
    assert_eq!((cut, answer.map_or(true, |answer| answer.is_empty())), (1, true));
}

#[tokio::test]
async fn a_sentinel_makes_a_replica_the_primary() {
    let test = "a_sentinel_makes_a_replica_the_primary";
    let Some(primary) = Redis::own(test).await else { return };
    primary.command(&["SET", "key", "value"]).await;
    let replica = primary.replica(test).await;
    assert_eq!(replica.command(&["GET", "key"]).await, "value");
    let error = replica.try_command(&["SET", "key", "other"]).await.unwrap_err().to_string();
    assert!(error.contains("READONLY"), "{error}");
    let sentinel = Sentinel::watching(&primary, 1, test).await;
    assert!(TcpStream::connect(sentinel.address()).await.is_ok() && sentinel.server().is_own());
    assert!(primary.address().ends_with(&sentinel.primary().await));
    primary.server().kill().await;
    let is_primary = async || replica.address().ends_with(&sentinel.primary().await).then_some(());
    until("the replica to be the primary", is_primary).await;
    until("the replica to take keys", async || replica.try_command(&["SET", "key", "other"]).await.ok()).await;
}

#[tokio::test]
async fn a_cluster_has_every_slot() {
    let Some(cluster) = Cluster::own("a_cluster_has_every_slot").await else { return };
    assert_eq!((cluster.members().len(), cluster.urls().len()), (3, 3));
    // Where a key belongs says its slot: that of `foo` is 12182.
    let [first, _, last] = cluster.members() else { panic!("there are three") };
    let error = first.try_command(&["SET", "foo", "bar"]).await.unwrap_err().to_string();
    assert!(error.contains(&format!("MOVED 12182 {}", last.address())), "{error}");
    assert_eq!(last.command(&["SET", "foo", "bar"]).await, "OK");
}

fn is_file(path: &Path) -> bool {
    path.is_file()
}
