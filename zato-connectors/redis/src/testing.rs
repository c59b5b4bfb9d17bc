//! Tests without a server: a connection to one in the test's own process.

use std::{fmt, sync::Arc};

use zato_core::{
    Result,
    ambient::Ambient,
    config::{ConfigFaults, Files, from_node, yaml},
    connection::{Connector, Definitions, Handle, Setup, Supervised},
};

use crate::{PreparedRedis, Redis, RedisConfig, RedisConnector, memory::Memory, target::Whereabouts};

/// A connection to a Redis in the test's own process, which is everything that a real one is: it may be lost and is made anew,
/// transactions and subscriptions have connections of their own.
///
/// # Examples
///
/// ```
/// use zato_core::Result;
/// use zato_redis::Redis;
///
/// async fn visit(redis: &Redis, page: &str) -> Result<i64> {
///     redis.increment(page, 1).await
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// let fake = Redis::fake().await;
/// assert_eq!(visit(&fake.redis(), "home").await?, 1);
/// assert_eq!(fake.memory().calls("incrby"), 1);
///
/// fake.memory().fail_next("incrby", "OOM command not allowed when used memory > 'maxmemory'.");
/// let error = visit(&fake.redis(), "home").await.unwrap_err();
/// assert_eq!(error.message(), "the server has no memory left for what is written");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct FakeRedis {
    redis: Redis,
    memory: Memory,
    /// Ends with the last clone.
    _supervised: Arc<Supervised>,
}

impl Redis {
    /// Starts a server in the test's own process that holds nothing yet, and connects to it.
    pub async fn fake() -> FakeRedis {
        FakeRedis::with_config("").await
    }
}

impl FakeRedis {
    /// The same with keys of an entry of `outgoing_redis`, such as `key_prefix: "bank:"`.
    ///
    /// # Panics
    ///
    /// If they can't be used.
    pub async fn with_config(keys: &str) -> Self {
        Self::of(Memory::new(), keys).await
    }

    /// Connects to a server that is there.
    ///
    /// # Panics
    ///
    /// If the keys can't be used.
    pub async fn of(memory: Memory, keys: &str) -> Self {
        let mut prepared = match prepared(&format!("name: fake\n{keys}")) {
            Ok(prepared) => prepared,
            Err(faults) => panic!("a fake can't have this configuration: {faults}"),
        };
        let target = Arc::get_mut(&mut prepared.target).expect("nobody else has it yet");
        target.whereabouts = Whereabouts::Memory(memory.clone());
        let supervised = Supervised::new::<RedisConnector>("fake", prepared, None, Ambient::default());
        supervised.begin().await;
        supervised.tried().await;
        let slot = supervised.connection().into_any().downcast();
        let redis = Redis::from_slot(slot.expect("it is a connection of this connector"));
        Self { redis, memory, _supervised: Arc::new(supervised) }
    }

    /// Returns the handle.
    #[must_use]
    pub fn redis(&self) -> Redis {
        self.redis.clone()
    }

    /// Returns the server, which can be told to fail.
    #[must_use]
    pub fn memory(&self) -> &Memory {
        &self.memory
    }
}

impl fmt::Debug for FakeRedis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakeRedis").field("memory", &self.memory).finish_non_exhaustive()
    }
}

/// Works out what an entry means.
pub(crate) fn prepared(keys: &str) -> Result<PreparedRedis, ConfigFaults> {
    let node = yaml::parse("keys", keys)?;
    let config: RedisConfig = from_node(&node)?;
    let (definitions, files, ambient) = (Definitions::default(), Files::in_folder("."), Ambient::default());
    let setup =
        Setup { config, node: &node, security: None, definitions: &definitions, files: &files, ambient: &ambient };
    RedisConnector::prepare(setup)
}
