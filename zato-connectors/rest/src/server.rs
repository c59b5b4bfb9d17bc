//! The listener: takes connections in, up to a limit, and lets them go.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::{JoinHandle, JoinSet},
    time::{self, Instant},
};
use tracing::{debug, warn};

use crate::{
    activity::{Activity, Watched},
    connection::{self, Shared},
    edge::Edge,
    peer::Peer,
    stop::Stop,
};

/// For how long nothing may happen on a connection without a request while the listener goes.
const QUIET: Duration = Duration::from_secs(1);

/// How often connections are looked at while the listener goes.
const LOOK: Duration = Duration::from_millis(100);

/// A listener and its connections. Dropped, it cuts them.
pub(crate) struct Server {
    address: SocketAddr,
    /// By when everything has to have ended, once that is known.
    deadline: watch::Sender<Option<Instant>>,
    task: JoinHandle<usize>,
}

impl Server {
    /// Starts to take connections in.
    ///
    /// # Errors
    ///
    /// The listener's own, if it has no address.
    pub(crate) fn start(listener: TcpListener, edge: Arc<Edge>) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let deadline = watch::Sender::new(None);
        let accepting = Accepting { listener, edge, deadline: deadline.subscribe(), connections: JoinSet::new() };
        #[expect(clippy::disallowed_methods, reason = "the handle is kept and aborted on drop")]
        let task = tokio::spawn(accepting.run());
        Ok(Self { address, deadline, task })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops taking connections in, and lets those finish that serve a request, until a deadline or an earlier one that
    /// was given before.
    pub(crate) fn leave_by(&self, deadline: Instant) {
        self.deadline.send_modify(|by| *by = Some(by.map_or(deadline, |by| by.min(deadline))));
    }

    pub(crate) fn has_left(&self) -> bool {
        self.task.is_finished()
    }

    /// Waits until it has left, and returns how many connections had to be cut when the time was over.
    pub(crate) async fn left(mut self) -> usize {
        (&mut self.task).await.unwrap_or(0)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Accepting {
    listener: TcpListener,
    edge: Arc<Edge>,
    deadline: watch::Receiver<Option<Instant>>,
    connections: JoinSet<()>,
}

impl Accepting {
    async fn run(self) -> usize {
        let Self { listener, edge, mut deadline, mut connections } = self;
        let stop = Arc::<Stop>::default();
        let mut watched: Vec<Watched> = Vec::new();
        let mut look = Instant::now();
        let mut trouble = Trouble::default();
        loop {
            let (most, patience) = {
                let table = edge.table.load();
                (table.max_connections, table.header_timeout)
            };
            tokio::select! {
                _ = deadline.wait_for(Option::is_some) => break,
                Some(_) = connections.join_next() => {}
                () = time::sleep_until(look), if !watched.is_empty() => {
                    watched.retain_mut(|connection| connection.may_stay(patience));
                    // Seldom enough to cost nothing, and so often that what has ended goes, and a change is noticed.
                    look = Instant::now() + (patience / 4).clamp(Duration::from_millis(50), Duration::from_secs(1));
                }
                accepted = accept(&listener, trouble.not_before), if connections.len() < most => match accepted {
                    Ok((stream, peer)) => {
                        let (edge, activity) = (Arc::clone(&edge), Arc::<Activity>::default());
                        let shared = Shared { edge, peer, activity: Arc::clone(&activity) };
                        let serving = connection::serve(stream, Arc::new(shared), Arc::clone(&stop));
                        watched.push(Watched::new(activity, connections.spawn(serving)));
                    }
                    Err(error) => {
                        trouble.note(&error);
                    }
                },
            }
        }
        // Before the connections: who comes from now on is refused at once and may go elsewhere.
        drop(listener);
        stop.tell();
        let patience = edge.table.load().header_timeout;
        drain(connections, watched, deadline, patience).await
    }
}

/// Waits until connections have ended, and returns how many there are left at the deadline. Those that nobody waits at,
/// such as one with half of a request's headers, are not waited for.
async fn drain(
    mut connections: JoinSet<()>,
    mut watched: Vec<Watched>,
    mut deadline: watch::Receiver<Option<Instant>>,
    patience: Duration,
) -> usize {
    let mut look = time::interval(LOOK);
    loop {
        let by = deadline.borrow_and_update().unwrap_or_else(Instant::now);
        tokio::select! {
            biased;
            ended = connections.join_next() => if ended.is_none() { return 0 },
            Ok(()) = deadline.changed() => {}
            () = time::sleep_until(by) => return connections.len(),
            _ = look.tick() => watched.retain_mut(|connection| connection.may_finish(patience, QUIET)),
        }
    }
}

/// Takes a connection in, but not before a pause is over.
async fn accept(listener: &TcpListener, not_before: Option<Instant>) -> io::Result<(TcpStream, Peer)> {
    if let Some(not_before) = not_before {
        time::sleep_until(not_before).await;
    }
    let (stream, address) = listener.accept().await?;
    // A reply is written in one piece; waiting for more to send would only delay it.
    if let Err(error) = stream.set_nodelay(true) {
        debug!(%error, "a connection can't be told not to wait");
    }
    Ok((stream, Peer { address }))
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
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let _client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (mut trouble, begin, mut told) = (Trouble::default(), Instant::now(), 0);
        for _ in 0..20 {
            told += usize::from(trouble.note(&io::Error::other("too many open files")));
            // Asked again in between, as when a connection ends: the pause stays as long as it is.
            let soon = accept(&listener, trouble.not_before);
            assert!(time::timeout(Duration::from_millis(60), soon).await.is_err());
            time::sleep_until(trouble.not_before.unwrap()).await;
        }
        assert_eq!((told, begin.elapsed()), (2, Duration::from_secs(2)));
        assert!(accept(&listener, trouble.not_before).await.is_ok());
    }
}
