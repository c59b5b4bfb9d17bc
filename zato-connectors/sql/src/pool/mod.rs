//! The connections of one entry, and who has which.
//!
//! sqlx has a pool of its own, which asks a connection for a sign of life whenever it is given back: one more way there and
//! back for each statement. Ours knows of each connection whether its statement has ended, and closes those whose has not.
//! It also knows more of them: when they were used last, how what they do is ended on the server, and who has them how long.

mod connection;
mod interrupt;
mod janitor;
mod lease;
mod life;
mod origin;
mod target;

use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc},
    time::{self, Instant},
};
use zato_core::{Error, Result, Retry, config};

pub use self::connection::Done;
use self::life::{Sign, sign_of};
#[cfg(feature = "postgres")]
pub(crate) use self::target::milliseconds;
#[cfg(feature = "mysql")]
pub(crate) use self::target::mysql_timeout;
pub(crate) use self::{
    connection::{Connection, Failed, Step, read_past},
    janitor::{Chore, Janitor},
    lease::{Beginning, Lease},
    origin::Origin,
    target::{Session, Target},
};
use crate::{error, meter::Meter, statement::Statements};

/// How long a test of a connection may take that nobody has used for a while.
const TEST: Duration = Duration::from_secs(2);

/// Whether what is left to make a connection is too little for its lack to say anything of the database. A caller who comes
/// at once has a little less than all of it.
fn is_short(left: Duration, limits: &Limits) -> bool {
    left < limits.connect_timeout.min(limits.acquire_timeout) / 2
}

/// How connections are kept.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    pub(crate) name: String,
    pub(crate) size: usize,
    pub(crate) min: usize,
    pub(crate) acquire_timeout: Duration,
    pub(crate) connect_timeout: Duration,
    pub(crate) idle_timeout: Option<Duration>,
    pub(crate) max_lifetime: Option<Duration>,
    pub(crate) test_after: Duration,
    pub(crate) statement_timeout: Option<Duration>,
    pub(crate) slow_statement: Option<Duration>,
}

/// The connections of one entry.
pub(crate) struct Pool {
    pub(crate) limits: Limits,
    pub(crate) target: Target,
    pub(crate) session: Session,
    pub(crate) statements: Statements,
    pub(crate) meter: Meter,
    places: Arc<Semaphore>,
    /// How often tables were changed.
    tables: AtomicU64,
    shelf: Mutex<Shelf>,
    /// Rung when a connection broke or could not be made.
    suspect: Notify,
    /// Rung when nobody has a connection any more.
    returned: Notify,
    chores: mpsc::Sender<Chore>,
    /// Transactions that were dropped.
    dropped: mpsc::Sender<Lease>,
    /// Where statements go that no database is asked.
    #[cfg(feature = "testing")]
    pub(crate) recording: std::sync::OnceLock<Arc<crate::testing::Recording>>,
}

/// A connection, and what is known of it.
#[derive(Debug)]
struct Kept {
    connection: Connection,
    made: Instant,
    used: Instant,
    /// Which change of the tables it has heard of.
    tables: u64,
}

#[derive(Debug, Default)]
struct Shelf {
    /// The last used at the end: it is taken first, so that those that are not needed grow old.
    idle: VecDeque<Kept>,
    /// Who has a connection since when, in the order that they got it.
    holders: BTreeMap<u64, Instant>,
    next_holder: u64,
    /// What was used before may be broken: another one was.
    suspected: Option<Instant>,
    is_closed: bool,
}

impl Pool {
    /// Makes a pool without connections, and the janitor that looks after it.
    pub(crate) fn new(
        limits: Limits,
        target: Target,
        session: Session,
        statements: Statements,
    ) -> (Arc<Self>, Janitor) {
        let (chores, inbox) = mpsc::channel(2 * limits.size);
        // Each place may have a roll-back to be done.
        let (dropped, to_roll_back) = mpsc::channel(limits.size);
        let pool = Arc::new(Self {
            places: Arc::new(Semaphore::new(limits.size)),
            limits,
            target,
            session,
            statements,
            meter: Meter::default(),
            tables: AtomicU64::new(0),
            shelf: Mutex::default(),
            suspect: Notify::new(),
            returned: Notify::new(),
            chores,
            dropped,
            #[cfg(feature = "testing")]
            recording: std::sync::OnceLock::new(),
        });
        let janitor = Janitor::start(&pool, inbox, to_roll_back);
        (pool, janitor)
    }

