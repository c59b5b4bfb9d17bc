//! Sixty-four tasks at once.

use std::{
    future::Future,
    time::{Duration, Instant},
};

use tokio::task::JoinSet;

use crate::Result;

/// How many tasks share the work.
pub(crate) const TASKS: u32 = 64;

/// Has each task do its share of the work, and tells how long all took. A task is told the number of its first piece and
/// how many there are.
pub(crate) async fn share<F>(count: u32, task: impl Fn(u32, u32) -> F) -> Result<Duration>
where
    F: Future<Output = Result<()>> + Send + 'static,
{
    let start = Instant::now();
    let mut tasks = JoinSet::new();
    let (mut first, mut left) = (0, count);
    for waiting in (1..=TASKS).rev() {
        let pieces = left.div_ceil(waiting);
        tasks.spawn(task(first, pieces));
        first += pieces;
        left -= pieces;
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    Ok(start.elapsed())
}
