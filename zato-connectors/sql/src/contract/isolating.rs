use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use tokio::time::sleep;
use zato_core::{Error, Kind};

use super::Peer;
use crate::{Isolation, Sql, SqlError, SqlErrorKind, Transaction, TransactionOptions, engine::Dialect};

#[derive(serde::Serialize)]
struct Row {
    a: i64,
}

async fn table(peer: &Peer) {
    let create = peer.each(
        "CREATE TABLE t (a INTEGER PRIMARY KEY, b INTEGER)",
        "CREATE TABLE t (a INTEGER PRIMARY KEY, b INTEGER)",
        "CREATE TABLE t (a INTEGER PRIMARY KEY, b INTEGER) ENGINE=InnoDB",
    );
    peer.sql.execute(create, ()).await.unwrap();
}

async fn count(sql: &Sql) -> i64 {
    sql.scalar("SELECT count(*) FROM t", ()).await.unwrap()
}

async fn insert(tx: &mut Transaction, a: i64) -> zato_core::Result<()> {
    tx.execute("INSERT INTO t VALUES (?, 0)", (a,)).await.map(drop)
}

pub(super) async fn savepoints(peer: &Peer) {
    table(peer).await;
    let mut tx = peer.sql.begin().await.unwrap();
    insert(&mut tx, 1).await.unwrap();
    let mut kept = tx.begin().await.unwrap();
    insert(&mut kept, 2).await.unwrap();
    let mut inner = kept.begin().await.unwrap();
    insert(&mut inner, 3).await.unwrap();
    inner.rollback().await.unwrap();
    insert(&mut kept, 3).await.unwrap();
    kept.commit().await.unwrap();
    for _ in 0..3 {
        let mut dropped = tx.begin().await.unwrap();
        insert(&mut dropped, 4).await.unwrap();
        let mut inner = dropped.begin().await.unwrap();
        insert(&mut inner, 5).await.unwrap();
    }
    // What fails in one doesn't hurt the rest, also of PostgreSQL.
    let failed = tx.savepoint(async |tx| {
        insert(tx, 6).await?;
        insert(tx, 1).await
    });
    assert_eq!(failed.await.unwrap_err().kind(), Kind::Conflict);
    tx.savepoint(async |tx| insert(tx, 7).await).await.unwrap();
    let mut unnoticed = tx.begin().await.unwrap();
    insert(&mut unnoticed, 1).await.unwrap_err();
    assert_eq!(unnoticed.commit().await.is_err(), peer.dialect == Dialect::Postgres);
    tx.commit().await.unwrap();
    let all: Vec<i64> = peer.sql.all("SELECT a FROM t ORDER BY a", ()).await.unwrap();
    assert_eq!(all, [1, 2, 3, 7]);
}

pub(super) async fn read_only_transactions(peer: &Peer) {
    table(peer).await;
    let options = TransactionOptions::new().read_only().isolation(Isolation::RepeatableRead);
    for is_dropped in [false, true] {
        let mut tx = peer.sql.begin_with(options).await.unwrap();
        assert_eq!(tx.scalar::<i64>("SELECT count(*) FROM t", ()).await.unwrap(), 0);
        let error = insert(&mut tx, 1).await.unwrap_err();
        assert_eq!(error.find::<SqlError>().map(SqlError::kind), Some(SqlErrorKind::Forbidden), "{error:?}");
        if !is_dropped {
            tx.rollback().await.unwrap();
        }
    }
    // The connection can write again.
    peer.sql.execute("INSERT INTO t VALUES (1, 1)", ()).await.unwrap();
}

pub(super) async fn isolation_is_what_was_asked_for(peer: &Peer) {
    table(peer).await;
    let Some(other) = peer.another("pool_size: 1").await else { return };
    for (isolation, sees) in [(Isolation::RepeatableRead, 0), (Isolation::ReadCommitted, 1)] {
        other.execute("DELETE FROM t", ()).await.unwrap();
        let mut tx = peer.sql.begin_with(TransactionOptions::new().read_only().isolation(isolation)).await.unwrap();
        assert_eq!(tx.scalar::<i64>("SELECT count(*) FROM t", ()).await.unwrap(), 0);
        other.execute("INSERT INTO t VALUES (1, 1)", ()).await.unwrap();
        // SQLite has the strictest alone.
        let sees = if peer.dialect == Dialect::Sqlite { 0 } else { sees };
        assert_eq!(tx.scalar::<i64>("SELECT count(*) FROM t", ()).await.unwrap(), sees);
        tx.commit().await.unwrap();
    }
}

