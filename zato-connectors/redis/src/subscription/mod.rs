//! Publishing, and subscriptions that outlive their connections.

mod wire;

use std::{collections::BTreeSet, fmt, pin::Pin, sync::Arc};

use redis::{Cmd, RedisResult};
use serde::{Serialize, de::DeserializeOwned};
use tokio::{
    sync::OwnedSemaphorePermit,
    time::{self, Duration, Instant},
};
use tracing::{info, warn};
use zato_core::{
    Error, Result, Retry,
    ambient::Ambient,
    bytes::Bytes,
    connection::{Backoff, Handle, Slot},
};

use self::wire::{Received, Wire};
use crate::{
    Redis, RedisConnector,
    error::{self, RedisErrorKind},
    target::Target,
    value,
};

/// How long nobody says anything before the server is asked for a sign of life, if the entry says never.
const QUIET: Duration = Duration::from_secs(5);

/// The longest pause before a connection is made anew.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

impl Redis {
    /// Sends something to whoever listens to a channel now, and returns how many did; of a cluster, on one node. Channels are no
    /// keys: no prefix is added.
    ///
    /// # Errors
    ///
    /// As [`set`](Self::set).
    #[doc(alias = "PUBLISH")]
    pub async fn publish<T: Serialize + ?Sized>(&self, channel: &str, message: &T) -> Result<u64> {
        let client = self.client()?;
        let payload = value::to_bytes(message).map_err(|error| self.about(error))?;
        let mut command = Cmd::with_capacity(3, channel.len() + payload.len() + 7);
        command.arg("PUBLISH").arg(channel).arg(payload);
        let answer = self.write(&client, &command).await?;
        self.typed(answer)
    }

    /// Listens to channels, on a connection of the subscription's own.
    ///
    /// # Errors
    ///
    /// [`Unavailable`](zato_core::Kind::Unavailable) if the connection is down or there are as many subscriptions as
    /// `max_subscriptions` allows; [`Upstream`](zato_core::Kind::Upstream) if the server doesn't allow it.
    ///
    /// # Cancel safety
    ///
    /// May be dropped at any time.
    ///
    /// # Examples
    ///
    /// ```
    /// use zato_core::Result;
    /// use zato_redis::Redis;
    ///
    /// async fn first_headline(redis: &Redis) -> Result<Option<String>> {
    ///     let mut news = redis.subscribe(["news"]).await?;
    ///     news.next().await.map(|message| message.value()).transpose()
    /// }
    /// ```
    #[doc(alias = "SUBSCRIBE")]
    pub async fn subscribe<S: Into<String>>(&self, channels: impl IntoIterator<Item = S>) -> Result<Subscription> {
        Subscription::open(self, Topics { channels: collected(channels), patterns: BTreeSet::new() }).await
    }

    /// Listens to the channels whose names are like patterns such as `news.*`.
    ///
    /// # Errors
    ///
    /// As [`subscribe`](Self::subscribe).
    ///
    /// # Cancel safety
    ///
    /// May be dropped at any time.
    #[doc(alias = "PSUBSCRIBE")]
    #[doc(alias = "psubscribe")]
    pub async fn subscribe_to_patterns<S: Into<String>>(
        &self,
        patterns: impl IntoIterator<Item = S>,
    ) -> Result<Subscription> {
        Subscription::open(self, Topics { channels: BTreeSet::new(), patterns: collected(patterns) }).await
    }
}

fn collected<S: Into<String>>(names: impl IntoIterator<Item = S>) -> BTreeSet<String> {
    names.into_iter().map(Into::into).collect()
}

/// What is listened to.
#[derive(Clone, Debug)]
struct Topics {
    channels: BTreeSet<String>,
    patterns: BTreeSet<String>,
}

/// Messages from channels, as they come.
///
/// When its connection breaks it is made anew and listens again. Redis keeps nothing for whoever is away, so that what was
/// published meanwhile is missed, which [`next_event`](Self::next_event) tells. Who reads slowly holds up nobody but
/// itself: the server keeps what waits for it, as much as its `client-output-buffer-limit` says, and ends the connection then.
pub struct Subscription {
    slot: Arc<Slot<RedisConnector>>,
    target: Arc<Target>,
    ambient: Ambient,
    /// How long nobody says anything before the server is asked for a sign of life.
    quiet: Duration,
    topics: Topics,
    line: Line,
    backoff: Backoff,
    _place: OwnedSemaphorePermit,
}

/// How the connection stands. All that is known of it is here and not in a future, which may be dropped at any time.
enum Line {
    Up(Box<Wire>),
    Connecting(Pin<Box<dyn Future<Output = RedisResult<Wire>> + Send>>),
    /// Until then nobody connects.
    Down(Instant),
}

/// What a subscription tells.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum SubscriptionEvent {
    /// Somebody has published something.
    Message(RedisMessage),
    /// The connection had broken and is there again: what was published meanwhile was missed.
    Resubscribed,
}

