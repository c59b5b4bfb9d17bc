use std::task::{Context, Poll};

use tower::Service;

use super::TimeoutFuture;
use crate::{error::Error, resilience::OutgoingRequest};

/// A service whose calls have as long as [their request](OutgoingRequest::deadline) says.
///
/// It is the outermost of the layers: the time of a call is all of its attempts and pauses. A call whose time is over
/// fails with [`Kind::Timeout`](crate::Kind::Timeout).
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use tower::{Layer, ServiceExt, service_fn};
/// use zato_core::{Kind, Result, resilience::{Deadline, OutgoingRequest, Repeat, timeout::TimeoutLayer}};
///
/// #[derive(Clone)]
/// struct Ask(Deadline);
/// impl OutgoingRequest for Ask {
///     fn repeat(&self) -> Repeat { Repeat::Safe }
///     fn deadline(&self) -> Option<Deadline> { Some(self.0) }
/// }
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
/// let silent = service_fn(async |_: Ask| std::future::pending::<Result<()>>().await);
/// let call = TimeoutLayer.layer(silent).oneshot(Ask(Deadline::after(Duration::from_secs(10))));
/// assert_eq!(call.await.unwrap_err().kind(), Kind::Timeout);
/// # });
/// ```
#[derive(Clone, Debug)]
pub struct Timeout<S> {
    pub(super) inner: S,
}

impl<S, Req> Service<Req> for Timeout<S>
where
    S: Service<Req, Error = Error>,
    Req: OutgoingRequest,
{
    type Response = S::Response;
    type Error = Error;
    type Future = TimeoutFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        let deadline = request.deadline();
        TimeoutFuture::of_call(self.inner.call(request), deadline)
    }
}
