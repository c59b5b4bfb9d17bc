//! Where replies are kept: in a cache that is configured, or in one of the listener's own.

use std::{
    sync::{
        Mutex, OnceLock, PoisonError,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::time::{self, Instant};
use tracing::warn;
use zato_core::{
    Error, Result,
    bytes::Bytes,
    cache::{Cache, CacheConfig},
    channel::Plan,
    config::{ByteSize, ConfigFault, Origin},
};

use crate::config::HttpChannelConfig;

/// How long a request waits for a cache: it would have its answer from the service in that time, too.
const PATIENCE: Duration = Duration::from_millis(500);

/// How long a cache that has failed is left alone.
const PAUSE: Duration = Duration::from_secs(1);

/// How often it is told at most that one fails.
const TOLD: Duration = Duration::from_secs(10);

/// How much a listener keeps of replies of channels that name no cache.
const OWN_SIZE: ByteSize = ByteSize(64 << 20);

/// The cache of a listener's own, which is made for the first channel that needs it.
#[derive(Default)]
pub(crate) struct OwnReplies(OnceLock<Cache>);

impl OwnReplies {
    fn cache(&self) -> Cache {
        let make = || {
            let mut config = CacheConfig::new("replies");
            config.max_size = u64::from(u32::MAX);
            config.max_bytes = Some(OWN_SIZE);
            config.max_item_size = OWN_SIZE;
            Cache::in_process(&config)
        };
        self.0.get_or_init(make).clone()
    }
}

/// Where the replies of a channel are kept.
pub(super) struct Place {
    cache: Which,
    health: Mutex<Health>,
    /// How often it failed since that was told.
    failures: AtomicU32,
}

enum Which {
    Named(Cache),
    /// The first of some that is the default, if one is, which is known once they are up; otherwise the last.
    Default {
        configured: Vec<Cache>,
        own: Cache,
        chosen: OnceLock<Cache>,
    },
}

#[derive(Default)]
struct Health {
    failed: Option<Instant>,
    told: Option<Instant>,
}

impl Place {
    pub(super) fn of(
        name: Option<&str>,
        origin: &Origin,
        plan: &Plan<'_, HttpChannelConfig>,
        own: &OwnReplies,
    ) -> Result<Self, ConfigFault> {
        let cache = match name {
            Some(name) => Which::Named(plan.definitions.handle(name, origin)?),
            None => {
                Which::Default { configured: plan.definitions.handles(), own: own.cache(), chosen: OnceLock::new() }
            }
        };
        Ok(Self { cache, health: Mutex::default(), failures: AtomicU32::new(0) })
    }

    fn cache(&self) -> &Cache {
        match &self.cache {
            Which::Named(cache) => cache,
            Which::Default { configured, own, chosen } => {
                chosen.get_or_init(|| configured.iter().find(|cache| cache.is_default()).unwrap_or(own).clone())
            }
        }
    }

    pub(super) async fn get(&self, key: &str) -> Result<Option<Bytes>, ()> {
        self.within(self.cache().get_bytes(key)).await.map(Option::flatten)
    }

    pub(super) async fn set(&self, key: &str, value: Bytes, ttl: Option<Duration>) -> Result<(), ()> {
        self.within(self.cache().set_bytes(key, value, ttl)).await.map(|_| ())
    }

    /// Does something within the time that there is for it; nothing at all, `None`, soon after it failed.
    async fn within<T>(&self, done: impl Future<Output = Result<T>>) -> Result<Option<T>, ()> {
        if self.has_just_failed() {
            return Ok(None);
        }
        let slow = |_| Err(Error::timeout("the cache takes too long"));
        match time::timeout(PATIENCE, done).await.unwrap_or_else(slow) {
            Ok(done) => Ok(Some(done)),
            Err(error) => {
                self.failed(&error);
                Err(())
            }
        }
    }

    fn has_just_failed(&self) -> bool {
        // No lock on the way of requests to a cache that has never failed.
        self.failures.load(Relaxed) > 0 && {
            let failed = self.health.lock().unwrap_or_else(PoisonError::into_inner).failed;
            failed.is_some_and(|failed| failed.elapsed() < PAUSE)
        }
    }

    fn failed(&self, error: &Error) {
        self.failures.fetch_add(1, Relaxed);
        let mut health = self.health.lock().unwrap_or_else(PoisonError::into_inner);
        // What is too long for the cache says nothing of the next one.
        let is_down = error.kind() != zato_core::Kind::Internal;
        health.failed = is_down.then(Instant::now).or(health.failed);
        if health.told.is_none_or(|told| told.elapsed() >= TOLD) {
            health.told = Some(Instant::now());
            let failures = self.failures.load(Relaxed);
            warn!(failures, error = %error.report(), "the cache of replies fails, and is gone round");
        }
    }
}
