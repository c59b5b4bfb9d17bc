//! The admin listener: the pages of an app for operators, on an address of their own.
//!
//! It is served as channels are, by an [`Edge`] with a table of its own: credentials, limits, time-outs, errors and
//! correlation ids are the same.

mod pages;

use std::{
    fmt, io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{net::lookup_host, time::Instant};
use tracing::{info, warn};
use zato_core::{
    channel::Plan,
    config::{AdminConfig, ByteSize, ConfigFault, ConfigFaults, ServerConfig},
};

use crate::{
    config::HttpChannelConfig,
    edge::Edge,
    server::{Ready, Server},
    table::Table,
    workers::Workers,
};

/// How many connections operators may have open: enough for every kind of health check, too few to be in the way.
const CONNECTIONS: usize = 64;

/// How long an operator's request may take, in whatever way.
const PATIENCE: Duration = Duration::from_secs(10);

/// For how long requests may be in work when the app has stopped.
const GOODBYE: Duration = Duration::from_secs(1);

/// The admin pages, and their listener if there is one.
pub(crate) struct Admin {
    pub(crate) edge: Arc<Edge>,
    listening: Mutex<Option<Listening>>,
    /// Whether it never listens, whatever is configured.
    is_silent: bool,
}

struct Listening {
    server: Server,
    /// What the configuration said.
    bind: String,
}

/// A table, and what becomes of the listener.
pub(crate) struct PreparedAdmin {
    table: Table,
    listener: Next,
}

enum Next {
    /// None, from now on.
    Off,
    /// The one that is there, or none if the app was stopped.
    Same,
    Bound(Ready, String),
}

impl Admin {
    pub(crate) fn new() -> Self {
        Self { edge: Arc::new(Edge::new()), listening: Mutex::default(), is_silent: false }
    }

    /// Pages without a listener, for tests: several of one configuration run at once.
    #[cfg(feature = "testing")]
    pub(crate) fn silent() -> Self {
        Self { is_silent: true, ..Self::new() }
    }

    /// Returns where it listens.
    pub(crate) fn address(&self) -> Option<String> {
        self.lock().as_ref().map(|listening| format!("http://{}", listening.server.address()))
    }

    /// Makes the pages, and binds the listener that a configuration asks for.
    pub(crate) async fn prepare(&self, plan: &Plan<'_, HttpChannelConfig>) -> Result<PreparedAdmin, ConfigFaults> {
        let config = plan.server.admin.clone();
        let table = table_of(config.as_ref(), plan, &self.edge)?;
        let listener = match config.filter(|config| config.is_active && !self.is_silent) {
            None => Next::Off,
            Some(config) if self.lock().as_ref().is_some_and(|listening| listening.bind == config.bind) => Next::Same,
            Some(config) => {
                let now = self.lock().as_ref().map(|listening| listening.server.address());
                self.bound(config.bind, now, plan).await?
            }
        };
        Ok(PreparedAdmin { table, listener })
    }

    /// Listens where a configuration says, on the runtime that the app was started in: on a socket that the process was
    /// started with, if there is one.
    async fn bound(
        &self,
        bind: String,
        now: Option<SocketAddr>,
        plan: &Plan<'_, HttpChannelConfig>,
    ) -> Result<Next, ConfigFaults> {
        let unbound = |error| unbound(&bind, &error);
        let workers = Workers::start(None).map_err(unbound)?;
        let addresses: Vec<SocketAddr> = lookup_host(&bind).await.map_err(unbound)?.collect();
        if now.is_some_and(|now| addresses.contains(&now)) {
            return Ok(Next::Same);
        }
        let sockets = plan.inherited.take_exact(&addresses);
        let ready = Ready::listening((&bind, &addresses), sockets, &workers, &self.edge).await.map_err(unbound)?;
        Ok(Next::Bound(ready, bind))
    }

    /// Switches over. What is in work on the listener before is cut.
    pub(crate) fn activate(&self, prepared: PreparedAdmin) {
        let PreparedAdmin { table, listener } = prepared;
        let is_open = table.is_open();
        self.edge.switch(Arc::new(table));
        let next = match listener {
            Next::Same => return,
            Next::Off => None,
            Next::Bound(ready, bind) => Some(Listening { server: ready.start(), bind }),
        };
        if let Some(Listening { server, .. }) = &next {
            let address = server.address();
            info!(%address, "admin listening");
            if is_open && !address.ip().is_loopback() {
                warn!(%address, "the admin listener lets everybody in who reaches it; give server.admin a security definition");
            }
        }
        // One that is dropped cuts its connections: an operator asks again.
        *self.lock() = next;
    }

    /// Stops listening.
    pub(crate) async fn close(&self) {
        self.edge.close();
        let before = self.lock().take();
        if let Some(Listening { server, .. }) = before {
            server.leave_by(Instant::now() + GOODBYE);
            server.left().await;
        }
    }

    /// Returns copies of the sockets that it listens on.
    pub(crate) fn sockets(&self) -> io::Result<Vec<std::net::TcpListener>> {
        self.lock().as_ref().map_or(Ok(Vec::new()), |listening| listening.server.sockets())
    }

    fn lock(&self) -> MutexGuard<'_, Option<Listening>> {
        self.listening.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes the table of the pages. It is there without a listener, too, for who serves it by other means.
fn table_of(
    config: Option<&AdminConfig>,
    plan: &Plan<'_, HttpChannelConfig>,
    edge: &Edge,
) -> Result<Table, ConfigFaults> {
    let entries = pages::entries(config.and_then(|config| config.security.as_deref()));
    let server = server();
    let is_open = config.is_none_or(|config| config.security.is_none());
    let inlets = pages::Pages { inspect: Arc::clone(plan.inspect), is_open };
    Table::build(&Plan { server: &server, entries: &entries, inlets: &inlets, ..*plan }, edge, true)
}

/// Returns the limits that hold for operators. None is taken from what holds for callers: when those are too tight for
/// the load of the day, these pages are where one sees it.
fn server() -> ServerConfig {
    let mut server = ServerConfig::default();
    server.max_connections = CONNECTIONS;
    server.max_body_size = ByteSize(0);
    for timeout in [&mut server.request_timeout, &mut server.header_timeout, &mut server.body_timeout] {
        timeout.0 = PATIENCE;
    }
    server
}

fn unbound(bind: &str, error: &io::Error) -> ConfigFaults {
    let remedy = "stop what listens there, or choose another server.admin.bind, such as 127.0.0.1:17011";
    ConfigFault::new(format!("the admin listener can't listen on \"{bind}\": {error}; {remedy}")).into()
}

impl fmt::Debug for PreparedAdmin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PreparedAdmin")
            .field("is_new", &matches!(self.listener, Next::Bound(..)))
            .finish_non_exhaustive()
    }
}
