//! Publishing: messages go out in order, many may be on their way, and of each its sender learns what became of it.

mod lane;
mod replies;

use std::{
    fmt,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::sync::{OnceCell, OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use self::lane::Lane;
pub(crate) use self::replies::{Replies, Waiting};
use crate::{
    link::Live,
    wire::{self, Publication, WireError},
};

/// The queue that stands for whoever sends, and has no messages of its own (RabbitMQ's direct reply-to).
pub(crate) const REPLY_TO: &str = "amq.rabbitmq.reply-to";

/// What became of a message.
#[derive(Clone, Debug)]
pub(crate) enum Fate {
    /// The broker has it.
    Confirmed,
    /// The broker has no queue for it, for the reason that it gives.
    Unroutable(String),
    /// The broker could not take it.
    Refused,
    /// It was not sent.
    Unsent(WireError),
    /// It was sent, and the broker may have it or not.
    Unknown(WireError),
    /// The broker has ended the channel for what this message is: it has it not, and says the same another time.
    Blamed(WireError),
    /// The time for it was over before that was known.
    Late {
        /// Whether it was handed over: then the broker may have it or not.
        is_on_its_way: bool,
    },
}

impl Fate {
    /// Whether it may have been this message, among others, that the broker has ended the channel for.
    pub(crate) fn is_suspect(&self) -> bool {
        matches!(self, Self::Unknown(error) if error.is_of_channel())
    }
}

/// A message, and who wants to know what becomes of it.
struct Job {
    publication: Box<Publication>,
    answer: oneshot::Sender<Fate>,
    /// Held until that is known, also if nobody wants to know it any more.
    place: OwnedSemaphorePermit,
    /// Whether no other may be on its way beside it, so that it is known what the broker ends the channel for.
    is_alone: bool,
}

/// Channels with confirms on one connection, and the tasks that publish on them.
pub(crate) struct Publisher {
    lanes: Vec<Arm>,
    next: AtomicUsize,
    /// What requests are sent on, once there was one: replies come to the channel that a request went out on.
    requests: OnceCell<(Arm, Replies)>,
    live: Arc<Live>,
    places: Arc<Semaphore>,
    max_in_flight: usize,
    broken: Arc<Broken>,
}

/// A lane as seen from outside.
struct Arm {
    jobs: mpsc::Sender<Job>,
    _task: AbortOnDropHandle<()>,
}

/// Set when nothing can be published any more.
#[derive(Default)]
struct Broken {
    is: CancellationToken,
    reason: OnceLock<WireError>,
}

impl Publisher {
    /// Opens the channels.
    pub(crate) async fn open(live: Arc<Live>, lanes: usize, max_in_flight: usize) -> wire::Result<Self> {
        let mut publisher = Self {
            lanes: Vec::new(),
            next: AtomicUsize::new(0),
            requests: OnceCell::new(),
            live,
            places: Arc::new(Semaphore::new(max_in_flight)),
            max_in_flight,
            broken: Arc::default(),
        };
        for _ in 0..lanes {
            publisher.lanes.push(publisher.arm(None).await?);
        }
        Ok(publisher)
    }

    async fn arm(&self, replies: Option<Replies>) -> wire::Result<Arm> {
        let (jobs, waiting) = mpsc::channel(self.max_in_flight);
        let lane = Lane::open(Arc::clone(&self.live), Arc::clone(&self.broken), replies).await?;
        #[expect(clippy::disallowed_methods, reason = "the handle is kept and aborts on drop")]
        let task = tokio::spawn(lane.run(waiting));
        Ok(Arm { jobs, _task: AbortOnDropHandle::new(task) })
    }

    /// Takes a place for a message; further ones wait until the broker has confirmed one.
    ///
    /// # Cancel safety
    ///
    /// May be dropped at any time.
    pub(crate) async fn place(&self) -> OwnedSemaphorePermit {
        // Nobody closes it.
        let place = Arc::clone(&self.places).acquire_owned().await;
        place.expect("the semaphore is never closed")
    }

    /// Takes a place for a message if there is one, and nobody has waited for it before. Waiting takes a timer, which nearly no
    /// message needs.
    pub(crate) fn free_place(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.places).try_acquire_owned().ok()
    }

    /// Returns the lane that the next message goes by; one after the other.
    pub(crate) fn turn(&self) -> usize {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// Hands a message over, in the order of the calls, and returns what tells what becomes of it. If that is dropped
    /// before the message is sent, it never is.
    pub(crate) fn publish(&self, turn: usize, publication: Box<Publication>, place: OwnedSemaphorePermit) -> Pending {
        let lane = self.lanes.get(turn % self.lanes.len().max(1));
        Pending(lane.map(|lane| lane.hand_over(publication, place, false)))
    }

    /// Hands a message over that may have been what the broker has ended a channel for: nothing else is on its way
    /// beside it, so that the broker says it of this one or of another.
    pub(crate) fn publish_alone(
        &self,
        turn: usize,
        publication: Box<Publication>,
        place: OwnedSemaphorePermit,
    ) -> Pending {
        let lane = self.lanes.get(turn % self.lanes.len().max(1));
        Pending(lane.map(|lane| lane.hand_over(publication, place, true)))
    }

    /// Hands a request over, and returns with what becomes of it the place where its reply comes.
    pub(crate) async fn request(
        &self,
        publication: Box<Publication>,
        correlation_id: &str,
        place: OwnedSemaphorePermit,
    ) -> wire::Result<(Pending, Waiting)> {
        let open = async || {
            let replies = Replies::default();
            wire::Result::Ok((self.arm(Some(replies.clone())).await?, replies))
        };
        let (lane, replies) = self.requests.get_or_try_init(open).await?;
        let waiting = replies.wait_for(correlation_id)?;
        Ok((Pending(Some(lane.hand_over(publication, place, false))), waiting))
    }

    /// Returns how many messages are on their way.
    pub(crate) fn in_flight(&self) -> usize {
        self.max_in_flight.saturating_sub(self.places.available_permits())
    }

    /// Resolves with the reason when nothing can be published any more.
    pub(crate) async fn broken(&self) -> WireError {
        tokio::select! {
            error = self.live.lost() => error,
            () = self.broken.is.cancelled() => {
                self.broken.reason.get().cloned().unwrap_or_else(|| WireError::connection("no channel can be opened"))
            }
        }
    }

    /// Returns the connection that is published on.
    pub(crate) fn live(&self) -> &Arc<Live> {
        &self.live
    }
}

impl Arm {
    fn hand_over(
        &self,
        publication: Box<Publication>,
        place: OwnedSemaphorePermit,
        is_alone: bool,
    ) -> oneshot::Receiver<Fate> {
        let (answer, pending) = oneshot::channel();
        // There is room for as many as there are places, so that it is refused only if the lane has ended.
        if let Err(refused) = self.jobs.try_send(Job { publication, answer, place, is_alone }) {
            let closed = WireError::connection("the connection to the broker is closed");
            let _ = refused.into_inner().answer.send(Fate::Unsent(closed));
        }
        pending
    }
}

/// A message that was handed over.
pub(crate) struct Pending(Option<oneshot::Receiver<Fate>>);

impl Pending {
    /// Waits until it is known what became of it.
    pub(crate) async fn fate(self) -> Fate {
        let closed = || WireError::connection("the connection to the broker is closed");
        match self.0 {
            // A lane answers everything that it has begun with; what it has not was not sent.
            Some(pending) => pending.await.unwrap_or_else(|_| Fate::Unknown(closed())),
            None => Fate::Unsent(closed()),
        }
    }
}

impl Broken {
    fn set(&self, reason: WireError) {
        let _ = self.reason.set(reason);
        self.is.cancel();
    }
}

impl fmt::Debug for Publisher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Publisher")
            .field("lanes", &self.lanes.len())
            .field("in_flight", &self.in_flight())
            .finish_non_exhaustive()
    }
}
