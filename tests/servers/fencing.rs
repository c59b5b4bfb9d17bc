//! Holders of locks, in processes of their own, that are suspended for longer than their locks last and then go on as if
//! nothing had been: what they write is told apart by its fencing token.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tokio::time::{sleep, timeout};
use zato::{Kind, Result, lock::Locks};

use crate::lent::{Part, note};

/// How many processes there are.
const PARTS: usize = 3;

/// How long they go on, unless hardly anything has been found out by then.
const LASTING: Duration = Duration::from_secs(10);

/// How long they go on at the most.
const PATIENCE: Duration = Duration::from_secs(60);

/// How many grants have to be found out by their token.
const NEEDED: usize = 10;

/// How many grants are to be found out by their token after which it is enough.
const ENOUGH: usize = 300;

/// What nobody may write who has lost the lock of that name.
pub(crate) trait Guarded {
    /// How long a lock lasts whose holder does nothing. A slow machine loses some by itself, which is no harm.
    const TTL: Duration;

    /// Writes, unless somebody has written with a larger token; returns whether that was done, and notes the grant and what
    /// became of it.
    async fn write(&self, name: &str, token: u64, grant: &str) -> Result<bool>;

    /// Notes what must not be.
    async fn fault(&self, words: &str);

    /// Reads how many grants have written, and of how many something was refused.
    async fn grants(&self) -> (usize, usize);
}

/// Has locks again and again, so many at once, and writes.
pub(crate) async fn play<G: Guarded>(who: &str, locks: &Locks, guarded: &G, names: usize) {
    join_all((0..names).map(|name| hold_again_and_again(who, format!("lock-{name}"), locks, guarded))).await;
}

async fn hold_again_and_again<G: Guarded>(who: &str, name: String, locks: &Locks, guarded: &G) {
    for count in 0_u64.. {
        let lock = match locks.lock(&name).ttl(G::TTL).acquire().await {
            Ok(lock) => lock,
            // Others have it for long, or the answer came late.
            Err(error) if matches!(error.kind(), Kind::Conflict | Kind::Unavailable | Kind::Timeout) => continue,
            Err(error) => panic!("{name} can't be had: {}", error.report()),
        };
        let grant = format!("{who}-{name}-{count}");
        for _ in 0..fastrand::u32(1..8) {
            // It does not look whether it has the lock still: that may change before what it writes arrives.
            let written = guarded.write(&name, lock.fencing_token(), &grant).await;
            let is_refused = !written.unwrap_or_else(|error| panic!("{grant} can't write: {}", error.report()));
            // Whoever has it now has had it all the time.
            if is_refused && lock.is_held() {
                guarded.fault(&format!("{grant} was refused with {} and had the lock", lock.fencing_token())).await;
            }
            sleep(Duration::from_millis(fastrand::u64(1..30))).await;
        }
        // It may be lost.
        let _ = lock.release().await;
    }
}

/// Starts processes that [`play`], and suspends each of them again and again, for longer than locks last. `told` is what the
/// part of a number is told.
pub(crate) async fn suspend_holders<G: Guarded>(test: &str, told: impl Fn(usize) -> String, guarded: &G) {
    let mut parts: Vec<Part> = (0..PARTS).map(|number| Part::start(test, &told(number))).collect();
    let begun = Instant::now();
    let suspending = join_all(parts.iter().map(async |part| {
        let mut count = 0;
        loop {
            sleep(G::TTL.mul_f64(0.2 + fastrand::f64())).await;
            part.suspend();
            sleep(G::TTL.mul_f64(1.1 + fastrand::f64())).await;
            part.go_on();
            count += 1;
            let (elapsed, refused) = (begun.elapsed(), guarded.grants().await.1);
            if refused >= ENOUGH || elapsed > PATIENCE || (elapsed > LASTING && refused >= NEEDED) {
                return count;
            }
        }
    }));
    let rounds = timeout(PATIENCE * 2, suspending).await.expect("it ends in time");
    assert!(parts.iter_mut().all(Part::is_alive), "a part has failed");
    let (all, refused) = guarded.grants().await;
    let rounds: u32 = rounds.iter().sum();
    let took = begun.elapsed();
    note(format_args!("{test}: {rounds} times suspended, {all} grants, {refused} found out afterwards, {took:?}"));
    assert!(all > refused, "nobody has got through");
    assert!(refused >= NEEDED, "hardly anybody was suspended while holding a lock: {refused} of {all}");
}
