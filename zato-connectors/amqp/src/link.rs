//! A connection to a broker that is kept up for as long as somebody holds it: connected, lost, connected anew, with what
//! has to be there declared each time.

use std::{
    fmt,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{self, Instant},
};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use zato_core::{
    Error, Result,
    ambient::Ambient,
    chrono::{DateTime, Utc},
    connection::{Backoff, State},
};

use crate::{
    config::{DEFINITION, ExchangeConfig, QueueConfig},
    error,
    wire::{self, WireError},
};

/// The longest pause between two attempts: a broker that is back is found within that.
pub(crate) const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// How long a connection must have been up for its loss to be mended without a pause.
const STABLE: Duration = Duration::from_secs(30);

/// How long the broker may take to agree on a connection, and to declare what has to be there.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// What a connection is for. Brokers hold up who publishes too fast, and must not hold up acknowledgements with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    Publishing,
    Consuming,
}

impl Use {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Publishing => "publishing",
            Self::Consuming => "consuming",
        }
    }
}

/// Where a link leads to.
#[derive(Debug)]
pub(crate) enum Target {
    /// A real broker: its nodes, in the order that they are tried in.
    Broker { endpoints: Vec<wire::Endpoint>, credentials: wire::Credentials },
    /// One in the test's own process.
    #[cfg(feature = "testing")]
    Memory(wire::memory::Broker),
}

/// What has to be there on a broker.
#[derive(Clone, Debug, Default)]
pub(crate) struct Topology {
    pub(crate) exchanges: Vec<ExchangeConfig>,
    pub(crate) queues: Vec<QueueConfig>,
}

/// A connection of a definition, and the task that keeps it up.
pub(crate) struct Link {
    shared: Arc<Shared>,
    keeper: Mutex<Keeper>,
}

#[derive(Default)]
struct Keeper {
    holders: usize,
    /// The task, and what ends it.
    task: Option<(Task, CancellationToken)>,
    /// The one before, which says goodbye still.
    leaving: Option<Task>,
    is_closed: bool,
}

/// A task that ends with its owner.
struct Task(JoinHandle<()>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

struct Shared {
    definition: String,
    purpose: Use,
    target: Arc<Target>,
    topology: Arc<Topology>,
    ambient: Ambient,
    standing: watch::Sender<Standing>,
    connects: AtomicU64,
    failures: AtomicU64,
}

/// How a link stands.
#[derive(Clone, Debug)]
enum Standing {
    /// Not in use, or being connected for the first time.
    Connecting,
    Up(Arc<Live>),
    Down {
        since: DateTime<Utc>,
        error: WireError,
        attempts: u32,
    },
}

/// A connection that is up, or was.
pub(crate) struct Live {
    connection: wire::Connection,
    since: DateTime<Utc>,
    /// Why the broker takes no messages for now.
    blocked: watch::Sender<Option<String>>,
    lost: CancellationToken,
    reason: OnceLock<WireError>,
}

/// Keeps a link up until it is dropped.
pub(crate) struct Hold(Arc<Link>);

impl Link {
    pub(crate) fn new(
        definition: &str,
        purpose: Use,
        target: Arc<Target>,
        topology: Arc<Topology>,
        ambient: Ambient,
    ) -> Arc<Self> {
        let shared = Arc::new(Shared {
            definition: definition.to_owned(),
            purpose,
            target,
            topology,
            ambient,
            standing: watch::Sender::new(Standing::Connecting),
            connects: AtomicU64::new(0),
            failures: AtomicU64::new(0),
        });
        Arc::new(Self { shared, keeper: Mutex::default() })
    }

    /// Has the link connected, if nobody had before.
    pub(crate) fn hold(self: &Arc<Self>) -> Hold {
        let mut keeper = self.keeper();
        keeper.holders += 1;
        if keeper.holders == 1 && !keeper.is_closed {
            let (shared, end) = (Arc::clone(&self.shared), CancellationToken::new());
            let (leaving, ended) = (keeper.leaving.take(), end.clone());
            #[expect(clippy::disallowed_methods, reason = "the handle is kept and aborted on drop")]
            let task = tokio::spawn(async move {
                if let Some(mut before) = leaving {
                    let _ = (&mut before.0).await;
                }
                shared.keep_up(&ended).await;
            });
            keeper.task = Some((Task(task), end));
        }
        drop(keeper);
        Hold(Arc::clone(self))
    }

    /// Says goodbye, whoever holds it still.
    pub(crate) async fn close(&self) {
        let (task, leaving) = {
            let mut keeper = self.keeper();
            keeper.is_closed = true;
            (keeper.task.take(), keeper.leaving.take())
        };
        if let Some((_, end)) = &task {
            end.cancel();
        }
        for mut task in task.map(|(task, _)| task).into_iter().chain(leaving) {
            let _ = (&mut task.0).await;
        }
    }

    /// Returns how often it was connected anew, and how many attempts have failed.
    pub(crate) fn counts(&self) -> (u64, u64) {
        let Shared { connects, failures, .. } = &*self.shared;
        (connects.load(Ordering::Relaxed).saturating_sub(1), failures.load(Ordering::Relaxed))
    }

    fn keeper(&self) -> std::sync::MutexGuard<'_, Keeper> {
        self.keeper.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut keeper = self.0.keeper();
        keeper.holders -= 1;
        if keeper.holders == 0
            && let Some((task, end)) = keeper.task.take()
        {
            // It says goodbye in its own time.
            end.cancel();
            keeper.leaving = Some(task);
        }
    }
}

