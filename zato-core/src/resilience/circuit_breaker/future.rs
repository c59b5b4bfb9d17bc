use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use pin_project_lite::pin_project;

use super::Passage;
use crate::{
    error::{Error, Result},
    resilience::{OutgoingResponse, Refusable, Verdict},
};

pin_project! {
    /// The future of a [`CircuitBreaker`](super::CircuitBreaker).
    #[derive(Debug)]
    pub struct CircuitBreakerFuture<F> {
        #[pin]
        call: Refusable<F>,
        passage: Option<Passage>,
    }
}

impl<F> CircuitBreakerFuture<F> {
    pub(super) fn made(call: F, passage: Option<Passage>) -> Self {
        Self { call: Refusable::made(call), passage }
    }

    pub(super) fn refused(error: Error) -> Self {
        Self { call: Refusable::refused(error), passage: None }
    }
}

impl<F, T> Future for CircuitBreakerFuture<F>
where
    F: Future<Output = Result<T>>,
    T: OutgoingResponse,
{
    type Output = Result<T>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<T>> {
        let this = self.project();
        let result = ready!(this.call.poll(cx));
        if let Some(passage) = this.passage.take() {
            passage.report(Verdict::of(&result).health);
        }
        Poll::Ready(result)
    }
}
