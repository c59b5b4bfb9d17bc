//! What one entry has running: a task that holds the connection, subscribes, and begins again when that has ended.

use std::{
    fmt,
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, PoisonError},
};

use futures_util::FutureExt;
use tokio::{task::JoinSet, time::Instant};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};
use zato_core::{
    ambient::Ambient,
    channel::broker::{Consumer, Meter, Shift, Standing},
    connection::{Backoff, State},
};

use super::{
    entry::{Consuming, Route, Terms},
    outbox::Outbox,
    session::{End, Session, reap},
};
use crate::{
    config::CHANNEL,
    definition::AmqpDefinition,
    link::{Hold, LONGEST_PAUSE},
    wire::{Code, WireError},
};

/// What the task of a consumer shares with its works, and with whoever looks at it.
pub struct Shared {
    pub(super) name: String,
    pub(super) terms: Terms,
    pub(super) definition: Arc<AmqpDefinition>,
    pub(super) ambient: Ambient,
    pub(super) meter: Arc<Meter>,
    pub(super) outbox: Outbox,
    pub(super) shift: Shift,
    route: Mutex<Arc<Route>>,
    standing: Standing,
    hold: Hold,
}

impl Shared {
    pub(super) fn route(&self) -> Arc<Route> {
        Arc::clone(&self.route.lock().unwrap_or_else(PoisonError::into_inner))
    }

    async fn supervise(self: &Arc<Self>, works: &mut JoinSet<()>) {
        let mut backoff = Backoff::new(LONGEST_PAUSE);
        while !self.shift.stop.is_cancelled() {
            let opened = async {
                let live = self.hold.up().await;
                let opened = Session::open(self, &live).await;
                (live, opened)
            };
            let (live, opened) = tokio::select! {
                biased;
                () = self.shift.stop.cancelled() => return,
                opened = opened => opened,
            };
            let begun = Instant::now();
            match opened {
                Ok((session, deliveries)) => {
                    self.up();
                    match session.run(self, &live, deliveries, works).await {
                        End::Stopped => return,
                        End::Broken(error) => self.interrupted(&error),
                    }
                }
                Err(error) => {
                    // Somebody has deleted the queue: if it is the definition's to declare, it will be there next time.
                    let refused = match error.code {
                        Some(Code::NotFound) => self.hold.declare(&live).await.err(),
                        _ => None,
                    };
                    self.failed(refused.as_ref().unwrap_or(&error));
                }
            }
            reap(works);
            backoff.lasted(begun.elapsed());
            let pause = backoff.next(self.ambient.random());
            if !self.shift.pause(pause).await {
                return;
            }
        }
    }

    /// Notes a panic: a fault of ours, which no queue is left unconsumed for.
    fn broken_off(&self) {
        self.meter.interrupted();
        let error = "consuming broke off by a fault of this program, whose log says more; it begins again".to_owned();
        error!(section = CHANNEL.name, channel = self.name, queue = &*self.terms.queue, "consuming broke off");
        self.standing.interrupted(self.ambient.now(), error);
    }

    fn up(&self) {
        self.standing.up(self.ambient.now());
        let queue = &*self.terms.queue;
        info!(section = CHANNEL.name, channel = self.name, queue, "consuming");
    }

    fn interrupted(&self, error: &WireError) {
        self.meter.interrupted();
        let error = self.explain(error);
        warn!(
            section = CHANNEL.name,
            channel = self.name,
            queue = &*self.terms.queue,
            error,
            "consuming was interrupted"
        );
        self.standing.interrupted(self.ambient.now(), error);
    }

    fn failed(&self, error: &WireError) {
        self.meter.failed();
        let error = self.explain(error);
        let is_new = self.standing.failed(self.ambient.now(), &error);
        // Once for each reason, however often it is tried.
        let (channel, queue) = (&self.name, &*self.terms.queue);
        if is_new {
            warn!(section = CHANNEL.name, channel, queue, error, "can't consume; it is tried again and again");
        } else {
            debug!(section = CHANNEL.name, channel, queue, error, "still can't consume");
        }
    }

    /// Adds what to do about it.
    fn explain(&self, error: &WireError) -> String {
        let Terms { queue, definition, .. } = &self.terms;
        match error.code {
            Some(Code::NotFound) => format!(
                "there is no queue \"{queue}\" for the channel \"{}\"; declare it in the definition \"{definition}\", or \
                 create it",
                self.name
            ),
            Some(Code::AccessRefused | Code::ResourceLocked) => {
                format!("the queue \"{queue}\" can't be consumed by the channel \"{}\": {error}", self.name)
            }
            _ => error.to_string(),
        }
    }
}

impl Consumer for Shared {
    type Terms = Consuming;

    fn new(name: &str, consuming: Consuming, before: Option<&Self>, meter: Arc<Meter>) -> Self {
        let Consuming { definition, terms, route, ambient } = consuming;
        Self {
            name: name.to_owned(),
            outbox: Outbox::new(&definition),
            shift: Shift::new(before.map(|before| &before.shift), terms.places),
            route: Mutex::new(Arc::new(route)),
            standing: Standing::default(),
            hold: definition.consuming.hold(),
            terms,
            definition,
            ambient,
            meter,
        }
    }

    fn fits(&self, consuming: &Consuming) -> bool {
        Arc::ptr_eq(&self.definition, &consuming.definition) && self.terms == consuming.terms
    }

    fn switch(&self, consuming: Consuming) {
        *self.route.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(consuming.route);
    }

    async fn run(self: Arc<Self>, after: Option<CancellationToken>) {
        let mut works = JoinSet::new();
        // So that a queue which only one may consume is free, and its order kept where that matters.
        self.shift.handed_over(after).await;
        while AssertUnwindSafe(self.supervise(&mut works)).catch_unwind().await.is_err() {
            self.broken_off();
            if !self.shift.pause(LONGEST_PAUSE).await {
                break;
            }
        }
        self.shift.leave();
        let ended = async { while works.join_next().await.is_some() {} };
        if !self.shift.is_finished(ended, &self.meter).await {
            works.shutdown().await;
        }
        debug!(section = CHANNEL.name, channel = self.name, "consumer ended");
    }

    fn shift(&self) -> &Shift {
        &self.shift
    }

    async fn tried(&self) {
        let lost = async {
            if self.hold.tried().await.is_ok() {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! { () = self.standing.settled() => {} () = lost => {} () = self.shift.stop.cancelled() => {} }
    }

    fn state(&self) -> State {
        let of_link = self.hold.state();
        if matches!(of_link, State::Down { .. }) { of_link } else { self.standing.state() }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Consumer")
            .field("name", &self.name)
            .field("terms", &self.terms)
            .field("in_work", &self.shift.in_work())
            .finish_non_exhaustive()
    }
}
