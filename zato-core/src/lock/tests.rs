use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::time::{Instant, sleep, timeout};

use super::*;
use crate::{
    error::{Error, Kind, Result},
    testing::lock_contract,
};

macro_rules! contract {
    ($($name:ident),+ $(,)?) => {
        $(
            #[tokio::test(start_paused = true)]
            async fn $name() {
                let store = Arc::new(InProcessLocks::default());
                lock_contract::$name(async || Locks::new(store.clone())).await;
            }
        )+
    };
}

contract! {
    one_holder_at_a_time, tokens_grow, renewed_while_held, released_when_dropped, nothing_left_of_who_gave_up,
    one_after_the_other, names,
}

/// Locks in this program whose answers can be made to fail, or not to come.
#[derive(Default)]
struct Faulty {
    locks: InProcessLocks,
    fault: Arc<Fault>,
}

#[derive(Default)]
struct Fault {
    is_down: AtomicBool,
    is_silent: AtomicBool,
    /// So many milliseconds later than granted a lock is told to be.
    late: AtomicU32,
    released: AtomicU32,
}

impl Fault {
    async fn strike(&self) -> Result<()> {
        if self.is_silent.load(Relaxed) {
            std::future::pending::<()>().await;
        }
        if self.is_down.load(Relaxed) { Err(Error::unavailable("down")) } else { Ok(()) }
    }
}

struct FaultyLease(Box<dyn Lease>, Arc<Fault>);

impl LockStore for Faulty {
    fn try_lock<'a>(&'a self, claim: &'a Claim) -> LockFuture<'a, Result<Attempt>> {
        Box::pin(async move {
            self.fault.strike().await?;
            let attempt = self.locks.try_lock(claim).await?;
            sleep(Duration::from_millis(self.fault.late.load(Relaxed).into())).await;
            Ok(match attempt {
                Attempt::Granted(Grant { fencing_token, lease }) => {
                    let lease = Box::new(FaultyLease(lease, Arc::clone(&self.fault)));
                    Attempt::Granted(Grant { fencing_token, lease })
                }
                taken @ Attempt::Taken(_) => taken,
            })
        })
    }

    fn abandon<'a>(&'a self, _: &'a Claim) -> LockFuture<'a, ()> {
        Box::pin(async move { drop(self.fault.strike().await) })
    }
}

impl Lease for FaultyLease {
    fn renew(&self, ttl: Duration) -> LockFuture<'_, Result<bool>> {
        Box::pin(async move {
            self.1.strike().await?;
            self.0.renew(ttl).await
        })
    }

    fn release(&self) -> LockFuture<'_, Result<bool>> {
        Box::pin(async move {
            self.1.strike().await?;
            self.1.released.fetch_add(1, Relaxed);
            self.0.release().await
        })
    }
}

fn faulty() -> (Locks, Arc<Fault>) {
    let store = Faulty::default();
    let fault = Arc::clone(&store.fault);
    (Locks::new(Arc::new(store)), fault)
}

const TTL: Duration = Duration::from_secs(3);

#[tokio::test(start_paused = true)]
async fn a_lock_that_can_not_be_renewed_is_lost_before_others_can_have_it() {
    for is_silent in [false, true] {
        let (locks, fault) = faulty();
        let lock = locks.lock("books").ttl(TTL).acquire().await.unwrap();
        sleep(TTL * 3).await;
        assert!(lock.is_held(), "it is renewed");
        let begun = Instant::now();
        fault.is_down.store(!is_silent, Relaxed);
        fault.is_silent.store(is_silent, Relaxed);
        lock.lost().await;
        assert!(begun.elapsed() < TTL, "{:?}", begun.elapsed());
        assert!(!lock.is_held() && lock.remaining().is_zero());
        fault.is_down.store(false, Relaxed);
        fault.is_silent.store(false, Relaxed);
        let next = locks.lock("books").acquire().await.unwrap();
        assert!(next.fencing_token() > lock.fencing_token());
        assert_eq!(lock.release().await.unwrap_err().kind(), Kind::Conflict);
        assert!(next.is_held());
    }
}

#[tokio::test(start_paused = true)]
async fn a_short_fault_loses_no_lock() {
    let (locks, fault) = faulty();
    let lock = locks.lock("books").ttl(TTL).acquire().await.unwrap();
    fault.is_down.store(true, Relaxed);
    sleep(TTL / 2).await;
    fault.is_down.store(false, Relaxed);
    sleep(TTL).await;
    assert!(lock.is_held());
    lock.release().await.unwrap();
}

/// A holder that was suspended, as by SIGSTOP: its renewals stand still, and time goes on.
#[tokio::test(start_paused = true)]
async fn a_suspended_holder_is_found_out_by_its_token() {
    let store = Arc::new(InProcessLocks::default());
    let claim = Claim::new("books", TTL);
    let Ok(Attempt::Granted(suspended)) = store.try_lock(&claim).await else { panic!("nobody has it") };
    let next = Locks::new(store).lock("books").acquire().await.unwrap();
    let mut seen = 0;
    let mut accepts = |token: u64| {
        seen = seen.max(token);
        token == seen
    };
    assert!(accepts(next.fencing_token()));
    assert!(!accepts(suspended.fencing_token), "it does not know yet that the lock is another's");
    assert!(!suspended.lease.renew(TTL).await.unwrap());
    assert!(!suspended.lease.release().await.unwrap());
    assert!(next.is_held());
}

