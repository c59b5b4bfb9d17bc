//! Who is at the other end of a connection.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use zato_core::message::ClientCertificate;

/// The other end of a connection.
///
/// Of connections of our own listener it is known. A server around [`HttpService`](crate::HttpService) puts it into the
/// extensions of a request; without it, services have no client address, and no proxy is trusted.
///
/// # Examples
///
/// ```
/// use zato_core::{app::App, http::Request, tower::ServiceExt};
/// use zato_rest::{Body, Peer, RestChannels, http_service};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> zato_core::Result<()> {
/// let app = App::new("bank").channel(RestChannels::nested()).start().await?;
/// let mut request = Request::get("/zato/ping").body(Body::default())?;
/// request.extensions_mut().insert(Peer::new(([192, 0, 2, 7], 4711).into()));
/// let Ok(response) = http_service(&app).oneshot(request).await;
/// assert_eq!(response.status(), 200);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Peer {
    /// Where it connected from. A proxy in between is what is at the other end; whom it speaks for stands in its
    /// headers.
    pub(crate) address: SocketAddr,
    /// The certificate that it presented, verified.
    pub(crate) certificate: Option<Arc<ClientCertificate>>,
}

impl Peer {
    /// Makes a peer of the address that it connected from.
    #[must_use]
    pub fn new(address: SocketAddr) -> Self {
        Self { address, certificate: None }
    }

    /// Returns where it connected from.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns its address as one of IPv4, where a listener for both kinds has made one of IPv6 of it.
    pub(crate) fn ip(&self) -> IpAddr {
        self.address.ip().to_canonical()
    }
}
