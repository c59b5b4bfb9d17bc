//! One connection, from its first bytes to its end.

use std::{
    convert::Infallible,
    io,
    pin::pin,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use http::{HeaderValue, Request, header};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy, sink},
    net::TcpStream,
    time::timeout,
};
use tracing::debug;

use crate::{
    activity::{Activity, Counted},
    crowd::Place,
    edge::{Edge, Via},
    in_work::{InWork, Outgoing},
    peer::Peer,
    proxy,
    stop::Stop,
    tls,
};

/// What a client says first that wants to speak HTTP/2 without having asked (RFC 9113 §3.4).
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// For how long a client is listened to that still sends when everything is said.
const FAREWELL: Duration = Duration::from_secs(1);

/// What the requests of one connection share.
pub(crate) struct Shared {
    pub(crate) edge: Arc<Edge>,
    pub(crate) peer: Peer,
    pub(crate) activity: Arc<Activity>,
    pub(crate) stop: Arc<Stop>,
    /// How many requests the connection serves; `u32::MAX` for any number.
    pub(crate) max_requests: u32,
    /// The client's place among those that are there; `None` for a proxy that is trusted.
    pub(crate) place: Option<Place>,
}

/// Dropped with the connection.
impl Drop for Shared {
    fn drop(&mut self) {
        self.edge.connections.ended.fetch_add(1, Ordering::Relaxed);
    }
}

/// Serves the requests of one connection until it ends, or the server stops.
pub(crate) async fn serve(mut stream: TcpStream, mut shared: Shared) {
    let (is_proxied, tls) = {
        let table = shared.edge.table.load();
        (table.is_proxied, table.tls.clone())
    };
    if is_proxied && !Box::pin(learn_source(&mut stream, &mut shared)).await {
        return;
    }
    if let Some(tls) = tls {
        // Boxed, so that a connection without TLS has no room for it.
        return Box::pin(tls::serve(stream, tls, shared)).await;
    }
    // Not there if the client went away, or said nothing until the server went.
    let Some(Ok((protocol, start))) = shared.stop.first(protocol_of(&mut stream)).await else { return };
    speak(protocol, stream, start, Arc::new(shared)).await;
}

/// Lets a proxy say whom it speaks for, which comes before everything else. Returns whether the connection goes on.
async fn learn_source(stream: &mut TcpStream, shared: &mut Shared) -> bool {
    let table = shared.edge.table.load_full();
    let address = shared.peer.address;
    if table.proxies.as_ref().is_some_and(|proxies| !proxies.trusts(shared.peer.ip())) {
        debug!(client.address = %address, "a connection is from none of server.trusted_proxies");
        return false;
    }
    let source = shared.stop.first(timeout(table.limits.patience.header, proxy::source(stream))).await;
    match source {
        Some(Ok(Ok(source))) => {
            shared.peer.address = source.unwrap_or(address);
            shared.place = shared.edge.crowd.enter(shared.peer.ip(), table.limits.max_connections_per_address);
            shared.place.is_some()
        }
        Some(Ok(Err(error))) => {
            debug!(client.address = %address, %error, "a connection has no header of the PROXY protocol");
            false
        }
        Some(Err(_)) => {
            debug!(client.address = %address, "the header of the PROXY protocol did not come in time");
            false
        }
        None => false,
    }
}

/// What is spoken on a connection.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http1,
    Http2,
}

/// Serves the requests that come over a stream, of which the first bytes may have been read already.
pub(crate) async fn speak<S>(protocol: Protocol, mut stream: S, start: Bytes, shared: Arc<Shared>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let is_http2 = protocol == Protocol::Http2;
    let service = service_fn(|request: Request<Incoming>| {
        let in_work = InWork::begin(&shared);
        async move {
            let Shared { edge, peer, stop, .. } = &*in_work.shared;
            let mut response = edge.serve(request, Via::Listener(peer)).await;
            if !is_http2 && (in_work.is_last || stop.is_told()) {
                response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            Ok::<_, Infallible>(response.map(|body| Outgoing::new(body, in_work)))
        }
    });
    let io = Counted::new(TokioIo::new(&mut stream), start, Arc::clone(&shared.activity));
    let (stop, activity) = (&shared.stop, &shared.activity);
    let is_spent = || activity.is_spent();
    let ended = if is_http2 {
        let http2 = shared.edge.table.load().limits.http2();
        let connection = pin!(http2.serve_connection(io, service));
        // At once: the client is told which requests are still taken, and whatever it sent meanwhile is (RFC 9113 §6.8).
        stop.during(connection, || true, is_spent, |connection| connection.graceful_shutdown()).await
    } else {
        let http1 = shared.edge.table.load().limits.http1();
        let connection = pin!(http1.serve_connection(io, service));
        let is_in_work = || activity.is_in_work();
        stop.during(connection, is_in_work, is_spent, |connection| connection.graceful_shutdown()).await
    };
    let is_answered = ended.as_ref().map_or_else(hyper::Error::is_parse, |()| true);
    if let Err(error) = ended {
        debug!(%error, "a connection ended with an error");
    }
    if is_answered && !is_http2 {
        // Boxed, so that a connection has no room for it before its end.
        let _ = stop.first(timeout(FAREWELL, Box::pin(see_off(&mut stream)))).await;
    }
}

/// Says that nothing more is coming, and takes in what the client sends all the same, such as the body of a request that
/// was refused before it was read. To close at once would have its system throw away the answer, which it may not have
/// read yet (RFC 9112 §9.6).
async fn see_off<S>(stream: &mut S) -> io::Result<u64>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    stream.shutdown().await?;
    copy(stream, &mut sink()).await
}

/// Returns what a client speaks from the start, and what had to be read to learn that: nothing, unless its
/// first bytes come in pieces. We look ourselves, since hyper-util's own way costs every later read a detour.
async fn protocol_of(stream: &mut TcpStream) -> io::Result<(Protocol, Bytes)> {
    let protocol = |is_preface| if is_preface { Protocol::Http2 } else { Protocol::Http1 };
    let mut start = [0; PREFACE.len()];
    let length = stream.peek(&mut start).await?;
    let seen = start.get(..length).unwrap_or_default();
    if length == PREFACE.len() || !PREFACE.starts_with(seen) {
        return Ok((protocol(seen == PREFACE), Bytes::new()));
    }
    // Read, not looked at: half a preface would be reported again and again, and the end of the client never.
    let mut start = BytesMut::with_capacity(PREFACE.len());
    while start.len() < PREFACE.len() && PREFACE.starts_with(&start) {
        if stream.read_buf(&mut start).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok((protocol(start == PREFACE[..]), start.freeze()))
}
