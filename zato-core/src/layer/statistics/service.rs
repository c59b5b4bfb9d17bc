use std::{
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use tower::Service;

use super::{Recorder, StatisticsFuture, slow::Slow};
use crate::{
    error::Error,
    message::{Message, Reply},
};

/// A service whose requests are counted and timed, and logged if they are slow.
#[derive(Clone, Debug)]
pub struct Statistics<S> {
    pub(super) inner: S,
    pub(super) recorder: Arc<Recorder>,
    pub(super) slow: Duration,
}

impl<S> Service<Message> for Statistics<S>
where
    S: Service<Message, Response = Reply, Error = Error>,
{
    type Response = Reply;
    type Error = Error;
    type Future = StatisticsFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, message: Message) -> Self::Future {
        let since = message.head.received;
        let slow = Slow { threshold: self.slow, body: message.head.body_wait };
        StatisticsFuture::new(self.inner.call(message), Arc::clone(&self.recorder), since, slow)
    }
}
