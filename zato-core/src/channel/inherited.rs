//! Listening sockets that the process was started with.

use std::{
    collections::BTreeSet,
    io,
    net::{SocketAddr, TcpListener},
    sync::{Mutex, MutexGuard, OnceLock, PoisonError},
};

/// The variable that a process which is taken over sets for the one that takes over: its own id.
///
/// A process learns its own id too late to be told it by `LISTEN_PID`, and this does as well: whoever finds another
/// process as its parent has inherited the variable alone, and no sockets.
pub(crate) const TAKEOVER: &str = "ZATO_TAKEOVER";

/// Holds the listening sockets that the process was started with, until somebody uses them: from systemd, which has
/// opened them already (socket activation, `LISTEN_FDS`), or from the process that this one takes over.
///
/// # Examples
///
/// ```
/// use zato_core::channel::Inherited;
///
/// // A process that was started by hand has none.
/// let inherited = Inherited::of_process();
/// assert!(inherited.take(&["127.0.0.1:17010".parse().expect("an address")])?.is_empty());
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Default)]
pub struct Inherited {
    sockets: Mutex<Vec<TcpListener>>,
    /// Where those listen that systemd has opened, for this process or the first of those that took each other over.
    activated: Vec<SocketAddr>,
    /// What came as well and is no listening TCP socket, in words.
    strange: Vec<String>,
    /// How that process is told that this one serves.
    #[cfg(unix)]
    ready: Mutex<Option<std::os::unix::net::UnixDatagram>>,
}

