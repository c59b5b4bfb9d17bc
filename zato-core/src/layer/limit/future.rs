use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use pin_project_lite::pin_project;

use super::limiter::{Held, Place};
use crate::error::{Error, Result};

pin_project! {
    /// The future of a [`Limit`](super::Limit).
    pub struct LimitFuture<F> {
        #[pin]
        inner: Option<F>,
        place: Option<Place>,
        // Held until the request has ended, however it ends.
        held: Option<Held>,
        refused: Option<Error>,
    }
}

impl<F> LimitFuture<F> {
    pub(super) fn unlimited(inner: F) -> Self {
        Self { inner: Some(inner), place: None, held: None, refused: None }
    }

    pub(super) fn limited(inner: F, place: Place) -> Self {
        match place {
            Place::Given(held) => Self { inner: Some(inner), place: None, held: Some(held), refused: None },
            waiting @ Place::Awaited(_) => Self { inner: Some(inner), place: Some(waiting), held: None, refused: None },
        }
    }

    pub(super) fn refused(error: Error) -> Self {
        Self { inner: None, place: None, held: None, refused: Some(error) }
    }
}

impl<F, T> Future for LimitFuture<F>
where
    F: Future<Output = Result<T>>,
{
    type Output = Result<T>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<T>> {
        let this = self.project();
        if let Some(Place::Awaited(waiting)) = this.place {
            let entered = ready!(waiting.as_mut().poll(cx));
            *this.place = None;
            match entered {
                Ok(held) => *this.held = Some(held),
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        let Some(inner) = this.inner.as_pin_mut() else {
            let refused = this.refused.take();
            return Poll::Ready(Err(refused.unwrap_or_else(|| Error::internal("polled again after it was refused"))));
        };
        let output = ready!(inner.poll(cx));
        *this.held = None;
        Poll::Ready(output)
    }
}

impl<F> fmt::Debug for LimitFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LimitFuture").field("waits", &self.place.is_some()).finish_non_exhaustive()
    }
}
