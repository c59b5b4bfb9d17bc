//! What keeps a link up: connected, lost, connected anew.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use tokio::{
    sync::watch,
    time::{self, Instant},
};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use zato_core::{
    ambient::Ambient,
    chrono::{DateTime, Utc},
    connection::Backoff,
};

use super::{LONGEST_PAUSE, Live, Target, Topology, Use};
use crate::{
    config::DEFINITION,
    wire::{self, WireError},
};

/// What a link shares with the task that keeps it up.
pub(super) struct Shared {
    pub(super) definition: String,
    pub(super) purpose: Use,
    pub(super) target: Arc<Target>,
    pub(super) topology: Arc<Topology>,
    pub(super) ambient: Ambient,
    pub(super) standing: watch::Sender<Standing>,
    pub(super) connects: AtomicU64,
    pub(super) failures: AtomicU64,
}

/// How a link stands.
#[derive(Clone, Debug)]
pub(super) enum Standing {
    /// Not in use, or being connected for the first time.
    Connecting,
    Up(Arc<Live>),
    Down {
        since: DateTime<Utc>,
        error: WireError,
        attempts: u32,
    },
}

impl Shared {
    pub(super) fn new(
        definition: &str,
        purpose: Use,
        target: Arc<Target>,
        topology: Arc<Topology>,
        ambient: Ambient,
    ) -> Self {
        Self {
            definition: definition.to_owned(),
            purpose,
            target,
            topology,
            ambient,
            standing: watch::Sender::new(Standing::Connecting),
            connects: AtomicU64::new(0),
            failures: AtomicU64::new(0),
        }
    }

    pub(super) async fn keep_up(&self, end: &CancellationToken) {
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
                    live.close().await;
                    info!(section = DEFINITION.name, definition = self.definition, purpose = self.purpose.word(), "connection closed");
                    break;
                }
            };
            warn!(section = DEFINITION.name, definition = self.definition, purpose = self.purpose.word(), %error, "connection lost");
            let since = self.ambient.now();
            self.standing.send_replace(Standing::Down { since, error: error.clone(), attempts: 0 });
            live.give_up(error);
            if !backoff.lasted(up_since.elapsed()) {
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
        self.topology.declare(&connection, self.purpose).await?;
        Ok(Live::new(connection, self.ambient.now()))
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