#[tokio::test(start_paused = true)]
async fn what_runs_under_a_lock_is_stopped_when_it_is_lost() {
    let (locks, fault) = faulty();
    let request = locks.lock("books").ttl(TTL);
    let run = request.run(async |_| {
        fault.is_down.store(true, Relaxed);
        std::future::pending::<Result<()>>().await
    });
    assert_eq!(run.await.unwrap_err().kind(), Kind::Conflict);
}

#[tokio::test(start_paused = true)]
async fn what_has_failed_under_a_lock_releases_it() {
    let locks = Locks::in_process();
    let failed = locks.run("books", async |_| Err::<(), _>(Error::not_found("no book"))).await;
    assert_eq!(failed.unwrap_err().kind(), Kind::NotFound);
    assert!(locks.lock("books").try_acquire().await.unwrap().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_down_for_a_while_is_asked_again_and_one_that_is_not_there_is_told() {
    let (locks, fault) = faulty();
    fault.is_down.store(true, Relaxed);
    let error = locks.lock("books").try_acquire().await.unwrap_err();
    assert_eq!((error.kind(), error.message()), (Kind::Unavailable, "down"));
    let asking = locks.lock("books").wait(Duration::from_secs(5)).acquire();
    let (lock, ()) = tokio::join!(asking, async {
        sleep(Duration::from_secs(1)).await;
        fault.is_down.store(false, Relaxed);
    });
    lock.unwrap().release().await.unwrap();
    fault.is_silent.store(true, Relaxed);
    let asking = locks.lock("books").ttl(TTL).wait(Duration::ZERO).acquire();
    assert_eq!(timeout(TTL * 10, asking).await.unwrap().unwrap_err().kind(), Kind::Timeout);
}

#[tokio::test(start_paused = true)]
async fn who_is_refused_reads_who_has_it_and_how_long_it_was_waited_for() {
    let holder = Holder { name: Some("bank".to_owned()), since: None };
    let taken = Taken { holder: Some(holder), waited: Duration::from_millis(1500) };
    assert_eq!(taken.to_string(), "held by bank, waited 1.5s");
    assert_eq!(Taken { holder: None, waited: Duration::ZERO }.to_string(), "held by somebody else");
}

#[tokio::test(start_paused = true)]
async fn a_lock_of_an_owner_that_is_gone_is_lost() {
    let keepers = Keepers::default();
    let locks = Locks::kept_by(Arc::new(InProcessLocks::default()), keepers.clone());
    let lock = locks.lock("books").acquire().await.unwrap();
    keepers.ended(Duration::from_secs(1)).await;
    lock.lost().await;
    assert!(!lock.is_held());
    assert_eq!(lock.release().await.unwrap_err().kind(), Kind::Conflict);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_comes_when_the_time_is_nearly_over_gives_no_lock() {
    let (locks, fault) = faulty();
    fault.late.store(2900, Relaxed);
    let error = locks.lock("books").ttl(TTL).try_acquire().await.unwrap_err();
    assert_eq!(error.kind(), Kind::Timeout);
    assert_eq!(fault.released.load(Relaxed), 1, "nobody waits for its end");
    fault.late.store(1500, Relaxed);
    let lock = locks.lock("books").ttl(TTL).try_acquire().await.unwrap().unwrap();
    sleep(TTL * 3).await;
    assert!(lock.is_held());
}

#[tokio::test(start_paused = true)]
async fn a_renewal_that_is_never_answered_is_tried_again_in_time() {
    let (locks, fault) = faulty();
    let lock = locks.lock("books").ttl(TTL).acquire().await.unwrap();
    sleep(TTL / 6).await;
    fault.is_silent.store(true, Relaxed);
    sleep(TTL / 3).await;
    fault.is_silent.store(false, Relaxed);
    sleep(TTL * 2).await;
    assert!(lock.is_held());
}

#[tokio::test(start_paused = true)]
async fn who_gets_no_answer_is_told_before_the_claim_is_let_go() {
    let (locks, fault) = faulty();
    fault.is_silent.store(true, Relaxed);
    let begun = Instant::now();
    assert_eq!(locks.lock("books").ttl(TTL).try_acquire().await.unwrap_err().kind(), Kind::Timeout);
    assert!(begun.elapsed() < TTL + Duration::from_secs(1), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_lock_that_is_dropped_after_those_who_gave_it_out_is_released() {
    let (locks, fault) = faulty();
    let lock = locks.lock("books").acquire().await.unwrap();
    drop(locks);
    drop(lock);
    sleep(Duration::from_secs(1)).await;
    assert_eq!(fault.released.load(Relaxed), 1);
}
