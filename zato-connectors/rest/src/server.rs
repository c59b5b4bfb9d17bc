//! The listener: takes connections in, up to a limit, and lets them go.

use std::{
    future::poll_fn,
    io,
    net::SocketAddr,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::Ordering},
    task::Poll,
    time::Duration,
};

use tokio::{
    net::{TcpListener, TcpStream},
    runtime::Handle,
    sync::watch,
    task::{JoinHandle, JoinSet},
    time::{self, Instant},
};
use tracing::{debug, error, warn};

use crate::{
    activity::Watched,
    connection::{self, Shared},
    edge::Edge,
    listen,
    peer::Peer,
    places::Places,
    stop::Stop,
    workers::Workers,
};

/// For how long nothing may happen on a connection without a request while the listener goes.
const QUIET: Duration = Duration::from_secs(1);

/// How often connections are looked at while the listener goes.
const LOOK: Duration = Duration::from_millis(100);

/// How long an idle connection is kept for one more request while the listener goes. Who uses it often has sent one by
/// then, and learns from the reply that it was the last; closing at once would cut off what is on its way.
const GRACE: Duration = Duration::from_millis(500);

/// A listener and its connections, on one thread or several. Dropped, it cuts them.
pub(crate) struct Server {
    address: SocketAddr,
    /// By when everything has to have ended, once that is known.
    deadline: watch::Sender<Option<Instant>>,
    /// One for each worker.
    tasks: Vec<JoinHandle<usize>>,
    /// What it listens on, for a process that takes over; closed together with the workers' own.
    sockets: Mutex<Vec<std::net::TcpListener>>,
}

/// A listener that is ready to be served: whatever could fail has been done.
pub(crate) struct Ready {
    address: SocketAddr,
    deadline: watch::Sender<Option<Instant>>,
    accepting: Vec<(Handle, Accepting)>,
    sockets: Vec<std::net::TcpListener>,
}

impl Ready {
    /// Prepares to take connections in, on every worker.
    ///
    /// # Errors
    ///
    /// The sockets' own, if they have no address or can't be copied.
    pub(crate) fn new(sockets: Vec<std::net::TcpListener>, workers: &Workers, edge: &Arc<Edge>) -> io::Result<Self> {
        let address = sockets.first().ok_or(io::ErrorKind::AddrNotAvailable)?.local_addr()?;
        let (deadline, places) = (watch::Sender::new(None), Arc::<Places>::default());
        let mut accepting = Vec::new();
        for (handle, sockets) in workers.handles().iter().zip(listen::deal(&sockets, workers.number())?) {
            let of_worker = Accepting {
                listeners: listeners(handle, sockets)?,
                edge: Arc::clone(edge),
                deadline: deadline.subscribe(),
                places: Arc::clone(&places),
                stop: Arc::default(),
                held: None,
                connections: JoinSet::new(),
                watched: Vec::new(),
            };
            accepting.push((handle.clone(), of_worker));
        }
        Ok(Self { address, deadline, accepting, sockets })
    }

    /// As [`Ready::new`], on sockets that the process was started with, or else on new ones at the first of some
    /// addresses that can be had.
    ///
    /// # Errors
    ///
    /// As [`Ready::new`], and the operating system's if none of the addresses can be had.
    pub(crate) async fn listening(
        (bind, addresses): (&str, &[SocketAddr]),
        inherited: Vec<std::net::TcpListener>,
        workers: &Workers,
        edge: &Arc<Edge>,
    ) -> io::Result<Self> {
        let sockets =
            if inherited.is_empty() { listen::bind(bind, addresses, workers.number()).await? } else { inherited };
        Self::new(sockets, workers, edge)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Starts to take connections in.
    pub(crate) fn start(self) -> Server {
        let Self { address, deadline, accepting, sockets } = self;
        let tasks = accepting.into_iter().map(|(handle, accepting)| handle.spawn(accepting.run())).collect();
        Server { address, deadline, tasks, sockets: Mutex::new(sockets) }
    }
}

impl Server {
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns copies of the sockets.
    pub(crate) fn sockets(&self) -> io::Result<Vec<std::net::TcpListener>> {
        self.lock().iter().map(std::net::TcpListener::try_clone).collect()
    }

