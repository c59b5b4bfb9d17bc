//! Servers for tests: one of each kind that all tests share, of which each test has a place of its own, and ones that a
//! test has for itself, to break them.

mod database;
mod part;
mod redis;
mod swift;

use std::{
    collections::BTreeMap,
    env, fmt,
    io::{self, Write as _},
    path::Path,
    sync::{Arc, Mutex},
    time::{Duration, Instant, SystemTime},
};

use tokio::task::spawn_blocking;

pub(crate) use self::{
    database::{Database, Dialect},
    part::Part,
    redis::{Cluster, Redis, Sentinel},
    swift::{Keystone, Swift, client},
};
use crate::node::{Installation, Kind, Life, Node, Place, own_folder};

/// How long something may take to come about, on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(60);

/// Asks again and again until there is an answer.
pub(crate) async fn until<T>(what: &str, mut attempt: impl AsyncFnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(answer) = attempt().await {
            return answer;
        }
        assert!(start.elapsed() < PATIENCE, "waited {} s in vain: {what}", PATIENCE.as_secs());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Says something for who looks at a test that passes, too.
pub(crate) fn note(words: fmt::Arguments<'_>) {
    // Who looks at none has no use for it, either.
    let _ = writeln!(io::stderr(), "{words}");
}

/// A server, as one test sees it.
#[derive(Clone, Debug)]
pub(crate) struct Lent {
    installation: Installation,
    place: Place,
    /// The process, if it is this test's alone.
    node: Option<Arc<Mutex<Node>>>,
}

impl Lent {
    /// The server that all tests share: the one of `cargo xtask test` or `cargo xtask services up`, else one that lives as
    /// long as this program. `None`, said where nobody can miss it, if it isn't installed.
    pub(crate) async fn shared(kind: &'static dyn Kind, test: &str) -> Option<Self> {
        type Started = BTreeMap<&'static str, Lent>;
        static STARTED: tokio::sync::Mutex<Started> = tokio::sync::Mutex::const_new(BTreeMap::new());

        let installation = find(kind, test)?;
        let software = kind.software();
        if let Some(place) = Place::told(software.variable) {
            return Some(Self { installation, place, node: None });
        }
        let mut all = STARTED.lock().await;
        if !all.contains_key(software.name) {
            all.insert(software.name, Self::start_new(kind, installation.clone(), Vec::new()).await);
        }
        // The process stays with the list.
        all.get(software.name).map(|started| Self { node: None, ..started.clone() })
    }

    /// A server that nobody else uses, told more than every one of its kind is. It keeps its port and its data when it is
    /// stopped or killed and started again. `None`, said where nobody can miss it, if it isn't installed.
    ///
    /// When the last clone is dropped it is killed and its data is removed; it also ends with this program, however that
    /// ends.
    pub(crate) async fn own(kind: &'static dyn Kind, arguments: &[&str], test: &str) -> Option<Self> {
        let arguments = arguments.iter().map(|&argument| argument.to_owned()).collect();
        Some(Self::start_new(kind, find(kind, test)?, arguments).await)
    }

    async fn start_new(kind: &'static dyn Kind, installation: Installation, arguments: Vec<String>) -> Self {
        let found = installation.clone();
        let started = spawn_blocking(move || {
            let mut node = Node::new(kind, found, own_folder(kind.software()), arguments)?;
            node.start(Life::Ours)?;
            Ok::<_, io::Error>((node.place(), Arc::new(Mutex::new(node))))
        });
        let started = started.await.expect("the work ends");
        let title = kind.software().title;
        let (place, node) = started.unwrap_or_else(|error| panic!("{title} can't be started: {error}"));
        Self { installation, place, node: Some(node) }
    }

    /// Whether it is this test's alone.
    pub(crate) fn is_own(&self) -> bool {
        self.node.is_some()
    }

    /// Where it is.
    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    /// Where its programs are.
    pub(crate) fn installation(&self) -> &Installation {
        &self.installation
    }

    /// The file of the authority that signed its certificate.
    pub(crate) fn authority(&self) -> &Path {
        &self.place.authority
    }

    /// The files of a certificate of the same authority and of its key, for a client that shows one.
    pub(crate) fn client_pair(&self) -> (&Path, &Path) {
        (&self.place.client_certificate, &self.place.client_key)
    }

    /// Stops an own server as an operator does: clients are told, what is to be written is written.
    pub(crate) async fn stop(&self) {
        self.on_node(Node::stop).await;
    }

    /// Starts an own server again, where it was, and waits until it takes connections.
    pub(crate) async fn start(&self) {
        self.on_node(|node| node.start(Life::Ours)).await;
    }

    /// Ends an own server as a crash does.
    pub(crate) async fn kill(&self) {
        self.on_node(Node::kill).await;
    }

    /// Makes an own server answer nobody, while its connections stay.
    pub(crate) async fn pause(&self) {
        self.on_node(|node| node.pause()).await;
    }

    /// Ends a pause.
    pub(crate) async fn resume(&self) {
        self.on_node(|node| node.resume()).await;
    }

    /// Does something to an own server.
    pub(crate) async fn on_node<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Node) -> io::Result<T> + Send + 'static,
    ) -> T {
        let node = Arc::clone(self.node.as_ref().expect("only a server of a test's own is broken"));
        let done = spawn_blocking(move || work(&mut node.lock().expect("no other work panicked"))).await;
        done.expect("the work ends").unwrap_or_else(|error| panic!("the server can't do that: {error}"))
    }
}

/// Returns what to start; `None`, said where nobody can miss it, if it isn't there.
fn find(kind: &dyn Kind, test: &str) -> Option<Installation> {
    let software = kind.software();
    let installation = Installation::find(software);
    if installation.is_none() {
        let (variable, title) = (software.variable, software.title);
        assert!(env::var_os(variable).is_none(), "{variable} is set, and there is no {title}");
        // Past the test harness, which keeps what a test that passes prints to itself.
        let _ = writeln!(io::stderr(), "LEFT OUT: {test}: {title} is not here; `cargo xtask test` installs it");
    }
    installation
}

/// A name that no test has had on a server that outlives them: the id of this process is another's on another day.
pub(crate) fn fresh_name(separator: char) -> String {
    use std::sync::atomic::{AtomicU32, Ordering};
    static COUNT: AtomicU32 = AtomicU32::new(0);

    let started = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_millis();
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("test{separator}{}{separator}{started}{separator}{count}", std::process::id())
}
