//! Tasks at once, which share what there is to do.

use std::{
    future::Future,
    time::{Duration, Instant},
};

use tokio::task::JoinSet;

use crate::Result;

/// Has so many tasks do the work, each its share, and tells how long all took. A task is told the number of its first piece
/// and how many there are.
pub(crate) async fn share<F>(tasks: u32, count: u32, task: impl Fn(u32, u32) -> F) -> Result<Duration>
where
    F: Future<Output = Result<()>> + Send + 'static,
{
    let start = Instant::now();
    let mut running = JoinSet::new();
    let (mut first, mut left) = (0, count);
    for waiting in (1..=tasks).rev() {
        let pieces = left.div_ceil(waiting);
        running.spawn(task(first, pieces));
        first += pieces;
        left -= pieces;
    }
    while let Some(done) = running.join_next().await {
        done??;
    }
    Ok(start.elapsed())
}
