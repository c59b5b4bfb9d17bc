//! Who is at the other end of a connection.

use std::net::SocketAddr;

/// The other end of a connection of our own listener.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    /// Where it connected from. A proxy in between is what is at the other end; whom it speaks for stands in its
    /// headers.
    pub(crate) address: SocketAddr,
}
