use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{Context, Poll},
};

use pin_project_lite::pin_project;

use crate::error::{Error, Result};

pin_project! {
    /// The future of a [`CatchPanic`](super::CatchPanic).
    #[derive(Debug)]
    pub struct CatchPanicFuture<F> {
        #[pin]
        inner: Option<F>,
        early: Option<Error>,
    }
}

impl<F> CatchPanicFuture<F> {
    pub(super) fn new(inner: F) -> Self {
        Self { inner: Some(inner), early: None }
    }

    pub(super) fn panicked(panic: &(dyn Any + Send)) -> Self {
        Self { inner: None, early: Some(error_of(panic)) }
    }
}

impl<F, T> Future for CatchPanicFuture<F>
where
    F: Future<Output = Result<T>>,
{
    type Output = Result<T>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<T>> {
        let mut this = self.project();
        let Some(inner) = this.inner.as_mut().as_pin_mut() else {
            let early = this.early.take();
            return Poll::Ready(Err(early.unwrap_or_else(|| Error::internal("polled again after it had panicked"))));
        };
        // The future is never polled again after a panic, so that nobody sees what it left half done.
        match catch_unwind(AssertUnwindSafe(|| inner.poll(cx))) {
            Ok(poll) => poll,
            Err(panic) => {
                // What it drops may panic once more, on its way out.
                let _ = catch_unwind(AssertUnwindSafe(|| this.inner.set(None)));
                Poll::Ready(Err(error_of(&*panic)))
            }
        }
    }
}

fn error_of(panic: &(dyn Any + Send)) -> Error {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    Error::internal(format!("the service panicked: {}", text.unwrap_or("(no text)")))
}
