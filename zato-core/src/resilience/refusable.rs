use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use pin_project_lite::pin_project;

use crate::error::{Error, Result};

pin_project! {
    /// The future of a call that is made, or was refused before.
    pub struct Refusable<F> {
        #[pin]
        call: Option<F>,
        refused: Option<Error>,
    }
}

impl<F> Refusable<F> {
    pub(super) fn made(call: F) -> Self {
        Self { call: Some(call), refused: None }
    }

    pub(super) fn refused(error: Error) -> Self {
        Self { call: None, refused: Some(error) }
    }
}

impl<F, T> Future for Refusable<F>
where
    F: Future<Output = Result<T>>,
{
    type Output = Result<T>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<T>> {
        let this = self.project();
        let Some(call) = this.call.as_pin_mut() else {
            let refused = this.refused.take();
            return Poll::Ready(Err(refused.unwrap_or_else(|| Error::internal("polled again after it was refused"))));
        };
        call.poll(cx)
    }
}

impl<F> fmt::Debug for Refusable<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Refusable").field("is_made", &self.call.is_some()).finish_non_exhaustive()
    }
}
