//! What one entry has running: a task that polls its containers, and begins again when that has ended.

use std::{
    fmt,
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, PoisonError},
};

use futures_util::{FutureExt, future::join_all};
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    task::JoinSet,
    time::{Duration, Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};
use zato_core::{
    Error,
    ambient::Ambient,
    channel::broker::{Consumer, Meter, Shift},
    connection::{Backoff, Handle, State},
};

use super::{
    entry::{Consuming, Route, Terms},
    in_hand::InHand,
    lease::Leases,
    polled::Polled,
    session,
};
use crate::config::CHANNEL;

/// The longest pause before something is tried again.
pub(super) const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// How many containers are listed at once, each of which has two pages in memory and two requests that wait for nobody.
const LISTED: usize = 10;

/// How long it may take to give leases back.
const GOODBYE: Duration = Duration::from_millis(500);

/// What the task of a consumer shares with its works, and with whoever looks at it.
pub struct Shared {
    pub(super) name: String,
    pub(super) terms: Terms,
    pub(super) ambient: Ambient,
    pub(super) meter: Arc<Meter>,
    pub(super) shift: Shift,
    pub(super) in_hand: Arc<InHand>,
    leases: Arc<Leases>,
    polled: Vec<Arc<Polled>>,
    route: Mutex<Arc<Route>>,
    /// Who may list a container.
    listing: Semaphore,
}

impl Shared {
    pub(super) fn route(&self) -> Arc<Route> {
        Arc::clone(&self.route.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits until one more container may be listed.
    ///
    /// # Cancel safety
    ///
    /// May be dropped at any time.
    pub(super) async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        // Nobody closes it.
        self.listing.acquire().await.ok()
    }

    async fn poll_and_finish(self: &Arc<Self>, after: Option<CancellationToken>) {
        self.shift.handed_over(after).await;
        let mut works: Vec<JoinSet<()>> = self.polled.iter().map(|_| JoinSet::new()).collect();
        join_all(self.polled.iter().zip(&mut works).map(|(polled, works)| self.poll_for_ever(polled, works))).await;
        self.shift.leave();
        let ended = async {
            for works in &mut works {
                while works.join_next().await.is_some() {}
            }
        };
        if !self.shift.is_finished(ended, &self.meter).await {
            for works in &mut works {
                works.shutdown().await;
            }
        }
        let release = join_all(self.polled.iter().map(|polled| polled.lease.release()));
        // Who is not told waits until it is over.
        let _ = timeout(GOODBYE, release).await;
    }

    /// Tells the server again and again which leases are ours; never ends.
    async fn give_signs_of_life(&self) {
        join_all(self.polled.iter().map(|polled| async {
            loop {
                sleep(polled.lease.tick()).await;
                // One that is over is taken anew by whoever polls.
                if !polled.lease.is_held() {
                    continue;
                }
                if let Err(error) = polled.lease.renew().await {
                    let (container, error) = (&*polled.container, error.report().to_string());
                    debug!(
                        section = CHANNEL.name,
                        channel = self.name,
                        container,
                        error,
                        "no sign of life could be given"
                    );
                }
            }
        }))
        .await;
    }

    async fn poll_for_ever(self: &Arc<Self>, polled: &Arc<Polled>, works: &mut JoinSet<()>) {
        while AssertUnwindSafe(self.supervise(polled, works)).catch_unwind().await.is_err() {
            // A fault of ours, which no container is left alone for.
            let error = "polling broke off by a fault of this program, whose log says more; it begins again".to_owned();
            error!(section = CHANNEL.name, channel = self.name, container = &*polled.container, "polling broke off");
            self.meter.interrupted();
            polled.standing.interrupted(self.ambient.now(), error);
            if !self.shift.pause(LONGEST_PAUSE).await {
                break;
            }
        }
    }

    async fn supervise(self: &Arc<Self>, polled: &Arc<Polled>, works: &mut JoinSet<()>) {
        let mut backoff = Backoff::new(LONGEST_PAUSE);
        while !self.shift.stop.is_cancelled() {
            let begun = Instant::now();
            let session = async {
                self.terms.store.swift.slot().until_up().await;
                session::run(self, polled, works).await
            };
            let ended = tokio::select! {
                biased;
                () = self.shift.stop.cancelled() => return,
                ended = session => ended,
            };
            let Err(error) = ended;
            self.failed(polled, &error);
            session::reap(works);
            backoff.lasted(begun.elapsed());
            let pause = backoff.next(self.ambient.random());
            if !self.shift.pause(pause).await {
                return;
            }
        }
    }

    pub(super) fn up(&self, polled: &Polled, is_ours: bool) {
        let is_new = !polled.standing.state().is_up();
        if is_new {
            polled.standing.up(self.ambient.now());
        }
        let (channel, container) = (&self.name, &*polled.container);
        if is_ours {
            info!(section = CHANNEL.name, channel, container, "polling");
        } else if is_new {
            info!(section = CHANNEL.name, channel, container, "another process polls; this one stands by");
        }
    }

    fn failed(&self, polled: &Polled, error: &Error) {
        let (channel, container) = (&self.name, &*polled.container);
        let error = error.report().to_string();
        if polled.standing.state().is_up() {
            self.meter.interrupted();
            warn!(section = CHANNEL.name, channel, container, error, "polling was interrupted");
            polled.standing.interrupted(self.ambient.now(), error);
            return;
        }
        self.meter.failed();
        // Once for each reason, however often it is tried.
        if polled.standing.failed(self.ambient.now(), &error) {
            warn!(section = CHANNEL.name, channel, container, error, "can't poll; it is tried again and again");
        } else {
            debug!(section = CHANNEL.name, channel, container, error, "still can't poll");
        }
    }
}

impl Consumer for Shared {
    type Terms = Consuming;

