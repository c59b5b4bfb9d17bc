use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use pin_project_lite::pin_project;
use tokio::time::{Sleep, sleep, sleep_until};

use crate::{
    error::{Error, Result},
    resilience::Deadline,
};

pin_project! {
    /// The future of a call that has its time, be it to another system or to a service of ours.
    ///
    /// The timer is set only once there is something to wait for: what answers at once never pays for it.
    #[derive(Debug)]
    pub struct TimeoutFuture<F> {
        #[pin]
        inner: F,
        limit: Limit,
        // Boxed, since few need one and all would carry its size.
        sleep: Option<Pin<Box<Sleep>>>,
    }
}

/// How much time there is, and who says so.
#[derive(Clone, Copy, Debug)]
enum Limit {
    None,
    /// From when it first has to wait.
    OfChannel(Duration),
    OfCall(Deadline),
}

impl<F> TimeoutFuture<F> {
    pub(crate) fn of_channel(inner: F, limit: Option<Duration>) -> Self {
        Self { inner, limit: limit.map_or(Limit::None, Limit::OfChannel), sleep: None }
    }

    pub(super) fn of_call(inner: F, deadline: Option<Deadline>) -> Self {
        Self { inner, limit: deadline.map_or(Limit::None, Limit::OfCall), sleep: None }
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
        let timer = match (&mut *this.sleep, *this.limit) {
            (Some(timer), _) => timer,
            (None, Limit::None) => return Poll::Pending,
            (none, Limit::OfChannel(limit)) => none.insert(Box::pin(sleep(limit))),
            (none, Limit::OfCall(deadline)) => none.insert(Box::pin(sleep_until(deadline.at()))),
        };
        ready!(timer.as_mut().poll(cx));
        Poll::Ready(Err(this.limit.is_over()))
    }
}

impl Limit {
    fn is_over(self) -> Error {
        Error::timeout(match self {
            Self::OfChannel(limit) => format!("no reply within the channel's timeout of {limit:?}"),
            Self::OfCall(deadline) => format!("no answer within the call's timeout of {:?}", deadline.timeout()),
            Self::None => "no reply in time".to_owned(),
        })
    }
}
