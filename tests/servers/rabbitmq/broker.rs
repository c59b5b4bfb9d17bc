//! What a test has: a place on a broker, or a broker.

use std::{path::Path, thread};

use tokio::runtime;

use super::Management;
use crate::{
    lent::{Lent, fresh_name},
    node::{Node, Place, RabbitMq},
};

/// A broker, as one test sees it: a virtual host that is this test's alone.
#[derive(Debug)]
pub(crate) struct Broker {
    lent: Lent,
    vhost: String,
    management: Management,
}

impl Broker {
    /// A virtual host of the broker that all tests share; see [`Lent::shared`]. Dropping it deletes the virtual host with
    /// all that is in it.
    pub(crate) async fn shared(test: &str) -> Option<Self> {
        let lent = Lent::shared(&RabbitMq, test).await?;
        let broker = Self::of(lent, fresh_name('-'));
        broker.management.create_vhost(&broker.vhost).await;
        Some(broker)
    }

    /// A broker that nobody else uses; see [`Lent::own`].
    pub(crate) async fn own(test: &str) -> Option<Self> {
        Some(Self::of(Lent::own(&RabbitMq, &[], test).await?, Place::NAME.to_owned()))
    }

    fn of(lent: Lent, vhost: String) -> Self {
        let url = lent.place().management_url.as_ref().expect("it has one");
        let management = Management::new(url, &vhost);
        Self { lent, vhost, management }
    }

    /// Where to connect, with user, password and this test's virtual host.
    pub(crate) fn url(&self) -> String {
        with_vhost(&self.lent.place().url, &self.vhost)
    }

    /// The same over TLS.
    pub(crate) fn tls_url(&self) -> String {
        with_vhost(&self.lent.place().tls_url, &self.vhost)
    }

    /// Where to connect, as host and port.
    pub(crate) fn address(&self) -> &str {
        let (_, rest) = self.lent.place().url.split_once('@').expect("it has a user");
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
        self.lent.authority()
    }

    /// The files of a certificate of the same authority and of its key, for a client that shows one.
    pub(crate) fn client_pair(&self) -> (&Path, &Path) {
        self.lent.client_pair()
    }

    /// What RabbitMQ's operators do over HTTP, in this test's virtual host.
    pub(crate) fn management(&self) -> &Management {
        &self.management
    }

    /// Stops an own broker as an operator does: clients are told, queues and messages are written.
    pub(crate) async fn stop(&self) {
        self.lent.stop().await;
    }

    /// Starts an own broker again, where it was, and waits until it takes connections.
    pub(crate) async fn start(&self) {
        self.lent.start().await;
    }

    /// Ends an own broker as a crash does.
    pub(crate) async fn kill(&self) {
        self.lent.kill().await;
    }

    /// Makes an own broker answer nobody, while its connections stay.
    pub(crate) async fn pause(&self) {
        self.lent.pause().await;
    }

    /// Ends a pause.
    pub(crate) async fn resume(&self) {
        self.lent.resume().await;
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
        self.lent
            .on_node(move |node: &mut Node| node.control(&arguments.iter().map(String::as_str).collect::<Vec<_>>()))
            .await
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if self.lent.is_own() {
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

fn with_vhost(url: &str, vhost: &str) -> String {
    let (server, _) = url.rsplit_once('/').expect("it has a virtual host");
    format!("{server}/{vhost}")
}
