//! What the operating system tells a running program.

use tracing::{error, info};

use super::{Running, supervisor};

/// What a program is told.
enum Told {
    Stop,
    Reload,
    #[cfg(unix)]
    HandOver,
}

/// Why a program ends.
pub(super) enum End {
    /// It was told to stop.
    Told,
    /// Another process goes on in its place.
    #[cfg(unix)]
    TakenOver,
}

#[cfg(unix)]
mod listened {
    use tokio::signal::unix::{Signal, SignalKind, signal};
    use tracing::warn;

    use super::Told;

    /// `SIGINT`, `SIGTERM`, `SIGHUP` and `SIGUSR2`, each if it can be listened for.
    pub(super) struct Listened {
        interrupt: Option<Signal>,
        terminate: Option<Signal>,
        hangup: Option<Signal>,
        user: Option<Signal>,
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
                user: listen(SignalKind::user_defined2()),
            }
        }

        /// Waits for `SIGINT` or `SIGTERM`.
        pub(super) async fn stop(&mut self) {
            tokio::select! {
                () = next(&mut self.interrupt) => {}
                () = next(&mut self.terminate) => {}
            }
        }

        /// Waits for any of the signals.
        pub(super) async fn told(&mut self) -> Told {
            tokio::select! {
                () = next(&mut self.interrupt) => Told::Stop,
                () = next(&mut self.terminate) => Told::Stop,
                () = next(&mut self.hangup) => Told::Reload,
                () = next(&mut self.user) => Told::HandOver,
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

    use super::Told;

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

        pub(super) async fn told(&mut self) -> Told {
            self.stop().await;
            Told::Stop
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

    /// Waits until the program is to end. Has the configuration read again whenever the process is told so, and has a
    /// new process take over; if that fails, the program goes on.
    pub(super) async fn until_end(&mut self, running: &Running) -> End {
        loop {
            match self.0.told().await {
                Told::Stop => return End::Told,
                Told::Reload => reload(running).await,
                #[cfg(unix)]
                Told::HandOver => {
                    let outcome = tokio::select! {
                        outcome = running.hand_over() => outcome,
                        () = self.0.stop() => return End::Told,
                    };
                    match outcome {
                        Ok(_) => return End::TakenOver,
                        Err(error) => error!(error = %error.report(), "no new process has taken over"),
                    }
                }
            }
        }
    }

    /// Waits until the process is told to stop once more.
    pub(super) async fn again(&mut self) {
        self.0.stop().await;
    }
}

async fn reload(running: &Running) {
    supervisor::reloading();
    // Why one is refused is logged where it is.
    if let Ok(applied) = running.reload().await {
        info!(generation = applied.generation, changes = applied.changes.len(), "configuration read again");
    }
    supervisor::ready();
}
