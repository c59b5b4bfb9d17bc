//! The port that stays the proxy's own while nobody listens there.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
};

use tokio::net::{TcpListener, TcpSocket, TcpStream};

use super::LinkFault;

/// Who connected.
pub(super) type Arrival = TcpStream;

/// How many may wait to be accepted.
const BACKLOG: u32 = 1024;

pub(super) struct Port {
    /// Bound and never listening: it keeps the port from being given to somebody else. Whoever connects to a port that
    /// is bound and not listened on is refused.
    _kept: TcpSocket,
    address: SocketAddr,
    listening: Listening,
}

enum Listening {
    /// Nobody.
    No,
    Accepting(TcpListener),
    /// Full: the one that waits to be accepted is ours, and it takes the only place.
    Full {
        _listener: TcpListener,
        _waiting: TcpStream,
    },
}

impl Port {
    /// Takes a free port and listens.
    pub(super) fn open() -> io::Result<Self> {
        let kept = reusing((Ipv4Addr::LOCALHOST, 0).into())?;
        let address = kept.local_addr()?;
        let listening = Listening::Accepting(listen(address, BACKLOG)?);
        Ok(Self { _kept: kept, address, listening })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits for the next who connects; forever, while nobody is accepted.
    ///
    /// # Cancel safety
    ///
    /// Nobody is lost when it is dropped.
    pub(super) async fn accept(&self) -> Arrival {
        let Listening::Accepting(listener) = &self.listening else { return std::future::pending().await };
        loop {
            // Who is gone before being accepted is no concern of ours.
            if let Ok((stream, _)) = listener.accept().await {
                return stream;
            }
        }
    }

    /// Listens, or not, as a fault demands.
    pub(super) async fn switch(&mut self, fault: &LinkFault) {
        let accepts = matches!(self.listening, Listening::Accepting(_));
        match fault {
            LinkFault::Refuse => self.listening = Listening::No,
            LinkFault::NotAccept => self.listening = self.full().await,
            _ if accepts => {}
            _ => {
                self.listening = Listening::No;
                let listener = listen(self.address, BACKLOG).expect("the port was kept for this");
                self.listening = Listening::Accepting(listener);
            }
        }
    }

    /// Listens with a queue of one, and takes that place.
    async fn full(&mut self) -> Listening {
        self.listening = Listening::No;
        let listener = listen(self.address, 0).expect("the port was kept for this");
        let waiting = TcpStream::connect(self.address).await.expect("a queue of one has room for one");
        Listening::Full { _listener: listener, _waiting: waiting }
    }
}

fn listen(address: SocketAddr, backlog: u32) -> io::Result<TcpListener> {
    reusing(address)?.listen(backlog)
}

/// A socket that shares its port with others that do, as long as only one of them listens.
fn reusing(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}
