//! One message, from its delivery to its settlement: the service is called, and only then is the broker told.

use std::{
    panic::AssertUnwindSafe,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use futures_util::FutureExt;
use zato_core::{
    Error, Kind, Result,
    bytes::Bytes,
    channel::{
        Delivery, Settlement, Settling,
        broker::{InWork, Outcome, Place},
    },
    connection::Backoff,
    layer::limit::NotBegun,
    message::{Cid, Message, Reply},
};

use super::{consumer::Shared, copies, entry::Route, intake, session::Session};
use crate::{link::LONGEST_PAUSE, received::Received, wire::Delivered};

/// Writes a line to the log about a message in work, with what every such line has.
macro_rules! note {
    ($level:ident, $work:expr, $($rest:tt)+) => {
        tracing::$level!(
            section = crate::config::CHANNEL.name,
            channel = $work.shared.name,
            zato.cid = $work.cid.as_str(),
            message_id = $work.received.message_id(),
            $($rest)+
        )
    };
}
pub(super) use note;

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
    /// Whether the broker was told what becomes of it: it would end the channel if it were told twice.
    pub(super) is_settled: AtomicBool,
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
            is_settled: AtomicBool::new(false),
        }
    }

    /// Serves the message, and settles it. The place is free as soon as the service has returned.
    ///
    /// # Cancel safety
    ///
    /// When dropped, the message is not settled: it comes again.
    pub(super) async fn run(self, place: Place) {
        if AssertUnwindSafe(self.serve(place)).catch_unwind().await.is_err() {
            self.broken_off().await;
        }
    }

    /// Gives a message back whose work has panicked. A service that panics is caught by the layers around it: this is a fault
    /// of ours, and nobody else would settle the message for as long as the subscription lasts.
    async fn broken_off(&self) {
        note!(error, self, "the work on a message broke off");
        if self.is_settled.load(Relaxed) {
            return;
        }
        let error = Error::internal("the work on it broke off");
        let decision = self.route.policies.of_failure(self.received.attempt(), &error);
        if AssertUnwindSafe(self.carry_out(decision)).catch_unwind().await.is_err() && !self.is_settled.load(Relaxed) {
            let _ = self.nack(true, Outcome::Requeued).await;
        }
    }

    async fn serve(&self, place: Place) {
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
        let (mut place, mut backoff) = (Some(place), Backoff::new(LONGEST_PAUSE));
        while let Err(error) = self.try_to_serve(&mut place).await {
            let pause = backoff.next(self.shared.ambient.random());
            note!(
                debug,
                self,
                %error,
                "a message waits for a place among all requests"
            );
            // It keeps its place in the channel: no more are taken in than can be served.
            if !self.is_held_for(pause).await {
                let _ = self.nack(true, Outcome::Requeued).await;
                return;
            }
        }
    }

    /// Has the service called, and settles the message.
    ///
    /// # Errors
    ///
    /// The service was not called, since the program is busy. That is no fault of the message, and no attempt.
    async fn try_to_serve(&self, place: &mut Option<Place>) -> Result<()> {
        let message = intake::message(&self.received, self.body.clone(), &self.route.info, self.cid);
        if !self.route.inlet.takes_delivery() {
            let result = self.call(message, place).await?;
            self.conclude(result).await;
            return Ok(());
        }
        // The service may settle it itself, and may go on with that after it has returned.
        let (delivery, settling) = Delivery::pair();
        let call = self.call(message.with_delivery(delivery), place);
        match tokio::join!(call, self.settled_by_service(settling)) {
            (Ok(Ok(reply)), Some(_)) => self.reply(reply).await,
            (Ok(Err(error)), Some(is_final)) => self.refuse(&error, is_final).await,
            (Ok(Ok(_)), None) => self.forgotten().await,
            (Ok(Err(error)), None) => self.conclude(Err(error)).await,
            (Err(error), _) => return Err(error),
        }
        Ok(())
    }

    /// Calls the service, and frees the place when it has returned; fails if it was not called.
    async fn call(&self, message: Message, place: &mut Option<Place>) -> Result<Result<Reply>> {
        let result = self.route.inlet.call(message).await;
        match result {
            Err(error) if NotBegun::is_cause_of(&error) => Err(error),
            result => {
                *place = None;
                Ok(result)
            }
        }
    }

    /// Has a message come again whose service has succeeded, and dropped the delivery that it took.
    async fn forgotten(&self) {
        note!(
            warn,
            self,
            zato.service = self.route.info.service,
            "a service has succeeded and not settled the delivery that it took; the message comes again"
        );
        let _ = self.carry_out(self.route.policies.of_unsettled(self.received.attempt())).await;
    }

    /// Does what the service says of the message, and tells whether it is settled for good; `None` if the service says
    /// nothing.
    async fn settled_by_service(&self, settling: Settling) -> Option<bool> {
        let (settlement, answer) = settling.await?;
        let settlement = match settlement {
            Settlement::Requeue { after } => Settlement::Requeue { after: after.map(copies::rounded) },
            other => other,
        };
        let decision = self.route.policies.of_settlement(self.received.attempt(), settlement);
        let is_final = decision.is_final();
        answer.send(self.carry_out(decision).await);
        Some(is_final)
    }

    /// Settles the message as its service has ended.
    async fn conclude(&self, result: Result<Reply>) {
        // Whatever becomes of it is counted, and logged.
        let _ = match result {
            Ok(reply) => {
                // What the service has done is done, whatever becomes of its reply: the message does not come again.
                self.reply(reply).await;
                self.done(self.route.ack_mode).await
            }
            Err(error) => {
                let decision = self.route.policies.of_failure(self.received.attempt(), &error);
                self.refuse(&error, decision.is_final()).await;
                self.carry_out(decision).await
            }
        };
    }
}
