use std::time::Duration;

use zato_core::Kind;

use super::Peer;
use crate::engine::Dialect;

async fn count(peer: &Peer) -> i64 {
    peer.sql.scalar("SELECT count(*) FROM t", ()).await.unwrap()
}

async fn table(peer: &Peer) {
    let create = peer.each(
        "CREATE TABLE t (a INTEGER PRIMARY KEY)",
        "CREATE TABLE t (a INTEGER PRIMARY KEY)",
        "CREATE TABLE t (a INTEGER PRIMARY KEY) ENGINE=InnoDB",
    );
    peer.sql.execute(create, ()).await.unwrap();
}

pub(super) async fn kept_and_undone(peer: &Peer) {
    table(peer).await;
    let mut tx = peer.sql.begin().await.unwrap();
    tx.execute("INSERT INTO t VALUES (?)", (1,)).await.unwrap();
    assert_eq!(tx.scalar::<i64>("SELECT count(*) FROM t", ()).await.unwrap(), 1);
    tx.commit().await.unwrap();
    let mut tx = peer.sql.begin().await.unwrap();
    tx.execute("INSERT INTO t VALUES (?)", (2,)).await.unwrap();
    tx.rollback().await.unwrap();
    assert_eq!(count(peer).await, 1);
}

pub(super) async fn dropped(peer: &Peer) {
    table(peer).await;
    for _ in 0..20 {
        let mut tx = peer.sql.begin().await.unwrap();
        tx.execute("INSERT INTO t VALUES (?)", (7,)).await.unwrap();
        drop(tx);
    }
    assert_eq!(count(peer).await, 0);
    peer.sql.execute("INSERT INTO t VALUES (?)", (7,)).await.unwrap();
}

pub(super) async fn failed_inside(peer: &Peer) {
    table(peer).await;
    let mut tx = peer.sql.begin().await.unwrap();
    tx.execute("INSERT INTO t VALUES (?)", (1,)).await.unwrap();
    let error = tx.execute("INSERT INTO t VALUES (?)", (1,)).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Conflict);
    let committed = tx.commit().await;
    // PostgreSQL alone keeps nothing of such a transaction, and it is said.
    if peer.dialect == Dialect::Postgres {
        assert_eq!(committed.unwrap_err().kind(), Kind::Conflict);
        assert_eq!(count(peer).await, 0);
    } else {
        committed.unwrap();
        assert_eq!(count(peer).await, 1);
    }
}

pub(super) async fn given_up_inside(peer: &Peer) {
    table(peer).await;
    let mut tx = peer.sql.begin().await.unwrap();
    tx.execute("INSERT INTO t VALUES (?)", (1,)).await.unwrap();
    let slow = super::failing::slow(peer);
    let _ = tokio::time::timeout(Duration::from_millis(100), tx.scalar::<i64>(slow, ())).await;
    // Nobody knows what has become of it: nothing more is done in it, and nothing of it is kept.
    assert_eq!(tx.execute("INSERT INTO t VALUES (?)", (2,)).await.unwrap_err().kind(), Kind::Unavailable);
    assert!(tx.commit().await.is_err());
    assert_eq!(count(peer).await, 0);
}
