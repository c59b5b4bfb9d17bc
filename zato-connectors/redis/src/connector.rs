use std::{fmt, pin::pin, sync::Arc};

use tokio::sync::Semaphore;
use zato_core::{
    Error, Result,
    ambient::Ambient,
    config::{ConfigFaults, SectionName},
    connection::{Connector, Handle, Offer, Setup, Slot},
    lock::Keepers,
    metrics::Exposition,
};

use crate::{
    Redis,
    config::{OUTGOING, RedisConfig},
    error,
    link::{Link, ReadOnly, RedisConnection, Rules, Watched},
    meter::{Meter, Owned},
    pool::Pool,
    target::{Target, Whereabouts, answered},
};

/// How long a connection is kept that is to be closed for locks to be released which nobody holds any more.
const GOODBYE: std::time::Duration = std::time::Duration::from_secs(1);

/// The connector of `outgoing_redis`.
#[derive(Debug)]
pub struct RedisConnector;

/// A connection of `outgoing_redis` whose configuration was found to be usable.
pub struct PreparedRedis {
    pub(crate) target: Arc<Target>,
    pub(crate) settings: Arc<Settings>,
    pub(crate) rules: Rules,
    pub(crate) meter: Arc<Meter>,
    /// As many as there may be at the same time, whichever connection they began with.
    pub(crate) subscriptions: Arc<Semaphore>,
}

/// What an entry says beside where the server is.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) key_prefix: String,
    pub(crate) pool_size: usize,
    pub(crate) max_subscriptions: usize,
    pub(crate) acquire_timeout: std::time::Duration,
    pub(crate) ping_interval: std::time::Duration,
    pub(crate) ambient: Ambient,
    /// What renews and releases locks, over all connections that were made anew.
    pub(crate) keepers: Keepers,
}

/// A connection that is up: the one that commands share, and those of one's own.
pub struct RedisClient {
    pub(crate) connection: RedisConnection,
    pub(crate) pool: Pool,
    pub(crate) settings: Arc<Settings>,
    pub(crate) target: Arc<Target>,
    pub(crate) subscriptions: Arc<Semaphore>,
}

impl Connector for RedisConnector {
    const SECTION: SectionName = OUTGOING;
    /// A server that was restarted is there in no time, and who uses it waits for nothing meanwhile.
    const LONGEST_PAUSE: std::time::Duration = std::time::Duration::from_secs(5);
    type Config = RedisConfig;
    type Prepared = PreparedRedis;
    type Client = RedisClient;

    fn prepare(setup: Setup<'_, RedisConfig>) -> Result<PreparedRedis, ConfigFaults> {
        let target = Target::of(&setup)?;
        let config = &setup.config;
        let read_only = match &target.whereabouts {
            Whereabouts::Server(_) => ReadOnly::ConnectAgainUnlessNew,
            Whereabouts::Sentinels { .. } => ReadOnly::AskAgain,
            #[cfg(any(test, feature = "testing"))]
            Whereabouts::Memory(_) => ReadOnly::ConnectAgainUnlessNew,
            Whereabouts::Cluster { .. } => ReadOnly::Nothing,
        };
        Ok(PreparedRedis::new(target, config, read_only, setup.ambient.clone()))
    }

    async fn connect(prepared: &PreparedRedis) -> Result<RedisClient> {
        let link = prepared.target.connect().await.map_err(error::of_connecting)?;
        RedisClient::new(link, prepared)
    }

    async fn ping(client: &RedisClient) -> Result<()> {
        let (mut link, watched) = (client.connection.link.clone(), &client.connection.watched);
        // Beside those that are counted: it must not be refused because there are many.
        let answer = {
            let answer = pin!(link.ping());
            watched.call_own(|| "PING".to_owned(), Some(watched.rules.timeout), answer).await
        };
        let answer = answer.and_then(answered);
        answer.map_err(|error| {
            // That of a cluster is several, and each is looked after by the library.
            if error.is_timeout() && !link.is_cluster() {
                watched.give_up("the server gave no sign of life in time");
            }
            error::error_of(error)
        })
    }

    async fn lost(client: &RedisClient) -> Error {
        let reason = tokio::select! {
            () = client.connection.link.ended() => "the server has closed the connection",
            reason = client.connection.watched.given_up() => reason,
        };
        Error::unavailable(reason)
    }

    async fn close(client: Arc<RedisClient>) {
        client.settings.keepers.ended(GOODBYE).await;
    }

    fn offer(slot: &Arc<Slot<Self>>, offer: &mut Offer<'_>) {
        offer.with(|| Redis::from_slot(Arc::clone(slot)).locks());
        #[cfg(feature = "cache")]
        offer.with(|| -> Arc<dyn zato_core::cache::Store> {
            Arc::new(crate::RedisStore::new(Redis::from_slot(Arc::clone(slot))))
        });
    }

    fn metrics(client: &RedisClient, labels: &[(&'static str, &str)], exposition: &mut Exposition) {
        let (used, idle, waiting) = client.pool.counts();
        let subscriptions = client.settings.max_subscriptions.saturating_sub(client.subscriptions.available_permits());
        let watched = &client.connection.watched;
        let owned = Owned { used, idle, waiting, subscriptions };
        watched.meter.add_to(watched.in_flight(), owned, labels, exposition);
    }
}

impl PreparedRedis {
    pub(crate) fn new(target: Target, config: &RedisConfig, read_only: ReadOnly, ambient: Ambient) -> Self {
        Self {
            target: Arc::new(target),
            settings: Arc::new(Settings {
                key_prefix: config.key_prefix.clone(),
                pool_size: config.pool_size,
                max_subscriptions: config.max_subscriptions,
                acquire_timeout: config.acquire_timeout.0,
                ping_interval: config.ping_interval.0,
                keepers: Keepers::default(),
                ambient,
            }),
            rules: Rules {
                connection: config.name.clone(),
                key_prefix: config.key_prefix.clone(),
                timeout: config.timeout.0,
                max_in_flight: config.max_in_flight,
                slow: config.slow_log.0,
                read_only,
            },
            meter: Arc::new(Meter::default()),
            subscriptions: Arc::new(Semaphore::new(config.max_subscriptions)),
        }
    }
}

impl RedisClient {
    pub(crate) fn new(link: Link, prepared: &PreparedRedis) -> Result<Self> {
        let watched = Arc::new(Watched::new(prepared.rules.clone(), Arc::clone(&prepared.meter)));
        let (settings, target) = (Arc::clone(&prepared.settings), Arc::clone(&prepared.target));
        let pool = Pool::new(Arc::clone(&target), settings.pool_size, settings.acquire_timeout, Arc::clone(&watched))?;
        let subscriptions = Arc::clone(&prepared.subscriptions);
        Ok(Self { connection: RedisConnection::new(link, watched), pool, settings, target, subscriptions })
    }
}

impl fmt::Debug for PreparedRedis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PreparedRedis").field("target", &self.target).finish_non_exhaustive()
    }
}

impl fmt::Debug for RedisClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisClient").field("target", &self.target).field("pool", &self.pool).finish_non_exhaustive()
    }
}
