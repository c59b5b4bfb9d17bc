//! Waking up when a configuration file was saved.

mod interest;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use notify::{RecursiveMode, Watcher as _};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use self::interest::Interest;

/// How long it must have been quiet before files are read: saving one is several events, and a checkout is many files.
const QUIET: Duration = Duration::from_millis(150);

/// How long a burst may last before files are read anyway.
const LONGEST: Duration = Duration::from_secs(2);

/// Wakes up when one of some files may have changed.
///
/// A path can be a file, or a folder, which stands for every file of user configuration in it (`*.yaml`, `*.yml`, `*.toml`,
/// `*.ini`, `*.conf`); neither has to exist yet. Seen
/// are writing in place, replacing by a rename (as editors do), deleting and creating, and links that come to point
/// elsewhere (as Kubernetes does): it is the folders that are watched, for an inode that was replaced tells nothing.
///
/// A wake-up is a hint. What changed, and whether anything did, tells a comparison of what was read before and after.
/// Make the watcher before the first reading, or what is saved between the two goes unseen.
///
/// There is no task behind it, and dropping it stops the thread that the operating system's events come from.
///
/// # Examples
///
/// ```no_run
/// use zato_core::config::Watcher;
///
/// # async fn example() -> std::io::Result<()> {
/// let mut watcher = Watcher::new(vec!["zato.yaml".into(), "user-conf".into()])?;
/// loop {
///     // Read, compare and apply the configuration here.
///     watcher.changed().await;
/// }
/// # }
/// ```
pub struct Watcher {
    paths: Vec<PathBuf>,
    /// Holds at most one wake-up, however many events there are: the bounded channel of this design.
    signal: Arc<Notify>,
    /// When the burst began that is being waited out. Here and not in the future, so that a cancelled wait loses nothing.
    burst: Option<Instant>,
    source: notify::RecommendedWatcher,
}

impl Watcher {
    /// Starts to watch `paths`.
    ///
    /// # Errors
    ///
    /// The operating system watches no more folders for this user, or has no means to.
    pub fn new(paths: Vec<PathBuf>) -> io::Result<Self> {
        let signal = Arc::new(Notify::new());
        let source = listen(&paths, &signal)?;
        Ok(Self { paths, signal, burst: None, source })
    }

    /// Waits until something may have changed, and then until it has been quiet for 150 ms, but no longer than 2 s.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: a change that was seen before the future was dropped is reported by the next call.
    pub async fn changed(&mut self) {
        if self.burst.is_none() {
            self.signal.notified().await;
        }
        let deadline = *self.burst.get_or_insert_with(Instant::now) + LONGEST;
        loop {
            let quiet = (Instant::now() + QUIET).min(deadline);
            tokio::select! {
                biased;
                // First, so that a storm of events cannot keep the branch below from ending the wait.
                () = sleep_until(quiet) => break,
                () = self.signal.notified() => {}
            }
        }
        self.burst = None;
        // A folder may have been made or replaced, and a link may lead elsewhere now. What happens in between is no
        // loss: the caller reads the files after this.
        match listen(&self.paths, &self.signal) {
            Ok(source) => self.source = source,
            Err(error) => tracing::warn!(%error, "configuration files are watched as before the change"),
        }
    }

    /// Watches other paths from now on, as when a file came to include another one.
    ///
    /// # Errors
    ///
    /// As [`Watcher::new`]; what was watched before is watched still.
    pub fn watch_instead(&mut self, paths: Vec<PathBuf>) -> io::Result<()> {
        self.source = listen(&paths, &self.signal)?;
        self.paths = paths;
        Ok(())
    }

    /// Gives what is watched.
    #[must_use]
    pub fn paths(&self) -> &[PathBuf] {
        &self.paths
    }
}

impl fmt::Debug for Watcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watcher").field("paths", &self.paths).finish_non_exhaustive()
    }
}

/// Starts a thread that raises `signal`, and lives as long as what is returned.
fn listen(paths: &[PathBuf], signal: &Arc<Notify>) -> io::Result<notify::RecommendedWatcher> {
    let interest = Interest::in_paths(paths);
    let folders: Vec<PathBuf> = interest.folders().map(Path::to_owned).collect();
    let signal = Arc::clone(signal);
    let handler = move |event: notify::Result<notify::Event>| match event {
        Ok(event) if interest.covers(&event) => signal.notify_one(),
        Ok(_) => {}
        Err(error) => tracing::warn!(%error, "watching configuration files failed; a change may go unseen"),
    };
    let mut source = notify::recommended_watcher(handler).map_err(io_error)?;
    for folder in folders {
        match source.watch(&folder, RecursiveMode::NonRecursive) {
            // A folder that went away just now: the next look finds what came instead.
            Ok(()) | Err(notify::Error { kind: notify::ErrorKind::PathNotFound, .. }) => {}
            Err(error) => return Err(io_error(error)),
        }
    }
    Ok(source)
}

fn io_error(error: notify::Error) -> io::Error {
    match error.kind {
        notify::ErrorKind::Io(error) => error,
        _ => io::Error::other(error),
    }
}

#[cfg(test)]
mod tests;
