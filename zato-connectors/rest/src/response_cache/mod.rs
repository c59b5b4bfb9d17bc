//! Replies that are kept, and given again without asking the service.
//!
//! It stands between the message and the service: whoever is given a kept reply has passed security and limits as anybody
//! else. A cache that fails, or is slow, fails no request: it is gone round.

mod kept;
mod key;
mod place;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use http::{HeaderName, Method};
use zato_core::{
    Error, Result,
    ambient::Ambient,
    cache::{Part, SingleFlight},
    channel::Plan,
    config::{ConfigFault, Origin},
    message::{Message, Reply},
};

pub(crate) use self::place::OwnReplies;
use self::{
    kept::Kept,
    key::{Key, Keys},
    place::Place,
};
use crate::{
    config::{CacheTtl, HttpChannelConfig, ResponseCacheConfig, RestChannelConfig, TtlUnit},
    edge::Edge,
    meter::{Meter, ReplyCounts},
    table::Route,
};

/// The longest time that a reply is kept for, as of every duration in a configuration.
const LONGEST: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// How many keys a channel remembers to have been asked for.
const SEEN: usize = 4096;

/// The kept replies of one channel.
pub(crate) struct ResponseCache {
    place: Place,
    keys: Keys,
    /// For how long a reply is given again; `None` for as long as the cache says.
    ttl: Option<Duration>,
    max_body_size: usize,
    needs_etag: bool,
    /// Whether requests of every method are answered, and not those alone that change nothing (RFC 9110 §9.2.1).
    is_any_method: bool,
    patience: Duration,
    /// The replies that services are asked for: `None` of one that is for its own caller alone.
    flights: SingleFlight<Option<Arc<Kept>>>,
    /// What was asked for before, where replies are kept only from the second time on; each place has the last key of many.
    seen: Option<Box<[AtomicU64]>>,
    meter: Arc<Meter>,
    ambient: Ambient,
}

impl ResponseCache {
    /// Works out how a channel keeps replies, if it does.
    ///
    /// # Errors
    ///
    /// What is wrong with its keys, and a cache that isn't there.
    pub(crate) fn of(
        config: &RestChannelConfig,
        origin: &Origin,
        plan: &Plan<'_, HttpChannelConfig>,
        edge: &Edge,
        meter: &Arc<Meter>,
    ) -> Result<Option<Self>, ConfigFault> {
        let fault = |said: &str| ConfigFault::at(origin, format!("the channel \"{}\" has {said}", config.name));
        let wanted = wanted(config).map_err(fault)?;
        let Some((settings, ttl)) = wanted else { return Ok(None) };
        if settings.coalesce_timeout.is_zero() {
            return Err(fault("a response_cache whose coalesce_timeout is 0; write a time such as 15s"));
        }
        let headers = settings.vary_by_headers.iter().map(|name| {
            HeaderName::try_from(name.as_str())
                .map_err(|_| fault(&format!("a response_cache that varies by \"{name}\", which is no header's name")))
        });
        let headers: Vec<HeaderName> = headers.collect::<Result<_, _>>()?;
        // The cache of a channel that is inactive may be inactive, too.
        if !config.is_active {
            return Ok(None);
        }
        meter.replies.get_or_init(ReplyCounts::default);
        let seen = settings.cache_on_second_request.then(|| (0..SEEN).map(|_| AtomicU64::new(0)).collect());
        Ok(Some(Self {
            place: Place::of(settings.cache.as_deref(), origin, plan, &edge.replies)?,
            keys: Keys::of(config, &settings, headers),
            ttl,
            max_body_size: settings.max_body_size.as_usize(),
            needs_etag: settings.needs_etag,
            is_any_method: settings.include_body_in_key,
            patience: *settings.coalesce_timeout,
            flights: SingleFlight::default(),
            seen,
            meter: Arc::clone(meter),
            ambient: plan.ambient.clone(),
        }))
    }