    fn new(name: &str, consuming: Consuming, before: Option<&Self>, meter: Arc<Meter>) -> Self {
        let Consuming { terms, route, ambient, app } = consuming;
        let same = before.filter(|before| before.terms.store.is_same(&terms.store));
        let in_hand = same.map_or_else(Arc::default, |before| Arc::clone(&before.in_hand));
        // Not the app's randomness: two apps of one test may have the same, and would be one owner.
        let owner = || Leases::of(format!("{app}-{:016x}", Ambient::default().random() >> 64));
        let leases = same.map_or_else(owner, |before| Arc::clone(&before.leases));
        let polled = |container| Polled::new(container, leases.lease(&terms.store, container, terms.lease));
        Self {
            name: name.to_owned(),
            shift: Shift::new(before.map(|before| &before.shift), terms.places),
            in_hand,
            polled: terms.containers.iter().map(polled).map(Arc::new).collect(),
            leases,
            route: Mutex::new(Arc::new(route)),
            listing: Semaphore::new(LISTED),
            terms,
            ambient,
            meter,
        }
    }

    fn fits(&self, consuming: &Consuming) -> bool {
        self.terms.is_same(&consuming.terms)
    }

    fn switch(&self, consuming: Consuming) {
        *self.route.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(consuming.route);
    }

    async fn run(self: Arc<Self>, after: Option<CancellationToken>) {
        tokio::select! {
            () = self.poll_and_finish(after) => {}
            () = self.give_signs_of_life() => {}
        }
        debug!(section = CHANNEL.name, channel = self.name, "consumer ended");
    }

    fn shift(&self) -> &Shift {
        &self.shift
    }

    async fn tried(&self) {
        let slot = self.terms.store.swift.slot();
        let lost = async {
            slot.tried().await;
            if slot.state().is_up() {
                std::future::pending::<()>().await;
            }
        };
        let settled = join_all(self.polled.iter().map(|polled| polled.standing.settled()));
        tokio::select! { _ = settled => {} () = lost => {} () = self.shift.stop.cancelled() => {} }
    }

    fn state(&self) -> State {
        let of_connection = self.terms.store.swift.slot().state();
        if matches!(*of_connection, State::Down { .. }) {
            return (*of_connection).clone();
        }
        // That of all is that of the worst.
        let states = self.polled.iter().map(|polled| polled.standing.state());
        let worst = states.min_by_key(|state| match state {
            State::Down { .. } => 0,
            State::Up { .. } => 2,
            _ => 1,
        });
        worst.unwrap_or(State::Connecting)
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Consumer")
            .field("name", &self.name)
            .field("connection", &self.terms.connection)
            .field("containers", &self.terms.containers)
            .field("in_work", &self.shift.in_work())
            .finish_non_exhaustive()
    }
}
