//! From an entry of the section to what a consumer does, checked as far as no server has to be asked.

use std::{
    sync::{Arc, atomic::AtomicUsize},
    time::Duration,
};

use zato_core::{
    ambient::Ambient,
    channel::{
        ChannelConfig, Inlet, Plan,
        broker::{Entry, Policies},
    },
    config::{ConfigFault, ConfigFaults, Origin, ServerConfig},
    message::ChannelInfo,
};

use super::commands::Commands;
use crate::{
    Redis,
    config::{OUTGOING, RedisChannelConfig, StreamStart},
};

/// What a consumer is made of.
pub(super) struct Consuming {
    pub(super) terms: Terms,
    pub(super) route: Route,
    pub(super) ambient: Ambient,
}

/// What entries are read by: if nothing of it has changed, a consumer goes on.
#[derive(Clone, Debug)]
pub(super) struct Terms {
    /// The name of the connection, for the log.
    pub(super) connection: String,
    pub(super) commands: Commands,
    pub(super) start: StreamStart,
    /// How many entries are read at once.
    pub(super) count: usize,
    pub(super) block: Duration,
    pub(super) claim_after: Duration,
    pub(super) trim: Option<u64>,
    /// How many entries are in work at once.
    pub(super) places: usize,
}

/// What is done with each entry: swapped in for those that come next.
pub(super) struct Route {
    pub(super) info: Arc<ChannelInfo>,
    pub(super) inlet: Inlet,
    pub(super) payload_field: Option<String>,
    pub(super) max_message_size: usize,
    pub(super) policies: Policies,
    pub(super) dead_letter: String,
}

/// Who reads, unless an entry says otherwise.
pub(super) struct Reader {
    /// The app's name.
    pub(super) app: String,
    /// What tells this process from others.
    pub(super) process: String,
}

/// How many entries may wait to come again without a place.
pub(super) const WAITING: usize = 1_000;

/// Counts entries that wait to come again.
pub(super) type Waiting = AtomicUsize;

/// Works out what an entry means.
///
/// # Errors
///
/// Everything that is wrong with it.
pub(super) fn read(
    config: &RedisChannelConfig,
    origin: &Origin,
    plan: &Plan<'_, RedisChannelConfig>,
    reader: &Reader,
) -> Result<Entry<Consuming>, ConfigFaults> {
    let mut faults = ConfigFaults::new();
    let mut fault = |key: &str, words: &str| {
        faults.push(ConfigFault::at(origin, format!("the {key} of the channel \"{}\": {words}", config.name)));
    };
    for (key, words) in config.contradictions() {
        fault(key, &words);
    }
    if let Some(words) = config.csv.fault() {
        fault("csv", &words);
    }
    let is_inactive = plan.definitions.is_inactive(OUTGOING.name, &config.connection);
    let redis = (!is_inactive).then(|| plan.definitions.handle::<Redis>(&config.connection, origin));
    let redis = redis.and_then(|found| found.map_err(|fault| faults.push(fault)).ok());
    faults.into_result(())?;
    let (Some(redis), true) = (redis, config.is_active()) else {
        return Ok(Entry::Inactive);
    };
    if plan.definitions.is_unfaked(OUTGOING.name, &config.connection) {
        return Ok(Entry::Unfaked);
    }
    // A service that is not there was refused before.
    let Some(inlet) = plan.inlets.inlet(&config.service) else { return Ok(Entry::Inactive) };
    let consuming = Consuming {
        terms: Terms::of(config, redis, reader),
        route: Route::of(config, plan.server, inlet),
        ambient: plan.ambient.clone(),
    };
    Ok(Entry::Consuming(consuming))
}

impl Terms {
    fn of(config: &RedisChannelConfig, redis: Redis, reader: &Reader) -> Self {
        let commands = Commands {
            redis,
            stream: config.stream.as_str().into(),
            group: config.group.as_deref().unwrap_or(&reader.app).into(),
            consumer: config.consumer.as_deref().unwrap_or(&reader.process).into(),
        };
        Self {
            connection: config.connection.clone(),
            commands,
            start: config.start,
            count: usize::from(config.prefetch_count),
            block: config.block.0,
            claim_after: config.claim_after.0,
            trim: config.trim,
            places: config.pool_size,
        }
    }

    /// Returns whether nothing has changed.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let rest = |it: &Self| (it.start, it.count, it.block, it.claim_after, it.trim, it.places);
        self.commands.is_same(&other.commands) && rest(self) == rest(other)
    }
}

impl Route {
    fn of(config: &RedisChannelConfig, server: &ServerConfig, inlet: Inlet) -> Self {
        let mut info = ChannelInfo::new("redis", config.name.as_str(), config.service.as_str());
        info.format = config.data_format;
        info.options.xml = config.xml.clone();
        info.options.csv = config.csv.clone();
        info.route = Some(config.stream.clone());
        info.broker = Some("redis");
        info.timeout = config.timeout.unwrap_or(server.request_timeout).0;
        Self {
            info: Arc::new(info),
            inlet,
            payload_field: config.payload_field.clone(),
            max_message_size: config.max_message_size.unwrap_or(server.max_body_size).as_usize(),
            policies: Policies::of(config.policies()),
            dead_letter: config.dead_letter(),
        }
    }
}
