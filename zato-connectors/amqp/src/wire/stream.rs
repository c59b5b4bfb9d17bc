//! The sockets that the library is given: plain or TLS, which is ours, and each with an end that we can bring about.
//!
//! The library waits for as long as a broker is silent before the connection stands, on a thread of its own that nobody
//! can end from outside; a stream that fails does end it.

use std::{
    future::{Future, ready},
    io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use ::lapin::AsyncTcpStream;
use async_compat::{Compat, CompatExt};
use async_rs::{
    Tokio,
    traits::Reactor,
    util::{DummyIO, RuntimeParts},
};
use futures_core::Stream as Items;
use futures_io::{AsyncRead as FuturesRead, AsyncWrite as FuturesWrite};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time,
};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// How the bytes are kept from whoever stands in between.
#[derive(Clone)]
pub(crate) enum Security {
    /// Not at all.
    Plain,
    /// By TLS.
    #[cfg(feature = "tls")]
    Tls(tokio_rustls::TlsConnector),
}

impl std::fmt::Debug for Security {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Plain => "Plain",
            #[cfg(feature = "tls")]
            Self::Tls(_) => "Tls",
        })
    }
}

/// What the library runs on: tokio, with our sockets.
pub(super) type Kit = RuntimeParts<Tokio, Sockets>;

pub(super) fn kit() -> Kit {
    RuntimeParts::new(Tokio::current(), Sockets(Tokio::current()))
}

#[derive(Clone, Debug)]
pub(super) struct Sockets(Tokio);

impl Reactor for Sockets {
    type TcpStream = Compat<Socket>;
    type Sleep = <Tokio as Reactor>::Sleep;

    /// Nothing is registered: sockets are made below. (The trait's bound can't be named, so that nothing could be handed
    /// on, either.)
    fn register<H: Send + 'static>(
        &self,
        _: H,
    ) -> io::Result<impl FuturesRead + FuturesWrite + Send + Unpin + 'static> {
        Err::<DummyIO, _>(io::ErrorKind::Unsupported.into())
    }

    fn sleep(&self, duration: Duration) -> Self::Sleep {
        self.0.sleep(duration)
    }

    fn interval(&self, duration: Duration) -> impl Items<Item = Instant> + Send + 'static {
        self.0.interval(duration)
    }

    fn tcp_connect_addr(&self, _: SocketAddr) -> impl Future<Output = io::Result<Self::TcpStream>> + Send + 'static {
        ready(Err(io::ErrorKind::Unsupported.into()))
    }
}

/// Connects to a host, whichever of its addresses answers.
pub(super) async fn open(
    (host, port): (&str, u16),
    security: &Security,
    within: Duration,
    end: CancellationToken,
) -> io::Result<AsyncTcpStream<Compat<Socket>>> {
    let connecting = async || -> io::Result<Socket> {
        let stream = TcpStream::connect((host, port)).await?;
        // Frames are small, and somebody waits for the answer to each.
        stream.set_nodelay(true)?;
        let transport = match security {
            Security::Plain => Transport::Plain(stream),
            #[cfg(feature = "tls")]
            Security::Tls(connector) => {
                let name = tokio_rustls::rustls::pki_types::ServerName::try_from(host.to_owned())
                    .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
                Transport::Tls(Box::new(connector.connect(name, stream).await?))
            }
        };
        let (reading, writing) = (end.clone().cancelled_owned(), end.clone().cancelled_owned());
        Ok(Socket { transport, reading: Box::pin(reading), writing: Box::pin(writing) })
    };
    tokio::select! {
        socket = time::timeout(within, connecting()) => {
            let socket = socket.map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "no connection within the time for one"))?;
            Ok(AsyncTcpStream::Plain(socket?.compat()))
        }
        () = end.cancelled() => Err(io::ErrorKind::ConnectionAborted.into()),
    }
}

/// A socket whose end can be brought about.
pub(super) struct Socket {
    transport: Transport,
    /// The end, twice: a future wakes who polled it last, and whoever reads is another than who writes.
    reading: Pin<Box<WaitForCancellationFutureOwned>>,
    writing: Pin<Box<WaitForCancellationFutureOwned>>,
}

enum Transport {
    Plain(TcpStream),
    #[cfg(feature = "tls")]
    Tls(Box<tokio_rustls::client::TlsStream<TcpStream>>),
}

/// Hands a call on to whichever transport it is, unless the end has come.
macro_rules! transport {
    ($this:ident.$end:ident, $cx:ident, $transport:ident => $call:expr) => {{
        let this = $this.get_mut();
        if this.$end.as_mut().poll($cx).is_ready() {
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::ConnectionAborted, "the connection was given up")));
        }
        match &mut this.transport {
            Transport::Plain($transport) => $call,
            #[cfg(feature = "tls")]
            Transport::Tls($transport) => $call,
        }
    }};
}

impl AsyncRead for Socket {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        transport!(self.reading, cx, transport => Pin::new(transport).poll_read(cx, buf))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        transport!(self.writing, cx, transport => Pin::new(transport).poll_write(cx, buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        transport!(self.writing, cx, transport => Pin::new(transport).poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        match &self.transport {
            Transport::Plain(stream) => stream.is_write_vectored(),
            #[cfg(feature = "tls")]
            Transport::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        transport!(self.writing, cx, transport => Pin::new(transport).poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        transport!(self.writing, cx, transport => Pin::new(transport).poll_shutdown(cx))
    }
}
