use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::ByteSize;

/// What one HTTP/2 connection may take up. It counts for connections that are made from then on.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct Http2Config {
    /// How many requests a client may have in work at once on one connection; it is told so, and what it sends beyond
    /// is refused.
    pub max_concurrent_streams: u32,
    /// How many requests a client may take back before they were looked at; with one more the connection ends.
    pub max_pending_resets: usize,
    /// How many requests of one connection may break the rules of the protocol; with one more the connection ends.
    pub max_error_resets: usize,
    /// How much of one request's body a client may send ahead of its being read.
    pub initial_stream_window_size: ByteSize,
    /// How much of all bodies on a connection a client may send ahead of their being read.
    pub initial_connection_window_size: ByteSize,
    /// How much of each reply is taken from its source ahead of the client's taking it in.
    pub max_send_buffer_size: ByteSize,
}

impl Default for Http2Config {
    fn default() -> Self {
        let mib = ByteSize(1 << 20);
        Self {
            // The least that a server should allow (RFC 9113 §6.5.2), and what clients are used to.
            max_concurrent_streams: 100,
            max_pending_resets: 20,
            max_error_resets: 1024,
            // Not the protocol's own 64 KiB: an upload over a long way would mostly wait.
            initial_stream_window_size: mib,
            initial_connection_window_size: mib,
            max_send_buffer_size: ByteSize(400 * 1024),
        }
    }
}