    /// Lends a connection, in the order that callers came.
    ///
    /// # Errors
    ///
    /// [`Unavailable`](zato_core::Kind::Unavailable) if none is free in time, saying who has them, or none can be made.
    pub(crate) async fn lease(self: &Arc<Self>) -> Result<Lease> {
        let since = Instant::now();
        let permit = match Arc::clone(&self.places).try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) => self.wait(since).await?,
        };
        self.take(permit, since).await
    }

    async fn wait(&self, since: Instant) -> Result<OwnedSemaphorePermit> {
        let _waiting = self.meter.waits();
        let places = Arc::clone(&self.places).acquire_owned();
        match time::timeout_at(since + self.limits.acquire_timeout, places).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) => Err(self.closed()),
            Err(_) => {
                self.meter.timed_out();
                Err(self.exhausted())
            }
        }
    }

    /// Takes the connection that was used last, or makes one, all of it within `acquire_timeout`.
    async fn take(self: &Arc<Self>, permit: OwnedSemaphorePermit, since: Instant) -> Result<Lease> {
        let (now, until) = (Instant::now(), since + self.limits.acquire_timeout);
        while let Some((mut kept, is_doubtful)) = self.next_idle(now) {
            if self.is_worn_out(&kept, now) {
                // Not waited for: its goodbye is a courtesy.
                self.chore(Chore::Close(kept.connection));
                continue;
            }
            if is_doubtful {
                match sign_of(&mut kept, until, self.limits.acquire_timeout).await {
                    Sign::Given => {}
                    Sign::Missing => {
                        kept.connection.abandon();
                        // One after the other they would take as long each.
                        self.abandon_doubtful(now);
                        self.suspect();
                        continue;
                    }
                    Sign::Hurried => {
                        kept.connection.abandon();
                        break;
                    }
                }
            }
            if kept.tables != self.tables() {
                kept.tables = self.tables();
                let forgotten = time::timeout_at(until, kept.connection.forget_statements()).await;
                if !matches!(forgotten, Ok(Ok(()))) {
                    continue;
                }
            }
            return Ok(self.lend(kept, permit, since));
        }
        if Instant::now() >= until {
            return Err(self.exhausted());
        }
        let made = self.connect(Some(until)).await?;
        Ok(self.lend(made, permit, since))
    }

    /// Takes the connection from the shelf that was used last, and tells whether it has to be tested.
    fn next_idle(&self, now: Instant) -> Option<(Kept, bool)> {
        let mut shelf = self.shelf();
        let kept = shelf.idle.pop_back()?;
        let is_doubtful = self.is_doubtful(&kept, shelf.suspected, now);
        Some((kept, is_doubtful))
    }

    fn is_doubtful(&self, kept: &Kept, suspected: Option<Instant>, now: Instant) -> bool {
        now.saturating_duration_since(kept.used) >= self.limits.test_after
            || suspected.is_some_and(|suspected| kept.used <= suspected)
    }

    /// Gives up all that would have to be tested: one of them has failed.
    fn abandon_doubtful(&self, now: Instant) {
        let mut shelf = self.shelf();
        let suspected = shelf.suspected;
        let (doubtful, good): (VecDeque<_>, VecDeque<_>) =
            std::mem::take(&mut shelf.idle).into_iter().partition(|kept| self.is_doubtful(kept, suspected, now));
        shelf.idle = good;
        drop(shelf);
        drop(doubtful);
    }

    fn lend(self: &Arc<Self>, kept: Kept, permit: OwnedSemaphorePermit, since: Instant) -> Lease {
        let holder = {
            let mut shelf = self.shelf();
            shelf.next_holder += 1;
            let holder = shelf.next_holder;
            shelf.holders.insert(holder, Instant::now());
            holder
        };
        self.meter.waited(since.elapsed());
        Lease::new(Arc::clone(self), kept.connection, (kept.made, kept.tables), holder, permit)
    }

    /// Makes a connection.
    async fn connect(&self, until: Option<Instant>) -> Result<Kept> {
        let (now, tables) = (Instant::now(), self.tables());
        let longest = now + self.limits.connect_timeout;
        // Whoever has waited before has less time: that says nothing about the database.
        let is_short = until.is_some_and(|until| is_short(until.saturating_duration_since(now), &self.limits));
        let until = until.map_or(longest, |until| until.min(longest));
        match time::timeout_at(until, self.target.connect(&self.session)).await {
            Ok(Ok(connection)) => Ok(Kept { connection, made: now, used: Instant::now(), tables }),
            Ok(Err(error)) => {
                self.suspect();
                Err(error::no_connection(error, &self.target))
            }
            Err(_) => {
                if !is_short {
                    self.suspect();
                }
                let words = format!("can't connect to {}: {}", self.target, error::NOT_IN_TIME);
                Err(Error::unavailable(words).with_retry(Retry::Unsent))
            }
        }
    }

    /// Makes the connections that are to be there from the beginning, one at least.
    pub(crate) async fn warm_up(&self) -> Result<()> {
        for _ in 0..self.limits.min.max(1) {
            let made = self.connect(None).await?;
            self.shelf().idle.push_back(made);
        }
        Ok(())
    }

    fn is_worn_out(&self, kept: &Kept, now: Instant) -> bool {
        self.limits.max_lifetime.is_some_and(|longest| now.saturating_duration_since(kept.made) >= longest)
    }

    /// Takes a connection back.
    fn give_back(&self, connection: Connection, (made, tables): (Instant, u64), holder: u64) {
        let mut shelf = self.shelf();
        shelf.holders.remove(&holder);
        if shelf.holders.is_empty() {
            self.returned.notify_one();
        }
        let kept = Kept { connection, made, used: Instant::now(), tables };
        if shelf.is_closed || self.is_worn_out(&kept, kept.used) {
            drop(shelf);
            self.chore(Chore::Close(kept.connection));
        } else {
            shelf.idle.push_back(kept);
        }
    }

    /// Notes that a connection will not come back.
    fn lose(&self, holder: u64) {
        let mut shelf = self.shelf();
        shelf.holders.remove(&holder);
        if shelf.holders.is_empty() {
            self.returned.notify_one();
        }
    }

    /// Which change of the tables was the last.
    pub(crate) fn tables(&self) -> u64 {
        self.tables.load(Ordering::Acquire)
    }

    /// Has all connections forget what they have prepared.
    fn tables_changed(&self) {
        self.tables.fetch_add(1, Ordering::AcqRel);
    }

    /// Gives a chore to the janitor; if it has too many, what is to be closed is dropped instead.
    fn chore(&self, chore: Chore) {
        let _ = self.chores.try_send(chore);
    }

    /// Has the janitor roll back a transaction that was dropped; its connection is used again afterwards.
    fn roll_back(&self, lease: Lease) {
        let _ = self.dropped.try_send(lease);
    }

    /// Closes every connection, once nobody has one.
    pub(crate) async fn close(&self) {
        self.places.close();
        let idle = {
            let mut shelf = self.shelf();
            shelf.is_closed = true;
            std::mem::take(&mut shelf.idle)
        };
        for kept in idle {
            kept.connection.close().await;
        }
        loop {
            let returned = self.returned.notified();
            if self.shelf().holders.is_empty() {
                return;
            }
            returned.await;
        }
    }

    /// Refuses whoever comes from now on; who has a connection keeps it.
    pub(crate) fn abandon(&self) {
        self.places.close();
        let mut shelf = self.shelf();
        shelf.is_closed = true;
        let idle = std::mem::take(&mut shelf.idle);
        drop(shelf);
        drop(idle);
    }

    /// Returns how many connections are in use, how many wait to be used.
    pub(crate) fn counts(&self) -> (usize, usize) {
        let shelf = self.shelf();
        (shelf.holders.len(), shelf.idle.len())
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn closed(&self) -> Error {
        Error::unavailable(format!("the connections of \"{}\" are closed", self.limits.name)).with_retry(Retry::Unsent)
    }

    fn exhausted(&self) -> Error {
        let (in_use, longest) = {
            let shelf = self.shelf();
            (shelf.holders.len(), shelf.holders.values().next().map(Instant::elapsed))
        };
        let within = config::Duration(self.limits.acquire_timeout);
        let longest = longest.map(|longest| format!(", the longest since {:.1} s", longest.as_secs_f64()));
        let words = format!(
            "no connection of \"{}\" within {within}: {in_use} of {} are in use{}",
            self.limits.name,
            self.limits.size,
            longest.unwrap_or_default()
        );
        Error::unavailable(words).with_retry(Retry::Unsent).with_retry_after(Duration::from_secs(1))
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (in_use, idle) = self.counts();
        f.debug_struct("Pool")
            .field("name", &self.limits.name)
            .field("in_use", &in_use)
            .field("idle", &idle)
            .finish_non_exhaustive()
    }
}
