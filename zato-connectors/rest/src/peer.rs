//! Who is at the other end of a connection.

use std::{net::SocketAddr, sync::Arc};

use zato_core::message::ClientCertificate;

/// The other end of a connection of our own listener.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    /// Where it connected from. A proxy in between is what is at the other end; whom it speaks for stands in its
    /// headers.
    pub(crate) address: SocketAddr,
    /// The certificate that it presented, verified.
    pub(crate) certificate: Option<Arc<ClientCertificate>>,
}
