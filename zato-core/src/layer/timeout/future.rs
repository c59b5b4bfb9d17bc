use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use pin_project_lite::pin_project;
use tokio::time::{Sleep, sleep};

use crate::error::{Error, Result};

pin_project! {
    /// The future of a [`Timeout`](super::Timeout).
    ///
    /// The timer is set only once the service has to wait for something: one that answers at once never pays for it.
    #[derive(Debug)]
    pub struct TimeoutFuture<F> {
        #[pin]
        inner: F,
        limit: Option<Duration>,
        // Boxed, since few need one and all would carry its size.
        sleep: Option<Pin<Box<Sleep>>>,
    }
}

impl<F> TimeoutFuture<F> {
    pub(super) fn new(inner: F, limit: Option<Duration>) -> Self {
        Self { inner, limit, sleep: None }
    }
}

impl<F, T> Future for TimeoutFuture<F>
where
    F: Future<Output = Result<T>>,
{
    type Output = Result<T>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<T>> {
        let this = self.project();
        if let Poll::Ready(output) = this.inner.poll(cx) {
            return Poll::Ready(output);
        }
        let Some(limit) = *this.limit else { return Poll::Pending };
        let timer = this.sleep.get_or_insert_with(|| Box::pin(sleep(limit)));
        ready!(timer.as_mut().poll(cx));
        Poll::Ready(Err(Error::timeout(format!("no reply within the channel's timeout of {limit:?}"))))
    }
}