    /// Answers a request: out of the cache, or by the service, and then for all who ask for the same meanwhile.
    pub(crate) async fn answer(&self, route: &Route, message: Message) -> Result<Reply> {
        let Some(key) = self.key(&message) else {
            self.count(|counts| &counts.bypassed);
            return route.inlet.call(message).await;
        };
        if let Some(kept) = self.find(&key).await {
            self.count(|counts| &counts.hits);
            return Ok(kept.reply(Some(self.ambient.now())));
        }
        let (mut message, mut own) = (Some(message), None);
        let ask = async || {
            // Between the look and the turn another request may have been answered.
            if let Some(kept) = self.find(&key).await {
                return Ok(Some(Arc::new(kept)));
            }
            let message = message.take().ok_or_else(|| Error::internal("a request was to be served twice"))?;
            match Kept::of(route.inlet.call(message).await?, &self.keys.headers, self.needs_etag, self.ambient.now()) {
                Ok(kept) => {
                    self.keep(&key, &kept).await;
                    Ok(Some(Arc::new(kept)))
                }
                Err(reply) => {
                    own = Some(*reply);
                    Ok(None)
                }
            }
        };
        let (answered, part) = self.flights.run(&key.text, self.patience, ask).await;
        let is_private = matches!(answered, Ok(None));
        self.count(|counts| match part {
            Part::Made => &counts.misses,
            Part::Waited if is_private => &counts.bypassed,
            Part::Waited => &counts.coalesced,
        });
        match (answered?, own, message) {
            (Some(kept), _, _) => Ok(kept.reply(None)),
            (None, Some(own), _) => Ok(own),
            // What another one was answered is for nobody else.
            (None, None, Some(message)) => route.inlet.call(message).await,
            (None, None, None) => Err(Error::internal("a request was served and has no reply")),
        }
    }

    /// Returns what the reply to a request is kept under; `None` for one whose reply isn't.
    fn key(&self, message: &Message) -> Option<Key> {
        let head = &message.head;
        let is_safe = head.method.as_ref().is_some_and(|method| matches!(*method, Method::GET | Method::HEAD));
        // A part of a reply is none, and a body that is still to come can't be compared.
        if !(is_safe || self.is_any_method) || head.headers.contains_key(http::header::RANGE) {
            return None;
        }
        Some(self.keys.of_request(head, message.payload.bytes()?))
    }

    async fn find(&self, key: &Key) -> Option<Kept> {
        let bytes = self.place.get(&key.text).await.unwrap_or_else(|()| {
            self.count(|counts| &counts.failures);
            None
        })?;
        Kept::read(bytes)
    }

    /// Keeps a reply, if it is one that is kept.
    async fn keep(&self, key: &Key, kept: &Kept) {
        let Some(ttl) = kept.ttl(self.ttl) else { return };
        if kept.length() > self.max_body_size || !self.is_known(key) {
            return;
        }
        if self.place.set(&key.text, kept.write(), ttl).await.is_err() {
            self.count(|counts| &counts.failures);
        }
    }

    /// Returns whether a key was asked for before, as far as that matters, and remembers it.
    fn is_known(&self, key: &Key) -> bool {
        let Some(seen) = &self.seen else { return true };
        let place = usize::try_from(key.hash).ok().and_then(|hash| seen.get(hash % SEEN));
        place.is_none_or(|place| place.swap(key.hash, Relaxed) == key.hash)
    }

    fn count(&self, which: impl FnOnce(&ReplyCounts) -> &AtomicU64) {
        if let Some(counts) = self.meter.replies.get() {
            which(counts).fetch_add(1, Relaxed);
        }
    }
}

/// Returns what a channel says of kept replies, in our words or in Zato 3's, and for how long they are given again.
fn wanted(config: &RestChannelConfig) -> Result<Option<(ResponseCacheConfig, Option<Duration>)>, &'static str> {
    if let Some(settings) = &config.response_cache {
        if !settings.is_enabled {
            return Ok(None);
        }
        let ttl = settings.ttl().filter(|ttl| *ttl <= LONGEST);
        let ttl = ttl.ok_or("a response_cache whose ttl is too long; ten years are the most")?;
        if ttl.is_zero() {
            return Err("a response_cache whose ttl is 0; write \"is_enabled: false\" to keep no replies");
        }
        return Ok(Some((settings.clone(), Some(ttl))));
    }
    match config.cache_type.as_deref() {
        None | Some("") => Ok(None),
        Some("builtin") => {
            let minutes = config.cache_expiry.filter(|minutes| *minutes > 0).map(CacheTtl::Number);
            let settings = ResponseCacheConfig {
                cache: config.cache_name.clone().filter(|name| !name.is_empty()),
                ttl: minutes.unwrap_or(CacheTtl::Number(0)),
                ttl_unit: TtlUnit::Minutes,
                // As in Zato 3, which keeps whatever there is from the first time on, by its body, too.
                include_body_in_key: true,
                cache_on_second_request: false,
                ..ResponseCacheConfig::default()
            };
            let ttl = settings.ttl().filter(|ttl| *ttl <= LONGEST).ok_or("a cache_expiry that is too long")?;
            Ok(Some((settings, minutes.map(|_| ttl))))
        }
        Some(_) => {
            Err("a cache_type that isn't \"builtin\"; write response_cache, with the name of a cache in Redis for \
                        one that several processes share")
        }
    }
}
