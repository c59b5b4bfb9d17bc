//! Migrations that are applied before a connection counts as up.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::Mutex,
    task::{JoinError, JoinHandle},
    time,
};
use zato_core::{Error, Result};

use super::{
    Migrations,
    run::{Job, Way},
};
use crate::pool::{Session, Target};

/// How long one attempt to connect waits for them: less than it is given.
const PATIENCE: Duration = Duration::from_secs(8);

/// Migrations that are applied each time a connection is made. They may take longer than an attempt to connect, so that it
/// is a task of their own, which the next attempt waits for.
#[derive(Debug)]
pub(crate) struct AtStart {
    migrations: Arc<Migrations>,
    running: Mutex<Option<Running>>,
}

/// Aborted with the configuration that it belongs to.
#[derive(Debug)]
struct Running(JoinHandle<Result<()>>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl AtStart {
    pub(crate) fn new(migrations: Migrations) -> Self {
        Self { migrations: Arc::new(migrations), running: Mutex::default() }
    }

    /// Waits until they are applied.
    ///
    /// # Errors
    ///
    /// What stands in their way; that it takes long.
    pub(crate) async fn apply(&self, target: &Target, session: &Session, connection: &str) -> Result<()> {
        let mut running = self.running.lock().await;
        let task = running.get_or_insert_with(|| self.start(target, session, connection));
        let ended = time::timeout(PATIENCE, &mut task.0).await;
        let Ok(ended) = ended else {
            return Err(Error::unavailable(
                "its migrations are being applied, or another program's are; this takes a while",
            ));
        };
        *running = None;
        ended.unwrap_or_else(|crashed: JoinError| Err(Error::internal("migrations have failed").with_source(crashed)))
    }

    fn start(&self, target: &Target, session: &Session, connection: &str) -> Running {
        let migrations = Arc::clone(&self.migrations);
        let (target, session, connection) = (target.clone(), session.clone(), connection.to_owned());
        let work = async move { Job::over(&migrations, Way::Up, &target, &session, &connection).run().await.map(drop) };
        #[expect(clippy::disallowed_methods, reason = "the handle is kept and aborted on drop")]
        let task = tokio::spawn(work);
        Running(task)
    }
}
