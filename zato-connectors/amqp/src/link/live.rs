//! A connection that is up, or was.

use std::{fmt, sync::OnceLock};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use zato_core::chrono::{DateTime, Utc};

use crate::{
    config::DEFINITION,
    wire::{self, WireError},
};

/// A connection that is up, or was.
pub(crate) struct Live {
    connection: wire::Connection,
    since: DateTime<Utc>,
    /// Why the broker takes no messages for now.
    blocked: watch::Sender<Option<String>>,
    lost: CancellationToken,
    reason: OnceLock<WireError>,
}

impl Live {
    pub(super) fn new(connection: wire::Connection, since: DateTime<Utc>) -> Self {
        Self {
            connection,
            since,
            blocked: watch::Sender::new(None),
            lost: CancellationToken::new(),
            reason: OnceLock::new(),
        }
    }

    pub(super) fn connection(&self) -> &wire::Connection {
        &self.connection
    }

    pub(super) fn since(&self) -> DateTime<Utc> {
        self.since
    }

    /// Says goodbye, and to whoever waits that the connection is gone.
    pub(super) async fn close(&self) {
        self.give_up(WireError::connection("the connection is closed by us"));
        let _ = wire::answered("said no goodbye", self.connection.close()).await;
    }

    /// Opens a channel.
    pub(crate) async fn open_channel(&self) -> wire::Result<wire::Channel> {
        wire::answered("opened no channel", self.connection.open_channel()).await
    }

    /// Resolves with the reason when the connection is gone.
    pub(crate) async fn lost(&self) -> WireError {
        self.lost.cancelled().await;
        self.reason.get().cloned().unwrap_or_else(|| WireError::connection("the connection to the broker is closed"))
    }

    /// Tells why the broker takes no messages, for as long as it doesn't.
    pub(crate) fn blocked(&self) -> watch::Receiver<Option<String>> {
        self.blocked.subscribe()
    }

    /// Returns the library's own connection.
    pub(crate) fn raw(&self) -> Option<&lapin::Connection> {
        self.connection.raw()
    }

    /// Takes note of what the broker says, until the connection is gone.
    pub(super) async fn watch(&self, definition: &str) -> WireError {
        loop {
            match self.connection.event().await {
                wire::Event::Blocked(reason) => {
                    warn!(section = DEFINITION.name, definition, reason, "the broker takes no messages for now");
                    self.blocked.send_replace(Some(reason));
                }
                wire::Event::Unblocked => {
                    info!(section = DEFINITION.name, definition, "the broker takes messages again");
                    self.blocked.send_replace(None);
                }
                wire::Event::Lost(error) => return error,
            }
        }
    }

    pub(super) fn give_up(&self, reason: WireError) {
        let _ = self.reason.set(reason);
        self.lost.cancel();
    }
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Live").field("since", &self.since).field("is_lost", &self.lost.is_cancelled()).finish()
    }
}
