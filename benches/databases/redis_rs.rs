//! The floor of Redis: redis-rs at its best, which is one connection that all tasks share.

use redis::{AsyncCommands as _, aio::MultiplexedConnection};

use crate::{
    Result, TASKS,
    cached::{KEY, VALUE, check},
    obey,
    talk::Orders,
    tasks::share,
};

/// Does a job as often as it is told.
pub(crate) async fn serve(job: &str, url: &str, mut orders: Orders) -> Result<()> {
    let connection = redis::Client::open(url)?.get_multiplexed_async_connection().await?;
    let is_get = match job {
        "redis-get" => true,
        "redis-set" => false,
        other => return Err(format!("no job named {other:?}").into()),
    };
    let work = async |count| share(TASKS, count, |_, pieces| one_by_one(connection.clone(), is_get, pieces)).await;
    obey(&mut orders, work).await
}

async fn one_by_one(mut connection: MultiplexedConnection, is_get: bool, pieces: u32) -> Result<()> {
    for _ in 0..pieces {
        if is_get {
            let value: Option<String> = connection.get(KEY).await?;
            check(value.as_deref())?;
        } else {
            let () = connection.set(KEY, VALUE).await?;
        }
    }
    Ok(())
}