impl Hold {
    /// Returns the connection if it is up.
    ///
    /// # Errors
    ///
    /// [`Unavailable`](zato_core::Kind::Unavailable) with the reason.
    pub(crate) fn live(&self) -> Result<Arc<Live>> {
        let shared = &self.0.shared;
        match &*shared.standing.borrow() {
            Standing::Up(live) => Ok(Arc::clone(live)),
            Standing::Down { error, .. } => Err(error::of(error.clone())),
            Standing::Connecting => Err(Error::unavailable("the broker is still being connected to")),
        }
    }

    /// Waits until the connection is up.
    ///
    /// # Cancel safety
    ///
    /// May be dropped at any time.
    pub(crate) async fn up(&self) -> Arc<Live> {
        let mut standing = self.0.shared.standing.subscribe();
        loop {
            if let Standing::Up(live) = &*standing.borrow_and_update() {
                return Arc::clone(live);
            }
            if standing.changed().await.is_err() {
                // The sender is ours: it is there for as long as we are.
                std::future::pending::<()>().await;
            }
        }
    }

    /// Waits until the connection is up or has just failed to be.
    ///
    /// # Errors
    ///
    /// As [`live`](Self::live).
    pub(crate) async fn tried(&self) -> Result<Arc<Live>> {
        let mut standing = self.0.shared.standing.subscribe();
        let _ = standing.wait_for(|standing| !matches!(standing, Standing::Connecting)).await;
        self.live()
    }

    /// Declares what has to be there once more, which somebody may have deleted since the connection was made.
    pub(crate) async fn declare(&self, live: &Live) -> wire::Result<()> {
        let Shared { topology, purpose, .. } = &*self.0.shared;
        let declared = time::timeout(HANDSHAKE, topology.declare(&live.connection, *purpose)).await;
        declared.unwrap_or_else(|_| Err(WireError::connection("the broker declared nothing within 10 seconds")))
    }

    /// Says how the connection stands, for readiness.
    pub(crate) fn state(&self) -> State {
        match &*self.0.shared.standing.borrow() {
            Standing::Connecting => State::Connecting,
            Standing::Up(live) => State::Up { since: live.since },
            Standing::Down { since, error, attempts } => {
                State::Down { since: *since, error: error.to_string(), attempts: *attempts }
            }
        }
    }
}

impl Live {
    /// Opens a channel.
    pub(crate) async fn open_channel(&self) -> wire::Result<wire::Channel> {
        let opened = time::timeout(HANDSHAKE, self.connection.open_channel()).await;
        opened.unwrap_or_else(|_| Err(WireError::connection("the broker opened no channel within 10 seconds")))
    }

