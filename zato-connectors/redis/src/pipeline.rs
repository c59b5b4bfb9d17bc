use std::{
    fmt,
    ops::{Deref, DerefMut},
    sync::Arc,
};

use redis::{FromRedisValue, Pipeline};
use zato_core::Result;

use crate::{Redis, connector::RedisClient, error};

/// Several commands that are sent at once, as [`Redis::pipeline`] begins them: the library's own [`Pipeline`], which this can
/// be used as, and a [`query`](Self::query) that sends them over the connection.
///
/// # Examples
///
/// ```
/// use zato_core::Result;
/// use zato_redis::Redis;
///
/// async fn visits(redis: &Redis, page: &str) -> Result<(i64, i64)> {
///     let mut pipeline = redis.pipeline();
///     // One step for everybody else.
///     let (page, all) = (pipeline.key(page), pipeline.key("all"));
///     pipeline.atomic().incr(page, 1).incr(all, 1);
///     pipeline.query().await
/// }
/// ```
pub struct RedisPipeline<'a> {
    redis: &'a Redis,
    /// Asked for when the pipeline is begun, so that its keys are under the prefix of the connection that it goes over.
    client: Result<Arc<RedisClient>>,
    pipeline: Pipeline,
}

impl Redis {
    /// Begins several commands that are sent at once, and whose answers come at once. Keys are what they are there: no prefix
    /// is added, [`key`](RedisPipeline::key) gives one.
    #[must_use]
    pub fn pipeline(&self) -> RedisPipeline<'_> {
        RedisPipeline { redis: self, client: self.client(), pipeline: Pipeline::new() }
    }
}

impl RedisPipeline<'_> {
    /// Returns a key under the prefix of the connection.
    #[must_use]
    pub fn key(&self, name: &str) -> String {
        // Without a connection nothing is sent.
        self.client.as_ref().map_or(String::new(), |client| client.settings.key_prefix.clone()) + name
    }

    /// Sends the commands, and returns their answers, without those that are ignored.
    ///
    /// # Errors
    ///
    /// As [all verbs](Redis#errors); the first that failed, if several did. Where others were done it is never said that trying
    /// again is safe.
    ///
    /// # Cancel safety
    ///
    /// As [all verbs](Redis#cancel-safety).
    pub async fn query<T: FromRedisValue>(self) -> Result<T> {
        let client = self.client?;
        let (count, is_atomic) = (self.pipeline.len(), self.pipeline.is_transaction());
        let answered = self.pipeline.query_async(&mut client.connection.clone()).await;
        let told = |error| error::error_of_several(error, count, is_atomic);
        answered.map_err(|error| self.redis.told_as(&client, error, told))
    }
}

impl Deref for RedisPipeline<'_> {
    type Target = Pipeline;

    fn deref(&self) -> &Pipeline {
        &self.pipeline
    }
}

impl DerefMut for RedisPipeline<'_> {
    fn deref_mut(&mut self) -> &mut Pipeline {
        &mut self.pipeline
    }
}

impl fmt::Debug for RedisPipeline<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisPipeline").field("commands", &self.pipeline.len()).finish_non_exhaustive()
    }
}