pub(super) async fn closures_are_kept_or_undone(peer: &Peer) {
    table(peer).await;
    let a = peer.sql.transaction(async |tx| {
        insert(tx, 1).await?;
        tx.scalar::<i64>("SELECT max(a) FROM t", ()).await
    });
    assert_eq!(a.await.unwrap(), 1);
    let calls = AtomicU32::new(0);
    let failed = peer.sql.transaction(async |tx| {
        calls.fetch_add(1, Ordering::Relaxed);
        insert(tx, 2).await?;
        Err::<(), _>(Error::conflict("not today"))
    });
    assert_eq!(failed.await.unwrap_err().message(), "not today");
    assert_eq!((calls.into_inner(), count(&peer.sql).await), (1, 1));
    // It can be done in a task, which wants its future to be `Send`.
    let sql = peer.sql.clone();
    let task = async move {
        let (name, row) = (String::from("in a task"), Row { a: 3 });
        sql.transaction(async move |tx| {
            tx.execute("INSERT INTO t VALUES (:a, 0)", &row).await?;
            sleep(Duration::ZERO).await;
            tx.savepoint(async |tx| insert(tx, row.a + 1).await).await?;
            Ok(name.clone())
        })
        .await
    };
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(task);
    assert_eq!(tasks.join_next().await.unwrap().unwrap().unwrap(), "in a task");
}

/// Two that take the same rows in another order: one of them is undone, and done again.
pub(super) async fn deadlocks_are_done_again(peer: &Peer) {
    table(peer).await;
    let Some(other) = peer.another("pool_size: 1").await else { return };
    peer.sql.execute("INSERT INTO t VALUES (1, 0), (2, 0)", ()).await.unwrap();
    let calls = AtomicU32::new(0);
    let add = async |sql: &Sql, first: i64, second: i64| {
        sql.transaction(async |tx| {
            calls.fetch_add(1, Ordering::Relaxed);
            tx.execute("UPDATE t SET b = b + 1 WHERE a = ?", (first,)).await?;
            sleep(Duration::from_millis(200)).await;
            tx.execute("UPDATE t SET b = b + 1 WHERE a = ?", (second,)).await.map(drop)
        })
        .await
    };
    let (one, two) = tokio::join!(add(&peer.sql, 1, 2), add(&other, 2, 1));
    one.and(two).unwrap();
    let all: Vec<i64> = peer.sql.all("SELECT b FROM t", ()).await.unwrap();
    assert_eq!(all, [2, 2]);
    assert!(calls.load(Ordering::Relaxed) >= if peer.dialect == Dialect::Sqlite { 2 } else { 3 });
}

/// After a deadlock MariaDB would take what comes next for statements of their own.
pub(super) async fn what_was_undone_is_over(peer: &Peer) {
    table(peer).await;
    let Some(other) = peer.another("pool_size: 1").await else { return };
    if peer.dialect == Dialect::Sqlite {
        return;
    }
    peer.sql.execute("INSERT INTO t VALUES (1, 0), (2, 0)", ()).await.unwrap();
    let take = async |sql: &Sql, first: i64, second: i64| {
        let mut tx = sql.begin().await.unwrap();
        tx.execute("UPDATE t SET b = b + 1 WHERE a = ?", (first,)).await.unwrap();
        sleep(Duration::from_millis(200)).await;
        let taken = tx.execute("UPDATE t SET b = b + 1 WHERE a = ?", (second,)).await;
        let is_undone = taken.is_err();
        if let Err(error) = taken {
            assert_eq!(error.find::<SqlError>().map(SqlError::kind), Some(SqlErrorKind::Deadlock), "{error:?}");
            insert(&mut tx, 9).await.unwrap_err();
        }
        (is_undone, tx.commit().await.is_err())
    };
    let (one, two) = tokio::join!(take(&peer.sql, 1, 2), take(&other, 2, 1));
    assert!([(one, two), (two, one)].contains(&((true, true), (false, false))), "{one:?} {two:?}");
    let sum: Vec<i64> = peer.sql.all("SELECT b FROM t", ()).await.unwrap();
    assert_eq!(sum, [1, 1]);
}

pub(super) async fn serialisation_failures_are_done_again(peer: &Peer) {
    table(peer).await;
    peer.sql.execute("INSERT INTO t VALUES (1, 0)", ()).await.unwrap();
    let options = TransactionOptions::new().isolation(Isolation::Serializable).retries(50);
    let add = async || {
        let added = peer.sql.transaction_with(options, async |tx| {
            let b: i64 = tx.scalar("SELECT b FROM t WHERE a = 1", ()).await?;
            tx.execute("UPDATE t SET b = ? WHERE a = 1", (b + 1,)).await.map(drop)
        });
        added.await.unwrap();
    };
    tokio::join!(add(), add(), add(), add(), add());
    assert_eq!(peer.sql.scalar::<i64>("SELECT b FROM t", ()).await.unwrap(), 5);
}
