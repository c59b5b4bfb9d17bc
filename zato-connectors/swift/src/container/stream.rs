use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use futures_util::stream::{self, BoxStream, StreamExt as _};
use zato_core::{Result, futures_core::Stream};

/// What is listed, as a stream. It ends with the first error.
///
/// It borrows nothing, and may be kept:
///
/// ```
/// use zato_core::Result;
/// use zato_swift::{EntryStream, Listed, Swift};
///
/// /// Goes through the invoices a few at a time.
/// struct Invoices {
///     left: EntryStream<Listed>,
/// }
///
/// impl Invoices {
///     fn of(storage: &Swift, container: String) -> Self {
///         Self { left: storage.container(&container).objects().prefix("2026/").stream() }
///     }
/// }
/// ```
#[must_use = "nothing is listed before somebody takes it"]
pub struct EntryStream<E>(BoxStream<'static, Result<E>>);

/// What gives entries one after the other.
pub(crate) trait Entrywise: Send + 'static {
    /// What it gives.
    type Entry: 'static;

    /// Returns the next one; `None` is the end.
    fn take(&mut self) -> impl Future<Output = Result<Option<Self::Entry>>> + Send;
}

impl<E> EntryStream<E> {
    pub(crate) fn of(entries: impl Entrywise<Entry = E>) -> Self {
        let taken = stream::unfold(Some(entries), |entries| async move {
            let mut entries = entries?;
            match entries.take().await {
                Ok(Some(entry)) => Some((Ok(entry), Some(entries))),
                Ok(None) => None,
                Err(error) => Some((Err(error), None)),
            }
        });
        // Whoever asks after the end is told so once more.
        Self(taken.fuse().boxed())
    }
}

impl<E> Stream for EntryStream<E> {
    type Item = Result<E>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<E>>> {
        self.0.poll_next_unpin(cx)
    }
}

impl<E> fmt::Debug for EntryStream<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EntryStream").finish_non_exhaustive()
    }
}
