use std::{
    sync::Arc,
    task::{Context, Poll},
};

use tower::Service;

use super::{LimitFuture, Limiter};
use crate::{error::Error, message::Message};

/// A service that starts only when its limiter has a place.
///
/// It is always ready and waits within the call: the place belongs to the request and not to a clone of the service.
/// A channel may have a limiter of its own; then a request needs a place of both.
///
/// A service that another one invokes takes no place, since the request that it is a part of holds one; with two, a
/// full house of requests that each wait for their second one would never empty. What is done in the background is
/// counted where that is begun.
#[derive(Clone, Debug)]
pub struct Limit<S> {
    pub(super) inner: S,
    pub(super) limiter: Arc<Limiter>,
    pub(super) of_channel: Option<Arc<Limiter>>,
}

impl<S> Service<Message> for Limit<S>
where
    S: Service<Message, Error = Error>,
{
    type Response = S::Response;
    type Error = Error;
    type Future = LimitFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, message: Message) -> Self::Future {
        if message.head.depth > 0 {
            return LimitFuture::unlimited(self.inner.call(message));
        }
        let entered = match &self.of_channel {
            None => self.limiter.enter(),
            Some(of_channel) => self.limiter.enter_from(of_channel),
        };
        match entered {
            Ok(place) => LimitFuture::limited(self.inner.call(message), place),
            Err(error) => LimitFuture::refused(error),
        }
    }
}
