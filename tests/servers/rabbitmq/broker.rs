//! What a test has: a place on a broker, or a broker.

use std::{
    env,
    io::{self, Write},
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    thread,
};

use tokio::{runtime, sync::OnceCell, task::spawn_blocking};

use super::{
    Management,
    node::{self, Installation, Life, Node, PROGRAMS, Place},
};

/// A broker, as one test sees it: a virtual host that is this test's alone.
#[derive(Debug)]
pub(crate) struct Broker {
    place: Place,
    vhost: String,
    management: Management,
    /// The process, if it is this test's alone as well.
    node: Option<Arc<Mutex<Node>>>,
}

impl Broker {
    /// A virtual host of the broker that all tests share: the one of `cargo xtask test` or `cargo xtask services up`,
    /// else one that lives as long as this program. `None`, said where nobody can miss it, if RabbitMQ isn't here.
    ///
    /// Dropping it deletes the virtual host with all that is in it.
    pub(crate) async fn shared(test: &str) -> Option<Self> {
        static STARTED: OnceCell<(Place, Arc<Mutex<Node>>)> = OnceCell::const_new();
        static COUNT: AtomicU32 = AtomicU32::new(0);

        let place = match Place::told() {
            Some(place) => place,
            None => {
                let installation = find(test)?;
                STARTED.get_or_init(|| start(installation)).await.0.clone()
            }
        };
        // The id of this process is another's on another day, and a broker of `services up` may still be the same.
        let started = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_millis();
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let vhost = format!("test-{}-{started}-{count}", std::process::id());
        let management = Management::new(&place.management_url, &vhost);
        management.create_vhost(&vhost).await;
        Some(Self { place, vhost, management, node: None })
    }

    /// A broker that nobody else uses. It keeps its port and its data when it is stopped or killed and started again.
    /// `None`, said where nobody can miss it, if RabbitMQ isn't here.
    ///
    /// Dropping it kills it and removes its data; it also ends with this program, however that ends.
    pub(crate) async fn own(test: &str) -> Option<Self> {
        let (place, node) = start(find(test)?).await;
        let management = Management::new(&place.management_url, Place::VHOST);
        Some(Self { place, vhost: Place::VHOST.to_owned(), management, node: Some(node) })
    }

    /// Where to connect, with user, password and this test's virtual host.
    pub(crate) fn url(&self) -> String {
        with_vhost(&self.place.url, &self.vhost)
    }

    /// The same over TLS.
    pub(crate) fn tls_url(&self) -> String {
        with_vhost(&self.place.tls_url, &self.vhost)
    }

    /// Where to connect, as host and port.
    pub(crate) fn address(&self) -> &str {
        let (_, rest) = self.place.url.split_once('@').expect("it has a user");
        rest.split_once('/').expect("it has a virtual host").0
    }

    /// Who may do everything.
    pub(crate) fn user(&self) -> &'static str {
        Place::USER
    }

    /// The user's password.
    pub(crate) fn password(&self) -> &'static str {
        Place::PASSWORD
    }

    /// This test's virtual host.
    pub(crate) fn vhost(&self) -> &str {
        &self.vhost
    }

    /// The file of the authority that signed the broker's certificate.
    pub(crate) fn authority(&self) -> &Path {
        &self.place.authority
    }

    /// The files of a certificate of the same authority and of its key, for a client that shows one.
    pub(crate) fn client_pair(&self) -> (&Path, &Path) {
        (&self.place.client_certificate, &self.place.client_key)
    }

    /// What RabbitMQ's operators do over HTTP, in this test's virtual host.
    pub(crate) fn management(&self) -> &Management {
        &self.management
    }

    /// Stops an own broker as an operator does: clients are told, queues and messages are written.
    pub(crate) async fn stop(&self) {
        self.on_node(Node::stop).await;
    }

    /// Starts an own broker again, where it was, and waits until it takes connections.
    pub(crate) async fn start(&self) {
        self.on_node(|node| node.start(Life::Ours)).await;
    }

    /// Ends an own broker as a crash does.
    pub(crate) async fn kill(&self) {
        self.on_node(Node::kill).await;
    }

    /// Makes an own broker answer nobody, while its connections stay.
    pub(crate) async fn pause(&self) {
        self.on_node(|node| node.signal("STOP")).await;
    }

    /// Ends a pause.
    pub(crate) async fn resume(&self) {
        self.on_node(|node| node.signal("CONT")).await;
    }

    /// Sets off an own broker's memory alarm, or ends it. While there is one, connections that publish are blocked.
    pub(crate) async fn set_memory_alarm(&self, is_on: bool) {
        let limit: &[&str] = if is_on { &["0"] } else { &["absolute", "512MB"] };
        self.control(&[&["set_vm_memory_high_watermark"], limit].concat()).await;
        super::until("the memory alarm", async || (self.management.has_memory_alarm().await == is_on).then_some(()))
            .await;
    }

    /// Runs `rabbitmqctl` on an own broker, and returns what it prints. It takes a second.
    pub(crate) async fn control(&self, arguments: &[&str]) -> String {
        let arguments: Vec<String> = arguments.iter().map(|&argument| argument.to_owned()).collect();
        self.on_node(move |node| node.control(&arguments.iter().map(String::as_str).collect::<Vec<_>>())).await
    }

    async fn on_node<T: Send + 'static>(&self, work: impl FnOnce(&mut Node) -> io::Result<T> + Send + 'static) -> T {
        let node = Arc::clone(self.node.as_ref().expect("only a broker of a test's own is broken"));
        let done = spawn_blocking(move || work(&mut node.lock().expect("no other work panicked"))).await;
        done.expect("the work ends").unwrap_or_else(|error| panic!("the broker can't do that: {error}"))
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if self.node.is_some() {
            return;
        }
        // On a thread and a runtime of its own: the test's may be about to end.
        let (management, vhost) = (self.management.clone(), self.vhost.clone());
        let deleting = thread::spawn(move || {
            let runtime = runtime::Builder::new_current_thread().enable_all().build();
            runtime.map(|runtime| runtime.block_on(management.delete_vhost(&vhost)))
        });
        // A test that fails says enough; what is left goes with the broker.
        let _ = deleting.join();
    }
}

/// Returns what to start; `None`, said where nobody can miss it, if it isn't there.
fn find(test: &str) -> Option<Installation> {
    let installation = Installation::find();
    if installation.is_none() {
        assert!(env::var_os(PROGRAMS).is_none(), "{PROGRAMS} is set, and there is no RabbitMQ");
        // Past the test harness, which keeps what a test that passes prints to itself.
        let _ = writeln!(io::stderr(), "LEFT OUT: {test}: RabbitMQ is not here; `cargo xtask test` installs it");
    }
    installation
}

async fn start(installation: Installation) -> (Place, Arc<Mutex<Node>>) {
    let started = spawn_blocking(|| {
        let mut node = Node::new(installation, node::own_folder())?;
        node.start(Life::Ours)?;
        Ok::<_, io::Error>((node.place(), Arc::new(Mutex::new(node))))
    });
    let started = started.await.expect("the work ends");
    started.unwrap_or_else(|error| panic!("RabbitMQ can't be started: {error}"))
}

fn with_vhost(url: &str, vhost: &str) -> String {
    let (server, _) = url.rsplit_once('/').expect("it has a virtual host");
    format!("{server}/{vhost}")
}
