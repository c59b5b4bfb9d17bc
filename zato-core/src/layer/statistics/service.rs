use std::{
    sync::Arc,
    task::{Context, Poll},
};

use tower::Service;

use super::{Recorder, StatisticsFuture};
use crate::{error::Error, message::Message};

/// A service whose requests are counted and timed.
#[derive(Clone, Debug)]
pub struct Statistics<S> {
    pub(super) inner: S,
    pub(super) recorder: Arc<Recorder>,
}

impl<S> Service<Message> for Statistics<S>
where
    S: Service<Message, Error = Error>,
{
    type Response = S::Response;
    type Error = Error;
    type Future = StatisticsFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, message: Message) -> Self::Future {
        let since = message.head.received;
        StatisticsFuture::new(self.inner.call(message), Arc::clone(&self.recorder), since)
    }
}