    /// Stops taking connections in, and lets those finish that serve a request, until a deadline or an earlier one that
    /// was given before.
    pub(crate) fn leave_by(&self, deadline: Instant) {
        self.lock().clear();
        self.deadline.send_modify(|by| *by = Some(by.map_or(deadline, |by| by.min(deadline))));
    }

    pub(crate) fn has_left(&self) -> bool {
        self.tasks.iter().all(JoinHandle::is_finished)
    }

    /// Waits until it has left, and returns how many connections had to be cut when the time was over.
    pub(crate) async fn left(mut self) -> usize {
        let mut cut = 0;
        for task in &mut self.tasks {
            match task.await {
                Ok(connections) => cut += connections,
                Err(error) => error!(%error, "what took connections in has failed, and its connections were cut"),
            }
        }
        cut
    }

    fn lock(&self) -> MutexGuard<'_, Vec<std::net::TcpListener>> {
        self.sockets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// Has sockets listened on by a runtime.
fn listeners(handle: &Handle, sockets: Vec<std::net::TcpListener>) -> io::Result<Vec<TcpListener>> {
    let _on_it = handle.enter();
    let listener = |socket: std::net::TcpListener| {
        socket.set_nonblocking(true)?;
        TcpListener::from_std(socket)
    };
    sockets.into_iter().map(listener).collect()
}

/// A connection, and where it comes from.
type Accepted = (TcpStream, SocketAddr);

/// What one worker does.
struct Accepting {
    listeners: Vec<TcpListener>,
    edge: Arc<Edge>,
    deadline: watch::Receiver<Option<Instant>>,
    places: Arc<Places>,
    stop: Arc<Stop>,
    /// One that was accepted when other workers had just taken the last places. To take a place before accepting, and wait
    /// with it, would keep it from a worker that somebody connects to.
    held: Option<Accepted>,
    connections: JoinSet<()>,
    watched: Vec<Watched>,
}

impl Accepting {
    async fn run(mut self) -> usize {
        let mut look = Instant::now();
        let mut trouble = Trouble::default();
        let (places, mut deadline) = (Arc::clone(&self.places), self.deadline.clone());
        loop {
            let (most, patience) = {
                let limits = &self.edge.table.load().limits;
                (limits.max_connections, limits.patience)
            };
            let mut freed = pin!(places.freed());
            let is_full = places.is_full(most, freed.as_mut());
            if !is_full && let Some(held) = self.held.take() {
                self.serve(held, most);
                continue;
            }
            tokio::select! {
                _ = deadline.wait_for(Option::is_some) => break,
                Some(_) = self.connections.join_next() => {}
                // Also without connections of its own: others may have every place, until a configuration gives more.
                () = time::sleep_until(look), if is_full || !self.watched.is_empty() => {
                    self.watched.retain_mut(|connection| connection.may_stay(patience));
                    look = Instant::now() + patience.between_looks();
                }
                () = freed, if is_full => {}
                accepted = accept(&self.listeners, trouble.not_before), if !is_full => match accepted {
                    Ok(accepted) => self.serve(accepted, most),
                    Err(error) => {
                        self.edge.connections.failed.fetch_add(1, Ordering::Relaxed);
                        trouble.note(&error);
                    }
                },
            }
        }
        self.leave().await
    }

    /// Serves a connection, or holds it until there is a place.
    fn serve(&mut self, (stream, address): Accepted, most: usize) {
        let Some(place) = self.places.take(most) else {
            self.held = Some((stream, address));
            return;
        };
        // A reply is written in one piece; waiting for more to send would only delay it.
        if let Err(error) = stream.set_nodelay(true) {
            debug!(%error, "a connection can't be told not to wait");
        }
        let Some(shared) = self.admitted(Peer::new(address)) else { return };
        self.edge.connections.accepted.fetch_add(1, Ordering::Relaxed);
        let activity = Arc::clone(&shared.activity);
        let serving = async move {
            connection::serve(stream, shared).await;
            drop(place);
        };
        self.watched.push(Watched::new(activity, self.connections.spawn(serving)));
    }

