//! What one entry has running: a task that reads, and begins again when that has ended.

use std::{
    fmt,
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, PoisonError, atomic::AtomicBool},
};

use futures_util::FutureExt;
use tokio::{
    task::JoinSet,
    time::{Duration, Instant, interval, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{debug, error, info, warn};
use zato_core::{
    Error,
    ambient::Ambient,
    channel::broker::{Consumer, Meter, Place, Shift, Standing},
    connection::{Backoff, Handle, State},
};

use super::{
    entry::{Consuming, Route, Terms, Waiting},
    in_hand::InHand,
    position::Position,
    session::{End, Session, reap},
};
use crate::config::CHANNEL;

/// The longest pause before it is tried again to read.
pub(super) const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// How long it may take to give back what waits to come again.
const GIVING_BACK: Duration = Duration::from_secs(5);

/// How long it may take to give back what was cut.
const GOODBYE: Duration = Duration::from_millis(500);

/// What the task of a consumer shares with its works, and with whoever looks at it.
pub struct Shared {
    pub(super) name: String,
    pub(super) terms: Terms,
    pub(super) ambient: Ambient,
    pub(super) meter: Arc<Meter>,
    pub(super) shift: Shift,
    pub(super) in_hand: Arc<InHand>,
    /// Whose entries in hand are ours.
    pub(super) owner: u64,
    pub(super) waiting: Waiting,
    /// What waits to come again, and ends when reading does.
    pub(super) waits: TaskTracker,
    /// Up to where entries were read, for a group that has to be made anew.
    pub(super) position: Mutex<Option<Position>>,
    /// When entries in hand have given a sign of life.
    touched: Mutex<Instant>,
    /// Whether the group has been there.
    pub(super) has_begun: AtomicBool,
    route: Mutex<Arc<Route>>,
    standing: Standing,
}

impl Shared {
    pub(super) fn route(&self) -> Arc<Route> {
        Arc::clone(&self.route.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits for a place, and takes more that are free, as many as may be read at once.
    pub(super) async fn some_places(&self) -> Vec<Place> {
        let mut places = vec![self.shift.place().await];
        while places.len() < self.terms.count {
            let Some(place) = self.shift.place().now_or_never() else { break };
            places.push(place);
        }
        places
    }

    async fn read_and_finish(self: &Arc<Self>, after: Option<CancellationToken>) {
        let mut works = JoinSet::new();
        // What it leaves is pending for the same consumer, perhaps.
        self.shift.handed_over(after).await;
        while AssertUnwindSafe(self.supervise(&mut works)).catch_unwind().await.is_err() {
            self.broken_off();
            if !self.shift.pause(LONGEST_PAUSE).await {
                break;
            }
        }
        self.waits.close();
        let _ = timeout(GIVING_BACK, self.waits.wait()).await;
        self.shift.leave();
        let ended = async { while works.join_next().await.is_some() {} };
        if !self.shift.is_finished(ended, &self.meter).await {
            let cut = self.in_hand.of(self.owner);
            works.shutdown().await;
            let back = self.terms.commands.give_back(&cut, self.terms.claim_after, None);
            let _ = timeout(GOODBYE, back).await;
        }
    }

    /// Tells the server again and again that what is in hand is not left; never ends.
    async fn give_signs_of_life(&self) {
        let mut ticks = interval(self.terms.claim_after / 3);
        loop {
            ticks.tick().await;
            let (begun, ids) = (Instant::now(), self.in_hand.of(self.owner));
            let touched = self.terms.commands.touch(&ids, self.untouched()).await;
            match touched {
                Ok(()) => *self.touched.lock().unwrap_or_else(PoisonError::into_inner) = begun,
                Err(error) => {
                    let error = error.report().to_string();
                    debug!(section = CHANNEL.name, channel = self.name, error, "no sign of life could be given");
                }
            }
        }
    }

    /// Returns for how long an entry in hand has had no sign of life at the least if nobody has claimed it meanwhile: zero
    /// as long as nobody could have.
    pub(super) fn untouched(&self) -> Duration {
        let since = self.touched.lock().unwrap_or_else(PoisonError::into_inner).elapsed();
        let claim_after = self.terms.claim_after;
        if since < claim_after { Duration::ZERO } else { since.saturating_sub(claim_after / 2) }
    }

    async fn supervise(self: &Arc<Self>, works: &mut JoinSet<()>) {
        let mut backoff = Backoff::new(LONGEST_PAUSE);
        while !self.shift.stop.is_cancelled() {
            let opened = async {
                let client = self.terms.commands.redis.slot().until_up().await;
                Session::open(self, client).await
            };
            let opened = tokio::select! {
                biased;
                () = self.shift.stop.cancelled() => return,
                opened = opened => opened,
            };
            let begun = Instant::now();
            match opened {
                Ok(session) => {
                    self.up();
                    match session.run(self, works).await {
                        End::Stopped => return,
                        End::Broken(error) => self.interrupted(&error),
                    }
                }
                Err(error) => self.failed(&error),
            }
            reap(works);
            backoff.lasted(begun.elapsed());
            let pause = backoff.next(self.ambient.random());
            if !self.shift.pause(pause).await {
                return;
            }
        }
    }

    /// Notes a panic: a fault of ours, which no stream is left unread for.
    fn broken_off(&self) {
        self.meter.interrupted();
        let error = "reading broke off by a fault of this program, whose log says more; it begins again".to_owned();
        error!(section = CHANNEL.name, channel = self.name, stream = &*self.terms.commands.stream, "reading broke off");
        self.standing.interrupted(self.ambient.now(), error);
    }

    fn up(&self) {
        self.standing.up(self.ambient.now());
        let (stream, group) = (&*self.terms.commands.stream, &*self.terms.commands.group);
        let consumer = &*self.terms.commands.consumer;
        info!(section = CHANNEL.name, channel = self.name, stream, group, consumer, "consuming");
    }

    fn interrupted(&self, error: &Error) {
        self.meter.interrupted();
        let error = error.report().to_string();
        let stream = &*self.terms.commands.stream;
        warn!(section = CHANNEL.name, channel = self.name, stream, error, "consuming was interrupted");
        self.standing.interrupted(self.ambient.now(), error);
    }

    fn failed(&self, error: &Error) {
        self.meter.failed();
        let error = error.report().to_string();
        let is_new = self.standing.failed(self.ambient.now(), &error);
        // Once for each reason, however often it is tried.
        let (channel, stream) = (&self.name, &*self.terms.commands.stream);
        if is_new {
            warn!(section = CHANNEL.name, channel, stream, error, "can't consume; it is tried again and again");
        } else {
            debug!(section = CHANNEL.name, channel, stream, error, "still can't consume");
        }
    }
}

impl Consumer for Shared {
    type Terms = Consuming;

    fn new(name: &str, consuming: Consuming, before: Option<&Self>, meter: Arc<Meter>) -> Self {
        let Consuming { terms, route, ambient } = consuming;
        let same = before.filter(|before| before.terms.commands.reads_as(&terms.commands));
        let in_hand = same.map_or_else(|| Arc::new(InHand::default()), |before| Arc::clone(&before.in_hand));
        Self {
            name: name.to_owned(),
            shift: Shift::new(before.map(|before| &before.shift), terms.places),
            owner: in_hand.owner(),
            in_hand,
            waiting: Waiting::new(0),
            waits: TaskTracker::new(),
            position: Mutex::new(None),
            touched: Mutex::new(Instant::now()),
            has_begun: AtomicBool::new(false),
            route: Mutex::new(Arc::new(route)),
            standing: Standing::default(),
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
            () = self.read_and_finish(after) => {}
            () = self.give_signs_of_life() => {}
        }
        debug!(section = CHANNEL.name, channel = self.name, "consumer ended");
    }

    fn shift(&self) -> &Shift {
        &self.shift
    }

    async fn tried(&self) {
        let slot = self.terms.commands.redis.slot();
        let lost = async {
            slot.tried().await;
            if slot.state().is_up() {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! { () = self.standing.settled() => {} () = lost => {} () = self.shift.stop.cancelled() => {} }
    }

    fn state(&self) -> State {
        let of_connection = self.terms.commands.redis.slot().state();
        if matches!(*of_connection, State::Down { .. }) { (*of_connection).clone() } else { self.standing.state() }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Consumer")
            .field("name", &self.name)
            .field("connection", &self.terms.connection)
            .field("commands", &self.terms.commands)
            .field("in_work", &self.shift.in_work())
            .finish_non_exhaustive()
    }
}
