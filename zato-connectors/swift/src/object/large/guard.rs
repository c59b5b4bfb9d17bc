use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{runtime::Handle, task::JoinSet, time};

use super::{remove, sending::Names};
use crate::{Swift, connector::SwiftClient};

/// How long what was on its way when an upload was dropped may take to arrive.
const GRACE: Duration = Duration::from_secs(5);

/// Removes the segments of an upload that has failed, or is dropped before its end, unless somebody will go on with it.
pub(super) struct Guard {
    swift: Swift,
    client: Arc<SwiftClient>,
    names: Names,
    /// How many segments were begun.
    begun: Arc<AtomicU64>,
    is_armed: bool,
}

impl Guard {
    pub(super) fn new(swift: &Swift, client: &Arc<SwiftClient>, names: &Names, begun: &Arc<AtomicU64>) -> Self {
        let (swift, client, names) = (swift.clone(), Arc::clone(client), names.clone());
        Self { swift, client, names, begun: Arc::clone(begun), is_armed: true }
    }

    /// Leaves the segments where they are, and returns whether they would have been removed.
    pub(super) fn leave(&mut self) -> bool {
        std::mem::take(&mut self.is_armed)
    }

    /// Says once more whether they are removed.
    pub(super) fn arm(&mut self, is_armed: bool) {
        self.is_armed = is_armed;
    }

    /// Removes the segments, and waits for that, though not for long.
    pub(super) async fn remove(mut self) {
        let begun = self.begun.load(Ordering::Relaxed);
        if self.is_armed && begun > 0 {
            remove::failed(&self.swift, &self.names, begun).await;
        }
        self.is_armed = false;
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let begun = self.begun.load(Ordering::Relaxed);
        if !self.is_armed || begun == 0 {
            return;
        }
        let (swift, names) = (self.swift.clone(), self.names.clone());
        self.client.afterwork.begin(async move {
            time::sleep(GRACE).await;
            remove::failed(&swift, &names, begun).await;
        });
    }
}

/// What is still done for those who did not wait for it, no longer than the connection is used.
#[derive(Default)]
pub(crate) struct Afterwork(Mutex<JoinSet<()>>);

impl Afterwork {
    fn begin(&self, work: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        // Without a runtime the program is about to end.
        if let Ok(runtime) = Handle::try_current() {
            tasks.spawn_on(work, &runtime);
        }
    }
}

impl fmt::Debug for Afterwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Afterwork").finish_non_exhaustive()
    }
}
