//! A connection to a broker that is kept up for as long as somebody holds it: connected, lost, connected anew, with what
//! has to be there declared each time.

mod keeper;
mod live;
mod target;
mod topology;

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError, atomic::Ordering},
    time::Duration,
};

use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};
use zato_core::{Error, Result, ambient::Ambient, connection::State};

use self::keeper::{Shared, Standing};
pub(crate) use self::{live::Live, target::Target, topology::Topology};
use crate::{error, wire};

/// The longest pause between two attempts. A broker that is back is found within that, and what stands over the connection
/// has to be back within ten seconds in all.
pub(crate) const LONGEST_PAUSE: Duration = Duration::from_secs(3);

/// What a connection is for. Brokers hold up who publishes too fast, and must not hold up acknowledgements with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    Publishing,
    Consuming,
}

impl Use {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Publishing => "publishing",
            Self::Consuming => "consuming",
        }
    }
}

/// A connection of a definition, and the task that keeps it up.
pub(crate) struct Link {
    shared: Arc<Shared>,
    keeper: Mutex<Keeper>,
}

#[derive(Default)]
struct Keeper {
    holders: usize,
    /// The task, and what ends it.
    task: Option<(AbortOnDropHandle<()>, CancellationToken)>,
    /// The one before, which says goodbye still.
    leaving: Option<AbortOnDropHandle<()>>,
    is_closed: bool,
}

/// Keeps a link up until it is dropped.
pub(crate) struct Hold(Arc<Link>);

impl Link {
    pub(crate) fn new(
        definition: &str,
        purpose: Use,
        target: Arc<Target>,
        topology: Arc<Topology>,
        ambient: Ambient,
    ) -> Arc<Self> {
        let shared = Arc::new(Shared::new(definition, purpose, target, topology, ambient));
        Arc::new(Self { shared, keeper: Mutex::default() })
    }

    /// Has the link connected, if nobody had before.
    pub(crate) fn hold(self: &Arc<Self>) -> Hold {
        let mut keeper = self.keeper();
        keeper.holders += 1;
        if keeper.holders == 1 && !keeper.is_closed {
            let (shared, end) = (Arc::clone(&self.shared), CancellationToken::new());
            let (leaving, ended) = (keeper.leaving.take(), end.clone());
            #[expect(clippy::disallowed_methods, reason = "the handle is kept and aborted on drop")]
            let task = tokio::spawn(async move {
                if let Some(before) = leaving {
                    let _ = before.await;
                }
                shared.keep_up(&ended).await;
            });
            keeper.task = Some((AbortOnDropHandle::new(task), end));
        }
        drop(keeper);
        Hold(Arc::clone(self))
    }

    /// Says goodbye, whoever holds it still.
    pub(crate) async fn close(&self) {
        let (task, leaving) = {
            let mut keeper = self.keeper();
            keeper.is_closed = true;
            (keeper.task.take(), keeper.leaving.take())
        };
        if let Some((_, end)) = &task {
            end.cancel();
        }
        for task in task.map(|(task, _)| task).into_iter().chain(leaving) {
            let _ = task.await;
        }
    }

    /// Returns how often it was connected anew, and how many attempts have failed.
    pub(crate) fn counts(&self) -> (u64, u64) {
        let Shared { connects, failures, .. } = &*self.shared;
        (connects.load(Ordering::Relaxed).saturating_sub(1), failures.load(Ordering::Relaxed))
    }

    fn keeper(&self) -> std::sync::MutexGuard<'_, Keeper> {
        self.keeper.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut keeper = self.0.keeper();
        keeper.holders -= 1;
        if keeper.holders == 0
            && let Some((task, end)) = keeper.task.take()
        {
            // It says goodbye in its own time.
            end.cancel();
            keeper.leaving = Some(task);
        }
    }
}

impl Hold {
    /// Returns the connection if it is up.
    ///
    /// # Errors
    ///
    /// [`Unavailable`](zato_core::Kind::Unavailable) with the reason.
    pub(crate) fn live(&self) -> Result<Arc<Live>> {
        let shared = &self.0.shared;
        match &*shared.standing.borrow() {
            Standing::Up(live) => Ok(Arc::clone(live)),
            Standing::Down { error, .. } => Err(error::of(error.clone())),
            Standing::Connecting => Err(Error::unavailable("the broker is still being connected to")),
        }
    }

    /// Waits until the connection is up.
    ///
    /// # Cancel safety
    ///
    /// May be dropped at any time.
    pub(crate) async fn up(&self) -> Arc<Live> {
        let mut standing = self.0.shared.standing.subscribe();
        loop {
            if let Standing::Up(live) = &*standing.borrow_and_update() {
                return Arc::clone(live);
            }
            if standing.changed().await.is_err() {
                // The sender is ours: it is there for as long as we are.
                std::future::pending::<()>().await;
            }
        }
    }

    /// Waits until the connection is up or has just failed to be.
    ///
    /// # Errors
    ///
    /// As [`live`](Self::live).
    pub(crate) async fn tried(&self) -> Result<Arc<Live>> {
        let mut standing = self.0.shared.standing.subscribe();
        let _ = standing.wait_for(|standing| !matches!(standing, Standing::Connecting)).await;
        self.live()
    }

    /// Declares what has to be there once more, which somebody may have deleted since the connection was made.
    pub(crate) async fn declare(&self, live: &Live) -> wire::Result<()> {
        let Shared { topology, purpose, .. } = &*self.0.shared;
        topology.declare(live.connection(), *purpose).await
    }

    /// Says how the connection stands, for readiness.
    pub(crate) fn state(&self) -> State {
        match &*self.0.shared.standing.borrow() {
            Standing::Connecting => State::Connecting,
            Standing::Up(live) => State::Up { since: live.since() },
            Standing::Down { since, error, attempts } => {
                State::Down { since: *since, error: error.to_string(), attempts: *attempts }
            }
        }
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Link({} of {:?}: {:?})",
            self.shared.purpose.word(),
            self.shared.definition,
            *self.shared.standing.borrow()
        )
    }
}

impl fmt::Debug for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}
