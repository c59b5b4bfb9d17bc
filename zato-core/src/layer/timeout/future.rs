use std::{
    pin::Pin,
    task::{Context, Poll},
};

use pin_project_lite::pin_project;

use crate::{
    error::{Error, Kind, Result},
    inspect::Phases,
    layer::limit::NotBegun,
    resilience::timeout::TimeoutFuture,
};

pin_project! {
    /// The future of a [`Timeout`](super::Timeout): it says, too, if the time was over before there was a place.
    #[derive(Debug)]
    pub struct RequestFuture<F> {
        #[pin]
        pub(super) inner: TimeoutFuture<F>,
    }
}

impl<F, T> Future for RequestFuture<F>
where
    F: Future<Output = Result<T>>,
{
    type Output = Result<T>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<T>> {
        self.project().inner.poll(cx).map_err(explained)
    }
}

#[cold]
fn explained(error: Error) -> Error {
    let mut is_waiting = false;
    Phases::note(|phases| is_waiting = phases.is_waiting);
    if is_waiting && error.kind() == Kind::Timeout { error.with_source(NotBegun) } else { error }
}
