//! What is in Redis: one key with 100 bytes, as `redis-benchmark -d 100` reads and writes.

use redis::AsyncCommands as _;

use crate::Result;

/// The key of every job.
pub(crate) const KEY: &str = "zato.bench";

/// What it holds.
pub(crate) const VALUE: &str =
    "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789";

pub(crate) async fn prepare(url: &str) -> Result<()> {
    let mut connection = redis::Client::open(url)?.get_multiplexed_async_connection().await?;
    Ok(connection.set(KEY, VALUE).await?)
}

/// Whether it is what was written.
pub(crate) fn check(value: Option<&str>) -> Result<()> {
    if value == Some(VALUE) { Ok(()) } else { Err("another value was read than was written".into()) }
}
