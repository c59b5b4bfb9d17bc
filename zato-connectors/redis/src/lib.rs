//! Redis for zato, by way of redis-rs: connections, streams, subscriptions, transactions.

#[cfg(feature = "cache")]
mod cache;
mod channel;
mod client;
mod config;
mod connector;
mod error;
mod headers;
mod key;
mod link;
mod lock;
#[cfg(any(test, feature = "testing"))]
pub mod memory;
mod meter;
mod paginator;
mod pipeline;
mod pool;
mod received;
mod script;
mod set;
mod stream;
mod subscription;
mod target;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
#[cfg(test)]
mod tests;
mod transaction;
mod value;

#[doc(no_inline)]
pub use redis as redis_rs;

#[cfg(feature = "cache")]
pub use self::cache::RedisStore;
pub use self::{
    channel::RedisChannels,
    client::Redis,
    config::{CHANNEL, OUTGOING, Protocol, RedisChannelConfig, RedisConfig, StreamStart},
    connector::{PreparedRedis, RedisClient, RedisConnector},
    error::{RedisError, RedisErrorKind, error_of},
    link::RedisConnection,
    paginator::{
        InvalidPage, List, ListPaginator, Page, PageNumber, RedisPaginator, Source, SourceType, ZSet, ZSetPaginator,
    },
    pipeline::RedisPipeline,
    pool::RedisDedicated,
    received::Received,
    script::RedisScript,
    set::SetRequest,
    stream::{AddRequest, Claimed, PAYLOAD, PendingEntry, ReadRequest, RedisGroup, RedisStream, StreamEntry},
    subscription::{RedisMessage, Subscription, SubscriptionEvent},
    transaction::Transaction,
};
