//! Does what nobody waits for: rolls back what was left open, ends what goes on without anybody, closes what is old.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use tokio::{
    sync::mpsc,
    task::{JoinHandle, JoinSet},
    time::{self, Instant, MissedTickBehavior},
};

use super::{Connection, Kept, Lease, Origin, Pool};

/// How often it looks for connections that are old.
const ROUND: Duration = Duration::from_secs(5);

/// How long a chore may take.
const CHORE: Duration = Duration::from_secs(5);

/// How many chores are done at once at the most; the others wait.
const AT_ONCE: usize = 16;

/// Something that nobody waits for.
#[derive(Debug)]
pub(crate) enum Chore {
    /// A connection that says goodbye.
    Close(Connection),
    /// What a connection of MariaDB or MySQL does, which was dropped.
    Kill(Origin),
}

/// The task that does chores; it ends with the client.
#[derive(Debug)]
pub(crate) struct Janitor(JoinHandle<()>);

impl Drop for Janitor {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Janitor {
    pub(super) fn start(pool: &Arc<Pool>, inbox: mpsc::Receiver<Chore>, dropped: mpsc::Receiver<Lease>) -> Self {
        let work = work(Arc::downgrade(pool), inbox, dropped);
        #[expect(clippy::disallowed_methods, reason = "the handle is kept and aborted on drop")]
        let task = tokio::spawn(work);
        Self(task)
    }
}

/// Works until the pool is gone. Nothing waits for what takes long elsewhere: transactions that were dropped keep locks, and
/// places.
async fn work(pool: Weak<Pool>, mut inbox: mpsc::Receiver<Chore>, mut dropped: mpsc::Receiver<Lease>) {
    let mut rounds = time::interval_at(Instant::now() + ROUND, ROUND);
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut at_work, mut rolling_back, mut tidying) = (JoinSet::new(), JoinSet::new(), JoinSet::new());
    loop {
        tokio::select! {
            // Not more than there are places.
            lease = dropped.recv() => {
                let Some(mut lease) = lease else { return };
                rolling_back.spawn(async move {
                    let _ = time::timeout(CHORE, lease.roll_back()).await;
                });
            }
            chore = inbox.recv(), if at_work.len() < AT_ONCE => {
                let Some(chore) = chore else { return };
                let pool = Weak::clone(&pool);
                at_work.spawn(async move {
                    let _ = time::timeout(CHORE, done(pool, chore)).await;
                });
            }
            Some(_) = at_work.join_next() => {}
            Some(_) = rolling_back.join_next() => {}
            Some(_) = tidying.join_next() => {}
            _ = rounds.tick(), if tidying.is_empty() => {
                let Some(pool) = pool.upgrade() else { return };
                tidying.spawn(async move {
                    let _ = time::timeout(CHORE, pool.tidy_up()).await;
                });
            }
        }
    }
}

async fn done(pool: Weak<Pool>, chore: Chore) {
    match chore {
        Chore::Close(connection) => connection.close().await,
        Chore::Kill(origin) => {
            if let Some(pool) = pool.upgrade() {
                pool.kill(&origin).await;
            }
        }
    }
}

impl Pool {
    /// Ends a connection from the other side.
    pub(super) async fn kill(&self, origin: &Origin) {
        let Ok(mut connection) = self.target.connect(&self.session).await else { return };
        if connection.is_beside(origin).await {
            // A number of ours; there is no way to bind one here.
            let statement = sqlx::AssertSqlSafe(format!("KILL CONNECTION {}", origin.id));
            let mut steps = connection.start_script(sqlx::SqlSafeStr::into_sql_str(statement));
            let _ = futures_util::StreamExt::next(&mut steps).await;
            drop(steps);
        }
        connection.close().await;
    }

    /// Closes connections that are old or not needed, and makes those that are to be there.
    async fn tidy_up(&self) {
        let now = Instant::now();
        let (old, missing) = {
            let mut shelf = self.shelf();
            if shelf.is_closed {
                return;
            }
            let mut all = shelf.idle.len() + shelf.holders.len();
            let is_unused = |kept: &Kept| {
                self.limits.idle_timeout.is_some_and(|longest| now.saturating_duration_since(kept.used) >= longest)
            };
            let (mut old, mut good) = (Vec::new(), std::collections::VecDeque::new());
            for kept in std::mem::take(&mut shelf.idle) {
                if self.is_worn_out(&kept, now) || (is_unused(&kept) && all > self.limits.min) {
                    all -= 1;
                    old.push(kept);
                } else {
                    good.push_back(kept);
                }
            }
            shelf.idle = good;
            (old, self.limits.min.saturating_sub(all))
        };
        for kept in old {
            kept.connection.close().await;
        }
        for _ in 0..missing {
            // A place is taken meanwhile, so that there are never more than there may be.
            let Ok(_permit) = Arc::clone(&self.places).try_acquire_owned() else { return };
            let Ok(made) = self.connect(None).await else { return };
            let mut shelf = self.shelf();
            // Others were made meanwhile.
            if shelf.idle.len() + shelf.holders.len() >= self.limits.size {
                return;
            }
            shelf.idle.push_front(made);
        }
    }
}
