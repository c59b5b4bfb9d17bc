//! One channel with confirms, and the task that is alone with it.
//!
//! It has to be alone: the library gives a message its number and queues it in two steps, so that two tasks at once would
//! be told of each other's messages.

use std::{
    collections::{HashMap, HashSet},
    future::{Future, poll_fn},
    pin::Pin,
    sync::Arc,
    task::Poll,
};

use futures_util::{FutureExt, StreamExt, stream::FuturesUnordered};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot, watch};
use tracing::{debug, warn};

use super::{Broken, Fate, Job, REPLY_TO, Replies};
use crate::{
    link::Live,
    wire::{self, Channel, Code, Confirmed, Deliveries, Result, Scope, Subscription},
};

/// How many exchanges are known to be there at once; more than any program publishes to.
const MAX_KNOWN: usize = 1000;

pub(super) struct Lane {
    live: Arc<Live>,
    broken: Arc<Broken>,
    blocked: watch::Receiver<Option<String>>,
    channel: Channel,
    replies: Option<(Replies, Deliveries)>,
    /// What is on its way.
    flying: FuturesUnordered<Flight>,
    /// What the broker gave back, by message id, until its own confirmation comes.
    returned: HashMap<String, String>,
    /// The message ids of what is on its way: what comes back is told by them, so that two of one id go one after the other.
    ids: HashSet<String>,
    /// Exchanges that were there when they were looked for. One that is not would end the channel, and with it leave open
    /// what becomes of everything else that is on its way.
    known: HashSet<String>,
    /// Exchanges that are being looked for, and what waits for that. Everything else goes on meanwhile.
    looks: FuturesUnordered<Look>,
    parked: HashMap<String, Vec<Job>>,
}

type Look = Pin<Box<dyn Future<Output = (String, Result<()>)> + Send>>;

type Flight = Pin<Box<dyn Future<Output = Landed> + Send>>;

/// A message that the broker has told about.
struct Landed {
    message_id: Option<String>,
    is_mandatory: bool,
    result: Result<Confirmed>,
    answer: oneshot::Sender<Fate>,
    _place: OwnedSemaphorePermit,
}

/// What a lane has to do next.
enum Next {
    Landed(Landed),
    Job(Job),
    Looked(String, Result<()>),
    Reply {
        /// Whether none can come any more, since the subscription has ended.
        is_last: bool,
    },
    /// The broker takes no messages for now, or takes them again.
    Held,
    /// Nobody can hand over any more.
    End,
}

impl Lane {
    pub(super) async fn open(live: Arc<Live>, broken: Arc<Broken>, replies: Option<Replies>) -> Result<Self> {
        let channel = channel_of(&live).await?;
        let replies = match replies {
            Some(replies) => Some((replies, replies_of(&channel).await?)),
            None => None,
        };
        Ok(Self {
            blocked: live.blocked(),
            live,
            broken,
            channel,
            replies,
            flying: FuturesUnordered::new(),
            returned: HashMap::new(),
            ids: HashSet::new(),
            known: HashSet::new(),
            looks: FuturesUnordered::new(),
            parked: HashMap::new(),
        })
    }

    pub(super) async fn run(mut self, mut jobs: mpsc::Receiver<Job>) {
        loop {
            let mut is_usable = true;
            match self.next(&mut jobs).await {
                Next::Job(job) => self.take(job).await,
                Next::Looked(exchange, found) => self.looked(exchange, found).await,
                Next::Landed(landed) => self.settle(landed),
                Next::Held => {}
                Next::Reply { is_last } => is_usable = !is_last,
                Next::End => break,
            }
            if !(is_usable && self.channel.is_open())
                && let Err(error) = self.open_anew().await
            {
                self.broken.set(error.clone());
                for job in self.parked.drain().flat_map(|(_, parked)| parked) {
                    let _ = job.answer.send(Fate::Unsent(error.clone()));
                }
                jobs.close();
                while let Some(job) = jobs.recv().await {
                    let _ = job.answer.send(Fate::Unsent(error.clone()));
                }
                return;
            }
        }
        self.land_all().await;
        let _ = self.channel.close().await;
    }

    async fn next(&mut self, jobs: &mut mpsc::Receiver<Job>) -> Next {
        let is_blocked = self.blocked.borrow().is_some();
        let replies = self.replies.as_mut();
        tokio::select! {
            biased;
            Some(landed) = self.flying.next(), if !self.flying.is_empty() => Next::Landed(landed),
            Some((exchange, found)) = self.looks.next(), if !self.looks.is_empty() => Next::Looked(exchange, found),
            is_last = reply(replies) => Next::Reply { is_last },
            // While a broker takes no messages, none is handed to the library, which would keep it and send it some day.
            // That was just looked at; to wait for it to change takes locks, which is for when there is nothing else to do.
            job = jobs.recv(), if !is_blocked => job.map_or(Next::End, Next::Job),
            _ = self.blocked.changed() => Next::Held,
        }
    }

    /// Sends a message, once it is known that its exchange is there.
    async fn take(&mut self, job: Job) {
        let exchange = &job.publication.exchange;
        if exchange.is_empty() || self.known.contains(exchange) {
            return self.begin(job).await;
        }
        if let Some(parked) = self.parked.get_mut(exchange) {
            return parked.push(job);
        }
        let (live, exchange) = (Arc::clone(&self.live), exchange.clone());
        self.parked.insert(exchange.clone(), vec![job]);
        self.looks.push(Box::pin(async move {
            let found = look_for(&live, &exchange).await;
            (exchange, found)
        }));
    }

