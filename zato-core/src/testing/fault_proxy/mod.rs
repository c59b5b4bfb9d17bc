//! A proxy that stands between a program and a server, and does to the connection what networks do.

mod fault;
mod link;
mod port;

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::{
    sync::watch,
    task::{JoinError, JoinSet},
};

pub use self::fault::{Direction, LinkFault};
use self::{
    link::Link,
    port::{Arrival, Port},
};

/// A TCP proxy on a free port of the loopback address, whose faults a test switches while it runs.
///
/// It knows no protocol, so that it goes between a program and any server: HTTP, AMQP, SQL. A fault applies to what goes
/// through after it was set, also on connections that were there before; with [`LinkFault::None`] it is over. Everything
/// ends when the proxy is dropped.
///
/// Unlike a [fake](super), it needs a network, and its delays are real: don't pause tokio's time.
///
/// # Examples
///
/// ```
/// use tokio::{io::AsyncReadExt, net::{TcpListener, TcpStream}};
/// use zato_core::testing::{FaultProxy, LinkFault};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let server = TcpListener::bind("127.0.0.1:0").await?;
/// let proxy = FaultProxy::to(server.local_addr()?).await?;
/// let mut client = TcpStream::connect(proxy.address()).await?;
/// let (_accepted, _) = server.accept().await?;
///
/// proxy.set(LinkFault::Refuse).await;
/// assert!(client.read_u8().await.is_err(), "what was connected is reset");
/// assert!(TcpStream::connect(proxy.address()).await.is_err());
///
/// proxy.set(LinkFault::None).await;
/// let _other = TcpStream::connect(proxy.address()).await?;
/// let (_accepted, _) = server.accept().await?;
/// assert_eq!(proxy.connections(), 2);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct FaultProxy {
    address: SocketAddr,
    fault: watch::Sender<Setting>,
    /// The number of the last setting that is in force.
    in_force: watch::Receiver<u64>,
    counts: Arc<Counts>,
    /// One task, which owns those of the connections.
    _task: JoinSet<()>,
}

/// A fault, and which one it is of all that were set: two that are equal count their bytes anew.
#[derive(Clone, Debug)]
struct Setting {
    number: u64,
    fault: LinkFault,
    /// Connections that began under a setting before this one are forgotten.
    forgotten: u64,
}

#[derive(Debug, Default)]
struct Counts {
    accepted: AtomicU64,
    open: AtomicU64,
}

impl FaultProxy {
    /// Starts a proxy in front of the server at an address, which is connected to for each connection that comes in. If
    /// that fails, the connection is reset.
    ///
    /// # Errors
    ///
    /// If there is no free port.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    #[expect(clippy::unused_async, reason = "what needs a runtime says so in its signature")]
    pub async fn to(target: SocketAddr) -> io::Result<Self> {
        let (port, counts) = (Port::open()?, Arc::<Counts>::default());
        let address = port.address();
        let (fault, settings) = watch::channel(Setting { number: 0, fault: LinkFault::None, forgotten: 0 });
        let (confirm, in_force) = watch::channel(0);
        let mut task = JoinSet::new();
        task.spawn(Accepting { port, target, settings, confirm, counts: Arc::clone(&counts) }.run());
        Ok(Self { address, fault, in_force, counts, _task: task })
    }

    /// Returns where the proxy listens, which stays the same whatever is set.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Has the connections fail in some way from now on, or no longer.
    ///
    /// # Cancel safety
    ///
    /// When dropped, the fault may or may not be in force yet.
    pub async fn set(&self, fault: LinkFault) {
        let mut number = 0;
        self.fault.send_modify(|setting| {
            number = setting.number + 1;
            let forgotten = if fault == LinkFault::Forget { number } else { setting.forgotten };
            *setting = Setting { number, fault, forgotten };
        });
        let mut in_force = self.in_force.clone();
        // It fails if the task has ended, and with it every connection.
        let _ = in_force.wait_for(|last| *last >= number).await;
    }

    /// Returns how many connections have come in so far.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.counts.accepted.load(Ordering::Relaxed)
    }

    /// Returns how many connections are open now.
    #[must_use]
    pub fn open_connections(&self) -> u64 {
        self.counts.open.load(Ordering::Relaxed)
    }
}

/// The task of a proxy.
struct Accepting {
    port: Port,
    target: SocketAddr,
    settings: watch::Receiver<Setting>,
    confirm: watch::Sender<u64>,
    counts: Arc<Counts>,
}

impl Accepting {
    async fn run(mut self) {
        let mut links = JoinSet::new();
        loop {
            tokio::select! {
                arrival = self.port.accept() => self.begin(arrival, &mut links),
                changed = self.settings.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    self.switch(&mut links).await;
                }
                Some(ended) = links.join_next() => passed_on(ended),
            }
        }
    }

    fn begin(&self, arrival: Arrival, links: &mut JoinSet<()>) {
        self.counts.accepted.fetch_add(1, Ordering::Relaxed);
        self.counts.open.fetch_add(1, Ordering::Relaxed);
        let (counts, link) = (Arc::clone(&self.counts), Link::new(arrival, self.target, self.settings.clone()));
        links.spawn(async move {
            let _open = Open(counts);
            link.run().await;
        });
    }

    async fn switch(&mut self, links: &mut JoinSet<()>) {
        let Setting { number, fault, .. } = self.settings.borrow_and_update().clone();
        self.port.switch(&fault).await;
        if fault.ends_connections() {
            while let Some(ended) = links.join_next().await {
                passed_on(ended);
            }
        }
        self.confirm.send_replace(number);
    }
}

/// Counts a connection as open.
struct Open(Arc<Counts>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A connection's task that panicked takes the proxy with it, and so the test.
fn passed_on(ended: Result<(), JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        std::panic::resume_unwind(error.into_panic());
    }
}

#[cfg(test)]
mod tests;
