//! Work on files that somebody may cease to wait for. The thread that does it can't be stopped, and what it did late would be done
//! to what others have put there meanwhile.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use zato_core::{Error, Result};

use super::blocking;

/// Whether nobody waits for something any more.
#[derive(Clone, Debug, Default)]
pub(super) struct GivenUp(Arc<AtomicBool>);

/// Says so when it is dropped.
struct Waiting(GivenUp);

/// Works on files as [`blocking`] does. The work asks whether it was given up before each step that others can see.
pub(super) async fn waited_for<T: Send + 'static>(
    work: impl FnOnce(&GivenUp) -> Result<T> + Send + 'static,
) -> Result<T> {
    let waiting = Waiting(GivenUp::default());
    let given_up = waiting.0.clone();
    blocking(move || work(&given_up)).await
}

impl GivenUp {
    /// Fails if nobody waits any more.
    pub(super) fn check(&self) -> Result<()> {
        if self.0.load(Ordering::Acquire) {
            return Err(Error::timeout("nobody has waited for the object storage to do this"));
        }
        Ok(())
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.0.store(true, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_knows_whether_somebody_waits() {
        let given_up = waited_for(|given_up| given_up.check().map(|()| given_up.clone())).await.unwrap();
        assert!(given_up.check().is_err());
    }
}
