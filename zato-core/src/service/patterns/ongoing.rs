use std::fmt;

use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::{
    error::{Error, Result},
    message::Cid,
};

/// Work in the background, as whoever began it holds it. Dropped, it lets the work go on.
///
/// ```
/// use zato_core::{Kind, Result, testing::TestContext};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// let ctx = TestContext::new().service("report.make", |_| std::future::pending()).build();
/// let ongoing = ctx.invoke_async_by_name("report.make", 7.into()).start()?;
/// assert_eq!(ongoing.cid(), ctx.cid());
///
/// ongoing.cancel();
/// assert_eq!(ongoing.wait().await.unwrap_err().kind(), Kind::Unavailable);
/// # Ok(())
/// # }
/// ```
pub struct Ongoing<T> {
    pub(super) cid: Cid,
    pub(super) cancellation: CancellationToken,
    pub(super) end: oneshot::Receiver<Result<T>>,
}

impl<T> Ongoing<T> {
    /// Returns the correlation id that the work is done under.
    #[must_use]
    pub fn cid(&self) -> Cid {
        self.cid
    }

    /// Ends the work: whatever it has invoked is stopped at the await where it stands, and no callback is told.
    pub fn cancel(&self) {
        self.cancellation.cancel();
    }

    /// Waits until the work has ended, its callbacks included.
    ///
    /// # Errors
    ///
    /// What it ended with, if that is an error; [`Unavailable`](crate::Kind::Unavailable) if it was cancelled, or cut since
    /// the app stopped.
    ///
    /// # Cancel safety
    ///
    /// When dropped, the work goes on.
    pub async fn wait(self) -> Result<T> {
        self.end.await.unwrap_or_else(|_| Err(Error::unavailable("what was done in the background was cancelled")))
    }
}

impl<T> fmt::Debug for Ongoing<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ongoing").field("cid", &self.cid).finish_non_exhaustive()
    }
}
