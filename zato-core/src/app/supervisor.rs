//! What the program tells whoever started it: systemd, by `NOTIFY_SOCKET`, and the process that it takes over.

#[cfg(unix)]
mod told {
    use sd_notify::NotifyState;
    use tracing::warn;

    use crate::channel::Inherited;

    /// Tells that the program serves.
    pub(in crate::app) fn ready() {
        if let Err(error) = Inherited::of_process().tell_ready() {
            warn!(%error, "the process that is taken over can't be told that this one serves");
        }
        tell(&[NotifyState::Ready]);
    }

    /// Tells that the configuration is read again; [`ready`] is told when it has been.
    pub(in crate::app) fn reloading() {
        // The time makes `Type=notify-reload` of systemd work: what was sent before it began to wait is not meant.
        match NotifyState::monotonic_usec_now() {
            Ok(now) => tell(&[NotifyState::Reloading, now]),
            Err(_) => tell(&[NotifyState::Reloading]),
        }
    }

    /// Tells that the program ends.
    pub(in crate::app) fn stopping() {
        tell(&[NotifyState::Stopping]);
    }

    /// Tells that another process is the program from now on.
    pub(in crate::app) fn taken_over_by(process: u32) {
        tell(&[NotifyState::MainPid(process)]);
    }

    /// Says nothing where nobody has asked for it.
    fn tell(states: &[NotifyState<'_>]) {
        if let Err(error) = sd_notify::notify(states) {
            warn!(%error, "the service manager can't be told what the program does");
        }
    }
}

#[cfg(not(unix))]
mod told {
    pub(in crate::app) fn ready() {}
    pub(in crate::app) fn reloading() {}
    pub(in crate::app) fn stopping() {}
}

#[cfg(unix)]
pub(super) use told::taken_over_by;
pub(super) use told::{ready, reloading, stopping};
