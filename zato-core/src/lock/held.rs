use std::{fmt, time::Duration};

use tokio::{
    sync::{oneshot, watch},
    time::Instant,
};

use super::keeper::Told;
use crate::error::{Error, Result};

/// A lock that is held, until it is released or dropped, or lost.
///
/// ```
/// use zato_core::{Result, lock::Locks};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// let locks = Locks::in_process();
/// let lock = locks.lock("books").acquire().await?;
/// assert!(lock.is_held());
/// assert_eq!((lock.name(), lock.fencing_token()), ("books", 1));
/// lock.release().await?;
/// assert_eq!(locks.lock("books").acquire().await?.fencing_token(), 2);
/// # Ok(())
/// # }
/// ```
#[must_use = "a lock that is dropped is released"]
pub struct Lock {
    name: String,
    fencing_token: u64,
    /// Until when it is held for sure; `None` when it is lost, or released.
    until: watch::Receiver<Option<Instant>>,
    /// When dropped, the lock is released.
    keeper: oneshot::Sender<Told>,
}

impl Lock {
    pub(super) fn new(
        name: String,
        fencing_token: u64,
        until: watch::Receiver<Option<Instant>>,
        keeper: oneshot::Sender<Told>,
    ) -> Self {
        Self { name, fencing_token, until, keeper }
    }

    /// Returns the lock's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns a number that is larger than that of everybody who had the lock before.
    ///
    /// Whoever is told to do something, such as a database, can refuse what comes with a smaller number than it has seen: from
    /// somebody who was suspended, and does not know yet that the lock is another's.
    #[must_use]
    pub fn fencing_token(&self) -> u64 {
        self.fencing_token
    }

    /// Returns whether the lock is held for sure, unless the program was suspended: its clock may stand still then.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.until.borrow().is_some_and(|until| Instant::now() < until)
    }

    /// Returns for how long the lock is held for sure even if it can't be renewed from now on; zero if it is lost.
    #[must_use]
    pub fn remaining(&self) -> Duration {
        self.until.borrow().map_or(Duration::ZERO, |until| until.saturating_duration_since(Instant::now()))
    }

    /// Waits until the lock is lost. That is told before anybody else can have it, unless the program was suspended.
    ///
    /// # Cancel safety
    ///
    /// May be dropped at any time.
    pub async fn lost(&self) {
        let mut until = self.until.clone();
        // Its sender says so before it goes.
        let _ = until.wait_for(Option::is_none).await;
    }

    /// Gives the lock back, and returns when others can have it.
    ///
    /// # Errors
    ///
    /// [`Conflict`](crate::Kind::Conflict) if it was lost before; what the store fails with: then others can have it when its
    /// time is over.
    ///
    /// # Cancel safety
    ///
    /// When dropped, the lock is released all the same.
    pub async fn release(self) -> Result<()> {
        let Self { keeper, name, .. } = self;
        let (told, answer) = oneshot::channel();
        let lost = || lost_error(&name);
        keeper.send(told).map_err(|_| lost())?;
        match answer.await {
            Ok(Ok(true)) => Ok(()),
            Ok(Ok(false)) | Err(_) => Err(lost()),
            Ok(Err(error)) => Err(error.with("lock", name)),
        }
    }

    pub(super) fn lost_error(&self) -> Error {
        lost_error(&self.name)
    }
}

fn lost_error(name: &str) -> Error {
    Error::conflict("the lock was lost before it was released; somebody else may have it").with("lock", name)
}

impl fmt::Debug for Lock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lock")
            .field("name", &self.name)
            .field("fencing_token", &self.fencing_token)
            .field("is_held", &self.is_held())
            .finish_non_exhaustive()
    }
}
