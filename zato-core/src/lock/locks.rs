use std::{fmt, sync::Arc, time::Duration};

use tokio::{sync::oneshot, time::Instant};

use super::{Claim, InProcessLocks, Keepers, Lock, LockStore, Taken, keeper::Keeper};
use crate::error::{Error, Result, Retry};

/// How long a lock is held unless it is renewed.
const TTL: Duration = Duration::from_secs(30);

/// The shortest such time: with less, a slow answer would be taken for the end.
const SHORTEST_TTL: Duration = Duration::from_millis(100);

/// The longest: a day is long enough for a program that is gone to be in the way.
const LONGEST_TTL: Duration = Duration::from_secs(24 * 3600);

/// How long a lock is waited for.
const WAIT: Duration = Duration::from_secs(10);

/// How long a name may be: stores keep it in a key.
const LONGEST_NAME: usize = 512;

/// Gives out locks by name. A clone gives out the same ones.
///
/// ```
/// use std::time::Duration;
///
/// use zato_core::{Result, lock::Locks};
///
/// async fn pay(locks: &Locks, payment: u64) -> Result<()> {
///     let lock = locks.lock(&format!("payment:{payment}")).ttl(Duration::from_secs(30)).acquire().await?;
///     // What nobody else may do at the same time.
///     lock.release().await
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// pay(&Locks::in_process(), 1).await
/// # }
/// ```
#[derive(Clone)]
pub struct Locks {
    store: Arc<dyn LockStore>,
    keepers: Keepers,
}

impl Locks {
    /// Gives out the locks of a store.
    #[must_use]
    pub fn new(store: Arc<dyn LockStore>) -> Self {
        Self::kept_by(store, Keepers::default())
    }

    /// Gives out the locks of a store, which are renewed and released by tasks of an owner that outlives them: by that of a
    /// connection, which is closed only when they have ended.
    #[must_use]
    pub fn kept_by(store: Arc<dyn LockStore>, keepers: Keepers) -> Self {
        Self { store, keepers }
    }

    /// Gives out locks that are kept in this program alone: for tests, and for programs that run only once.
    #[must_use]
    pub fn in_process() -> Self {
        Self::new(Arc::new(InProcessLocks::default()))
    }

    /// Begins to ask for a lock, which has 1 to 512 bytes as its name.
    pub fn lock(&self, name: &str) -> LockRequest {
        LockRequest { locks: self.clone(), name: name.to_owned(), ttl: TTL, wait: WAIT }
    }

    /// Runs something while a lock is held, as [`LockRequest::run`] does.
    ///
    /// ```
    /// use zato_core::{Result, lock::Locks};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<()> {
    /// let closed = Locks::in_process().run("books", async |lock| Ok(lock.fencing_token())).await?;
    /// assert_eq!(closed, 1);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`LockRequest::run`].
    ///
    /// # Cancel safety
    ///
    /// As [`LockRequest::run`].
    pub async fn run<T>(&self, name: &str, work: impl AsyncFnOnce(&Lock) -> Result<T>) -> Result<T> {
        self.lock(name).run(work).await
    }
}

impl fmt::Debug for Locks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Locks").finish_non_exhaustive()
    }
}

/// A lock that is about to be asked for.
///
/// Whoever waits asks again and again, at growing intervals of a quarter of a second at the most, and nobody stands in line:
/// who asks at the right moment gets it.
///
/// ```
/// use std::time::Duration;
///
/// use zato_core::{Result, lock::Locks};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// let locks = Locks::in_process();
/// let first = locks.lock("books").ttl(Duration::from_secs(5)).try_acquire().await?;
/// assert!(first.is_some());
/// assert!(locks.lock("books").try_acquire().await?.is_none());
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "a lock is asked for by acquire, try_acquire or run"]
pub struct LockRequest {
    locks: Locks,
    name: String,
    ttl: Duration,
    wait: Duration,
}

impl LockRequest {
    /// Has the lock go to others that long after its holder is gone without a word; 30 seconds unless given, 100
    /// milliseconds at the least, a day at the most. It is renewed each time a third of that has passed.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = ttl.clamp(SHORTEST_TTL, LONGEST_TTL);
        self
    }

    /// Waits so long for a lock that somebody else has; 10 seconds unless given. [`try_acquire`](Self::try_acquire) never
    /// waits.
    pub fn wait(mut self, wait: Duration) -> Self {
        self.wait = wait;
        self
    }

    /// Waits for the lock.
    ///
    /// # Errors
    ///
    /// [`Conflict`](crate::Kind::Conflict), with [`Taken`] among its causes, if somebody else has it until the time to wait
    /// is over; what the store fails with until then, such as [`Unavailable`](crate::Kind::Unavailable).
    ///
    /// # Cancel safety
    ///
    /// When dropped, a lock that was got meanwhile is released.
    pub async fn acquire(self) -> Result<Lock> {
        let (name, begun) = (self.name.clone(), Instant::now());
        let wait = self.wait;
        let holder = match self.ask(wait).await? {
            Ok(lock) => return Ok(lock),
            Err(holder) => holder,
        };
        let waited = if wait.is_zero() { wait } else { begun.elapsed() };
        let error = Error::conflict("somebody else has the lock").with("lock", name).with_retry(Retry::Later);
        Err(error.with_source(Taken { holder, waited }))
    }

    /// Asks for the lock once; `None` if somebody else has it.
    ///
    /// # Errors
    ///
    /// What the store fails with, such as [`Unavailable`](crate::Kind::Unavailable).
    ///
    /// # Cancel safety
    ///
    /// As [`acquire`](Self::acquire).
    pub async fn try_acquire(self) -> Result<Option<Lock>> {
        Ok(self.ask(Duration::ZERO).await?.ok())
    }

    /// Waits for the lock, runs something, and releases the lock.
    ///
    /// # Errors
    ///
    /// As [`acquire`](Self::acquire); what the work fails with; [`Conflict`](crate::Kind::Conflict) if the lock is lost
    /// meanwhile: then the work is stopped at the await where it stands.
    ///
    /// # Cancel safety
    ///
    /// When dropped, the work is, and the lock is released.
    pub async fn run<T>(self, work: impl AsyncFnOnce(&Lock) -> Result<T>) -> Result<T> {
        let lock = self.acquire().await?;
        let result = tokio::select! {
            biased;
            () = lock.lost() => return Err(lock.lost_error()),
            result = work(&lock) => result,
        };
        if result.is_ok() && !lock.is_held() {
            return Err(lock.lost_error());
        }
        // The work was done while the lock was held. If it can't be given back, it ends by itself.
        let _ = lock.release().await;
        result
    }

    async fn ask(self, wait: Duration) -> Result<Result<Lock, Option<super::Holder>>> {
        let Self { locks, name, ttl, .. } = self;
        if name.is_empty() || name.len() > LONGEST_NAME {
            let error = Error::internal(format!("a lock has a name of 1 to {LONGEST_NAME} bytes"));
            return Err(error.with("bytes", name.len()));
        }
        let (caller, answer) = oneshot::channel();
        let keepers = locks.store.keepers().unwrap_or(locks.keepers);
        let keeper = Keeper::new(locks.store, Claim::new(name, ttl), keepers.clone());
        keepers.spawn(keeper.run(wait, caller));
        answer.await.unwrap_or_else(|_| Err(Error::unavailable("locks are given out no more: the program stops")))
    }
}
