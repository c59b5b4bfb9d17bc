//! What channels publish: copies of messages, and replies. The connection for that is made when there is the first.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};

use futures_util::FutureExt;
use tokio::{
    sync,
    time::{Duration, sleep, timeout},
};

use crate::{
    definition::AmqpDefinition,
    link::{Hold, Link},
    publisher::{Fate, Publisher},
    wire::{self, Publication, Queue, Scope, WireError},
};

/// How long it may take until the broker has a message, with everything.
const WITHIN: Duration = Duration::from_secs(10);

/// How many messages may be on their way; more wait.
const IN_FLIGHT: usize = 1000;

/// Publishes for one channel.
pub(super) struct Outbox {
    link: Arc<Link>,
    /// Held from the first message on, also while it can't be connected: the pauses between attempts, and which node is
    /// next, belong to the connection and not to the messages.
    hold: OnceLock<Hold>,
    /// Held while it is opened, so that it is opened once.
    open: sync::Mutex<Option<Arc<Open>>>,
}

struct Open {
    publisher: Publisher,
    /// Queues that were declared on this connection.
    declared: Mutex<HashSet<String>>,
}

impl Outbox {
    pub(super) fn new(definition: &AmqpDefinition) -> Self {
        let link = Arc::clone(&definition.publishing);
        Self { link, hold: OnceLock::new(), open: sync::Mutex::default() }
    }

    /// Publishes a message, to a queue that is declared if it is new; returns when the broker has it.
    ///
    /// # Errors
    ///
    /// The broker has it not, or nobody knows.
    ///
    /// # Cancel safety
    ///
    /// When dropped, the message may have been sent.
    pub(super) async fn send(&self, publication: Publication, queue: Option<Queue>) -> wire::Result<()> {
        let sent = timeout(WITHIN, self.publish(publication, queue)).await;
        sent.unwrap_or_else(|_| Err(unconfirmed()))
    }

    /// The same with more time for it, of which no more than the usual is left when `end` has come.
    pub(super) async fn send_patiently(
        &self,
        publication: Publication,
        patience: Duration,
        end: impl Future<Output = ()>,
    ) -> wire::Result<()> {
        let is_over = async {
            let _ = timeout(patience.saturating_sub(WITHIN), end).await;
            sleep(patience.min(WITHIN)).await;
        };
        tokio::select! {
            biased;
            sent = self.publish(publication, None) => sent,
            () = is_over => Err(unconfirmed()),
        }
    }

    async fn publish(&self, publication: Publication, queue: Option<Queue>) -> wire::Result<()> {
        let open = self.open().await?;
        let Some(queue) = queue else { return told(open.fate(publication).await) };
        open.declare(&queue).await?;
        match open.fate(publication.clone()).await {
            // Somebody has deleted the queue since.
            Fate::Unroutable(_) => {
                open.declared().remove(&queue.name);
                open.declare(&queue).await?;
                told(open.fate(publication).await)
            }
            fate => told(fate),
        }
    }

    /// Returns what messages are published on.
    async fn open(&self) -> wire::Result<Arc<Open>> {
        let mut opened = self.open.lock().await;
        if let Some(open) = &*opened
            && open.publisher.broken().now_or_never().is_none()
        {
            return Ok(Arc::clone(open));
        }
        *opened = None;
        let hold = self.hold.get_or_init(|| self.link.hold());
        let live = hold.tried().await.map_err(|error| WireError::connection(error.to_string()))?;
        let publisher = Publisher::open(live, 1, IN_FLIGHT).await?;
        let open = Arc::new(Open { publisher, declared: Mutex::default() });
        *opened = Some(Arc::clone(&open));
        Ok(open)
    }
}

impl Open {
    async fn declare(&self, queue: &Queue) -> wire::Result<()> {
        if self.declared().contains(&queue.name) {
            return Ok(());
        }
        // A channel of its own: one that is refused ends it.
        let channel = self.publisher.live().open_channel().await?;
        channel.declare_queue(queue).await.map_err(|error| error.about("queue", &queue.name))?;
        let _ = channel.close().await;
        self.declared().insert(queue.name.clone());
        Ok(())
    }

    async fn fate(&self, publication: Publication) -> Fate {
        let place = self.publisher.place().await;
        self.publisher.publish(self.publisher.turn(), Box::new(publication), place).fate().await
    }

    fn declared(&self) -> MutexGuard<'_, HashSet<String>> {
        self.declared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn told(fate: Fate) -> wire::Result<()> {
    match fate {
        Fate::Confirmed => Ok(()),
        Fate::Unroutable(reason) => Err(refused(format!("no queue is there for it ({reason})"))),
        Fate::Refused => Err(refused("the broker could not take it")),
        Fate::Unsent(error) | Fate::Unknown(error) | Fate::Blamed(error) => Err(error),
        Fate::Late { .. } => Err(unconfirmed()),
    }
}

fn unconfirmed() -> WireError {
    WireError::connection("the broker has not confirmed the message in time")
}

/// What may be otherwise another time; of scope [`Nothing`](Scope::Nothing) is what no frame can carry.
fn refused(message: impl Into<String>) -> WireError {
    WireError { scope: Scope::Channel, code: None, message: message.into() }
}
