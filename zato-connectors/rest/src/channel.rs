use std::{
    borrow::Cow,
    fmt, io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};

use tokio::{
    net::{TcpListener, lookup_host},
    time::{Instant, timeout_at},
};
use tokio_util::task::TaskTracker;
use tracing::info;
use zato_core::{
    channel::{Channel, ChannelSection, Inherited, Plan},
    config::{ConfigFault, ConfigFaults, ServerConfig},
    error::Result,
    metrics::Exposition,
};

use crate::{
    admin::{Admin, PreparedAdmin},
    config::{HttpChannelConfig, RestChannelConfig, SECTION},
    edge::Edge,
    server::{Ready, Server},
    service::HttpService,
    table::Table,
    tls,
    workers::Workers,
};

/// REST channels, and SOAP channels where the feature `soap` is there: everything in `channel_rest` and `channel_soap`,
/// behind one listener or nested in somebody else's server.
///
/// ```
/// use zato_core::app::App;
/// use zato_rest::RestChannels;
///
/// let app = App::new("bank").channel(RestChannels::new());
/// ```
pub struct RestChannels {
    edge: Arc<Edge>,
    admin: Admin,
    /// Requests that came through a service that somebody else's server drives.
    nested: TaskTracker,
    listening: Mutex<Listening>,
    /// Where connections are served, from the first listener on.
    workers: OnceLock<Arc<Workers>>,
    /// Servers whose address was given up, until their last connection has ended.
    leaving: Mutex<Vec<Server>>,
}

enum Listening {
    /// As `server.bind` says, once a configuration is applied.
    AsConfigured,
    /// On a listener that was handed in.
    Given(Option<TcpListener>),
    /// Not at all: requests come through a service that somebody else's server drives.
    Nested,
    /// Now.
    Now {
        server: Server,
        /// What `server.bind` said; `None` for a listener that was handed in, which stays whatever is configured.
        bind: Option<String>,
    },
    Stopped,
}

/// A table, and a listener if there is a new one.
pub struct Prepared {
    table: Table,
    listener: Option<Listener>,
    admin: PreparedAdmin,
}

/// A listener that isn't served yet.
struct Listener {
    ready: Ready,
    /// What `server.bind` says; `None` if that doesn't matter.
    bind: Option<String>,
    workers: Arc<Workers>,
}

impl RestChannels {
    /// Listens where `server.bind` says.
    #[must_use]
    pub fn new() -> Self {
        Self::with(Listening::AsConfigured)
    }

    /// Listens on a listener that is bound already; `server.bind` doesn't matter then.
    #[must_use]
    pub fn on(listener: TcpListener) -> Self {
        Self::with(Listening::Given(Some(listener)))
    }

    /// Doesn't listen; requests come through [`RestChannels::service`]. The admin listener does, if `server.admin` is
    /// there: it is an address of its own.
    #[must_use]
    pub fn nested() -> Self {
        Self::with(Listening::Nested)
    }

    /// Opens no socket at all, that of the admin listener included.
    #[cfg(feature = "testing")]
    pub(crate) fn silent() -> Self {
        Self { admin: Admin::silent(), ..Self::nested() }
    }

    fn with(listening: Listening) -> Self {
        Self {
            edge: Arc::new(Edge::new()),
            admin: Admin::new(),
            nested: TaskTracker::new(),
            listening: Mutex::new(listening),
            workers: OnceLock::new(),
            leaving: Mutex::default(),
        }
    }

    /// Returns the channels as a tower service, to be driven by axum, hyper or a test.
    ///
    /// It follows every configuration that is applied, and answers 503 once the app has stopped.
    #[must_use]
    pub fn service(&self) -> HttpService {
        HttpService::new(Arc::clone(&self.edge), self.nested.clone())
    }

    /// Returns the admin pages as a tower service; see [`admin_service`](crate::admin_service()).
    #[must_use]
    pub fn admin_service(&self) -> HttpService {
        HttpService::new(Arc::clone(&self.admin.edge), self.nested.clone())
    }