    /// Sends what has waited for an exchange, or says that there is none.
    async fn looked(&mut self, exchange: String, found: Result<()>) {
        let parked = self.parked.remove(&exchange).unwrap_or_default();
        match found {
            Ok(()) => {
                if self.known.len() >= MAX_KNOWN {
                    self.known.clear();
                }
                self.known.insert(exchange);
                for job in parked {
                    self.begin(job).await;
                }
            }
            Err(error) => {
                for job in parked {
                    let _ = job.answer.send(Fate::Unsent(error.clone()));
                }
            }
        }
    }

    /// Sends a message.
    async fn begin(&mut self, job: Job) {
        if job.answer.is_closed() {
            return;
        }
        let message_id = job.publication.properties.message_id().as_ref().map(ToString::to_string);
        while message_id.as_ref().is_some_and(|id| self.ids.contains(id)) {
            match self.flying.next().await {
                Some(landed) => self.settle(landed),
                None => self.ids.clear(),
            }
        }
        self.ids.extend(message_id.clone());
        if job.is_alone {
            self.land_all().await;
        }
        let Job { publication, answer, place, is_alone } = job;
        let channel = self.channel.clone();
        let is_mandatory = publication.is_mandatory;
        let mut flight: Flight = Box::pin(async move {
            let result = channel.publish(*publication).await;
            Landed { message_id, is_mandatory, result, answer, _place: place }
        });
        // Polled here for the first time, and not wherever it is put, so that messages are sent in their order.
        match poll_fn(|cx| Poll::Ready(flight.as_mut().poll(cx))).await {
            Poll::Ready(landed) => self.settle(landed),
            Poll::Pending => self.flying.push(flight),
        }
        if is_alone {
            self.land_all().await;
        }
    }

    /// Waits until nothing is on its way.
    async fn land_all(&mut self) {
        while let Some(landed) = self.flying.next().await {
            self.settle(landed);
        }
    }

    /// Tells who waits what became of a message, and of all that the broker has told about with it.
    fn settle(&mut self, landed: Landed) {
        let mut batch = vec![landed];
        self.collect(&mut batch);
        let was_alone = batch.len() == 1 && self.flying.is_empty();
        while !batch.is_empty() {
            // What the broker gave back may be told with any message that was confirmed in the same breath.
            let mut later = Vec::new();
            if batch.iter().any(|landed| landed.is_mandatory) {
                self.channel.settle_confirms();
                self.collect(&mut later);
            }
            for landed in batch.iter_mut().chain(&mut later) {
                self.note_return(landed);
            }
            for landed in batch {
                self.answer(landed, was_alone);
            }
            batch = later;
        }
    }

    /// Takes everything that has landed.
    fn collect(&mut self, batch: &mut Vec<Landed>) {
        while let Some(Some(landed)) = self.flying.next().now_or_never() {
            batch.push(landed);
        }
    }

    fn note_return(&mut self, landed: &mut Landed) {
        let Ok(Confirmed::Ack(returned) | Confirmed::Nack(returned)) = &mut landed.result else { return };
        if let Some(returned) = returned.take()
            && let Some(id) = returned.message_id
        {
            self.returned.insert(id, returned.reason);
        }
    }

    fn answer(&mut self, landed: Landed, was_alone: bool) {
        if let Some(id) = &landed.message_id {
            self.ids.remove(id);
        }
        let returned = landed.message_id.as_ref().and_then(|id| self.returned.remove(id));
        let fate = match (landed.result, returned) {
            (Ok(_), Some(reason)) => Fate::Unroutable(reason),
            (Ok(Confirmed::Ack(_)), None) => Fate::Confirmed,
            (Ok(Confirmed::Nack(_)), None) => Fate::Refused,
            (Err(error), _) if error.scope == Scope::Nothing => Fate::Unsent(error),
            (Err(error), _) => {
                if error.code == Some(Code::NotFound) {
                    self.known.clear();
                }
                // The broker does not say which message it ends a channel for.
                if was_alone && error.is_of_channel() { Fate::Blamed(error) } else { Fate::Unknown(error) }
            }
        };
        let _ = landed.answer.send(fate);
    }

    /// Opens another channel in place of one that a fault has ended.
    async fn open_anew(&mut self) -> Result<()> {
        self.land_all().await;
        self.returned.clear();
        if let Some((replies, _)) = &self.replies {
            replies.clear();
        }
        self.channel = channel_of(&self.live).await?;
        if let Some((_, deliveries)) = &mut self.replies {
            *deliveries = replies_of(&self.channel).await?;
        }
        warn!("a channel to the broker was lost and is open again");
        Ok(())
    }
}

/// Finds out whether an exchange is there, on a channel of its own, which is lost if it is not.
async fn look_for(live: &Live, exchange: &str) -> Result<()> {
    let look = async {
        let channel = live.open_channel().await?;
        channel.check_exchange(exchange).await?;
        channel.close().await
    };
    wire::answered("did not say whether there is an exchange", look).await
}

async fn channel_of(live: &Live) -> Result<Channel> {
    let channel = live.open_channel().await?;
    wire::answered("agreed to no confirms", channel.confirm()).await?;
    Ok(channel)
}

async fn replies_of(channel: &Channel) -> Result<Deliveries> {
    let subscription = Subscription { queue: REPLY_TO.to_owned(), is_unacknowledged: true, ..Subscription::default() };
    wire::answered("gave no subscription to replies", channel.consume(&subscription)).await
}

/// Waits for a reply and hands it on; returns whether none can come any more.
async fn reply(replies: Option<&mut (Replies, Deliveries)>) -> bool {
    let Some((replies, deliveries)) = replies else { return std::future::pending().await };
    match deliveries.next().await {
        Some(Ok(delivered)) => {
            if !replies.take(delivered) {
                debug!("a reply has come too late");
            }
            false
        }
        Some(Err(_)) | None => true,
    }
}
