//! The usual way to Redis: a connection from a pool for each command.

use deadpool_redis::{Config, Pool, Runtime};
use redis::AsyncCommands as _;

use crate::{
    Result, TASKS,
    cached::{KEY, VALUE, check},
    obey,
    talk::Orders,
    tasks::share,
};

/// Does a job as often as it is told.
pub(crate) async fn serve(job: &str, url: &str, mut orders: Orders) -> Result<()> {
    let pool = Config::from_url(url).create_pool(Some(Runtime::Tokio1))?;
    let is_get = match job {
        "redis-get" => true,
        "redis-set" => false,
        other => return Err(format!("no job named {other:?}").into()),
    };
    let work = async |count| share(TASKS, count, |_, pieces| one_by_one(pool.clone(), is_get, pieces)).await;
    obey(&mut orders, work).await
}

async fn one_by_one(pool: Pool, is_get: bool, pieces: u32) -> Result<()> {
    for _ in 0..pieces {
        let mut connection = pool.get().await?;
        if is_get {
            let value: Option<String> = connection.get(KEY).await?;
            check(value.as_deref())?;
        } else {
            let () = connection.set(KEY, VALUE).await?;
        }
    }
    Ok(())
}
