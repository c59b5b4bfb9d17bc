use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::{Attempt, Claim, Grant, Holder, Lease, LockFuture, LockStore};
use crate::{ambient::Ambient, error::Result};

/// Keeps locks in this program.
///
/// ```
/// use std::sync::Arc;
///
/// use zato_core::lock::{InProcessLocks, Locks};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> zato_core::Result<()> {
/// let store = Arc::new(InProcessLocks::default());
/// let (one, other) = (Locks::new(store.clone()), Locks::new(store));
/// let _held = one.lock("books").acquire().await?;
/// assert!(other.lock("books").try_acquire().await?.is_none());
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Default)]
pub struct InProcessLocks(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    held: BTreeMap<String, Held>,
    /// Of all names together, so that nothing has to be kept of those that nobody holds.
    last_token: u64,
}

#[derive(Debug)]
struct Held {
    owner: String,
    fencing_token: u64,
    until: Instant,
    holder: Holder,
}

impl InProcessLocks {
    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn claim(&mut self, claim: &Claim) -> Result<u64, Holder> {
        let now = Instant::now();
        self.held.retain(|_, held| now < held.until);
        let until = now + claim.ttl();
        if let Some(held) = self.held.get_mut(claim.name()) {
            if held.owner != claim.owner() {
                return Err(held.holder.clone());
            }
            held.until = until;
            return Ok(held.fencing_token);
        }
        self.last_token += 1;
        let holder = Holder { name: None, since: Some(Ambient::default().now()) };
        let held = Held { owner: claim.owner().to_owned(), fencing_token: self.last_token, until, holder };
        self.held.insert(claim.name().to_owned(), held);
        Ok(self.last_token)
    }
}

impl LockStore for InProcessLocks {
    fn try_lock<'a>(&'a self, claim: &'a Claim) -> LockFuture<'a, Result<Attempt>> {
        let attempt = match self.lock().claim(claim) {
            Ok(fencing_token) => {
                let lease = InProcessLease { known: Arc::clone(&self.0), claim: claim.clone() };
                Attempt::Granted(Grant { fencing_token, lease: Box::new(lease) })
            }
            Err(holder) => Attempt::Taken(Some(holder)),
        };
        Box::pin(std::future::ready(Ok(attempt)))
    }
}

struct InProcessLease {
    known: Arc<Mutex<Known>>,
    claim: Claim,
}

impl InProcessLease {
    /// Changes the lock if it is this one's, and returns whether it is.
    fn change(&self, change: impl FnOnce(&mut Held)) -> bool {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let held = known.held.get_mut(self.claim.name());
        let held = held.filter(|held| held.owner == self.claim.owner() && Instant::now() < held.until);
        held.map(change).is_some()
    }
}

impl Lease for InProcessLease {
    fn renew(&self, ttl: Duration) -> LockFuture<'_, Result<bool>> {
        let is_held = self.change(|held| held.until = Instant::now() + ttl);
        Box::pin(std::future::ready(Ok(is_held)))
    }

    fn release(&self) -> LockFuture<'_, Result<bool>> {
        let was_held = self.change(|held| held.until = Instant::now());
        Box::pin(std::future::ready(Ok(was_held)))
    }
}

impl Drop for InProcessLease {
    fn drop(&mut self) {
        self.change(|held| held.until = Instant::now());
    }
}
