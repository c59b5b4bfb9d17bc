//! Connections to a server, by TLS or without, from whichever address of loopback.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
};

use rustls::{
    ClientConfig,
    pki_types::{CertificateDer, ServerName},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpSocket, TcpStream},
};
use tokio_rustls::{TlsConnector, client::TlsStream};

/// How a server is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    Http,
    Https,
}

impl Scheme {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// Bytes both ways.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// A connection.
pub(crate) type Wire = Box<dyn Stream>;

/// Who good callers are.
pub(crate) const GOOD: Ipv4Addr = Ipv4Addr::LOCALHOST;

/// A server as clients know it.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) scheme: Scheme,
    pub(crate) address: SocketAddr,
    http1: Arc<ClientConfig>,
    http2: Arc<ClientConfig>,
}

impl Target {
    pub(crate) fn new(scheme: Scheme, address: SocketAddr, config: &ClientConfig) -> Self {
        let speaking = |protocol: &[u8]| {
            let mut config = config.clone();
            config.alpn_protocols = vec![protocol.to_vec()];
            Arc::new(config)
        };
        Self { scheme, address, http1: speaking(b"http/1.1"), http2: speaking(b"h2") }
    }

    /// Connects, and no more.
    pub(crate) async fn tcp(&self, from: Ipv4Addr) -> io::Result<TcpStream> {
        let socket = TcpSocket::new_v4()?;
        socket.bind((IpAddr::V4(from), 0).into())?;
        let stream = socket.connect(self.address).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    /// Connects for HTTP/1.1.
    pub(crate) async fn http1(&self, from: Ipv4Addr) -> io::Result<Wire> {
        let stream = self.tcp(from).await?;
        self.http1_over(stream).await
    }

    /// Goes on with HTTP/1.1.
    pub(crate) async fn http1_over(&self, stream: TcpStream) -> io::Result<Wire> {
        self.over(stream, &self.http1).await
    }

    /// Connects for HTTP/2.
    pub(crate) async fn http2(&self, from: Ipv4Addr) -> io::Result<Wire> {
        let stream = self.tcp(from).await?;
        self.over(stream, &self.http2).await
    }

    /// The certificate that a new connection sees.
    pub(crate) async fn certificate(&self) -> io::Result<CertificateDer<'static>> {
        let stream = shaken(self.tcp(GOOD).await?, &self.http1).await?;
        let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
        chain.first().cloned().ok_or_else(|| io::Error::other("no certificate"))
    }

    async fn over(&self, stream: TcpStream, config: &Arc<ClientConfig>) -> io::Result<Wire> {
        Ok(match self.scheme {
            Scheme::Http => Box::new(stream),
            Scheme::Https => Box::new(shaken(stream, config).await?),
        })
    }
}

async fn shaken(stream: TcpStream, config: &Arc<ClientConfig>) -> io::Result<TlsStream<TcpStream>> {
    let name = ServerName::try_from("localhost").map_err(io::Error::other)?;
    TlsConnector::from(Arc::clone(config)).connect(name, stream).await
}
