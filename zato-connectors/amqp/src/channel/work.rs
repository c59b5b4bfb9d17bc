//! One message, from its delivery to its settlement: the service is called, and only then is the broker told.

use std::sync::Arc;

use tokio::sync::OwnedSemaphorePermit;
use tracing::warn;
use zato_core::{
    Error, Kind, Result,
    bytes::Bytes,
    channel::{Delivery, Settlement, Settling},
    message::{Cid, Message, Reply},
};

use super::{
    consumer::Shared,
    copies,
    decision::{Decision, Reason},
    entry::Route,
    intake,
    meter::InWork,
    session::Session,
};
use crate::{
    config::{AckMode, CHANNEL},
    received::Received,
    wire::Delivered,
};

/// A message in work.
pub(super) struct Work {
    pub(super) shared: Arc<Shared>,
    pub(super) session: Arc<Session>,
    /// As it was when the message came.
    pub(super) route: Arc<Route>,
    pub(super) received: Arc<Received>,
    pub(super) body: Bytes,
    pub(super) cid: Cid,
    pub(super) tag: u64,
    _in_work: InWork,
}

impl Work {
    pub(super) fn new(shared: &Arc<Shared>, session: &Arc<Session>, delivered: Delivered) -> Self {
        let (tag, body) = (delivered.tag, delivered.body.clone());
        let received = Arc::new(Received::new(delivered, &shared.terms.queue, &session.tag));
        if received.is_redelivered() {
            shared.meter.redelivered();
        }
        Self {
            cid: intake::cid(&received, &shared.ambient),
            route: shared.route(),
            _in_work: shared.meter.begin(),
            shared: Arc::clone(shared),
            session: Arc::clone(session),
            received,
            body,
            tag,
        }
    }

    /// Serves the message, and settles it. The place is free as soon as the service has returned.
    ///
    /// # Cancel safety
    ///
    /// When dropped, the message is not settled: it comes again.
    pub(super) async fn run(self, place: OwnedSemaphorePermit) {
        if let Some(decision) = self.route.policies.before(self.received.attempt(), self.received.delivery_count()) {
            drop(place);
            // Whatever becomes of it was counted, and logged.
            let _ = self.carry_out(decision).await;
            return;
        }
        if self.body.len() > self.route.max_message_size {
            drop(place);
            let (len, max) = (self.body.len(), self.route.max_message_size);
            let message = format!("the message has {len} bytes, of which the channel takes {max}");
            return self.conclude(Err(Error::new(Kind::TooLarge, message))).await;
        }
        let message = intake::message(&self.received, self.body.clone(), &self.route.info, self.cid);
        if self.route.inlet.takes_delivery() {
            return self.serve_with_delivery(message, place).await;
        }
        let result = self.route.inlet.call(message).await;
        drop(place);
        self.conclude(result).await;
    }

    /// Serves a message whose service may settle it itself, and may go on with that after it has returned.
    async fn serve_with_delivery(&self, message: Message, place: OwnedSemaphorePermit) {
        let (delivery, settling) = Delivery::pair();
        let call = self.route.inlet.call(message.with_delivery(delivery));
        let serve = async {
            let result = call.await;
            drop(place);
            result
        };
        let (result, settled) = tokio::join!(serve, self.settled_by_service(settling));
        match (result, settled) {
            (Ok(reply), Some(_)) => self.reply(reply).await,
            (Err(error), Some(is_final)) => self.refuse(&error, is_final).await,
            (Ok(_), None) => {
                warn!(
                    section = CHANNEL.name,
                    channel = self.shared.name,
                    zato.cid = self.cid.as_str(),
                    zato.service = self.route.info.service,
                    "a service has succeeded and not settled the delivery that it took; the message comes again"
                );
                let attempt = self.received.attempt();
                let reason = || Reason::of_service("the service did not settle it");
                let policies = &self.route.policies;
                let _ = self.carry_out(policies.again(attempt, policies.delay(attempt), reason)).await;
            }
            (Err(error), None) => self.conclude(Err(error)).await,
        }
    }

    /// Does what the service says of the message, and tells whether it is settled for good; `None` if the service says
    /// nothing.
    async fn settled_by_service(&self, settling: Settling) -> Option<bool> {
        let (settlement, answer) = settling.await?;
        let (attempt, policies) = (self.received.attempt(), &self.route.policies);
        let given_back = || Reason::of_service("the service gave it back too often");
        let decision = match settlement {
            Settlement::Ack => Decision::Done(AckMode::Ack),
            Settlement::Reject => Decision::Reject(Reason::of_service("the service rejected it")),
            Settlement::DeadLetter { reason } if self.route.dead_letter.is_some() => {
                Decision::DeadLetter(Reason::of_service(&reason))
            }
            // The queue may have dead letters of its own.
            Settlement::DeadLetter { reason } => Decision::Reject(Reason::of_service(&reason)),
            Settlement::Requeue { after } => {
                policies.again(attempt, copies::rounded(after.unwrap_or_default()), given_back)
            }
            _ => policies.again(attempt, policies.delay(attempt), given_back),
        };
        let is_final = !matches!(decision, Decision::Again { .. });
        answer.send(self.carry_out(decision).await);
        Some(is_final)
    }

    /// Settles the message as its service has ended.
    async fn conclude(&self, result: Result<Reply>) {
        let (attempt, policies) = (self.received.attempt(), &self.route.policies);
        let decision = match result {
            Ok(reply) => {
                // What the service has done is done, whatever becomes of its reply: the message does not come again.
                self.reply(reply).await;
                policies.of_success()
            }
            Err(error) => {
                let decision = policies.of_failure(attempt, &error);
                self.refuse(&error, !matches!(decision, Decision::Again { .. })).await;
                decision
            }
        };
        // Whatever becomes of it was counted, and logged.
        let _ = self.carry_out(decision).await;
    }
}
