use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    task::{Context, Poll},
};

use tower::Service;

use super::CatchPanicFuture;
use crate::error::Error;

/// A service whose panics are internal errors of the request that they happened in.
#[derive(Clone, Debug)]
pub struct CatchPanic<S> {
    pub(super) inner: S,
}

impl<S, M> Service<M> for CatchPanic<S>
where
    S: Service<M, Error = Error>,
{
    type Response = S::Response;
    type Error = Error;
    type Future = CatchPanicFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, message: M) -> Self::Future {
        // A layer of the user's may panic before there is a future.
        match catch_unwind(AssertUnwindSafe(|| self.inner.call(message))) {
            Ok(future) => CatchPanicFuture::new(future),
            Err(panic) => CatchPanicFuture::panicked(&panic),
        }
    }
}