/// What somebody has published.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RedisMessage {
    /// The channel that it was published to.
    pub channel: String,
    /// The pattern that the channel is like, if patterns are listened to.
    pub pattern: Option<String>,
    /// What was published.
    pub payload: Bytes,
}

impl RedisMessage {
    /// Returns what was published as a value: a model is JSON, a simple type text.
    ///
    /// # Errors
    ///
    /// [`Upstream`](zato_core::Kind::Upstream) if it is no such value.
    pub fn value<T: DeserializeOwned>(&self) -> Result<T> {
        value::from_bytes(&self.payload).map_err(|error| error.with("channel", &self.channel))
    }
}

/// Says where it comes from, and not what it says.
impl fmt::Debug for RedisMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisMessage")
            .field("channel", &self.channel)
            .field("pattern", &self.pattern)
            .field("bytes", &self.payload.len())
            .finish()
    }
}

impl Subscription {
    async fn open(redis: &Redis, topics: Topics) -> Result<Self> {
        if topics.channels.is_empty() && topics.patterns.is_empty() {
            return Err(redis.about(Error::internal("there is no channel to listen to")));
        }
        let client = redis.client()?;
        let place = Arc::clone(&client.subscriptions).try_acquire_owned().map_err(|_| {
            let all = client.settings.max_subscriptions;
            redis.about(
                Error::unavailable(format!("there are {all} subscriptions, as many as \"max_subscriptions\" allows"))
                    .with_retry(Retry::Unsent),
            )
        })?;
        let (target, interval) = (Arc::clone(&client.target), client.settings.ping_interval);
        let wire = Wire::open(&target, &topics).await.map_err(|error| redis.about(not_open(error)))?;
        Ok(Self {
            slot: Arc::clone(redis.slot()),
            target,
            ambient: client.settings.ambient.clone(),
            quiet: if interval.is_zero() { QUIET } else { interval },
            topics,
            line: Line::Up(Box::new(wire)),
            backoff: Backoff::new(LONGEST_PAUSE),
            _place: place,
        })
    }

    /// Waits for the next message; `None` once the connection is closed for good, such as when the program ends or its
    /// configuration was changed.
    ///
    /// # Cancel safety
    ///
    /// May be dropped at any time: no message is lost by that.
    pub async fn next(&mut self) -> Option<RedisMessage> {
        loop {
            if let SubscriptionEvent::Message(message) = self.next_event().await? {
                return Some(message);
            }
        }
    }

    /// Waits for the next message, or for news of the connection; `None` once it is closed for good.
    ///
    /// # Cancel safety
    ///
    /// May be dropped at any time: no message is lost by that.
    pub async fn next_event(&mut self) -> Option<SubscriptionEvent> {
        let slot = Arc::clone(&self.slot);
        tokio::select! {
            biased;
            () = slot.closed() => None,
            event = self.event() => Some(event),
        }
    }

    async fn event(&mut self) -> SubscriptionEvent {
        loop {
            match &mut self.line {
                Line::Up(wire) => match time::timeout_at(wire.since() + self.quiet, wire.next()).await {
                    Ok(Ok(Received::Message(message))) => {
                        self.backoff = Backoff::new(LONGEST_PAUSE);
                        return SubscriptionEvent::Message(message);
                    }
                    Ok(Ok(Received::Other)) => {}
                    Ok(Err(error)) => self.lose(&error),
                    Err(_) => {
                        if let Err(error) = wire.ask() {
                            self.lose(&error);
                        }
                    }
                },
                Line::Connecting(connecting) => match connecting.await {
                    Ok(wire) => {
                        info!(connection = self.slot.name(), "subscription is there again");
                        self.line = Line::Up(Box::new(wire));
                        return SubscriptionEvent::Resubscribed;
                    }
                    Err(error) => {
                        warn!(connection = self.slot.name(), %error, "subscription failed");
                        self.pause();
                    }
                },
                Line::Down(until) => {
                    time::sleep_until(*until).await;
                    let (target, topics) = (Arc::clone(&self.target), self.topics.clone());
                    self.line = Line::Connecting(Box::pin(async move { Wire::open(&target, &topics).await }));
                }
            }
        }
    }

    fn lose(&mut self, error: &redis::RedisError) {
        warn!(connection = self.slot.name(), %error, "subscription lost");
        self.pause();
    }

    fn pause(&mut self) {
        self.line = Line::Down(Instant::now() + self.backoff.next(self.ambient.random()));
    }
}

/// Makes our error of a subscription that there is none of: the server doesn't allow it, or nobody could be asked.
fn not_open(error: redis::RedisError) -> Error {
    match error::kind_of(&error) {
        RedisErrorKind::NotAllowed | RedisErrorKind::Refused => error::error_of(error),
        _ => error::of_connecting(error),
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription")
            .field("connection", &self.slot.name())
            .field("topics", &self.topics)
            .finish_non_exhaustive()
    }
}
