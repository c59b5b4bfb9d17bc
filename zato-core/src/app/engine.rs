//! The one task that owns an app's configuration: it applies, swaps, retires and stops.

use std::{collections::BTreeMap, future, path::PathBuf, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use tokio::{
    runtime::Handle,
    sync::{mpsc, oneshot, watch},
    task::JoinSet,
    time::{self, Instant},
};
use tracing::{error, info, warn};

use super::{
    App, Applied, Running,
    apply::{self, Built},
    builder::Source,
    generation::{FIRST_CHANCE, Generation},
    inspect::Inspector,
    logging::Logging,
    user::Stale,
};
use crate::{
    config::{ConfigFaults, Files, Watcher},
    connection::{AnyDefinition, ConnectionStatus, Supervised},
    error::{Error, Result},
    inspect::Inspect,
    layer::statistics::Recorder,
    router::Router,
};

/// How long the connections of old generations wait for the last request. Every request ends by its channel's timeout;
/// this is for a channel whose timeout is no limit at all.
const DRAIN: Duration = Duration::from_secs(3600);

/// How long before the end of a stop it is counted what is still in work.
const SHORTLY: Duration = Duration::from_millis(20);

/// How long a connection may take to say goodbye.
const GOODBYE: Duration = Duration::from_secs(5);

/// What the engine and everybody who holds the app share.
pub(super) struct Shared {
    pub(super) app: App,
    pub(super) recorders: BTreeMap<String, Arc<Recorder>>,
    pub(super) current: ArcSwap<Generation>,
    /// The file of this program; why it was not found, if it wasn't.
    #[cfg(unix)]
    pub(super) program: Result<PathBuf, Arc<std::io::Error>>,
    pub(super) inspector: Arc<Inspector>,
    /// The user configuration that can't be used as it is now.
    pub(super) stale: Stale,
}

/// What the engine is asked to do.
pub(super) enum Command {
    /// Read the configuration again and apply it.
    Reload(oneshot::Sender<Result<Applied>>),
    /// Apply this text from now on.
    Apply(String, oneshot::Sender<Result<Applied>>),
    /// Stop everything, and say what was cut.
    Stop(oneshot::Sender<Vec<String>>),
}

pub(super) struct Engine {
    shared: Arc<Shared>,
    /// The text that came instead of the source that the app was built with.
    text: Option<String>,
    commands: mpsc::Receiver<Command>,
    watcher: Option<Watcher>,
    /// Whether a file was changed between being read and being watched, so that nobody will tell.
    is_late: bool,
    logging: Option<Logging>,
    /// Old generations that still have requests in work: one ends when `changed` fails.
    outlived: Vec<watch::Receiver<()>>,
    /// Connections that wait for the last request that may use them.
    retiring: JoinSet<()>,
}

impl Engine {
    pub(super) async fn start(app: App, mut logging: Option<Logging>) -> Result<Running> {
        app.background.run_on(Handle::current());
        let mut watched = Vec::new();
        let mut resolved = apply::resolve(&app, &app.source, None, &mut watched).map_err(|faults| unusable(&faults))?;
        let (stale, told) = (Stale::default(), resolved.user.told());
        watched.sort();
        // Before anything else, so that what is saved from here on is seen.
        let mut watcher = watcher_of(watched.clone());
        let recorders = app.recorders();
        if let Some(logging) = &mut logging {
            logging.install(&apply::log_of(&resolved));
        }
        let inspector = Inspector::new();
        let seen = (&recorders, &as_dyn(&inspector));
        let Built { generation, activations } =
            apply::build(&app, seen, resolved, None).await.map_err(|faults| unusable(&faults))?;
        let is_late = follow(&mut watcher, watched, &[&generation.files]);
        generation.begin(None).await;
        for activate in activations {
            activate();
        }
        inspector.reloads.began(&app.ambient);
        stale.note(told, &app.ambient);
        let shared = Arc::new(Shared {
            app,
            recorders,
            current: ArcSwap::from_pointee(generation),
            inspector,
            stale,
            #[cfg(unix)]
            program: super::takeover::program().map_err(Arc::new),
        });
        shared.inspector.attach(&shared);
        shared.tried().await;
        let (sender, commands) = mpsc::channel(16);
        let engine = Self {
            shared: Arc::clone(&shared),
            text: None,
            commands,
            watcher,
            is_late,
            logging,
            outlived: Vec::new(),
            retiring: JoinSet::new(),
        };
        for address in shared.addresses() {
            info!(app = shared.app.name, address, "listening");
        }
        #[expect(clippy::disallowed_methods, reason = "the handle is kept and aborted on drop")]
        let task = tokio::spawn(engine.run());
        Ok(Running::new(shared, sender, task))
    }

    async fn run(mut self) {
        if self.watcher.is_some() {
            // What was saved between the first reading and the watcher; nearly always nothing.
            let _ = self.apply(None).await;
        }
        loop {
            tokio::select! {
                command = self.commands.recv() => match command {
                    Some(Command::Reload(reply)) => {
                        let applied = self.apply(None).await;
                        let _ = reply.send(applied);
                    }
                    Some(Command::Apply(text, reply)) => {
                        let applied = self.apply(Some(text)).await;
                        let _ = reply.send(applied);
                    }
                    Some(Command::Stop(reply)) => {
                        let cut = self.stop().await;
                        let _ = reply.send(cut);
                        return;
                    }
                    None => return,
                },
                () = changed(self.watcher.as_mut(), self.is_late) => {
                    self.is_late = false;
                    // What is wrong was logged; what runs goes on.
                    let _ = self.apply(None).await;
                }
                Some(_) = self.retiring.join_next() => {}
            }
        }
    }

    /// Applies a configuration as a whole, or not at all.
    async fn apply(&mut self, text: Option<String>) -> Result<Applied> {
        let reloads = &Arc::clone(&self.shared.inspector).reloads;
        match self.try_apply(text).await {
            Ok(applied) => {
                if !applied.changes.is_empty() {
                    reloads.applied(&self.shared.app.ambient);
                }
                Ok(applied)
            }
            Err(faults) => {
                reloads.refused();
                for fault in &faults {
                    error!(%fault, "configuration refused");
                }
                warn!(generation = self.shared.current.load().number, "the configuration before stays in force");
                Err(unusable(&faults))
            }
        }
    }

    async fn try_apply(&mut self, text: Option<String>) -> Result<Applied, ConfigFaults> {
        let source = text.as_ref().or(self.text.as_ref()).map(|text| Source::Text(text.clone()));
        let source = source.unwrap_or_else(|| self.shared.app.source.clone());
        let mut watched = Vec::new();
        let old = self.shared.current.load_full();
        let resolved = apply::resolve(&self.shared.app, &source, Some(&old.user), &mut watched);
        if resolved.is_err() {
            // What is missing will come, or what is broken be mended, here or where it was before.
            watched.extend(self.watcher.iter().flat_map(|watcher| watcher.paths()).cloned());
            watched.sort();
            watched.dedup();
        }
        // Also where nothing has changed: a file that is included from now on may be empty still.
        follow(&mut self.watcher, watched.clone(), &[&old.files]);
        let mut resolved = resolved?;
        apply::check_not_emptied(&source, &old, &resolved)?;
        let changes = apply::changes(&old, &resolved);
        let told = resolved.user.told();
        if changes.is_empty() {
            self.shared.stale.note(told, &self.shared.app.ambient);
            self.text = text.or_else(|| self.text.take());
            return Ok(Applied::new(old.number, Vec::new()));
        }
        let before = Some((&*old, changes.as_slice()));
        let (files, inspect) = (Arc::clone(&resolved.files), as_dyn(&self.shared.inspector));
        let built = apply::build(&self.shared.app, (&self.shared.recorders, &inspect), resolved, before).await;
        // A file that can't be used will be mended, or be what it was again.
        let wanted: &[_] = if built.is_ok() { &[&files] } else { &[&files, &old.files] };
        self.is_late = follow(&mut self.watcher, watched, wanted);
        let Built { generation, activations } = built?;
        let (number, log) = (generation.number, generation.server.log.clone());
        if generation.server.workers != old.server.workers {
            warn!(
                before = %old.server.workers, after = %generation.server.workers,
                "server.workers was changed, which takes effect at the next start"
            );
        }
        generation.begin(Some(&old)).await;
        // The swap: no await from here until all have switched over.
        for activate in activations {
            activate();
        }
        self.shared.current.store(Arc::new(generation));
        self.shared.stale.note(told, &self.shared.app.ambient);
        if let Some(logging) = &mut self.logging {
            logging.change(&log);
        }
        self.text = text.or_else(|| self.text.take());
        self.retire(old);
        self.shared.tried().await;
        info!(generation = number, changes = apply::summary(&changes), "configuration applied");
        Ok(Applied::new(number, changes))
    }

    /// Closes what only the old generation has, once its last request has ended.
    fn retire(&mut self, old: Arc<Generation>) {
        let current = self.shared.current.load_full();
        let gone: Vec<Arc<Supervised>> = old
            .connections
            .iter()
            .filter(|(section, name, connection)| {
                !current.connections.supervised(section, name).is_some_and(|now| Arc::ptr_eq(now, connection))
            })
            .map(|(_, _, connection)| Arc::clone(connection))
            .collect();
        let is_gone = |section, name| !current.definitions.is_same(&old.definitions, section, name);
        let definitions = old.definitions.iter().filter(|(section, name, _)| is_gone(section, name));
        let definitions: Vec<Arc<dyn AnyDefinition>> = definitions.filter_map(|(_, _, any)| any.cloned()).collect();
        // A connection that this generation was the last to have may be in use by requests of any before it.
        self.outlived.retain(|generation| generation.has_changed().is_ok());
        self.outlived.push(old.router.ended());
        drop(old);
        if gone.is_empty() && definitions.is_empty() {
            return;
        }
        let generations = self.outlived.clone();
        self.retiring.spawn(async move {
            let last_request = async {
                for mut generation in generations {
                    while generation.changed().await.is_ok() {}
                }
            };
            if time::timeout(DRAIN, last_request).await.is_err() {
                warn!("requests of an old configuration are still in work, their connections are closed");
            }
            for connection in gone {
                connection.close(GOODBYE).await;
            }
            // After the connections that stand over them.
            close_all(definitions).await;
        });
    }

    /// Stops taking in, lets finish, cuts what is left, closes connections.
    async fn stop(&mut self) -> Vec<String> {
        let current = self.shared.current.load_full();
        let within = current.server.shutdown_timeout.0;
        let deadline = Instant::now() + within;
        self.shared.inspector.stopping(self.shared.app.ambient.now());
        info!(app = self.shared.app.name, within = %current.server.shutdown_timeout, "stopping");
        let mut channels = JoinSet::new();
        for channel in &self.shared.app.channels {
            let channel = Arc::clone(channel);
            channels.spawn(async move { channel.stop(within).await });
        }
        let stopping = channels.join_all();
        tokio::pin!(stopping);
        // Counted shortly before the time is over: what is cut then is no longer in work.
        let (stopped, in_work) = tokio::select! {
            stopped = &mut stopping => (stopped, Vec::new()),
            () = time::sleep(within.saturating_sub(SHORTLY)) => {
                let in_work = self.shared.in_work();
                (stopping.await, in_work)
            }
        };
        let mut cut: Vec<String> = stopped.into_iter().flatten().collect();
        if !cut.is_empty() {
            cut.extend(in_work);
        }
        // After the channels, whose requests may have begun more of it.
        cut.extend(self.shared.app.background.drain(deadline).await);
        let mut closing = JoinSet::new();
        for (_, _, connection) in current.connections.iter() {
            let connection = Arc::clone(connection);
            closing.spawn(async move { connection.close(GOODBYE).await });
        }
        closing.join_all().await;
        self.retiring.shutdown().await;
        close_all(current.definitions.iter().filter_map(|(_, _, any)| any.cloned())).await;
        // Last, so that whoever asks how it goes is answered until everything has gone.
        for channel in &self.shared.app.channels {
            channel.close().await;
        }
        if cut.is_empty() {
            info!(app = self.shared.app.name, "stopped");
        } else {
            warn!(app = self.shared.app.name, cut = cut.join(", "), "stopped, but not everything had finished");
        }
        cut
    }
}

impl Shared {
    /// Gives what channels hold of other systems a chance to be there.
    async fn tried(&self) {
        let mut trying = JoinSet::new();
        for channel in &self.app.channels {
            let channel = Arc::clone(channel);
            trying.spawn(async move { channel.tried().await });
        }
        let _ = time::timeout(FIRST_CHANCE, trying.join_all()).await;
    }

    /// Says how many requests of which services are in work.
    fn in_work(&self) -> Vec<String> {
        let busy = self.recorders.iter().map(|(service, recorder)| (service, recorder.in_flight()));
        let busy = busy.filter(|(_, number)| *number > 0);
        busy.map(|(service, number)| format!("{number} requests of the service {service}")).collect()
    }

    /// Tells how everything stands that leads to another system: connections, links of what they share, and what channels
    /// hold.
    pub(super) fn statuses(&self) -> Vec<ConnectionStatus> {
        let current = self.current.load();
        let channels = self.app.channels.iter().flat_map(|channel| channel.statuses());
        current.connections.statuses().chain(current.definitions.statuses()).chain(channels).collect()
    }

    pub(super) fn addresses(&self) -> Vec<String> {
        self.app.channels.iter().flat_map(|channel| channel.addresses()).collect()
    }

    /// Returns copies of every socket that is listened on.
    #[cfg(unix)]
    pub(super) fn listeners(&self) -> std::io::Result<Vec<std::net::TcpListener>> {
        let each: std::io::Result<Vec<_>> = self.app.channels.iter().map(|channel| channel.listeners()).collect();
        each.map(|each| each.into_iter().flatten().collect())
    }

    pub(super) fn router(&self) -> Arc<Router> {
        Arc::clone(&self.current.load().router)
    }
}

/// Watches what a configuration is made of, and the files that it names, even if it turns out to be unusable: it will be
/// mended there. Returns whether one of the files was changed before it was watched.
fn follow(watcher: &mut Option<Watcher>, mut paths: Vec<PathBuf>, files: &[&Arc<Files>]) -> bool {
    paths.extend(files.iter().flat_map(|files| files.paths()));
    paths.sort();
    paths.dedup();
    match watcher {
        Some(watcher) if watcher.paths() == paths => return false,
        Some(watcher) => {
            if let Err(error) = watcher.watch_instead(paths) {
                warn!(%error, "changes of the configuration can't be watched");
            }
        }
        None => *watcher = watcher_of(paths),
    }
    files.first().is_some_and(|files| !files.changed().is_empty())
}

/// Closes definitions, all at the same time.
async fn close_all(definitions: impl IntoIterator<Item = Arc<dyn AnyDefinition>>) {
    let mut closing = JoinSet::new();
    for definition in definitions {
        closing.spawn(async move { time::timeout(GOODBYE, definition.close()).await });
    }
    closing.join_all().await;
}

fn as_dyn(inspector: &Arc<Inspector>) -> Arc<dyn Inspect> {
    Arc::<Inspector>::clone(inspector)
}

fn watcher_of(paths: Vec<PathBuf>) -> Option<Watcher> {
    if paths.is_empty() {
        return None;
    }
    match Watcher::new(paths) {
        Ok(watcher) => Some(watcher),
        Err(error) => {
            warn!(%error, "changes of the configuration can't be watched; send SIGHUP after a change");
            None
        }
    }
}

async fn changed(watcher: Option<&mut Watcher>, is_late: bool) {
    match watcher {
        _ if is_late => {}
        Some(watcher) => watcher.changed().await,
        None => future::pending().await,
    }
}

fn unusable(faults: &ConfigFaults) -> Error {
    let lines: Vec<String> = faults.iter().map(|fault| format!("\n  {fault}")).collect();
    Error::config(format!("the configuration can't be used:{}", lines.concat()))
}