impl Inherited {
    /// Returns what this process was started with.
    ///
    /// File descriptors are numbers that belong to the process as a whole, so there is one value for all apps in it, which
    /// is made at the first call.
    #[must_use]
    pub fn of_process() -> &'static Self {
        static INHERITED: OnceLock<Inherited> = OnceLock::new();
        INHERITED.get_or_init(read)
    }

    /// Takes the sockets that listen at one of some addresses, of which port 0 is any port: several, if each has a queue
    /// of its own.
    ///
    /// If there is none of them, but all that systemd has opened listens at one address, then that is meant, wherever it
    /// is. It is no error if there are none at all.
    ///
    /// # Errors
    ///
    /// If systemd has opened sockets and it can't be told which of them is meant, with the addresses of all; or if what
    /// it has opened is no listening TCP socket.
    pub fn take(&self, addresses: &[SocketAddr]) -> io::Result<Vec<TcpListener>> {
        let mut sockets = self.lock();
        let matching = take_where(&mut sockets, |address| addresses.iter().any(|wanted| is_same(*wanted, address)));
        if !matching.is_empty() {
            return Ok(matching);
        }
        if !self.strange.is_empty() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, self.strange.join(", ")));
        }
        // A process that is taken over may have listened elsewhere than this one is to; what it has bound by itself is not
        // meant.
        let is_activated = |address: SocketAddr| self.is_activated(address);
        let others = sockets.iter().filter_map(|socket| socket.local_addr().ok());
        let others: BTreeSet<SocketAddr> = others.filter(|address| is_activated(*address)).collect();
        if others.len() <= 1 {
            return Ok(take_where(&mut sockets, is_activated));
        }
        let others: Vec<String> = others.iter().map(ToString::to_string).collect();
        let message = format!("the sockets that the program was started with listen on {}", others.join(", "));
        Err(io::Error::new(io::ErrorKind::AddrNotAvailable, message))
    }

    /// Takes the sockets that listen at exactly one of some addresses, and leaves the others alone: for a listener beside
    /// the main one.
    #[must_use]
    pub fn take_exact(&self, addresses: &[SocketAddr]) -> Vec<TcpListener> {
        take_where(&mut self.lock(), |address| addresses.iter().any(|wanted| is_same(*wanted, address)))
    }

    /// Whether a socket at an address was opened by systemd.
    pub(crate) fn is_activated(&self, address: SocketAddr) -> bool {
        self.activated.contains(&address)
    }

    /// Closes what nobody has taken, and returns the addresses.
    pub(crate) fn close(&self) -> Vec<SocketAddr> {
        let left = std::mem::take(&mut *self.lock());
        left.iter().filter_map(|socket| socket.local_addr().ok()).collect()
    }

    /// Tells the process that is taken over that this one serves.
    #[cfg(unix)]
    pub(crate) fn tell_ready(&self) -> io::Result<()> {
        match self.ready.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(socket) => socket.send(READY).map(drop),
            None => Ok(()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<TcpListener>> {
        self.sockets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a socket is called on the way to the process that takes over, if systemd has opened it.
#[cfg(unix)]
pub(crate) const ACTIVATED: &str = "activated";

/// What the process that takes over says when it serves; systemd's word for it.
#[cfg(unix)]
pub(crate) const READY: &[u8] = b"READY=1";

fn take_where(sockets: &mut Vec<TcpListener>, is_meant: impl Fn(SocketAddr) -> bool) -> Vec<TcpListener> {
    sockets.extract_if(.., |socket| socket.local_addr().is_ok_and(&is_meant)).collect()
}

/// Whether a socket at an address is what a configuration means by another.
fn is_same(wanted: SocketAddr, found: SocketAddr) -> bool {
    wanted.ip() == found.ip() && (wanted.port() == found.port() || wanted.port() == 0)
}

#[cfg(unix)]
fn read() -> Inherited {
    let is_takeover = match std::env::var(TAKEOVER) {
        Ok(parent) if parent == std::os::unix::process::parent_id().to_string() => true,
        // Meant for a process that has started this one, and that has its sockets.
        Ok(_) => return Inherited::default(),
        Err(_) => false,
    };
    let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
    let mut names = names.split(':');
    let mut given = listenfd::ListenFd::from_env();
    let mut inherited = Inherited::default();
    if let Some(last) = given.len().checked_sub(1).filter(|_| is_takeover) {
        inherited.ready = Mutex::new(given.take_unix_datagram(last).ok().flatten());
    }
    let mut sockets = Vec::new();
    for index in 0..given.len() {
        let is_activated = names.next() == Some(ACTIVATED) || !is_takeover;
        match given.take_tcp_listener(index) {
            Ok(Some(socket)) if socket2::SockRef::from(&socket).is_listener().unwrap_or(true) => {
                inherited.activated.extend(socket.local_addr().ok().filter(|_| is_activated));
                sockets.push(socket);
            }
            Ok(Some(_)) => {
                inherited.strange.push(format!("the socket {} doesn't listen (Accept=no is needed)", index + 3));
            }
            Ok(None) => {}
            Err(error) => inherited.strange.push(error.to_string()),
        }
    }
    inherited.sockets = Mutex::new(sockets);
    inherited
}

#[cfg(not(unix))]
fn read() -> Inherited {
    Inherited::default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listening(count: usize) -> (Inherited, Vec<SocketAddr>) {
        let bind = |_| TcpListener::bind("127.0.0.1:0").unwrap();
        let sockets: Vec<TcpListener> = (0..count).map(bind).collect();
        let addresses: Vec<_> = sockets.iter().map(|socket| socket.local_addr().unwrap()).collect();
        let activated = addresses.clone();
        (Inherited { sockets: Mutex::new(sockets), activated, ..Inherited::default() }, addresses)
    }

    fn somewhere() -> SocketAddr {
        "127.0.0.2:17010".parse().unwrap()
    }

    #[test]
    fn the_one_at_the_address_is_taken_and_no_other() {
        let (inherited, addresses) = listening(3);
        let taken = inherited.take(&addresses[1..2]).unwrap();
        assert_eq!(taken[0].local_addr().unwrap(), addresses[1]);
        assert_eq!(taken.len(), 1);
        assert_eq!(inherited.close(), [addresses[0], addresses[2]]);
        assert!(inherited.take(&addresses).unwrap().is_empty());
    }

    #[test]
    fn the_only_one_is_meant_wherever_it_is() {
        let (inherited, _) = listening(1);
        assert!(inherited.take_exact(&[somewhere()]).is_empty());
        assert_eq!(inherited.take(&[somewhere()]).unwrap().len(), 1);
    }

    #[test]
    fn of_several_others_none_is_meant() {
        let (inherited, addresses) = listening(2);
        let error = inherited.take(&[somewhere()]).unwrap_err().to_string();
        assert!(addresses.iter().all(|address| error.contains(&address.to_string())), "{error}");
    }

    #[test]
    fn who_takes_over_may_listen_elsewhere() {
        let (mut inherited, addresses) = listening(2);
        inherited.activated.clear();
        assert!(inherited.take(&[somewhere()]).unwrap().is_empty());
        let any_port: SocketAddr = "127.0.0.1:0".parse().unwrap();
        assert_eq!(inherited.take(&[any_port]).unwrap().len(), addresses.len());
    }

    #[test]
    fn what_does_not_listen_is_told() {
        let inherited = Inherited { strange: vec!["fd 3 is not a socket".to_owned()], ..Inherited::default() };
        assert_eq!(inherited.take(&[somewhere()]).unwrap_err().to_string(), "fd 3 is not a socket");
    }
}