    /// Decides whether a connection may stay, by who is at its other end; `None` if it is to be closed at once.
    fn admitted(&self, peer: Peer) -> Option<Shared> {
        let table = self.edge.table.load();
        // A proxy's connections are those of all its clients, which one that says so is counted for once it has.
        let is_proxy = table.is_proxied || table.proxies.as_ref().is_some_and(|proxies| proxies.trusts(peer.ip()));
        let most = table.limits.max_connections_per_address;
        let place = if is_proxy { None } else { Some(self.edge.crowd.enter(peer.ip(), most)?) };
        Some(Shared {
            edge: Arc::clone(&self.edge),
            peer,
            activity: Arc::default(),
            stop: Arc::clone(&self.stop),
            max_requests: table.limits.max_requests,
            place,
        })
    }

    /// Takes nobody in any more, and waits for connections to end. Returns how many had to be cut.
    async fn leave(mut self) -> usize {
        // Who has connected already is in the queue, and would be reset. Who comes from now on is refused at once and may
        // go elsewhere, or is in the queue that another process has of the same socket.
        let queued = std::mem::take(&mut self.listeners).into_iter().flat_map(listen::queued);
        let waiting: Vec<Accepted> = self.held.take().into_iter().chain(queued).collect();
        for accepted in waiting {
            self.serve(accepted, usize::MAX);
        }
        let within = self.deadline.borrow().map_or(GRACE, |by| by.saturating_duration_since(Instant::now()) / 2);
        self.stop.tell(within.min(GRACE));
        self.drain().await
    }

    /// Waits until connections have ended, and returns how many there are left at the deadline. Those that nobody waits
    /// at, such as one with half of a request's headers, are not waited for.
    async fn drain(mut self) -> usize {
        let patience = self.edge.table.load().limits.patience;
        let mut look = time::interval(LOOK);
        loop {
            let by = self.deadline.borrow_and_update().unwrap_or_else(Instant::now);
            tokio::select! {
                biased;
                ended = self.connections.join_next() => if ended.is_none() { return 0 },
                Ok(()) = self.deadline.changed() => {}
                () = time::sleep_until(by) => return self.connections.len(),
                _ = look.tick() => self.watched.retain_mut(|connection| connection.may_finish(patience, QUIET)),
            }
        }
    }
}

/// Takes a connection in, but not before a pause is over.
async fn accept(listeners: &[TcpListener], not_before: Option<Instant>) -> io::Result<Accepted> {
    if let Some(not_before) = not_before {
        time::sleep_until(not_before).await;
    }
    poll_fn(|cx| {
        let accepted = listeners.iter().find_map(|listener| match listener.poll_accept(cx) {
            Poll::Ready(accepted) => Some(accepted),
            Poll::Pending => None,
        });
        accepted.map_or(Poll::Pending, Poll::Ready)
    })
    .await
}

/// What goes wrong with taking connections in. Most of it concerns one connection alone; running out of file handles
/// passes when others close, until when trying again at once would take a core and fill the log.
#[derive(Default)]
struct Trouble {
    not_before: Option<Instant>,
    told: Option<Instant>,
}

impl Trouble {
    /// Takes a pause, and warns unless that was done within a second. Returns whether it did.
    fn note(&mut self, error: &io::Error) -> bool {
        let now = Instant::now();
        self.not_before = Some(now + Duration::from_millis(100));
        let is_news = self.told.is_none_or(|told| now.duration_since(told) >= Duration::from_secs(1));
        if is_news {
            self.told = Some(now);
            warn!(%error, "a connection could not be accepted");
        }
        is_news
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn trouble_makes_a_pause_and_is_told_once_a_second() {
        let listeners = [TcpListener::bind("127.0.0.1:0").await.unwrap()];
        let _client = TcpStream::connect(listeners[0].local_addr().unwrap()).await.unwrap();
        let (mut trouble, begin, mut told) = (Trouble::default(), Instant::now(), 0);
        for _ in 0..20 {
            told += usize::from(trouble.note(&io::Error::other("too many open files")));
            // Asked again in between, as when a connection ends: the pause stays as long as it is.
            let soon = accept(&listeners, trouble.not_before);
            assert!(time::timeout(Duration::from_millis(60), soon).await.is_err());
            time::sleep_until(trouble.not_before.unwrap()).await;
        }
        assert_eq!((told, begin.elapsed()), (2, Duration::from_secs(2)));
        assert!(accept(&listeners, trouble.not_before).await.is_ok());
    }
}
