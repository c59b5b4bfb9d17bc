//! One message, from its delivery to its settlement: the service is called, and only then is the broker told.

use std::{sync::Arc, time::Duration};

use tokio::{sync::OwnedSemaphorePermit, time::sleep};
use tracing::{debug, error, warn};
use zato_core::{
    Error, Kind, Result,
    bytes::Bytes,
    channel::{Delivery, Settlement, Settling},
    message::{Cid, Message, Reply},
};

use super::{
    answer,
    consumer::Shared,
    copies::{self, GivenUp},
    decision::{Decision, Reason},
    entry::Route,
    intake,
    meter::{InWork, Outcome},
    session::Session,
};
use crate::{
    config::{AckMode, CHANNEL},
    received::Received,
    wire::{self, Delivered, WireError},
};

/// How long a message is held back at the least that can't be put anywhere: without a pause it would come again at once,
/// and so on.
const SHORTEST_HOLD: Duration = Duration::from_secs(1);

/// How long a message is held back at the most: brokers end the channel of whoever settles nothing for long (RabbitMQ's
/// `consumer_timeout`, 30 minutes by default).
const LONGEST_HOLD: Duration = Duration::from_secs(60);

/// A message in work.
pub(super) struct Work {
    shared: Arc<Shared>,
    session: Arc<Session>,
    /// As it was when the message came.
    route: Arc<Route>,
    received: Arc<Received>,
    body: Bytes,
    cid: Cid,
    tag: u64,
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
            // It is settled already, so that nothing but a line is left to do about a reply that can't be sent.
            (Ok(reply), Some(_)) => self.note_unanswered(self.reply(reply).await),
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
            Ok(reply) => match self.reply(reply).await {
                Ok(()) => policies.of_success(),
                Err(error) => policies.of_failure(attempt, &error),
            },
            Err(error) => {
                let decision = policies.of_failure(attempt, &error);
                self.refuse(&error, !matches!(decision, Decision::Again { .. })).await;
                decision
            }
        };
        // Whatever becomes of it was counted, and logged.
        let _ = self.carry_out(decision).await;
    }

    /// Tells whoever waits for a reply that there will be none, once that is sure.
    async fn refuse(&self, error: &Error, is_final: bool) {
        if !is_final || !self.route.gives {
            return;
        }
        let publication = answer::failure(&self.received, error, self.cid, self.shared.ambient.random());
        if let Some(publication) = publication {
            let sent = self.shared.outbox.send(publication, None).await;
            self.note_unanswered(
                sent.map_err(|error| Error::unavailable("the reply can't be sent").with_source(error)),
            );
        }
    }

    fn note_unanswered(&self, sent: Result<()>) {
        if let Err(error) = sent {
            let error = error.report();
            warn!(
                section = CHANNEL.name,
                channel = self.shared.name,
                zato.cid = self.cid.as_str(),
                %error,
                "whoever waits for a reply gets none"
            );
        }
    }

    /// Sends what the service gave to whoever waits for it.
    async fn reply(&self, reply: Reply) -> Result<()> {
        if !self.route.gives || self.received.reply_to().is_none() {
            return Ok(());
        }
        let max = self.route.max_message_size;
        let random = self.shared.ambient.random();
        let Some(publication) = answer::reply(&self.received, reply, self.cid, random, max).await? else {
            return Ok(());
        };
        let sent = self.shared.outbox.send(publication, None).await;
        sent.map_err(|error| Error::unavailable("the reply can't be sent").with_source(error))
    }

    async fn carry_out(&self, decision: Decision) -> Result<()> {
        match decision {
            Decision::Done(AckMode::Ack) => self.ack(Outcome::Acked).await,
            Decision::Done(AckMode::Reject) => self.nack(false, Outcome::Rejected).await,
            Decision::Again { after } => self.again(after).await,
            Decision::DeadLetter(reason) => self.dead_letter(reason).await,
            Decision::Reject(reason) => {
                error!(
                    section = CHANNEL.name,
                    channel = self.shared.name,
                    zato.cid = self.cid.as_str(),
                    message_id = self.received.message_id(),
                    bytes = self.body.len(),
                    attempt = self.received.attempt(),
                    error = reason.report,
                    "a message is rejected"
                );
                self.nack(false, Outcome::Rejected).await
            }
            Decision::Drop(reason) => {
                warn!(
                    section = CHANNEL.name,
                    channel = self.shared.name,
                    zato.cid = self.cid.as_str(),
                    message_id = self.received.message_id(),
                    bytes = self.body.len(),
                    error = reason.report,
                    "a message is acknowledged although it was not served"
                );
                self.ack(Outcome::Dropped).await
            }
        }
    }

    /// Has the message come again: a copy goes where it waits, and only when the broker has that is the message itself
    /// acknowledged.
    async fn again(&self, after: Duration) -> Result<()> {
        let (copy, waiting) = copies::again(&self.received, &self.body, self.cid, after, self.shared.ambient.random());
        match self.shared.outbox.send(copy, waiting).await {
            Ok(()) => {
                debug!(
                    section = CHANNEL.name,
                    channel = self.shared.name,
                    zato.cid = self.cid.as_str(),
                    attempt = self.received.attempt(),
                    after_ms = u64::try_from(after.as_millis()).unwrap_or(u64::MAX),
                    "a message comes again"
                );
                self.ack(Outcome::Requeued).await
            }
            Err(error) => self.hold_back(after, &error).await,
        }
    }

    /// Gives the message back by the broker's own means, which know of no delay: it is waited for here.
    async fn hold_back(&self, after: Duration, error: &WireError) -> Result<()> {
        let held = after.clamp(SHORTEST_HOLD, LONGEST_HOLD);
        warn!(
            section = CHANNEL.name,
            channel = self.shared.name,
            zato.cid = self.cid.as_str(),
            message_id = self.received.message_id(),
            held_ms = u64::try_from(held.as_millis()).unwrap_or(u64::MAX),
            %error,
            "a message can't be put where it waits, and is given back later"
        );
        tokio::select! {
            () = sleep(held) => {}
            () = self.session.over.cancelled() => {}
            // Whoever takes it next may be somebody else.
            () = self.shared.stop.cancelled() => {}
        }
        self.nack(true, Outcome::Requeued).await
    }

    async fn dead_letter(&self, reason: Reason) -> Result<()> {
        let Some(to) = &self.route.dead_letter else { return self.nack(false, Outcome::Rejected).await };
        let given_up = GivenUp {
            reason: &reason,
            channel: &self.shared.name,
            service: &self.route.info.service,
            cid: self.cid,
            at: self.shared.ambient.now(),
            random: self.shared.ambient.random(),
        };
        let copy = copies::dead_letter(&self.received, &self.body, to, &given_up);
        match self.shared.outbox.send(copy, None).await {
            Ok(()) => {
                warn!(
                    section = CHANNEL.name,
                    channel = self.shared.name,
                    zato.cid = self.cid.as_str(),
                    message_id = self.received.message_id(),
                    bytes = self.body.len(),
                    attempt = self.received.attempt(),
                    error = reason.report,
                    "a message was put to the dead letters"
                );
                self.ack(Outcome::DeadLettered).await
            }
            Err(error) => {
                error!(
                    section = CHANNEL.name,
                    channel = self.shared.name,
                    zato.cid = self.cid.as_str(),
                    message_id = self.received.message_id(),
                    exchange = to.exchange,
                    routing_key = to.routing_key,
                    %error,
                    "a message can't be put to the dead letters, and comes again; see to it that there is a queue for them"
                );
                let after = self.route.policies.delay(self.received.attempt());
                self.again(after.max(copies::SHORTEST_WAIT)).await
            }
        }
    }

    async fn ack(&self, outcome: Outcome) -> Result<()> {
        let settled = if self.session.is_stale() { Err(gone()) } else { self.session.channel.ack(self.tag).await };
        self.settled(settled, outcome)
    }

    async fn nack(&self, requeue: bool, outcome: Outcome) -> Result<()> {
        let settled =
            if self.session.is_stale() { Err(gone()) } else { self.session.channel.nack(self.tag, requeue).await };
        self.settled(settled, outcome)
    }

    fn settled(&self, settled: wire::Result<()>, outcome: Outcome) -> Result<()> {
        match settled {
            Ok(()) => {
                self.shared.meter.count(outcome);
                Ok(())
            }
            Err(error) => {
                self.shared.meter.count(Outcome::Stale);
                debug!(
                    section = CHANNEL.name,
                    channel = self.shared.name,
                    zato.cid = self.cid.as_str(),
                    message_id = self.received.message_id(),
                    %error,
                    "a message can't be settled any more, and comes again"
                );
                Err(Error::unavailable("the connection that the message came by is gone; it will come again")
                    .with_source(error))
            }
        }
    }
}

fn gone() -> WireError {
    WireError::connection("the channel that the message came by is gone")
}
