//! One entry, from its delivery to its settlement: the service is called, and only then is the server told.

use std::{
    panic::AssertUnwindSafe,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use futures_util::FutureExt;
use tokio::time::{sleep, timeout};
use zato_core::{
    Error, Kind, Result,
    bytes::Bytes,
    channel::{
        Delivery, Settling,
        broker::{Decision, InWork, Outcome, Place},
    },
    connection::Backoff,
    layer::limit::NotBegun,
    message::{Cid, Message, Reply},
};

use super::{
    consumer::{LONGEST_PAUSE, Shared},
    entry::{Route, WAITING},
    in_hand::Held,
    intake,
};
use crate::{StreamEntry, received::Received};

/// Writes a line to the log about an entry in work, with what every such line has.
macro_rules! note {
    ($level:ident, $work:expr, $($rest:tt)+) => {
        tracing::$level!(
            section = crate::config::CHANNEL.name,
            channel = $work.shared.name,
            zato.cid = $work.cid.as_str(),
            entry_id = $work.received.id(),
            $($rest)+
        )
    };
}
pub(super) use note;

/// An entry in work.
pub(super) struct Work {
    pub(super) shared: Arc<Shared>,
    /// As it was when the entry came.
    pub(super) route: Arc<Route>,
    pub(super) received: Arc<Received>,
    pub(super) cid: Cid,
    body: Bytes,
    held: Held,
    _in_work: InWork,
}

/// What follows for an entry.
pub(super) enum Next {
    /// Nothing: it is settled, as far as it can be.
    Settled(Result<()>),
    /// It comes again after some time.
    Again(Duration),
}

impl Work {
    pub(super) fn new(shared: &Arc<Shared>, held: Held, entry: StreamEntry, attempt: u32) -> Self {
        let route = shared.route();
        let cid = intake::cid(&entry, &shared.ambient);
        let (received, body) = received(shared, &route, entry, attempt);
        Self { shared: Arc::clone(shared), route, received, cid, body, held, _in_work: shared.meter.begin() }
    }

    /// Serves the entry, as often as it takes, and settles it. The place is free as soon as the service has returned.
    ///
    /// # Cancel safety
    ///
    /// When dropped, the entry is not settled: it is claimed after a while.
    pub(super) async fn run(mut self, place: Place) {
        let mut place = Some(place);
        while let Some(after) = self.attempt(&mut place).await {
            place = self.wait(after, place.take()).await;
            if place.is_none() {
                return;
            }
        }
        drop(self.held);
    }

    /// Serves it once; gives after how long it comes again, if it does.
    async fn attempt(&self, place: &mut Option<Place>) -> Option<Duration> {
        if self.received.is_redelivered() {
            self.shared.meter.redelivered();
        }
        let served = AssertUnwindSafe(self.serve(place)).catch_unwind().await;
        let next = match served {
            Ok(next) => next,
            // A service that panics is caught by the layers around it: this is a fault of ours.
            Err(_) => {
                note!(error, self, "the work on an entry broke off");
                let error = Error::internal("the work on it broke off");
                let decision = self.route.policies.of_failure(self.received.attempt(), &error);
                self.carry_out(decision).await
            }
        };
        match next {
            Next::Again(after) => Some(after),
            Next::Settled(_) => None,
        }
    }

    async fn serve(&self, place: &mut Option<Place>) -> Next {
        if self.received.entry.fields.is_empty() {
            note!(warn, self, "an entry was deleted before it was served, and is acknowledged");
            return Next::Settled(self.ack(Outcome::Dropped).await);
        }
        if let Some(decision) = self.route.policies.before(self.received.attempt(), 0) {
            *place = None;
            return self.carry_out(decision).await;
        }
        if self.body.len() > self.route.max_message_size {
            *place = None;
            let (len, max) = (self.body.len(), self.route.max_message_size);
            let message = format!("the entry has {len} bytes, of which the channel takes {max}");
            return self.conclude(Err(Error::new(Kind::TooLarge, message))).await;
        }
        let mut backoff = Backoff::new(LONGEST_PAUSE);
        loop {
            match self.try_to_serve(place).await {
                Ok(next) => return next,
                Err(error) => {
                    let pause = backoff.next(self.shared.ambient.random());
                    note!(debug, self, %error, "an entry waits for a place among all requests");
                    // It keeps its place in the channel: no more are taken in than can be served.
                    if timeout(pause, self.shared.shift.stop.cancelled()).await.is_ok() {
                        return Next::Settled(self.give_back(false).await);
                    }
                }
            }
        }
    }

    /// Has the service called, and settles the entry.
    ///
    /// # Errors
    ///
    /// The service was not called, since the program is busy. That is no fault of the entry, and no attempt.
    async fn try_to_serve(&self, place: &mut Option<Place>) -> Result<Next> {
        let message = intake::message(&self.received, self.body.clone(), &self.route.info, self.cid);
        if !self.route.inlet.takes_delivery() {
            let result = self.call(message, place).await?;
            return Ok(self.conclude(result).await);
        }
        // The service may settle it itself, and may go on with that after it has returned.
        let (delivery, settling) = Delivery::pair();
        let call = self.call(message.with_delivery(delivery), place);
        let (result, next) = tokio::join!(call, self.settled_by_service(settling));
        match (result?, next) {
            (_, Some(next)) => Ok(next),
            (Ok(_), None) => Ok(self.forgotten().await),
            (Err(error), None) => Ok(self.conclude(Err(error)).await),
        }
    }

    /// Calls the service, and frees the place when it has returned; fails if it was not called.
    async fn call(&self, message: Message, place: &mut Option<Place>) -> Result<Result<Reply>> {
        match self.route.inlet.call(message).await {
            Err(error) if NotBegun::is_cause_of(&error) => Err(error),
            result => {
                *place = None;
                Ok(result)
            }
        }
    }

    /// Has an entry come again whose service has succeeded, and dropped the delivery that it took.
    async fn forgotten(&self) -> Next {
        note!(
            warn,
            self,
            zato.service = self.route.info.service,
            "a service has succeeded and not settled the delivery that it took; the entry comes again"
        );
        self.carry_out(self.route.policies.of_unsettled(self.received.attempt())).await
    }

    /// Does what the service says of the entry; `None` if the service says nothing.
    async fn settled_by_service(&self, settling: Settling) -> Option<Next> {
        let (settlement, answer) = settling.await?;
        let decision = self.route.policies.of_settlement(self.received.attempt(), settlement);
        Some(match self.carry_out(decision).await {
            Next::Settled(Err(error)) => {
                answer.send(Err(error));
                Next::Settled(Ok(()))
            }
            next => {
                answer.send(Ok(()));
                next
            }
        })
    }

    /// Settles the entry as its service has ended.
    async fn conclude(&self, result: Result<Reply>) -> Next {
        let decision = match result {
            Ok(_) => Decision::Done,
            Err(error) => self.route.policies.of_failure(self.received.attempt(), &error),
        };
        self.carry_out(decision).await
    }

    /// Waits for the time at which the entry comes again, and takes it up anew; `None` if somebody else does.
    async fn wait(&mut self, after: Duration, place: Option<Place>) -> Option<Place> {
        let shared = Arc::clone(&self.shared);
        // Too many that wait would fill the memory: they keep their place then, so that no more are read.
        let place = match shared.waiting.fetch_add(1, Relaxed) {
            0..WAITING => None,
            _ => place,
        };
        let waited = shared.waits.track_future(self.until_again(after, place)).await;
        shared.waiting.fetch_sub(1, Relaxed);
        waited
    }

    async fn until_again(&mut self, after: Duration, place: Option<Place>) -> Option<Place> {
        let shared = Arc::clone(&self.shared);
        let wait = async {
            sleep(after).await;
            match place {
                Some(place) => place,
                None => shared.shift.place().await,
            }
        };
        let stopped = shared.shift.stop.cancelled();
        let Some(place) = (tokio::select! { biased; () = stopped => None, place = wait => Some(place) }) else {
            // Whoever follows reads it at once, or another consumer does.
            let _ = self.give_back(true).await;
            return None;
        };
        let mut backoff = Backoff::new(LONGEST_PAUSE);
        loop {
            match shared.terms.commands.again(self.received.id(), shared.untouched()).await {
                Ok(Some(entry)) => {
                    self.route = shared.route();
                    let attempt = self.received.attempt().saturating_add(1);
                    (self.received, self.body) = received(&shared, &self.route, entry, attempt);
                    return Some(place);
                }
                Ok(None) if !self.is_here_still().await => return None,
                Ok(None) => {}
                Err(error) => note!(debug, self, error = %error.report(), "an entry can't be taken up again yet"),
            }
            let pause = backoff.next(shared.ambient.random());
            if timeout(pause, shared.shift.stop.cancelled()).await.is_ok() {
                let _ = self.give_back(true).await;
                return None;
            }
        }
    }
}

fn received(shared: &Shared, route: &Route, entry: StreamEntry, attempt: u32) -> (Arc<Received>, Bytes) {
    let body = intake::body(&entry, route.payload_field.as_deref());
    let commands = &shared.terms.commands;
    let received = Received {
        stream: Arc::clone(&commands.stream),
        group: Arc::clone(&commands.group),
        consumer: Arc::clone(&commands.consumer),
        entry,
        attempt,
    };
    (Arc::new(received), body)
}
