//! What the operating system tells a running program.

use tracing::info;

use super::Running;

#[cfg(unix)]
mod listened {
    use tokio::signal::unix::{Signal, SignalKind, signal};
    use tracing::warn;

    /// `SIGINT`, `SIGTERM` and `SIGHUP`, each if it can be listened for.
    pub(super) struct Listened {
        interrupt: Option<Signal>,
        terminate: Option<Signal>,
        hangup: Option<Signal>,
    }

    impl Listened {
        pub(super) fn new() -> Self {
            let listen = |kind| {
                let unheard = |error| warn!(%error, "a signal can't be listened for");
                signal(kind).map_err(unheard).ok()
            };
            Self {
                interrupt: listen(SignalKind::interrupt()),
                terminate: listen(SignalKind::terminate()),
                hangup: listen(SignalKind::hangup()),
            }
        }

        /// Waits for `SIGINT` or `SIGTERM`.
        pub(super) async fn stop(&mut self) {
            tokio::select! {
                () = next(&mut self.interrupt) => {}
                () = next(&mut self.terminate) => {}
            }
        }

        /// Waits for either of the two, or for `SIGHUP`; returns whether it was the latter.
        pub(super) async fn stop_or_reload(&mut self) -> bool {
            tokio::select! {
                () = next(&mut self.interrupt) => false,
                () = next(&mut self.terminate) => false,
                () = next(&mut self.hangup) => true,
            }
        }
    }

    async fn next(signal: &mut Option<Signal>) {
        let received = match signal {
            Some(signal) => signal.recv().await,
            None => None,
        };
        if received.is_none() {
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(not(unix))]
mod listened {
    use tracing::warn;

    /// Ctrl-C, which is all there is.
    pub(super) struct Listened;

    impl Listened {
        pub(super) fn new() -> Self {
            Self
        }

        /// Waits for Ctrl-C.
        pub(super) async fn stop(&mut self) {
            if let Err(error) = tokio::signal::ctrl_c().await {
                warn!(%error, "Ctrl-C can't be listened for");
                std::future::pending::<()>().await;
            }
        }

        pub(super) async fn stop_or_reload(&mut self) -> bool {
            self.stop().await;
            false
        }
    }
}

/// Waits until the process is told to stop, by `SIGINT` (Ctrl-C) or `SIGTERM`: for a program that only
/// [`start`](super::App::start)s its app.
///
/// # Cancel safety
///
/// When dropped, a signal that comes later no longer ends the process by itself, either.
pub async fn told_to_stop() {
    Signals::new().again().await;
}

/// The signals that a program which runs reacts to.
pub(super) struct Signals(listened::Listened);

impl Signals {
    /// Starts to listen; from now on they don't end the process by themselves.
    pub(super) fn new() -> Self {
        Self(listened::Listened::new())
    }

    /// Waits until the process is told to stop; has the configuration read again whenever it is told so.
    pub(super) async fn until_told(&mut self, running: &Running) {
        while self.0.stop_or_reload().await {
            // Why one is refused is logged where it is.
            if let Ok(applied) = running.reload().await {
                info!(generation = applied.generation, changes = applied.changes.len(), "configuration read again");
            }
        }
    }

    /// Waits until the process is told to stop once more.
    pub(super) async fn again(&mut self) {
        self.0.stop().await;
    }
}
