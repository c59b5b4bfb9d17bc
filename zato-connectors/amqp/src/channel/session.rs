//! One subscription, from its beginning to its end: what is delivered is handed to work, each message to a task.

use std::sync::Arc;

use futures_util::FutureExt;
use tokio::{
    pin,
    task::JoinSet,
    time::{Duration, sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{debug, error};
use zato_core::channel::broker::Place;

use super::{consumer::Shared, work::Work};
use crate::{
    link::Live,
    wire::{self, Deliveries, Subscription, WireError},
};

/// How often a channel is looked at while there is no place for what it delivers.
const LOOK: Duration = Duration::from_secs(1);

/// A channel of the broker's with one subscription. What was delivered on it is settled on it, and nowhere else.
pub(super) struct Session {
    pub(super) channel: wire::Channel,
    pub(super) tag: Arc<str>,
    /// Cancelled when the broker has forgotten what it delivered here.
    pub(super) over: CancellationToken,
    /// What was delivered and is not settled.
    pub(super) works: TaskTracker,
}

/// Why a subscription has ended.
pub(super) enum End {
    /// It is over at our own wish.
    Stopped,
    /// The broker has ended it, or is gone.
    Broken(WireError),
}

impl Session {
    /// Subscribes to the queue, on a channel of its own: no fault of another one ends it, and no other one holds it up.
    ///
    /// # Cancel safety
    ///
    /// When dropped, the channel is closed.
    pub(super) async fn open(shared: &Shared, live: &Live) -> wire::Result<(Self, Deliveries)> {
        let terms = &shared.terms;
        let channel = live.open_channel().await?;
        let prefix = terms.tag_prefix.as_deref().unwrap_or("zato");
        let subscription = Subscription {
            queue: terms.queue.to_string(),
            consumer_tag: format!("{prefix}.{:016x}", shared.ambient.random() >> 64),
            is_unacknowledged: false,
            is_exclusive: terms.is_exclusive,
            arguments: terms.arguments.table().clone(),
        };
        let subscribe = async {
            channel.prefetch(terms.prefetch).await?;
            channel.consume(&subscription).await
        };
        let deliveries = wire::answered("gave no subscription", subscribe).await?;
        let tag = deliveries.tag().into();
        let session = Self { channel, tag, over: CancellationToken::new(), works: TaskTracker::new() };
        Ok((session, deliveries))
    }

    /// Hands messages to work until the subscription is over.
    pub(super) async fn run(
        self,
        shared: &Arc<Shared>,
        live: &Live,
        mut deliveries: Deliveries,
        works: &mut JoinSet<()>,
    ) -> End {
        let session = Arc::new(self);
        let end = session.deliver(shared, live, &mut deliveries, works).await;
        match &end {
            End::Stopped => session.leave(deliveries).await,
            // What was delivered may still be settled if only the subscription has ended.
            End::Broken(_) if session.channel.is_open() && !session.over.is_cancelled() => {}
            End::Broken(_) => session.over.cancel(),
        }
        // Closed when the last of its messages is settled; those that are not go back by that.
        session.works.close();
        works.spawn(async move {
            session.works.wait().await;
            let _ = session.channel.close().await;
        });
        end
    }

    async fn deliver(
        self: &Arc<Self>,
        shared: &Arc<Shared>,
        live: &Live,
        deliveries: &mut Deliveries,
        works: &mut JoinSet<()>,
    ) -> End {
        let (stopped, lost) = (shared.shift.stop.cancelled(), live.lost());
        pin!(stopped, lost);
        loop {
            // First a place, then a message: those that there is no place for wait where the broker counts them.
            let place = tokio::select! {
                biased;
                () = &mut stopped => return End::Stopped,
                error = &mut lost => return self.lost(error),
                place = shared.shift.place() => place,
                error = self.closed(deliveries) => return self.lost(error),
            };
            reap(works);
            let delivered = tokio::select! {
                biased;
                () = &mut stopped => return End::Stopped,
                error = &mut lost => return self.lost(error),
                delivered = deliveries.next() => delivered,
            };
            match delivered {
                Some(Ok(delivered)) => self.begin(shared, place, delivered, works),
                Some(Err(error)) => return self.lost(error),
                None => {
                    return End::Broken(WireError::connection(
                        "the broker has ended the subscription: the queue was deleted, or an operator did it",
                    ));
                }
            }
        }
    }

    /// Waits until the channel is closed, of which nobody is told who takes no deliveries.
    async fn closed(&self, deliveries: &mut Deliveries) -> WireError {
        while self.channel.is_open() {
            sleep(LOOK).await;
        }
        // The reason stands behind whatever has come before it.
        loop {
            match deliveries.next().now_or_never() {
                Some(Some(Ok(_))) => {}
                Some(Some(Err(error))) => return error,
                Some(None) | None => return WireError::connection("the channel to the broker is closed"),
            }
        }
    }

    fn begin(
        self: &Arc<Self>,
        shared: &Arc<Shared>,
        place: Place,
        delivered: wire::Delivered,
        works: &mut JoinSet<()>,
    ) {
        let work = Work::new(shared, self, delivered);
        let _counted = works.spawn(self.works.track_future(shared.shift.track(work.run(place))));
    }

    fn lost(&self, error: WireError) -> End {
        self.over.cancel();
        End::Broken(error)
    }

    /// Ends the subscription, and gives back what was delivered and not begun with: somebody else may have a place for it.
    async fn leave(&self, mut deliveries: Deliveries) {
        if wire::answered("ended no subscription", self.channel.cancel(&self.tag)).await.is_err() {
            return;
        }
        let mut returned = 0_u32;
        let give_back = async {
            while let Some(Ok(delivered)) = deliveries.next().await {
                if self.channel.nack(delivered.tag, true).await.is_err() {
                    break;
                }
                returned += 1;
            }
        };
        let _ = timeout(wire::ANSWER, give_back).await;
        debug!(consumer_tag = &*self.tag, returned, "subscription ended");
    }

    /// Whether what was delivered here can't be settled any more.
    pub(super) fn is_stale(&self) -> bool {
        self.over.is_cancelled() || !self.channel.is_open()
    }
}

/// Lets go of work that has ended.
pub(super) fn reap(works: &mut JoinSet<()>) {
    while let Some(ended) = works.try_join_next() {
        if let Err(error) = ended
            && error.is_panic()
        {
            // A service that panics is caught, and its message settled, by the layers around it: this is a fault of ours.
            error!(%error, "the work on a message broke off; it comes again when its channel is closed");
        }
    }
}
