//! More callers than connections, on PostgreSQL.

use std::{
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use zato::{Kind, Running, sql::Sql};

use super::{keys, started};
use crate::lent::{Database, Dialect, until};

/// How many call at once.
const CALLERS: usize = 500;

/// How many connections they share.
const CONNECTIONS: usize = 5;

/// Keeps a connection busy for so many seconds.
async fn work(sql: &Sql, seconds: f64) -> zato::Result<()> {
    sql.execute("SELECT pg_sleep($1)", (seconds,)).await.map(drop)
}

/// An app with a pool of five connections that are all there: whoever has one made for him waits longer for it than those
/// behind him for one that is given back.
async fn pool(database: &Database, acquire_timeout: &str) -> (Running, Sql) {
    let keys = keys(database);
    let size = format!("pool_size: {CONNECTIONS}, min_connections: {CONNECTIONS}, connect_timeout: 1m");
    let (app, sql) = started(&format!("{keys}, {size}, acquire_timeout: {acquire_timeout}")).await;
    let are_there = async || (database.connections().await == CONNECTIONS).then_some(());
    until("five connections", are_there).await;
    (app, sql)
}

#[tokio::test]
async fn five_hundred_callers_are_served_in_turn_by_five_connections() {
    let test = "five_hundred_callers_are_served_in_turn_by_five_connections";
    let Some(database) = Database::shared(Dialect::Postgres, test).await else { return };
    let (app, sql) = pool(&database, "1m").await;
    let (served, most, is_over) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicBool::new(false));
    let calls = (0..CALLERS).map(async |caller| {
        work(&sql, 0.01).await.expect("it waits for its turn");
        (caller, served.fetch_add(1, Ordering::Relaxed))
    });
    let start = Instant::now();
    let (places, ()) = tokio::join!(
        async {
            let places = join_all(calls).await;
            is_over.store(true, Ordering::Relaxed);
            places
        },
        async {
            // What the database says, and not the pool.
            while !is_over.load(Ordering::Relaxed) {
                most.fetch_max(database.connections().await, Ordering::Relaxed);
            }
        },
    );
    // Five at once are a hundred rounds of ten milliseconds.
    assert!(start.elapsed() >= Duration::from_secs(1), "{:?}", start.elapsed());
    let most = most.into_inner();
    assert!((1..=CONNECTIONS).contains(&most), "{most} connections");
    let furthest = places.iter().map(|(caller, place)| caller.abs_diff(*place)).max();
    // Those that are served at the same time may pass each other.
    assert!(furthest < Some(10 * CONNECTIONS), "one was served {furthest:?} places from its own");
    app.stop().await;
}

#[tokio::test]
async fn callers_who_wait_too_long_are_told_who_has_the_connections_and_since_when() {
    let test = "callers_who_wait_too_long_are_told_who_has_the_connections_and_since_when";
    let Some(database) = Database::shared(Dialect::Postgres, test).await else { return };
    let (app, sql) = pool(&database, "300ms").await;
    let holding = join_all((0..CONNECTIONS).map(|_| sql.begin())).await;
    assert!(holding.iter().all(Result::is_ok), "{holding:?}");
    let start = Instant::now();
    let refused = join_all((0..CALLERS).map(|_| work(&sql, 0.0))).await;
    assert!(start.elapsed() >= Duration::from_millis(300), "{:?}", start.elapsed());
    for outcome in refused {
        let error = outcome.expect_err("nobody had a connection to give");
        assert_eq!(error.kind(), Kind::Unavailable);
        let words = "no connection of \"main\" within 300ms: 5 of 5 are in use, the longest since ";
        assert!(error.message().starts_with(words), "{error}");
    }
    // Nobody is left waiting, and no connection is lost.
    drop(holding);
    until("a connection again", async || work(&sql, 0.0).await.ok()).await;
    assert!(database.connections().await <= CONNECTIONS);
    app.stop().await;
}
