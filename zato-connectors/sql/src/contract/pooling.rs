use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::Instant;
use zato_core::{
    Kind, Retry,
    connection::{Connector as _, Handle},
};

use super::Peer;
use crate::{Sql, SqlConnector, SqlError, SqlErrorKind, SqlPool, engine::Dialect};

fn counts(sql: &Sql) -> (usize, usize) {
    sql.slot().client().unwrap().pool.counts()
}

pub(super) async fn many_callers(peer: &Peer) {
    let Some(sql) = peer.another("pool_size: 5, min_connections: 5, acquire_timeout: 15s").await else { return };
    let work = match peer.dialect {
        Dialect::Sqlite => "SELECT 1",
        Dialect::Postgres => "SELECT count(pg_sleep(0.01))",
        Dialect::MySql => "SELECT SLEEP(0.01) + 1",
    };
    let mut order = Vec::new();
    let callers = (0..500).map(|number| {
        let sql = &sql;
        async move {
            assert_eq!(sql.scalar::<i64>(work, ()).await.unwrap(), 1);
            (number, Instant::now())
        }
    });
    order.extend(join_all(callers).await);
    order.sort_by_key(|(_, ended)| *ended);
    // Who came first is served first, but for the few that are served at the same time.
    let furthest = order.iter().enumerate().map(|(place, (number, _))| place.abs_diff(*number)).max();
    // Threads of SQLite's are done in whatever order the machine likes.
    assert!(peer.dialect == Dialect::Sqlite || furthest < Some(50), "{furthest:?}");
    let (in_use, idle) = counts(&sql);
    assert!(in_use == 0 && (1..=5).contains(&idle), "{in_use} {idle}");
}

pub(super) async fn exhausted(peer: &Peer) {
    let Some(sql) = peer.another("pool_size: 1, acquire_timeout: 100ms").await else { return };
    let tx = sql.begin().await.unwrap();
    let error = sql.scalar::<i64>("SELECT 1", ()).await.unwrap_err();
    assert_eq!((error.kind(), error.retry()), (Kind::Unavailable, Retry::Unsent));
    let words = "no connection of \"contract\" within 100ms: 1 of 1 are in use, the longest since 0.";
    assert!(error.message().starts_with(words), "{error}");
    // It is there as soon as it is given back.
    let waiting = async {
        let patient = sql.scalar::<i64>("SELECT 1", ());
        tokio::join!(patient, async { drop(tx) }).0
    };
    assert_eq!(waiting.await.unwrap(), 1);
}

pub(super) async fn read_only(peer: &Peer) {
    let Some(sql) = peer.another("read_only: true").await else { return };
    peer.sql.execute("CREATE TABLE t (a INTEGER)", ()).await.unwrap();
    assert_eq!(sql.scalar::<i64>("SELECT count(*) FROM t", ()).await.unwrap(), 0);
    let error = sql.execute("INSERT INTO t VALUES (1)", ()).await.unwrap_err();
    assert_eq!(error.find::<SqlError>().map(SqlError::kind), Some(SqlErrorKind::Forbidden), "{error:?}");
}

pub(super) async fn nothing_is_left_behind(peer: &Peer) {
    for _ in 0..10 {
        assert_eq!(peer.sql.scalar::<i64>("SELECT 1", ()).await.unwrap(), 1);
        let _ = tokio::time::timeout(Duration::from_micros(50), peer.sql.scalar::<i64>("SELECT 2", ())).await;
    }
    assert_eq!(peer.sql.scalar::<i64>("SELECT 3", ()).await.unwrap(), 3);
    assert_eq!(counts(&peer.sql).0, 0);
    assert!(peer.sql.ping().await.is_ok());
}

pub(super) async fn pools_of_sqlx(peer: &Peer) {
    let keys = peer.each(
        "extra: {cache_size: '-4321'}",
        "statement_timeout: 200ms",
        "statement_timeout: 200ms, extra: {sort_buffer_size: 262144}",
    );
    let Some(sql) = peer.another(&format!("pool_size: 2, read_only: true, {keys}")).await else { return };
    peer.sql.execute("CREATE TABLE t (a INTEGER)", ()).await.unwrap();
    // They are told what the others are told.
    let insert = "INSERT INTO t VALUES (1)";
    let pool = sql.pool().unwrap();
    let (written, told) = match peer.dialect {
        Dialect::Sqlite => {
            let pool = pool.sqlite().unwrap();
            let (size,): (i64,) = sqlx::query_as("PRAGMA cache_size").fetch_one(pool).await.unwrap();
            (sqlx::query(insert).execute(pool).await.map(drop), size == -4_321)
        }
        Dialect::Postgres => {
            let pool = pool.postgres().unwrap();
            let slow = sqlx::query("SELECT pg_sleep(60)").execute(pool).await;
            (sqlx::query(insert).execute(pool).await.map(drop), slow.is_err())
        }
        Dialect::MySql => {
            let pool = pool.mysql().unwrap();
            let (size,): (u64,) = sqlx::query_as("SELECT @@sort_buffer_size").fetch_one(pool).await.unwrap();
            let slow = sqlx::query("SELECT SLEEP(60)").execute(pool).await;
            (sqlx::query(insert).execute(pool).await.map(drop), slow.is_err() && size == 262_144)
        }
    };
    assert!(written.is_err() && told, "{written:?} {told}");
    // And closed with the others.
    SqlConnector::close(sql.slot().client().unwrap()).await;
    let is_closed = match &pool {
        SqlPool::Sqlite(pool) => pool.is_closed(),
        SqlPool::Postgres(pool) => pool.is_closed(),
        SqlPool::MySql(pool) => pool.is_closed(),
    };
    assert!(is_closed);
}

pub(super) async fn signs_of_life(peer: &Peer) {
    let Some(sql) = peer.another("pool_size: 1").await else { return };
    let client = sql.slot().client().unwrap();
    for _ in 0..20 {
        let (ping, answer) = tokio::join!(client.pool.ping(), sql.scalar::<i64>("SELECT 1", ()));
        assert!(ping.is_ok() && answer.is_ok(), "{ping:?} {answer:?}");
        // Who asks for one takes no connection from those who may have it.
        assert_eq!(counts(&sql), (0, 1));
    }
    client.pool.close().await;
    let _ = client.pool.ping().await;
    assert_eq!(counts(&sql), (0, 0));
}
