use std::time::Duration;

use tokio::time::timeout;
use zato_core::{Kind, testing::lock_contract};

use super::Peer;
use crate::{Notified, engine::Dialect};

pub(super) async fn notifications(peer: &Peer) {
    if peer.dialect != Dialect::Postgres {
        assert_eq!(peer.sql.listen(["orders"]).await.unwrap_err().kind(), Kind::Internal);
        assert_eq!(peer.sql.notify("orders", "7").await.unwrap_err().kind(), Kind::Internal);
        return;
    }
    let channel = format!("Orders \"{:x}\"", zato_core::ambient::Ambient::default().random());
    let mut told = peer.sql.listen([&channel, "others"]).await.unwrap();
    let told_of = |payload: &str| Notified::Notification { channel: channel.clone(), payload: payload.to_owned() };
    for payload in ["7", "'; DROP TABLE t --", ""] {
        peer.sql.notify(&channel, payload).await.unwrap();
        assert_eq!(told.next().await, told_of(payload));
    }
    timeout(Duration::from_millis(50), told.next()).await.unwrap_err();

    // A connection that breaks listens again, and says so.
    let end =
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND query LIKE :mark";
    let mark = format!("%{}%", channel.replace('"', "\"\""));
    let ended: i64 = peer.sql.scalar(end, crate::params! { mark }).await.unwrap();
    assert_eq!(ended, 1);
    assert_eq!(told.next().await, Notified::Gap);
    peer.sql.notify(&channel, "8").await.unwrap();
    assert_eq!(told.next().await, told_of("8"));
}

pub(super) async fn locks(peer: &Peer) {
    if peer.dialect != Dialect::Postgres {
        assert_eq!(peer.sql.locks().unwrap_err().kind(), Kind::Internal);
        return;
    }
    let open = async || peer.another("pool_size: 1, ssl: false").await.expect("a server").locks().unwrap();
    lock_contract::one_holder_at_a_time(open).await;
    lock_contract::tokens_grow(open).await;
    lock_contract::released_when_dropped(open).await;
    lock_contract::nothing_left_of_who_gave_up(open).await;
    lock_contract::names(open).await;
}

pub(super) async fn locks_of_many(peer: &Peer) {
    if peer.dialect == Dialect::Postgres {
        let open = async || peer.another("pool_size: 1, ssl: false").await.expect("a server").locks().unwrap();
        lock_contract::one_after_the_other(open).await;
    }
}

pub(super) async fn locks_are_renewed(peer: &Peer) {
    if peer.dialect == Dialect::Postgres {
        let (one, other) =
            (peer.sql.locks().unwrap(), peer.another("ssl: false").await.expect("a server").locks().unwrap());
        // Their sessions are kept: connecting alone may take as long as the time to live of these locks.
        for locks in [&one, &other] {
            locks.lock("second").acquire().await.unwrap().release().await.unwrap();
        }
        let programs = [one, other].map(Some);
        let programs = std::sync::Mutex::new(programs);
        lock_contract::renewed_while_held(async || {
            programs.lock().unwrap().iter_mut().find_map(Option::take).expect("there are two")
        })
        .await;
    }
}

/// A lock is lost with its session.
pub(super) async fn locks_are_lost(peer: &Peer) {
    if peer.dialect == Dialect::Postgres {
        let locks = peer.sql.locks().unwrap();
        // Its session is kept, so that little is to be done in the short time of the next.
        locks.lock("first").acquire().await.unwrap().release().await.unwrap();
        let name = format!("{:x}", zato_core::ambient::Ambient::default().random());
        let lock = locks.lock(&name).ttl(Duration::from_secs(2)).acquire().await.unwrap();
        let end = "SELECT count(pg_terminate_backend(pid)) FROM pg_locks \
                   WHERE locktype = 'advisory' AND (classid::bigint << 32 | objid::bigint) = :key";
        let key = crate::locks::key(&name);
        assert_eq!(peer.sql.scalar::<i64>(end, crate::params! { key }).await.unwrap(), 1);
        timeout(Duration::from_secs(10), lock.lost()).await.unwrap();
        assert!(!lock.is_held());
        let next = locks.lock(&name).acquire().await.unwrap();
        assert!(next.fencing_token() > lock.fencing_token());
        next.release().await.unwrap();
    }
}