    /// Returns where the admin listener can be reached, such as `http://127.0.0.1:17011`, if there is one.
    #[must_use]
    pub fn admin_address(&self) -> Option<String> {
        self.admin.address()
    }

    fn lock(&self) -> MutexGuard<'_, Listening> {
        self.listening.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn leaving(&self) -> MutexGuard<'_, Vec<Server>> {
        self.leaving.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns what has to be done to listen where a configuration says.
    fn wanted(&self, bind: &str) -> Wanted {
        match &mut *self.lock() {
            Listening::Given(listener) => listener.take().map_or(Wanted::Bound(None), Wanted::Given),
            Listening::AsConfigured => Wanted::Bound(None),
            Listening::Now { bind: Some(now), server } if now != bind => Wanted::Bound(Some(server.address())),
            Listening::Now { .. } | Listening::Nested | Listening::Stopped => Wanted::Nothing,
        }
    }

    /// Binds a listener if the one that there is doesn't fit.
    async fn listener(&self, server: &ServerConfig, inherited: &Inherited) -> Result<Option<Listener>, ConfigFaults> {
        let bind = &*server.bind;
        let wanted = self.wanted(bind);
        if matches!(wanted, Wanted::Nothing) {
            return Ok(None);
        }
        let workers = match self.workers.get() {
            Some(workers) => Arc::clone(workers),
            None => Workers::start(server.workers.threads()).map(Arc::new).map_err(|error| {
                one(format!("\"server.workers: {}\" can't be started: {error}; choose less", server.workers))
            })?,
        };
        let ours = match wanted {
            Wanted::Given(listener) => {
                let unusable = |error| one(format!("the listener that was handed in can't be used: {error}"));
                let sockets = vec![listener.into_std().map_err(unusable)?];
                let ready = Ready::new(sockets, &workers, &self.edge).map_err(unusable)?;
                return Ok(Some(Listener { ready, bind: None, workers }));
            }
            Wanted::Bound(ours) => ours,
            Wanted::Nothing => None,
        };
        // What can't be resolved is told by the attempt to bind it.
        let addresses: Vec<SocketAddr> = lookup_host(bind).await.map(Iterator::collect).unwrap_or_default();
        if ours.is_some_and(|ours| addresses.contains(&ours)) {
            return Ok(None);
        }
        let sockets = match ours {
            Some(_) => inherited.take_exact(&addresses),
            None => inherited.take(&addresses).map_err(|error| {
                one(format!("can't listen on \"{bind}\": {error}; set server.bind to what it was started with"))
            })?,
        };
        let ready = Ready::listening((bind, &addresses), sockets, &workers, &self.edge).await.map_err(|error| {
            let same_port = ours.filter(|ours| addresses.iter().any(|address| address.port() == ours.port()));
            one(format!("can't listen on \"{bind}\": {error}; {}", remedy(&error, same_port)))
        })?;
        Ok(Some(Listener { ready, bind: Some(bind.to_owned()), workers }))
    }
}

fn one(fault: String) -> ConfigFaults {
    ConfigFault::new(fault).into()
}

/// What has to be done to listen where a configuration says.
enum Wanted {
    Nothing,
    /// Use what was handed in.
    Given(TcpListener),
    /// Bind, instead of the address that is listened on now.
    Bound(Option<SocketAddr>),
}

/// Says what to do when an address can't be had; `same_port` is where this program listens, if that is in the way.
fn remedy(error: &io::Error, same_port: Option<SocketAddr>) -> Cow<'static, str> {
    match (error.kind(), same_port) {
        (io::ErrorKind::AddrInUse, Some(ours)) => {
            format!("this program itself listens on {ours}: choose another port, or restart it").into()
        }
        (io::ErrorKind::AddrInUse, None) => "stop what listens there, or choose another server.bind".into(),
        (io::ErrorKind::PermissionDenied, _) => {
            "choose a port above 1023, or give the program the right to use it".into()
        }
        _ => "server.bind is an address and a port, such as 127.0.0.1:17010".into(),
    }
}

