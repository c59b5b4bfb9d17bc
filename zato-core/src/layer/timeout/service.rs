use std::task::{Context, Poll};

use tower::Service;

use super::RequestFuture;
use crate::{error::Error, message::Message, resilience::timeout::TimeoutFuture};

/// A service that has as long as the message's channel says.
///
/// A service that another one invokes has no time of its own, unless that is done in the background: it ends with the
/// request that it is a part of.
#[derive(Clone, Debug)]
pub struct Timeout<S> {
    pub(super) inner: S,
}

impl<S> Service<Message> for Timeout<S>
where
    S: Service<Message, Error = Error>,
{
    type Response = S::Response;
    type Error = Error;
    type Future = RequestFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, message: Message) -> Self::Future {
        let head = &*message.head;
        let limit = (head.depth == 0 || head.is_detached).then_some(head.channel.timeout);
        RequestFuture { inner: TimeoutFuture::of_channel(self.inner.call(message), limit) }
    }
}