    /// Resolves with the reason when the connection is gone.
    pub(crate) async fn lost(&self) -> WireError {
        self.lost.cancelled().await;
        self.reason.get().cloned().unwrap_or_else(|| WireError::connection("the connection to the broker is closed"))
    }

    /// Tells why the broker takes no messages, for as long as it doesn't.
    pub(crate) fn blocked(&self) -> watch::Receiver<Option<String>> {
        self.blocked.subscribe()
    }

    /// Returns the library's own connection.
    pub(crate) fn raw(&self) -> Option<&lapin::Connection> {
        self.connection.raw()
    }
}

impl Shared {
    async fn keep_up(&self, end: &CancellationToken) {
        let _unless_it_panics = Ended(self);
        let mut backoff = Backoff::new(LONGEST_PAUSE);
        loop {
            let live = tokio::select! {
                live = self.connect(&mut backoff) => live,
                () = end.cancelled() => break,
            };
            let up_since = Instant::now();
            let error = tokio::select! {
                error = live.watch(&self.definition) => error,
                () = end.cancelled() => {
                    live.give_up(WireError::connection("the connection is closed by us"));
                    let _ = time::timeout(HANDSHAKE, live.connection.close()).await;
                    info!(section = DEFINITION.name, definition = self.definition, purpose = self.purpose.word(), "connection closed");
                    break;
                }
            };
            warn!(section = DEFINITION.name, definition = self.definition, purpose = self.purpose.word(), %error, "connection lost");
            let since = self.ambient.now();
            self.standing.send_replace(Standing::Down { since, error: error.clone(), attempts: 0 });
            live.give_up(error);
            if up_since.elapsed() >= STABLE {
                backoff = Backoff::new(LONGEST_PAUSE);
            } else {
                let pause = backoff.next(self.ambient.random());
                tokio::select! { () = time::sleep(pause) => {} () = end.cancelled() => break }
            }
        }
        self.standing.send_replace(Standing::Connecting);
    }

    /// Tries until it is connected.
    async fn connect(&self, backoff: &mut Backoff) -> Arc<Live> {
        let mut attempts = 0;
        let mut down_since = match &*self.standing.borrow() {
            Standing::Down { since, .. } => Some(*since),
            _ => None,
        };
        loop {
            let error = match self.attempt().await {
                Ok(live) => {
                    self.connects.fetch_add(1, Ordering::Relaxed);
                    let live = Arc::new(live);
                    self.standing.send_replace(Standing::Up(Arc::clone(&live)));
                    info!(
                        section = DEFINITION.name,
                        definition = self.definition,
                        purpose = self.purpose.word(),
                        "connection up"
                    );
                    return live;
                }
                Err(error) => error,
            };
            attempts += 1;
            self.failures.fetch_add(1, Ordering::Relaxed);
            let since = *down_since.get_or_insert_with(|| self.ambient.now());
            let pause = backoff.next(self.ambient.random());
            warn!(
                section = DEFINITION.name,
                definition = self.definition,
                purpose = self.purpose.word(),
                attempts,
                retry_in_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX),
                %error,
                "connection failed"
            );
            self.standing.send_replace(Standing::Down { since, error, attempts });
            time::sleep(pause).await;
        }
    }

    /// Tries every node once.
    async fn attempt(&self) -> wire::Result<Live> {
        let connection = self.target.connect(self.purpose).await?;
        let declared = time::timeout(HANDSHAKE, self.topology.declare(&connection, self.purpose)).await;
        declared.unwrap_or_else(|_| Err(WireError::connection("the broker declared nothing within 10 seconds")))?;
        Ok(Live {
            connection,
            since: self.ambient.now(),
            blocked: watch::Sender::new(None),
            lost: CancellationToken::new(),
            reason: OnceLock::new(),
        })
    }
}

impl Live {
    /// Takes note of what the broker says, until the connection is gone.
    async fn watch(&self, definition: &str) -> WireError {
        loop {
            match self.connection.event().await {
                wire::Event::Blocked(reason) => {
                    warn!(section = DEFINITION.name, definition, reason, "the broker takes no messages for now");
                    self.blocked.send_replace(Some(reason));
                }
                wire::Event::Unblocked => {
                    info!(section = DEFINITION.name, definition, "the broker takes messages again");
                    self.blocked.send_replace(None);
                }
                wire::Event::Lost(error) => return error,
            }
        }
    }