impl Channel for RestChannels {
    type Config = HttpChannelConfig;
    type Prepared = Prepared;

    fn sections() -> Vec<ChannelSection<HttpChannelConfig>> {
        vec![
            ChannelSection::of::<RestChannelConfig>(SECTION),
            #[cfg(feature = "soap")]
            ChannelSection::of::<crate::soap::SoapChannelConfig>(crate::soap::SECTION),
        ]
    }

    async fn prepare(&self, plan: Plan<'_, HttpChannelConfig>) -> Result<Prepared, ConfigFaults> {
        let is_nested = matches!(*self.lock(), Listening::Nested);
        let mut table = Table::build(&plan, &self.edge, is_nested)?;
        // Who doesn't listen needs no certificate; a test of a whole configuration has none.
        if !is_nested {
            table.tls = tls::prepare(&plan, self.edge.table.load().tls.as_ref())?;
        }
        let listener = self.listener(plan.server, plan.inherited).await?;
        let admin = self.admin.prepare(&plan).await?;
        Ok(Prepared { table, listener, admin })
    }

    fn activate(&self, prepared: Prepared) {
        let Prepared { table, listener, admin } = prepared;
        self.edge.switch(Arc::new(table));
        self.admin.activate(admin);
        let Some(Listener { ready, bind, workers }) = listener else { return };
        // The threads that serve it, from now on; one application after the other, so that nobody else has started any.
        self.workers.get_or_init(|| workers);
        let server = ready.start();
        let address = server.address();
        let before = std::mem::replace(&mut *self.lock(), Listening::Now { server, bind });
        if let Listening::Now { server: old, .. } = before {
            info!(from = %old.address(), to = %address, "listening elsewhere");
            // It goes on until its last connection has ended; new ones it doesn't take.
            old.leave_by(Instant::now() + Duration::from_secs(60));
            let mut leaving = self.leaving();
            leaving.retain(|server| !server.has_left());
            leaving.push(old);
        }
    }

    async fn stop(&self, within: Duration) -> Vec<String> {
        let deadline = Instant::now() + within;
        let before = std::mem::replace(&mut *self.lock(), Listening::Stopped);
        self.edge.close();
        self.nested.close();
        let mut servers = std::mem::take(&mut *self.leaving());
        if let Listening::Now { server, .. } = before {
            servers.push(server);
        }
        for server in &servers {
            server.leave_by(deadline);
        }
        let mut connections = 0;
        for server in servers {
            connections += server.left().await;
        }
        let _ = timeout_at(deadline, self.nested.wait()).await;
        if let Some(workers) = self.workers.get() {
            workers.stop(deadline).await;
        }
        if connections == 0 { Vec::new() } else { vec![format!("{connections} HTTP connections")] }
    }

    async fn close(&self) {
        self.admin.close().await;
    }

    fn metrics(&self, exposition: &mut Exposition) {
        self.edge.meters.write(exposition);
        self.edge.connections.write(exposition);
    }

    fn addresses(&self) -> Vec<String> {
        match &*self.lock() {
            Listening::Now { server, .. } => vec![url_of(server.address(), self.edge.table.load().tls.is_some())],
            _ => Vec::new(),
        }
    }

    fn listeners(&self) -> io::Result<Vec<std::net::TcpListener>> {
        let mut sockets = match &*self.lock() {
            Listening::Now { server, .. } => server.sockets()?,
            _ => Vec::new(),
        };
        sockets.extend(self.admin.sockets()?);
        Ok(sockets)
    }
}

fn url_of(address: SocketAddr, is_tls: bool) -> String {
    format!("{}://{address}", if is_tls { "https" } else { "http" })
}

impl Default for RestChannels {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for RestChannels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RestChannels").field("addresses", &self.addresses()).finish_non_exhaustive()
    }
}

impl fmt::Debug for Prepared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = self.listener.as_ref().map(|listener| listener.ready.address());
        f.debug_struct("Prepared").field("address", &address).finish_non_exhaustive()
    }
}
