//! The network, by reqwest.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use futures_core::Stream;
use http::{HeaderValue, Method, Request, Response, header};
use http_body::Body as _;
use reqwest::{Url, redirect::Policy};
use zato_core::{Error, Result, bytes::Bytes, message::ByteStream};

use super::{
    Body, Counter,
    pulse::{Pulse, patient, while_alive},
};
use crate::{
    error::{self, SwiftErrorKind},
    tls::{self, Tls},
};

/// How long a connection that nobody uses is kept; less than what servers keep theirs for.
const IDLE: Duration = Duration::from_secs(55);

/// Makes the library's client of a connection, which keeps so many connections to a host.
///
/// # Errors
///
/// What the library doesn't take.
pub(crate) fn client(pool_size: usize, connect_timeout: Duration, tls: &Tls) -> Result<reqwest::Client> {
    let builder = reqwest::Client::builder()
        // What is tried again, and how often, is decided in one place.
        .retry(reqwest::retry::never())
        .redirect(Policy::none())
        .referer(false)
        // The environment's proxies are left alone: what is not in the configuration must not lead calls elsewhere.
        .no_proxy()
        // Swift speaks no other, and large transfers are not to share one connection.
        .http1_only()
        // Objects are what they are, whatever another part of the program has the library unpack.
        .no_gzip()
        .no_brotli()
        .no_zstd()
        .no_deflate()
        .user_agent(HeaderValue::from_static(concat!("zato/", env!("CARGO_PKG_VERSION"))))
        .pool_max_idle_per_host(pool_size)
        .pool_idle_timeout(IDLE)
        .connect_timeout(connect_timeout)
        .tcp_nodelay(true);
    tls::configure(builder, tls).build().map_err(|error| Error::internal("no client can be made").with_source(error))
}

/// See [`Transport::exchange`](super::Transport::exchange).
pub(super) async fn exchange(
    client: &reqwest::Client,
    request: Request<Body>,
    patience: Duration,
    counter: Option<Counter>,
) -> Result<Response<ByteStream>> {
    let (parts, body) = request.into_parts();
    let url: Url = parts.uri.to_string().parse().map_err(|_| Error::internal("a request has no address"))?;
    let pulse = Pulse::new();
    let mut request = reqwest::Request::new(parts.method, url);
    *request.headers_mut() = parts.headers;
    if body.length() == Some(0) && matches!(*request.method(), Method::PUT | Method::POST) {
        // The library says so of a body alone; without one, Swift answers 411.
        request.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
    }
    *request.body_mut() = body.into_network(&pulse, counter);
    let answer = while_alive(client.execute(request), &pulse, patience).await?.map_err(error::of_transport)?;
    let (parts, body) = Response::from(answer).into_parts();
    Ok(Response::from_parts(parts, patient(ByteStream::new(Pieces(body)), patience)))
}

/// The pieces of an answer.
struct Pieces(reqwest::Body);

impl Stream for Pieces {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes>>> {
        loop {
            return Poll::Ready(match std::task::ready!(Pin::new(&mut self.0).poll_frame(cx)) {
                None => None,
                Some(Err(broken)) => Some(Err(broken_off(broken))),
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(piece) if piece.is_empty() => continue,
                    Ok(piece) => Some(Ok(piece)),
                    Err(_trailers) => continue,
                },
            });
        }
    }
}

#[cold]
fn broken_off(error: reqwest::Error) -> Error {
    let ours = error::of_transport(error);
    if error::kind_of(&ours).is_some() {
        return ours;
    }
    error::of_kind(SwiftErrorKind::ConnectionLost, "the answer broke off").with_source(ours)
}
