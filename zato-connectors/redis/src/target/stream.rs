//! Streams of bytes to a server.

use std::{io, time::Duration};

use socket2::{SockRef, TcpKeepalive};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};

use super::Security;
use crate::config::{Node, Place};

/// How long nobody says anything before the system asks for a sign of life, as often and so far apart.
const QUIET: Duration = Duration::from_secs(30);
const INTERVAL: Duration = Duration::from_secs(10);
const RETRIES: u32 = 3;

/// Bytes both ways. In a box, since what is below differs, and a call of a function is nothing beside one of the system.
pub(crate) type Stream = Box<dyn Io>;

/// What a stream is.
pub(crate) trait Io: AsyncRead + AsyncWrite + Send + Unpin + 'static {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin + 'static> Io for T {}

/// Connects to a server. Whoever calls limits how long this takes.
pub(super) async fn open(place: &Place, security: &Security) -> io::Result<Stream> {
    match place {
        Place::Tcp(node) => {
            let tcp = connect(node).await?;
            security.secure(tcp, &node.host).await
        }
        Place::Unix(path) => socket(path).await,
    }
}

async fn connect(node: &Node) -> io::Result<TcpStream> {
    let tcp = TcpStream::connect((node.host.as_str(), node.port)).await;
    let tcp = tcp.map_err(|error| io::Error::new(error.kind(), format!("{node}: {error}")))?;
    // Commands are small, and each is waited for.
    tcp.set_nodelay(true)?;
    keep_alive(&tcp)?;
    Ok(tcp)
}

/// Has the system find out that the other side is gone without a word, also while nobody says anything for a long time.
fn keep_alive(tcp: &TcpStream) -> io::Result<()> {
    let socket = SockRef::from(tcp);
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(QUIET).with_interval(INTERVAL).with_retries(RETRIES))?;
    #[cfg(any(target_os = "linux", target_os = "android"))]
    socket.set_tcp_user_timeout(Some(QUIET + INTERVAL * RETRIES))?;
    Ok(())
}

#[cfg(unix)]
async fn socket(path: &std::path::Path) -> io::Result<Stream> {
    let stream = tokio::net::UnixStream::connect(path).await;
    Ok(Box::new(stream.map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))?))
}

#[cfg(not(unix))]
async fn socket(_: &std::path::Path) -> io::Result<Stream> {
    std::future::ready(()).await;
    Err(io::Error::new(io::ErrorKind::Unsupported, "sockets with a path are there on Unix alone"))
}
