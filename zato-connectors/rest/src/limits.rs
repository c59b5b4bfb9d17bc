//! What connections are held to.

use std::time::Duration;

use hyper::server::conn::{http1, http2};
use hyper_util::rt::TokioExecutor;
use zato_core::config::{Http2Config, ServerConfig};

/// The limits of connections, as a configuration gives them.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    pub(crate) max_connections: usize,
    pub(crate) max_connections_per_address: usize,
    /// `u32::MAX` for any number.
    pub(crate) max_requests: u32,
    pub(crate) max_headers: usize,
    pub(crate) patience: Patience,
    max_header_size: usize,
    http2: Http2Config,
}

/// How long a connection is waited for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// For the head of a request.
    pub(crate) header: Duration,
    /// For the first byte of another request.
    pub(crate) idle: Duration,
    /// For the client to take in some of a reply.
    pub(crate) write: Duration,
}

impl Patience {
    /// How often connections are looked at: seldom enough to cost nothing, and so often that what has ended goes, and
    /// a change is noticed.
    pub(crate) fn between_looks(self) -> Duration {
        let least = self.header.min(self.idle).min(self.write);
        (least / 4).clamp(Duration::from_millis(50), Duration::from_secs(1))
    }
}

/// What hyper has room for without an allocation; more is asked of it only where a configuration wants more.
const MOST_HEADERS: usize = 100;

/// What hyper buffers of a connection unless told otherwise.
const BUFFER: usize = 8_192 + 4_096 * 100;

impl Limits {
    pub(crate) fn new(server: &ServerConfig) -> Self {
        Self {
            max_connections: server.max_connections.max(1),
            max_connections_per_address: server.max_connections_per_address,
            max_requests: server.max_requests_per_connection.unwrap_or(u32::MAX),
            max_headers: server.max_headers,
            patience: Patience {
                header: server.header_timeout.0,
                idle: server.idle_timeout.0,
                write: server.write_timeout.0,
            },
            max_header_size: server.max_header_size.as_usize(),
            http2: server.http2.clone(),
        }
    }

    /// Serves HTTP/1 within the limits.
    pub(crate) fn http1(&self) -> http1::Builder {
        let mut http1 = http1::Builder::new();
        // Who has said everything may say so, and still gets the answer (RFC 9112 §9.6).
        http1.half_close(true);
        http1.max_header_size(self.max_header_size);
        if self.max_header_size > BUFFER {
            http1.max_buf_size(self.max_header_size);
        }
        // Fewer are counted by the edge: hyper would put any number but its own on the heap, for each request.
        if self.max_headers > MOST_HEADERS {
            http1.max_headers(self.max_headers);
        }
        http1
    }

    /// Serves HTTP/2 within the limits. No pings of ours: the connection is ended when there is no request, whether
    /// anybody is at the other end or not.
    pub(crate) fn http2(&self) -> http2::Builder<TokioExecutor> {
        let of = |size: usize| u32::try_from(size).unwrap_or(u32::MAX);
        let mut http2 = http2::Builder::new(TokioExecutor::new());
        http2
            .max_header_list_size(of(self.max_header_size))
            .max_concurrent_streams(self.http2.max_concurrent_streams)
            .max_pending_accept_reset_streams(self.http2.max_pending_resets)
            .max_local_error_reset_streams(self.http2.max_error_resets)
            .initial_stream_window_size(of(self.http2.initial_stream_window_size.as_usize()))
            .initial_connection_window_size(of(self.http2.initial_connection_window_size.as_usize()))
            .max_send_buf_size(self.http2.max_send_buffer_size.as_usize());
        http2
    }
}
