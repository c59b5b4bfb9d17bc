use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{oneshot, watch},
    task::JoinSet,
    time::{Instant, sleep, sleep_until, timeout, timeout_at},
};
use tracing::{debug, warn};

use super::{Attempt, Claim, Grant, Holder, Lease, Lock, LockStore};
use crate::{
    ambient::Ambient,
    error::{Error, Kind, Result},
};

/// The first pause of whoever waits, which is doubled each time up to the longest.
const PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(250);

/// How long giving back may take.
const RELEASE: Duration = Duration::from_secs(5);

/// Where to tell what became of a release.
pub(super) type Told = oneshot::Sender<Result<bool>>;

/// Where to tell what became of a wish.
type Caller = oneshot::Sender<Result<Result<Lock, Option<Holder>>>>;

/// The owner of the tasks that renew locks and release them. A clone is the same owner. Each task has one, too, for as long as
/// its lock is held, so that a lock is released which is dropped last of all.
///
/// ```
/// use std::{sync::Arc, time::Duration};
///
/// use zato_core::lock::{InProcessLocks, Keepers, Locks};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> zato_core::Result<()> {
/// let keepers = Keepers::default();
/// let locks = Locks::kept_by(Arc::new(InProcessLocks::default()), keepers.clone());
/// drop(locks.lock("books").acquire().await?);
/// keepers.ended(Duration::from_secs(1)).await;
/// assert!(locks.lock("books").try_acquire().await?.is_some(), "it has been released");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Default)]
pub struct Keepers(Arc<Mutex<JoinSet<()>>>);

impl Keepers {
    pub(super) fn spawn(&self, keeper: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(keeper);
    }

    /// Waits until every lock has been released, for so long at the most, and aborts what is left.
    ///
    /// # Cancel safety
    ///
    /// When dropped, the tasks are aborted.
    pub async fn ended(&self, within: Duration) {
        let mut tasks = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let _ = timeout(within, async { while tasks.join_next().await.is_some() {} }).await;
        tasks.shutdown().await;
    }
}

impl fmt::Debug for Keepers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keepers")
    }
}

/// Gets a lock for somebody, and keeps it until it is given back. It is a task of its own, so that nobody who is dropped
/// leaves behind what nobody knows of.
pub(super) struct Keeper {
    store: Arc<dyn LockStore>,
    claim: Claim,
    keepers: Keepers,
}

/// Says until when a lock is held, and, when dropped, that it is not any more.
struct Held(watch::Sender<Option<Instant>>);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.send_replace(None);
    }
}

/// Why a lock is kept no longer.
enum End {
    /// It is to be given back; `None` where its holder was dropped.
    Released(Option<Told>),
    Lost(&'static str),
}

impl Keeper {
    pub(super) fn new(store: Arc<dyn LockStore>, claim: Claim, keepers: Keepers) -> Self {
        Self { store, claim, keepers }
    }

