//! What an entry of the section means to a consumer.

use std::{
    sync::{Arc, atomic::AtomicUsize},
    time::Duration,
};

use zato_core::{
    ambient::Ambient,
    channel::{Inlet, broker::Policies},
    config::ServerConfig,
    message::ChannelInfo,
};

use super::commands::Commands;
use crate::{
    Redis,
    config::{RedisChannelConfig, StreamStart},
};

/// What a consumer is made of.
#[derive(Debug)]
pub struct Consuming {
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
#[derive(Debug)]
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

impl Terms {
    pub(super) fn of(config: &RedisChannelConfig, redis: Redis, reader: &Reader) -> Self {
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
    pub(super) fn of(config: &RedisChannelConfig, server: &ServerConfig, inlet: Inlet) -> Self {
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
