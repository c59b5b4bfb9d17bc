use std::{error::Error as StdError, fmt, pin::Pin, time::Duration};

use chrono::{DateTime, SecondsFormat, Utc};

use super::Keepers;
use crate::error::Result;

/// A future of a [`LockStore`], boxed since stores are told apart while the program runs.
pub type LockFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Where locks are kept that programs share.
///
/// A store tries once, and never waits for a lock: that, renewing and letting go are [`Locks`](super::Locks)' business. A test
/// suite that each store passes is in the test kit, as `lock_contract`.
///
/// ```
/// use std::{sync::Arc, time::Duration};
///
/// use zato_core::lock::{InProcessLocks, Locks};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> zato_core::Result<()> {
/// let locks = Locks::new(Arc::new(InProcessLocks::default()));
/// locks.lock("books").ttl(Duration::from_secs(5)).acquire().await?.release().await
/// # }
/// ```
pub trait LockStore: Send + Sync + 'static {
    /// Tries to have a lock, for the time of the claim from the moment on at which the store has it.
    ///
    /// A claim that has been granted is granted again to the same owner, so that one whose answer was lost can be repeated.
    /// The fencing token is larger than every one that the store has given out for the name, also before whatever restart
    /// the store survives.
    ///
    /// # Errors
    ///
    /// [`Unavailable`](crate::Kind::Unavailable) and [`Timeout`](crate::Kind::Timeout) are tried again for as long as the
    /// caller waits.
    ///
    /// # Cancel safety
    ///
    /// Dropped where it takes longer than the claim would last; the claim is [abandoned](Self::abandon) then.
    fn try_lock<'a>(&'a self, claim: &'a Claim) -> LockFuture<'a, Result<Attempt>>;

    /// Returns the owner of the tasks that renew its locks and release them, if that isn't that of the
    /// [`Locks`](super::Locks): of a connection, which is closed only when they have ended. It is asked for each lock anew,
    /// since the connection may not have been there when the `Locks` were made.
    fn keepers(&self) -> Option<Keepers> {
        None
    }

    /// Lets go of what a claim may have brought about of which nothing is known, as well as can be. Nothing by default, for
    /// stores that let go of what is dropped.
    fn abandon<'a>(&'a self, _claim: &'a Claim) -> LockFuture<'a, ()> {
        Box::pin(std::future::ready(()))
    }
}

/// Who wants which lock for how long.
///
/// ```
/// use std::time::Duration;
///
/// use zato_core::lock::Claim;
///
/// let claim = Claim::new("payment:1", Duration::from_secs(30));
/// assert_ne!(claim.owner(), Claim::new("payment:1", Duration::from_secs(30)).owner());
/// ```
#[derive(Clone, Debug)]
pub struct Claim {
    name: String,
    owner: String,
    ttl: Duration,
}

impl Claim {
    /// Makes a claim of an owner that nobody else is.
    #[must_use]
    pub fn new(name: impl Into<String>, ttl: Duration) -> Self {
        // Not the app's randomness: two apps of one test may have the same, and would both be the owner.
        let owner = format!("{:032x}", crate::ambient::Ambient::default().random());
        Self { name: name.into(), owner, ttl }
    }

    /// Returns the lock's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns whose claim it is: 32 hexadecimal digits that nobody else has.
    #[must_use]
    pub fn owner(&self) -> &str {
        &self.owner
    }

    /// Returns how long the lock is to be held unless it is renewed.
    #[must_use]
    pub fn ttl(&self) -> Duration {
        self.ttl
    }
}

/// What has become of a claim.
#[derive(Debug)]
pub enum Attempt {
    /// It is granted.
    Granted(Grant),
    /// Somebody else has the lock; who, if the store knows.
    Taken(Option<Holder>),
}

/// A lock as a store has given it out.
pub struct Grant {
    /// Larger than every one before of the same name.
    pub fencing_token: u64,
    /// What the lock is renewed and released by.
    pub lease: Box<dyn Lease>,
}

/// What a lock is renewed and released by. A store that can let go of one that is dropped does so.
pub trait Lease: Send + Sync + 'static {
    /// Has the lock last for so long from now on, and returns whether it is held still: `false` for sure if it isn't.
    ///
    /// # Errors
    ///
    /// Nobody knows whether the lock is held; it is tried again until the time is over that is known for sure.
    ///
    /// # Cancel safety
    ///
    /// Dropped when that time is over.
    fn renew(&self, ttl: Duration) -> LockFuture<'_, Result<bool>>;

    /// Gives the lock back, and returns whether it was held still; never anybody else's.
    ///
    /// # Errors
    ///
    /// Nobody knows whether the lock is held.
    ///
    /// # Cancel safety
    ///
    /// Dropped where it takes longer than 5 seconds.
    fn release(&self) -> LockFuture<'_, Result<bool>>;

    /// Waits until the lock is lost as the store finds by itself, such as by a connection that has ended; by default for
    /// ever.
    fn lost(&self) -> LockFuture<'_, ()> {
        Box::pin(std::future::pending())
    }
}

/// Who holds a lock.
///
/// ```
/// use zato_core::{chrono::DateTime, lock::Holder};
///
/// let holder = Holder { name: Some("bank".to_owned()), since: DateTime::from_timestamp(1_767_225_600, 0) };
/// assert_eq!(holder.to_string(), "bank since 2026-01-01T00:00:00Z");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holder {
    /// What it calls itself, such as the name of its connection.
    pub name: Option<String>,
    /// From when on, by the clock of the store.
    pub since: Option<DateTime<Utc>>,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name.as_deref().unwrap_or("somebody else"))?;
        match self.since {
            Some(since) => write!(f, " since {}", since.to_rfc3339_opts(SecondsFormat::AutoSi, true)),
            None => Ok(()),
        }
    }
}

/// Why a lock was not to be had, as the cause of a [`Conflict`](crate::Kind::Conflict): somebody else has it.
///
/// ```
/// use std::time::Duration;
///
/// use zato_core::{Kind, lock::{Locks, Taken}};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> zato_core::Result<()> {
/// let locks = Locks::in_process();
/// let _held = locks.lock("books").acquire().await?;
/// let error = locks.lock("books").wait(Duration::ZERO).acquire().await.unwrap_err();
/// assert_eq!(error.kind(), Kind::Conflict);
/// assert!(error.find::<Taken>().is_some());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// Who has it, if the store knows.
    pub holder: Option<Holder>,
    /// How long it was waited for.
    pub waited: Duration,
}

impl fmt::Display for Taken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.holder {
            Some(holder) => write!(f, "held by {holder}")?,
            None => f.write_str("held by somebody else")?,
        }
        match self.waited {
            Duration::ZERO => Ok(()),
            waited => write!(f, ", waited {waited:.1?}"),
        }
    }
}

impl StdError for Taken {}

impl fmt::Debug for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Grant").field("fencing_token", &self.fencing_token).finish_non_exhaustive()
    }
}
