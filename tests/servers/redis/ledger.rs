//! Money that is moved between accounts, again and again, by many at once, while connections are cut and the server is killed
//! and started again: none is lost, none is made, and what a call said of itself is so. By default that is a small run; with
//! `ZATO_TEST_REDIS_WHOLE=1` it is ten thousand transfers.

use std::{
    env,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    time::Duration,
};

use futures_util::future::join_all;
use tokio::time::{sleep, timeout};
use zato::{
    Error, Kind, Result, Retry,
    redis::{Redis, RedisError, RedisErrorKind},
};

use super::started;
use crate::lent::{Redis as Server, until};

const ACCOUNTS: i64 = 8;
const WORKERS: usize = 16;

/// What each account has in the beginning.
const BALANCE: i64 = 1_000;

/// How long it may take until all is well again.
const PATIENCE: Duration = Duration::from_secs(300);

/// How many transfers there are, and how many faults, evenly over them; each time it takes longer until connections are made
/// anew.
fn size() -> (usize, usize) {
    if env::var_os("ZATO_TEST_REDIS_WHOLE").is_some() { (10_000, 20) } else { (1_000, 4) }
}

/// A transfer: from where, to where, how much; the same in each run.
fn transfer(number: usize) -> (i64, i64, i64) {
    let mixed = i64::try_from(number).expect("a number").wrapping_mul(2_654_435_761) >> 7;
    let from = mixed.rem_euclid(ACCOUNTS);
    let to = (from + 1 + (mixed >> 8).rem_euclid(ACCOUNTS - 1)).rem_euclid(ACCOUNTS);
    (from, to, 1 + (mixed >> 16).rem_euclid(100))
}

/// Moves money, and counts that under the number of the transfer in the same step.
async fn try_to_move(redis: &Redis, number: usize) -> Result<()> {
    let (from, to, amount) = transfer(number);
    let (from, to) = (format!("account:{from}"), format!("account:{to}"));
    redis
        .transaction(&[&from, &to], async |tx| {
            let balance: i64 = tx.get(&from).await?.ok_or_else(|| Error::not_found("no such account"))?;
            let other: i64 = tx.get(&to).await?.ok_or_else(|| Error::not_found("no such account"))?;
            tx.set(&from, &(balance - amount))?;
            tx.set(&to, &(other + amount))?;
            tx.increment(&format!("done:{number}"), 1);
            Ok(())
        })
        .await
}

/// Asks until there is an answer.
async fn is_moved(redis: &Redis, number: usize) -> bool {
    loop {
        match redis.exists(&format!("done:{number}")).await {
            Ok(is_moved) => return is_moved,
            Err(_) => sleep(Duration::from_millis(20)).await,
        }
    }
}

/// What was seen.
#[derive(Debug, Default)]
struct Seen {
    moved: AtomicUsize,
    /// How often a call said that nothing is done.
    undone: AtomicUsize,
    /// How often it said that nobody knows.
    unknown: AtomicUsize,
}

/// Moves until it is known to be moved.
async fn move_once(redis: &Redis, number: usize, seen: &Seen) {
    while let Err(error) = try_to_move(redis, number).await {
        let kind = error.find::<RedisError>().map(RedisError::kind);
        if error.retry() != Retry::Never {
            seen.undone.fetch_add(1, Relaxed);
        } else if matches!(kind, Some(RedisErrorKind::ConnectionLost | RedisErrorKind::Timeout)) {
            seen.unknown.fetch_add(1, Relaxed);
            if is_moved(redis, number).await {
                break;
            }
        } else {
            panic!("transfer {number}: {}", error.report());
        }
        assert!(matches!(error.kind(), Kind::Unavailable | Kind::Timeout | Kind::Conflict), "{error:?}");
        sleep(Duration::from_millis(20)).await;
    }
    seen.moved.fetch_add(1, Relaxed);
}

/// Breaks something each time so many are moved.
async fn break_things(server: &Server, seen: &Seen) {
    let (all, faults) = size();
    for round in 1..=faults {
        while seen.moved.load(Relaxed) < round * all / (faults + 1) {
            sleep(Duration::from_millis(1)).await;
        }
        if round % 2 == 0 {
            server.server().kill().await;
            server.server().start().await;
        } else {
            server.cut().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn transfers_while_all_breaks_make_and_lose_no_money() {
    let Some(server) = Server::own("transfers_while_all_breaks_make_and_lose_no_money").await else { return };
    let (_app, redis) = started(&format!("    url: {}\n    pool_size: 8\n    timeout: 5s\n", server.url())).await;
    let names: Vec<String> = (0..ACCOUNTS).map(|account| format!("account:{account}")).collect();
    for name in &names {
        redis.set(name, &BALANCE).await.expect("it is there");
    }
    let (seen, next, (all, _)) = (Seen::default(), AtomicUsize::new(0), size());
    let worker = async || {
        while let number = next.fetch_add(1, Relaxed)
            && number < all
        {
            move_once(&redis, number, &seen).await;
        }
    };
    let workers = join_all((0..WORKERS).map(|_| worker()));
    let run = async { tokio::join!(workers, break_things(&server, &seen)) };
    timeout(PATIENCE, run).await.unwrap_or_else(|_| panic!("it takes too long: {seen:?}"));
    eprintln!("{all} transfers: {seen:?}");

    let mut expected = [Some(BALANCE); 8];
    for (from, to, amount) in (0..all).map(transfer) {
        let mut add = |account, amount| {
            let balance: &mut Option<i64> = &mut expected[usize::try_from(account).expect("an account")];
            *balance = balance.map(|balance| balance + amount);
        };
        add(from, -amount);
        add(to, amount);
    }
    // The connection may have been cut at the very end.
    let balances = async || redis.get_many::<i64, _>(&names).await.ok();
    assert_eq!(until("the balances", balances).await, expected, "{seen:?}");
    let marks: Vec<String> = (0..all).map(|number| format!("done:{number}")).collect();
    let marks: Vec<Option<i64>> = redis.get_many(&marks).await.expect("it is there");
    assert!(marks.iter().all(|times| *times == Some(1)), "one was not done once: {seen:?}");
    assert!(seen.undone.into_inner() + seen.unknown.into_inner() > 0, "nothing was broken");
}
