use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use zato_core::{
    Kind,
    ambient::Ambient,
    connection::{Handle, Slot, Supervised},
    testing::{FaultProxy, LinkFault},
};

use super::{Peer, prepare};
use crate::{Sql, SqlConnector};

/// A supervised connection that goes through a proxy.
struct Link {
    proxy: FaultProxy,
    sql: Sql,
    slot: Arc<Slot<SqlConnector>>,
    _supervised: Supervised,
}

/// None for SQLite, to which no link leads.
async fn link(peer: &Peer, keys: &str) -> Option<Link> {
    let (start, rest) = peer.entry.split_once("host: '")?;
    let (host, rest) = rest.split_once("', port: ")?;
    let (port, rest) = rest.split_once(',')?;
    let target: SocketAddr = format!("{host}:{port}").parse().expect("a server on this machine");
    let proxy = FaultProxy::to(target).await.expect("a proxy");
    let entry = format!("{start}host: '{}', port: {},{rest}, {keys}", proxy.address().ip(), proxy.address().port());
    let supervised = Supervised::new::<SqlConnector>("CRM", prepare(&entry), None, Ambient::default());
    let slot: Arc<Slot<SqlConnector>> = supervised.connection().into_any().downcast().expect("it is one of SQL");
    supervised.begin().await;
    slot.until_up().await;
    Some(Link { proxy, sql: Sql::from_slot(Arc::clone(&slot)), slot, _supervised: supervised })
}

impl Link {
    async fn one(&self) -> zato_core::Result<i64> {
        self.sql.scalar("SELECT 1", ()).await
    }
}

pub(super) async fn gone_and_back(peer: &Peer) {
    let Some(link) = link(peer, "pool_size: 3").await else { return };
    assert_eq!(link.one().await.unwrap(), 1);
    link.proxy.set(LinkFault::Refuse).await;
    let error = link.one().await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable, "{error:?}");
    while link.slot.state().is_up() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let begun = Instant::now();
    let error = link.one().await.unwrap_err();
    assert!(error.message().starts_with("the sql connection \"CRM\" is down since "), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(1));
    link.proxy.set(LinkFault::None).await;
    link.slot.until_up().await;
    assert_eq!(link.one().await.unwrap(), 1);
}

pub(super) async fn broken_connections(peer: &Peer) {
    let Some(link) = link(peer, "pool_size: 3, min_connections: 3").await else { return };
    // All of them break, and the database is there: one caller finds it, and the others are spared.
    link.proxy.set(LinkFault::Refuse).await;
    link.proxy.set(LinkFault::None).await;
    let mut failed = 0;
    for _ in 0..20 {
        failed += u32::from(link.one().await.is_err());
    }
    assert!(failed <= 1, "{failed}");
    assert!(link.slot.state().is_up());
}

pub(super) async fn silent_servers(peer: &Peer) {
    let Some(link) = link(peer, "pool_size: 1, statement_timeout: 300ms, connect_timeout: 3s").await else { return };
    link.proxy.set(LinkFault::Stall).await;
    let begun = Instant::now();
    let error = link.one().await.unwrap_err();
    assert_eq!(error.kind(), Kind::Timeout, "{error:?}");
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    link.proxy.set(LinkFault::None).await;
    link.slot.until_up().await;
    // Nothing that belongs to another statement is taken for an answer.
    for number in 0..10_i64 {
        let patient = link.sql.with_timeout(Duration::from_secs(5));
        let answer = patient.scalar::<i64>("SELECT :number + 0", crate::params! { number });
        if let Ok(answer) = answer.await {
            assert_eq!(answer, number);
        }
    }
}

/// All connections are silent, and whoever wants one gets a new one in the time that he has.
pub(super) async fn silent_connections(peer: &Peer) {
    let keys = "pool_size: 4, min_connections: 4, test_after: 0, acquire_timeout: 6s";
    let Some(link) = link(peer, keys).await else { return };
    link.proxy.set(LinkFault::Forget).await;
    // Found one after the other they would take two seconds each, and nobody could connect any more.
    assert_eq!(link.one().await.unwrap(), 1);
    // So do signs of life.
    link.proxy.set(LinkFault::Forget).await;
    let client = link.slot.client().unwrap();
    let ping = tokio::time::timeout(Duration::from_secs(9), client.pool.ping());
    assert!(ping.await.is_ok_and(|answer| answer.is_ok()));
}

/// A database that accepts no connection is found to be gone by whoever has the time that all have.
pub(super) async fn silent_from_the_beginning(peer: &Peer) {
    let Some(link) = link(peer, "pool_size: 2, acquire_timeout: 1s, connect_timeout: 1s").await else { return };
    let tx = link.sql.begin().await.unwrap();
    link.proxy.set(LinkFault::Stall).await;
    let error = link.one().await.unwrap_err();
    assert!(error.message().starts_with("can't connect to the "), "{error}");
    let gone = async {
        while link.slot.state().is_up() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(9), gone).await.is_ok());
    link.proxy.set(LinkFault::None).await;
    drop(tx);
}

pub(super) async fn no_place_for_one_more(peer: &Peer) {
    let user = format!("zato_{:x}", Ambient::default().random());
    let (create, forget) = match peer.dialect {
        crate::engine::Dialect::Sqlite => return,
        crate::engine::Dialect::Postgres => {
            (format!("CREATE ROLE {user} LOGIN PASSWORD 'p' CONNECTION LIMIT 1"), format!("DROP ROLE {user}"))
        }
        crate::engine::Dialect::MySql => {
            (format!("CREATE USER {user} IDENTIFIED BY 'p' WITH MAX_USER_CONNECTIONS 1"), format!("DROP USER {user}"))
        }
    };
    peer.sql.execute(&create, ()).await.unwrap();
    if peer.dialect == crate::engine::Dialect::MySql {
        peer.sql.execute(&format!("GRANT ALL ON *.* TO {user}"), ()).await.unwrap();
    }
    let (start, rest) = peer.entry.split_once("username: '").unwrap();
    let (_, rest) = rest.split_once("', password: '").unwrap();
    let (_, rest) = rest.split_once('\'').unwrap();
    let sql = super::connect(&format!("{start}username: {user}, password: p{rest}, pool_size: 2")).await;
    let mut tx = sql.begin().await.unwrap();
    let error = sql.scalar::<i64>("SELECT 1", ()).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable, "{error:?}");
    let client = sql.slot().client().unwrap();
    // The database is there, and so are the connections that work.
    assert!(tokio::time::timeout(Duration::from_millis(500), client.pool.gone()).await.is_err());
    assert_eq!(tx.scalar::<i64>("SELECT 1", ()).await.unwrap(), 1);
    tx.commit().await.unwrap();
    assert_eq!(sql.scalar::<i64>("SELECT 1", ()).await.unwrap(), 1);
    client.pool.close().await;
    peer.sql.execute(&forget, ()).await.unwrap();
}