    fn give_up(&self, reason: WireError) {
        let _ = self.reason.set(reason);
        self.lost.cancel();
    }
}

impl Target {
    async fn connect(&self) -> wire::Result<wire::Connection> {
        match self {
            Self::Broker { endpoints, credentials } => {
                let mut last = WireError::connection("there is no node to connect to");
                for endpoint in endpoints {
                    let within = credentials.connect_timeout + HANDSHAKE;
                    let attempt = time::timeout(within, wire::connect(endpoint, credentials)).await;
                    match attempt.unwrap_or_else(|_| Err(WireError::connection("the broker agreed to nothing in time")))
                    {
                        Ok(connection) => return Ok(connection),
                        Err(error) => last = error,
                    }
                }
                Err(last)
            }
            #[cfg(feature = "testing")]
            Self::Memory(broker) => {
                let attempt = time::timeout(HANDSHAKE, broker.connect()).await;
                attempt.unwrap_or_else(|_| Err(WireError::connection("the broker agreed to nothing in time")))
            }
        }
    }
}

/// Says why no node could be connected to, each by its number where there are several.
fn of_nodes(mut faults: Vec<WireError>) -> WireError {
    let all: Vec<String> =
        faults.iter().enumerate().map(|(number, fault)| format!("address {}: {fault}", number + 1)).collect();
    match faults.pop() {
        None => WireError::connection("there is no node to connect to"),
        Some(only) if all.len() == 1 => only,
        Some(last) => WireError { message: all.join("; "), ..last },
    }
}

/// Says that a link is down if its task panics: nobody else would.
struct Ended<'a>(&'a Shared);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let words = "the connection panicked; a new configuration of the definition starts it again";
            let (since, error) = (self.0.ambient.now(), WireError::connection(words));
            self.0.standing.send_replace(Standing::Down { since, error, attempts: 1 });
        }
    }
}

impl Topology {
    /// Declares what is to be declared, and looks for what is to be there.
    async fn declare(&self, connection: &wire::Connection, purpose: Use) -> wire::Result<()> {
        if self.exchanges.is_empty() && self.queues.is_empty() {
            return Ok(());
        }
        let channel = connection.open_channel().await?;
        for exchange in &self.exchanges {
            let declared = match exchange.passive {
                true => channel.check_exchange(&exchange.name).await,
                false => channel.declare_exchange(&exchange.declaration()).await,
            };
            declared.map_err(|error| error.about("exchange", &exchange.name))?;
        }
        // What only one connection may use belongs to the one that consumes.
        let is_ours = |queue: &&QueueConfig| !queue.exclusive || purpose == Use::Consuming;
        for queue in self.queues.iter().filter(is_ours) {
            let declared = match queue.passive {
                true => channel.check_queue(&queue.name).await,
                false => channel.declare_queue(&queue.declaration()).await,
            };
            declared.map_err(|error| error.about("queue", &queue.name))?;
            for binding in &queue.bindings {
                let (exchange, key, arguments) = (&binding.exchange, &binding.routing_key, binding.arguments.table());
                let bound = channel.bind_queue(&queue.name, exchange, key, arguments).await;
                bound.map_err(|error| error.about("queue", &queue.name))?;
            }
        }
        for exchange in &self.exchanges {
            for binding in &exchange.bindings {
                let (from, key, arguments) = (&binding.exchange, &binding.routing_key, binding.arguments.table());
                let bound = channel.bind_exchange(&exchange.name, from, key, arguments).await;
                bound.map_err(|error| error.about("exchange", &exchange.name))?;
            }
        }
        channel.close().await
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Link({} of {:?}: {:?})",
            self.shared.purpose.word(),
            self.shared.definition,
            *self.shared.standing.borrow()
        )
    }
}

impl fmt::Debug for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Live").field("since", &self.since).field("is_lost", &self.lost.is_cancelled()).finish()
    }
}
