//! Money that is moved between accounts, again and again, by many at once, while connections are cut and the server is killed
//! and started again: none is lost, and none is made. By default that is a small run; with `ZATO_TEST_SQL_WHOLE=1` it is
//! ten thousand transfers.

use std::{
    env,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use futures_util::future::join_all;
use tokio::time::{sleep, timeout};
use zato::{
    Result,
    sql::{Sql, SqlError, SqlErrorKind, params},
};

use super::{keys, started};
use crate::lent::{Database, Dialect, until};

const ACCOUNTS: i64 = 8;
const WORKERS: usize = 16;

/// How many rounds of faults there are at the least, evenly over the transfers.
const CUTS: usize = 12;

/// How long it may take until all is well again.
const PATIENCE: Duration = Duration::from_secs(300);

fn transfers() -> usize {
    if env::var_os("ZATO_TEST_SQL_WHOLE").is_some() { 10_000 } else { 1_000 }
}

/// A transfer: from where, to where, how much; the same in each run.
fn transfer(number: usize) -> (i64, i64, i64) {
    let mixed = i64::try_from(number).expect("a number").wrapping_mul(2_654_435_761) >> 7;
    let from = mixed.rem_euclid(ACCOUNTS);
    let to = (from + 1 + (mixed >> 8).rem_euclid(ACCOUNTS - 1)).rem_euclid(ACCOUNTS);
    (from, to, 1 + (mixed >> 16).rem_euclid(100))
}

async fn try_to_move(bank: &Sql, number: usize) -> Result<()> {
    let ((from, to, cents), id) = (transfer(number), i64::try_from(number).expect("a number"));
    bank.transaction(async move |tx| {
        tx.execute("INSERT INTO transfer (id) VALUES (?)", (id,)).await?;
        tx.execute("UPDATE account SET cents = cents - ? WHERE id = ?", (cents, from)).await?;
        tx.execute("UPDATE account SET cents = cents + ? WHERE id = ?", (cents, to)).await?;
        Ok(())
    })
    .await
}

/// Asks until there is an answer.
async fn is_moved(bank: &Sql, number: usize) -> bool {
    let id = i64::try_from(number).expect("a number");
    loop {
        let count = bank.scalar::<i64>("SELECT count(*) FROM transfer WHERE id = :id", params! { id }).await;
        match count {
            Ok(count) => return count == 1,
            Err(_) => sleep(Duration::from_millis(50)).await,
        }
    }
}

/// What was seen.
#[derive(Debug, Default)]
struct Seen {
    moved: AtomicUsize,
    failed: AtomicUsize,
    unknown: AtomicUsize,
    /// How often something was broken while there was money to move. Most of that nobody is told of: it is done again.
    broken: AtomicUsize,
}

/// Moves until it is known to be moved.
async fn move_once(bank: &Sql, number: usize, seen: &Seen) {
    while let Err(error) = try_to_move(bank, number).await {
        let kind = error.find::<SqlError>().map(SqlError::kind);
        assert_ne!(
            kind,
            Some(SqlErrorKind::UniqueViolation),
            "transfer {number} was moved although it was said not to be"
        );
        if kind == Some(SqlErrorKind::OutcomeUnknown) {
            seen.unknown.fetch_add(1, Ordering::Relaxed);
            if is_moved(bank, number).await {
                break;
            }
        } else {
            seen.failed.fetch_add(1, Ordering::Relaxed);
        }
        sleep(Duration::from_millis(20)).await;
    }
    seen.moved.fetch_add(1, Ordering::Relaxed);
}

/// Breaks something each time so many are moved.
async fn break_things(database: &Database, seen: &Seen, all: usize) {
    for round in 1..=CUTS {
        while seen.moved.load(Ordering::Relaxed) < round * all / (CUTS + 1) {
            sleep(Duration::from_millis(2)).await;
        }
        if round % 4 == 0 {
            database.server().kill().await;
            database.server().start().await;
        } else {
            database.cut().await;
        }
        if seen.moved.load(Ordering::Relaxed) < all {
            seen.broken.fetch_add(1, Ordering::Relaxed);
        }
    }
}

async fn no_money_is_lost_or_made(dialect: Dialect, test: &str) {
    // PostgreSQL looks for deadlocks after a second otherwise, and there are many.
    let more: &[&str] = if dialect == Dialect::Postgres { &["-c", "deadlock_timeout=20ms"] } else { &[] };
    let Some(database) = Database::own(dialect, more, test).await else { return };
    let (app, bank) = started(&format!("{}, pool_size: 8, statement_timeout: 10s", keys(&database))).await;
    let engine = if dialect == Dialect::MariaDb { " ENGINE=InnoDB" } else { "" };
    let create = format!(
        "CREATE TABLE account (id BIGINT PRIMARY KEY, cents BIGINT NOT NULL){engine};
         CREATE TABLE transfer (id BIGINT PRIMARY KEY){engine};"
    );
    bank.script(&create).await.expect("tables");
    bank.execute_batch("INSERT INTO account VALUES (?, ?)", (0..ACCOUNTS).map(|id| (id, 1_000)))
        .await
        .expect("accounts");

    let (seen, next, all) = (Seen::default(), AtomicUsize::new(0), transfers());
    let worker = async || {
        while let number = next.fetch_add(1, Ordering::Relaxed)
            && number < all
        {
            move_once(&bank, number, &seen).await;
        }
    };
    let workers = join_all((0..WORKERS).map(|_| worker()));
    let run = async { tokio::join!(workers, break_things(&database, &seen, all)) };
    timeout(PATIENCE, run).await.unwrap_or_else(|_| panic!("it takes too long: {seen:?}"));

    let mut expected = [1_000; 8];
    #[expect(clippy::indexing_slicing, reason = "there is an account of each number")]
    for (from, to, cents) in (0..all).map(transfer) {
        expected[usize::try_from(from).expect("an account")] -= cents;
        expected[usize::try_from(to).expect("an account")] += cents;
    }
    // Connections that were cut at the very end are found to be so by whoever uses them.
    let balances = async || bank.all::<i64>("SELECT cents FROM account ORDER BY id", ()).await.ok();
    assert_eq!(until("the balances", balances).await, expected, "{seen:?}");
    let count = async || bank.scalar::<i64>("SELECT count(*) FROM transfer", ()).await.ok();
    assert_eq!(usize::try_from(until("the transfers", count).await), Ok(all), "{seen:?}");
    assert!(seen.broken.load(Ordering::Relaxed) > 0, "nothing was broken: {seen:?}");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_postgres() {
    no_money_is_lost_or_made(Dialect::Postgres, "sql::ledger::on_postgres").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_mariadb() {
    no_money_is_lost_or_made(Dialect::MariaDb, "sql::ledger::on_mariadb").await;
}
