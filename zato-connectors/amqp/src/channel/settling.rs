//! What is decided about a message is done: by its session, and by copies of it.

use std::{sync::atomic::Ordering::Relaxed, time::Duration};

use zato_core::{
    Error, Result,
    channel::broker::{Decision, Outcome, Reason},
};

use super::{
    copies::{self, GivenUp},
    work::{Work, note},
};
use crate::{
    config::AckMode,
    wire::{self, Publication, Queue, Scope, WireError},
};

/// How long a message is held back at the least that can't be put anywhere: without a pause it would come again at once,
/// and so on.
const SHORTEST_HOLD: Duration = Duration::from_secs(1);

/// How long a message is held back at the most: brokers end the channel of whoever settles nothing for long (RabbitMQ's
/// `consumer_timeout`, 30 minutes by default).
const LONGEST_HOLD: Duration = Duration::from_secs(60);

impl Work {
    pub(super) async fn carry_out(&self, decision: Decision) -> Result<()> {
        match decision {
            Decision::Done => self.done(AckMode::Ack).await,
            Decision::Again { after } => self.again(after).await,
            Decision::DeadLetter(reason) => self.dead_letter(reason).await,
            Decision::Reject(reason) => {
                note!(
                    error,
                    self,
                    bytes = self.body.len(),
                    attempt = self.received.attempt(),
                    error = reason.report,
                    "a message is rejected"
                );
                self.nack(false, Outcome::Rejected).await
            }
            Decision::Drop(reason) => {
                note!(
                    warn,
                    self,
                    bytes = self.body.len(),
                    error = reason.report,
                    "a message is acknowledged although it was not served"
                );
                self.ack(Outcome::Dropped).await
            }
        }
    }

    /// Settles a message that was dealt with.
    pub(super) async fn done(&self, how: AckMode) -> Result<()> {
        match how {
            AckMode::Ack => self.ack(Outcome::Acked).await,
            AckMode::Reject => self.nack(false, Outcome::Rejected).await,
        }
    }

    /// Has the message come again: a copy goes where it waits, and only when the broker has that is the message itself
    /// acknowledged.
    async fn again(&self, after: Duration) -> Result<()> {
        let (copy, waiting) = copies::again(&self.received, &self.body, self.cid, after, self.shared.ambient.random());
        match self.send_copy(copy, waiting).await {
            Ok(()) => {
                note!(
                    debug,
                    self,
                    attempt = self.received.attempt(),
                    after_ms = u64::try_from(after.as_millis()).unwrap_or(u64::MAX),
                    "a message comes again"
                );
                self.ack(Outcome::Requeued).await
            }
            Err(error) => self.hold_back(after, &error).await,
        }
    }

    /// Sends a copy, without the headers of who sent the message if with ours they fit into no frame: that would be so each
    /// time.
    async fn send_copy(&self, copy: Publication, waiting: Option<Queue>) -> wire::Result<()> {
        match self.shared.outbox.send(copy.clone(), waiting.clone()).await {
            Err(error) if error.scope == Scope::Nothing => {
                self.shared.outbox.send(copies::bare(copy), waiting).await?;
                note!(
                    warn,
                    self,
                    %error,
                    "the copy of a message goes without the headers of who sent it"
                );
                Ok(())
            }
            sent => sent,
        }
    }

    /// Gives the message back by the broker's own means, which know of no delay: it is waited for here.
    async fn hold_back(&self, after: Duration, error: &WireError) -> Result<()> {
        let held = after.clamp(SHORTEST_HOLD, LONGEST_HOLD);
        note!(
            warn,
            self,
            held_ms = u64::try_from(held.as_millis()).unwrap_or(u64::MAX),
            %error,
            "a message can't be put where it waits, and is given back later"
        );
        // When we stop, whoever takes it next may be somebody else.
        self.is_held_for(held).await;
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
        match self.send_copy(copy, None).await {
            Ok(()) => {
                note!(
                    warn,
                    self,
                    bytes = self.body.len(),
                    attempt = self.received.attempt(),
                    error = reason.report,
                    "a message was put to the dead letters"
                );
                self.ack(Outcome::DeadLettered).await
            }
            Err(error) => {
                note!(
                    error,
                    self,
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
        self.settle(outcome, self.session.channel.ack(self.tag)).await
    }

    pub(super) async fn nack(&self, requeue: bool, outcome: Outcome) -> Result<()> {
        self.settle(outcome, self.session.channel.nack(self.tag, requeue)).await
    }

    async fn settle(&self, outcome: Outcome, tell: impl Future<Output = wire::Result<()>>) -> Result<()> {
        self.is_settled.store(true, Relaxed);
        let settled = if self.session.is_stale() { Err(gone()) } else { tell.await };
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
                note!(
                    debug,
                    self,
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
