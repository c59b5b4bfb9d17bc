use std::{fmt, sync::Arc};

use redis::{FromRedisValue, Script, ScriptInvocation, ToRedisArgs};
use zato_core::Result;

use crate::{Redis, connector::RedisClient, error, key::Key};

/// A call of a script, as [`Redis::script`] begins it.
///
/// # Examples
///
/// ```
/// use zato_core::Result;
/// use zato_redis::{Redis, redis_rs::Script};
///
/// async fn delete_if(redis: &Redis, key: &str, value: &str) -> Result<bool> {
///     let script = Script::new("return redis.call('get', KEYS[1]) == ARGV[1] and redis.call('del', KEYS[1]) or 0");
///     redis.script(&script).key(key).arg(value).invoke().await
/// }
/// ```
#[must_use = "a script is called by `invoke`"]
pub struct RedisScript<'a> {
    redis: &'a Redis,
    /// Asked for when the call is begun, so that its keys are under the prefix of the connection that it goes over.
    client: Result<Arc<RedisClient>>,
    invocation: ScriptInvocation<'a>,
}

impl Redis {
    /// Begins to call a script (Lua). It is sent by its hash, and whole only when the server doesn't know it yet.
    #[doc(alias = "EVALSHA")]
    pub fn script<'a>(&'a self, script: &'a Script) -> RedisScript<'a> {
        RedisScript { redis: self, client: self.client(), invocation: script.prepare_invoke() }
    }
}

impl RedisScript<'_> {
    /// Adds a key (`KEYS`), under the prefix of the connection.
    pub fn key(mut self, name: &str) -> Self {
        // Without a connection nothing is called.
        if let Ok(client) = &self.client {
            self.invocation.key(Key { prefix: &client.settings.key_prefix, name });
        }
        self
    }

    /// Adds an argument (`ARGV`), or several.
    pub fn arg<T: ToRedisArgs>(mut self, value: T) -> Self {
        self.invocation.arg(value);
        self
    }

    /// Calls the script, and returns what it does.
    ///
    /// # Errors
    ///
    /// As [all verbs](Redis#errors).
    ///
    /// # Cancel safety
    ///
    /// As [all verbs](Redis#cancel-safety).
    pub async fn invoke<T: FromRedisValue>(self) -> Result<T> {
        let client = self.client?;
        let answered = self.invocation.invoke_async(&mut client.connection.clone()).await;
        answered.map_err(|error| self.redis.told_as(&client, error, error::error_of_script))
    }
}

impl fmt::Debug for RedisScript<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RedisScript").field(&self.invocation).finish()
    }
}