    pub(super) async fn run(self, wait: Duration, mut caller: Caller) {
        let Self { store, claim, keepers } = self;
        let Some(got) = get(&*store, &claim, wait, &mut caller).await else { return };
        let (grant, asked) = match got {
            Ok(Ok(granted)) => granted,
            Ok(Err(holder)) => return drop(caller.send(Ok(Err(holder)))),
            Err(error) => {
                drop(caller.send(Err(error.with("lock", claim.name()))));
                return drop(timeout(RELEASE, store.abandon(&claim)).await);
            }
        };
        // Until the lock has been released, whoever else lets go of it.
        let _owner = keepers;
        let until = held_until(asked, &claim);
        let held = Held(watch::Sender::new(Some(until)));
        let (keeper, told) = oneshot::channel();
        let lock = Lock::new(claim.name().to_owned(), grant.fencing_token, held.0.subscribe(), keeper);
        // If nobody wants it any more, it is dropped here, which releases it.
        drop(caller.send(Ok(Ok(lock))));
        keep(&*grant.lease, &claim, held, asked, told).await;
    }
}

/// Asks for a lock until it is there, the time to wait is over, or nobody wants it any more, which gives `None`. With the lock
/// comes when it was asked for.
async fn get(
    store: &dyn LockStore,
    claim: &Claim,
    wait: Duration,
    caller: &mut Caller,
) -> Option<Result<Result<(Grant, Instant), Option<Holder>>>> {
    let (begun, random, mut pause) = (Instant::now(), Ambient::default(), PAUSE);
    loop {
        let asked = Instant::now();
        let attempt = timeout(claim.ttl(), store.try_lock(claim)).await;
        let attempt = attempt.unwrap_or_else(|_| Err(Error::timeout("no answer about the lock in time")));
        let failed = match attempt {
            Ok(Attempt::Granted(grant)) => {
                if asked.elapsed() <= claim.ttl() - claim.ttl() / 3 {
                    return Some(Ok(Ok((grant, asked))));
                }
                // Most of its time is over: nobody could do much with it.
                let _ = timeout(RELEASE, grant.lease.release()).await;
                Err(Error::timeout("the answer about the lock came when its time was nearly over"))
            }
            Ok(Attempt::Taken(holder)) => Ok(holder),
            Err(error) if matches!(error.kind(), Kind::Unavailable | Kind::Timeout) => Err(error),
            Err(error) => return Some(Err(error)),
        };
        let left = wait.saturating_sub(begun.elapsed());
        if left.is_zero() {
            return Some(failed.map(Err));
        }
        // Half of it is random, so that many who wait don't come at once.
        let share = u32::try_from(random.random() & 0xffff).unwrap_or(0);
        let random_pause = pause / 2 + pause.mul_f64(f64::from(share) / f64::from(0x1_0000_u32)) / 2;
        pause = (pause * 2).min(LONGEST_PAUSE);
        tokio::select! {
            () = sleep(random_pause.min(left)) => {}
            () = caller.closed() => {
                let _ = timeout(RELEASE, store.abandon(claim)).await;
                return None;
            }
        }
    }
}

/// Tells until when a lock is held for sure that was asked for then: the store counts from later on. Clocks differ in speed,
/// for which a hundredth is more than enough.
fn held_until(asked: Instant, claim: &Claim) -> Instant {
    asked + (claim.ttl() - claim.ttl() / 100)
}

/// Renews a lock until it is given back, or lost, and gives it back.
async fn keep(lease: &dyn Lease, claim: &Claim, held: Held, asked: Instant, mut told: oneshot::Receiver<Told>) {
    let end = renew(lease, claim, &held, asked, &mut told).await;
    drop(held);
    match end {
        End::Released(told) => {
            let released = timeout(RELEASE, lease.release()).await;
            let released =
                released.unwrap_or_else(|_| Err(Error::timeout("no answer to the release of a lock in time")));
            if let Err(error) = &released {
                debug!(lock = claim.name(), error = %error.report(), "a lock can't be released, and ends by itself");
            }
            if let Some(told) = told {
                let _ = told.send(released);
            }
        }
        End::Lost(reason) => {
            warn!(lock = claim.name(), reason, "a lock was lost before it was released");
            // A renewal whose answer never came would keep others waiting.
            let _ = timeout(RELEASE, lease.release()).await;
        }
    }
}

async fn renew(
    lease: &dyn Lease,
    claim: &Claim,
    held: &Held,
    asked: Instant,
    told: &mut oneshot::Receiver<Told>,
) -> End {
    let third = claim.ttl() / 3;
    let (mut until, mut next) = (held_until(asked, claim), asked + third);
    loop {
        tokio::select! {
            biased;
            told = &mut *told => return End::Released(told.ok()),
            () = sleep_until(until) => return End::Lost("it could not be renewed in time"),
            () = lease.lost() => return End::Lost("the connection that it was held by has ended"),
            () = sleep_until(next) => {}
        }
        let asked = Instant::now();
        // One that hangs leaves time for another one, by when the connection may have been made anew.
        let patience = until.min(asked + third);
        match timeout_at(patience, lease.renew(claim.ttl())).await {
            Ok(Ok(true)) => {
                until = held_until(asked, claim);
                held.0.send_replace(Some(until));
                next = asked + third;
            }
            Ok(Ok(false)) => return End::Lost("its time was over, or somebody has taken it away"),
            Ok(Err(error)) => {
                debug!(lock = claim.name(), error = %error.report(), "a lock can't be renewed; it is tried again");
                next = Instant::now() + third / 10;
            }
            Err(_) => {
                debug!(lock = claim.name(), "no answer to the renewal of a lock; it is tried again");
                next = Instant::now() + third / 10;
            }
        }
    }
}
