//! The service is called with an object, and what it says of that is done.

use std::sync::Arc;

use tokio::time::timeout;
use zato_core::{
    Result,
    bytes::Bytes,
    channel::{
        Delivery, Settling,
        broker::{Decision, Outcome},
    },
    connection::Backoff,
    layer::limit::NotBegun,
    message::{ByteStream, Message, Payload, Reply},
};

use super::{
    consumer::LONGEST_PAUSE,
    intake,
    mark::Mark,
    work::{Attempt, Work, note},
};
use crate::received::Received;

/// What the service is given.
pub(super) enum Content {
    Bytes(Bytes),
    /// That is gone after the first time.
    Stream(Option<ByteStream>),
}

impl Work {
    /// Has the service called, as soon as the program has a place for that.
    pub(super) async fn call_in_time(&self, received: &Arc<Received>, mut content: Content, attempt: &Attempt) {
        let mut backoff = Backoff::new(LONGEST_PAUSE);
        loop {
            let payload = match &mut content {
                Content::Bytes(bytes) => Payload::from(bytes.clone()),
                Content::Stream(stream) => match self.stream(stream.take()).await {
                    Ok(Some(stream)) => Payload::from(stream),
                    Ok(None) => return,
                    Err(error) => return self.unread(error, attempt).await,
                },
            };
            let message = intake::message(received, payload, &self.route.info, attempt.cid);
            let Err(error) = self.try_to_serve(message, attempt).await else { return };
            let pause = backoff.next(self.shared.ambient.random());
            note!(debug, self, %error, "an object waits for a place among all requests");
            if timeout(pause, self.shared.shift.stop.cancelled()).await.is_ok() {
                return self.give_back(attempt).await;
            }
        }
    }

    /// Returns what is there to be read, or asks for it once more.
    async fn stream(&self, stream: Option<ByteStream>) -> Result<Option<ByteStream>> {
        match stream {
            Some(stream) => Ok(Some(stream)),
            None => Ok(self.fetch().await?.and_then(|(_, stream)| stream)),
        }
    }

    /// Has the service called, and settles the object.
    ///
    /// # Errors
    ///
    /// The service was not called, since the program is busy. That is no fault of the object, and no attempt.
    async fn try_to_serve(&self, message: Message, attempt: &Attempt) -> Result<()> {
        if !self.route.inlet.takes_delivery() {
            let result = self.call(message).await?;
            self.conclude(result, attempt).await;
            return Ok(());
        }
        // The service may settle it itself, and may go on with that after it has returned.
        let (delivery, settling) = Delivery::pair();
        let call = self.call(message.with_delivery(delivery));
        let (result, is_settled) = tokio::join!(call, self.settled_by_service(settling, attempt));
        match (result?, is_settled) {
            (_, true) => {}
            (Ok(_), false) => self.forgotten(attempt).await,
            (Err(error), false) => self.conclude(Err(error), attempt).await,
        }
        Ok(())
    }

    /// Calls the service; fails if it was not called.
    async fn call(&self, message: Message) -> Result<Result<Reply>> {
        match self.route.inlet.call(message).await {
            Err(error) if NotBegun::is_cause_of(&error) => Err(error),
            result => Ok(result),
        }
    }

    /// Has an object come again whose service has succeeded, and dropped the delivery that it took.
    async fn forgotten(&self, attempt: &Attempt) {
        note!(
            warn,
            self,
            zato.cid = attempt.cid.as_str(),
            zato.service = self.route.info.service,
            "a service has succeeded and not settled the delivery that it took; the object comes again"
        );
        let _ = self.carry_out(self.route.policies.of_unsettled(attempt.number), attempt).await;
    }

    /// Does what the service says of the object; returns whether it says anything.
    async fn settled_by_service(&self, settling: Settling, attempt: &Attempt) -> bool {
        let Some((settlement, answer)) = settling.await else { return false };
        let decision = self.route.policies.of_settlement(attempt.number, settlement);
        answer.send(self.carry_out(decision, attempt).await);
        true
    }

    /// Settles the object as its service has ended.
    pub(super) async fn conclude(&self, result: Result<Reply>, attempt: &Attempt) {
        let decision = match result {
            Ok(_) => Decision::Done,
            Err(error) => self.route.policies.of_failure(attempt.number, &error),
        };
        // What it failed with is in the log.
        let _ = self.carry_out(decision, attempt).await;
    }

    /// Takes back what was noted of an attempt that was none.
    pub(super) async fn give_back(&self, attempt: &Attempt) {
        if self.is_taken_over(false, attempt).await {
            return self.shared.meter.count(Outcome::Stale);
        }
        let mark = Mark::Tried { attempts: attempt.number.saturating_sub(1), after: None };
        if self.told(mark).await.is_ok() {
            self.shared.meter.count(Outcome::Requeued);
        }
    }
}
