//! Commands of Redis.

use std::{sync::Arc, time::Duration};

use tokio::time::sleep;
use zato::{Error, redis::Redis, service, services};

use super::{SERVER, Share, parts, stop};
use crate::{
    Result,
    cached::{KEY, VALUE, check},
    talk::Orders,
};

pub(super) async fn serve(job: &str, url: &str, orders: &mut Orders) -> Result<()> {
    let config = format!("{SERVER}outgoing_redis:\n  - {{name: Cache, url: \"{url}\"}}\n");
    let app = zato::app("bench").services(services![connected, get, set]).config_yaml(config).logging();
    let app = Arc::new(app.start().await?);
    app.invoke::<connected>(()).await?;
    let obeyed = match job {
        "redis-get" => parts::<get>(&app, orders).await,
        "redis-set" => parts::<set>(&app, orders).await,
        other => Err(format!("no job named {other:?}").into()),
    };
    stop(app).await;
    obeyed
}

/// Waits until commands can be sent: under valgrind that takes longer than a program waits with its start.
#[service(name = "bench.connected")]
async fn connected(#[out("Cache")] redis: &Redis) -> zato::Result<()> {
    while redis.ping().await.is_err() {
        sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}

/// Reads a key again and again.
#[service(name = "bench.get")]
async fn get(input: Share, #[out("Cache")] redis: &Redis) -> zato::Result<()> {
    for _ in 0..input.count {
        let value: Option<String> = redis.get(KEY).await?;
        check(value.as_deref()).map_err(|error| Error::internal(error.to_string()))?;
    }
    Ok(())
}

/// Writes a key again and again.
#[service(name = "bench.set")]
async fn set(input: Share, #[out("Cache")] redis: &Redis) -> zato::Result<()> {
    for _ in 0..input.count {
        redis.set(KEY, VALUE).await?;
    }
    Ok(())
}
