//! The same jobs done by zato services, with everything that is on by default.

mod commands;
mod rows;

use std::sync::Arc;

use zato::{Running, Service, model};

use crate::{Result, TASKS, obey, talk::Orders, tasks::share};

/// Does a job as often as it is told.
pub(crate) async fn serve(job: &str, url: &str, mut orders: Orders) -> Result<()> {
    if job.starts_with("redis") {
        commands::serve(job, url, &mut orders).await
    } else {
        rows::serve(job, url, &mut orders).await
    }
}

/// What every configuration begins with: one call does a task's share of a whole round.
const SERVER: &str = "server: {bind: \"127.0.0.1:0\", request_timeout: 10m}\n";

/// What one task does.
#[model]
pub(crate) struct Share {
    first: u32,
    count: u32,
}

/// Has a service do each task's share.
async fn parts<S: Service<Input = Share, Output = ()>>(app: &Arc<Running>, orders: &mut Orders) -> Result<()> {
    let work =
        async |count| share(TASKS, count, |first, count| part::<S>(Arc::clone(app), Share { first, count })).await;
    obey(orders, work).await
}

async fn part<S: Service<Input = Share, Output = ()>>(app: Arc<Running>, share: Share) -> Result<()> {
    Ok(app.invoke::<S>(share).await?)
}

/// Stops it, since nobody else has it any more.
async fn stop(app: Arc<Running>) {
    if let Some(app) = Arc::into_inner(app) {
        app.stop().await;
    }
}
