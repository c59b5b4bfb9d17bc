//! What every [`LockStore`](crate::lock::LockStore) does: a test suite to be run against each.
//!
//! Each test takes what opens the store, once for every program that there would be, and uses names of its own.
//!
//! ```
//! use std::sync::Arc;
//!
//! use zato_core::{lock::{InProcessLocks, Locks}, testing::lock_contract};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! let store = Arc::new(InProcessLocks::default());
//! lock_contract::one_holder_at_a_time(async || Locks::new(store.clone())).await;
//! # }
//! ```

#![expect(clippy::missing_panics_doc, reason = "each panics where the store does not do what it is to do")]
#![expect(clippy::unwrap_used, reason = "a test that panics has failed")]

use std::{sync::Mutex, time::Duration};

use tokio::time::{sleep, timeout};

use crate::{
    Kind,
    ambient::Ambient,
    lock::{Lock, Locks, Taken},
};

/// How long something may take that has to happen.
const PATIENCE: Duration = Duration::from_secs(10);

/// A time to live that a test can wait for, and that is not over before a slow machine has renewed it.
const SHORT: Duration = Duration::from_millis(900);

fn name(what: &str) -> String {
    format!("{what}:{:032x}", Ambient::default().random())
}

async fn got(locks: &Locks, name: &str) -> Lock {
    locks.lock(name).wait(PATIENCE).acquire().await.unwrap()
}

/// Nobody has a lock that somebody else has, and others can have it when it is given back; each name is a lock of its own.
pub async fn one_holder_at_a_time(open: impl AsyncFn() -> Locks) {
    let (one, other, name) = (open().await, open().await, name("one"));
    let lock = got(&one, &name).await;
    assert!(lock.is_held());
    assert!(one.lock(&name).try_acquire().await.unwrap().is_none(), "not even the same program");
    assert!(other.lock(&name).try_acquire().await.unwrap().is_none());
    let error = other.lock(&name).wait(Duration::from_millis(50)).acquire().await.unwrap_err();
    assert_eq!(error.kind(), Kind::Conflict);
    assert!(error.find::<Taken>().is_some_and(|taken| !taken.waited.is_zero()), "{}", error.report());
    let next = got(&other, &format!("{name}:2")).await;
    lock.release().await.unwrap();
    got(&other, &name).await.release().await.unwrap();
    next.release().await.unwrap();
}

/// Whoever has a lock later has a larger token, whoever that is and however the lock was given back.
pub async fn tokens_grow(open: impl AsyncFn() -> Locks) {
    let (one, other, name) = (open().await, open().await, name("tokens"));
    let mut last = 0;
    for round in 0..6 {
        let lock = got(if round % 2 == 0 { &one } else { &other }, &name).await;
        assert!(lock.fencing_token() > last, "{} after {last}", lock.fencing_token());
        last = lock.fencing_token();
        match round {
            0..3 => lock.release().await.unwrap(),
            _ => drop(lock),
        }
    }
}

/// A lock is held for as long as its holder is there, however long that is.
pub async fn renewed_while_held(open: impl AsyncFn() -> Locks) {
    let (one, other, name) = (open().await, open().await, name("renewed"));
    let lock = one.lock(&name).ttl(SHORT).acquire().await.unwrap();
    for _ in 0..10 {
        sleep(SHORT / 4).await;
        assert!(lock.is_held());
        assert!(other.lock(&name).try_acquire().await.unwrap().is_none());
    }
    lock.release().await.unwrap();
}

/// A lock that is dropped goes to whoever waits for it.
pub async fn released_when_dropped(open: impl AsyncFn() -> Locks) {
    let (one, other, name) = (open().await, open().await, name("dropped"));
    let lock = got(&one, &name).await;
    let (waiting, ()) = tokio::join!(got(&other, &name), async {
        sleep(Duration::from_millis(30)).await;
        drop(lock);
    });
    waiting.release().await.unwrap();
}

/// Whoever does not wait any more gets nothing, and leaves nothing behind.
pub async fn nothing_left_of_who_gave_up(open: impl AsyncFn() -> Locks) {
    let (one, other, name) = (open().await, open().await, name("gave-up"));
    for micros in [0, 1, 50, 200, 500, 1_000, 2_000, 5_000] {
        let asked = one.lock(&name).acquire();
        let _ = timeout(Duration::from_micros(micros), asked).await;
        got(&other, &name).await.release().await.unwrap();
    }
}

/// What is done under a lock is done by one at a time, and a resource that looks at tokens refuses nobody.
pub async fn one_after_the_other(open: impl AsyncFn() -> Locks) {
    let (name, resource) = (name("crowd"), Mutex::new((0_u64, false)));
    let worker = async |locks: Locks| {
        for _ in 0..5 {
            let work = async |lock: &Lock| {
                {
                    let mut resource = resource.lock().unwrap();
                    assert!(lock.fencing_token() > resource.0, "{} after {}", lock.fencing_token(), resource.0);
                    assert!(!resource.1, "two at once");
                    *resource = (lock.fencing_token(), true);
                }
                sleep(Duration::from_millis(1)).await;
                resource.lock().unwrap().1 = false;
                Ok(())
            };
            locks.lock(&name).wait(PATIENCE).run(work).await.unwrap();
        }
    };
    let (one, two, three, four) = (open().await, open().await, open().await, open().await);
    tokio::join!(worker(one), worker(two), worker(three), worker(four));
}

/// Every name that may be one is one.
pub async fn names(open: impl AsyncFn() -> Locks) {
    let (one, other, prefix) = (open().await, open().await, name("names"));
    for end in ["", " ", ":", "%", "a b", "\u{0}", "\n", "'; --", "{a}", "Zażółć", &"x".repeat(400)] {
        let name = format!("{prefix}{end}");
        let lock = got(&one, &name).await;
        assert!(other.lock(&name).try_acquire().await.unwrap().is_none(), "{name:?}");
        lock.release().await.unwrap();
    }
    for name in ["", &"x".repeat(513)] {
        assert_eq!(one.lock(name).try_acquire().await.unwrap_err().kind(), Kind::Internal);
    }
}
