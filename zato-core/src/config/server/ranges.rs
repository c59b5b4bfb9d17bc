//! Values of the `server` section that have the right type and can't be used all the same.

use crate::config::{ByteSize, ServerConfig};

/// What a window of HTTP/2 can't be larger than (RFC 9113 §6.9.1).
const LARGEST_WINDOW: ByteSize = ByteSize((1 << 31) - 1);

/// What the numbers of HTTP/2 can't be larger than.
const LARGEST: ByteSize = ByteSize(u32::MAX as u64);

/// More requests at once than any client has, and few enough to be counted beside each other in one number.
const MOST_STREAMS: u32 = 100_000;

/// More requests than a connection lives for, and few enough to be counted in the same number.
const MOST_REQUESTS: u32 = 10_000_000;

impl ServerConfig {
    /// Names the values that can't be used, by their path in the section, and says why.
    #[must_use]
    pub fn out_of_range(&self) -> Vec<(&'static str, String)> {
        let zeros = self.zeros().into_iter().filter(|(_, is_zero)| *is_zero);
        let mut faults: Vec<_> =
            zeros.map(|(path, _)| (path, format!("\"{}\" must be more than 0", key(path)))).collect();
        for (path, size, most) in [
            ("max_header_size", self.max_header_size, LARGEST),
            ("http2.initial_stream_window_size", self.http2.initial_stream_window_size, LARGEST_WINDOW),
            ("http2.initial_connection_window_size", self.http2.initial_connection_window_size, LARGEST_WINDOW),
            ("http2.max_send_buffer_size", self.http2.max_send_buffer_size, LARGEST),
        ] {
            if size > most {
                faults.push((path, format!("\"{}\" must be at most {} bytes", key(path), most.0)));
            }
        }
        if self.max_requests_per_connection.is_some_and(|number| number > MOST_REQUESTS) {
            let path = "max_requests_per_connection";
            faults.push((path, format!("\"{path}\" must be at most {MOST_REQUESTS}, or left out for any number")));
        }
        if self.http2.max_concurrent_streams > MOST_STREAMS {
            let path = "http2.max_concurrent_streams";
            faults.push((path, format!("\"{}\" must be at most {MOST_STREAMS}", key(path))));
        }
        faults
    }

    /// Names the values that would keep everything out if they were zero, and tells which are.
    fn zeros(&self) -> Vec<(&'static str, bool)> {
        vec![
            ("takeover_timeout", self.takeover_timeout.is_zero()),
            ("request_timeout", self.request_timeout.is_zero()),
            ("header_timeout", self.header_timeout.is_zero()),
            ("idle_timeout", self.idle_timeout.is_zero()),
            ("body_timeout", self.body_timeout.is_zero()),
            ("write_timeout", self.write_timeout.is_zero()),
            ("max_connections", self.max_connections == 0),
            ("max_connections_per_address", self.max_connections_per_address == 0),
            ("max_requests_per_connection", self.max_requests_per_connection == Some(0)),
            ("max_headers", self.max_headers == 0),
            ("max_header_size", self.max_header_size.0 == 0),
            ("http2.max_concurrent_streams", self.http2.max_concurrent_streams == 0),
            ("http2.initial_stream_window_size", self.http2.initial_stream_window_size.0 == 0),
            ("http2.initial_connection_window_size", self.http2.initial_connection_window_size.0 == 0),
            ("http2.max_send_buffer_size", self.http2.max_send_buffer_size.0 == 0),
            ("max_concurrent_requests", self.max_concurrent_requests == 0),
        ]
    }
}

/// The last step of a path, which is what stands in the file.
fn key(path: &str) -> &str {
    path.rsplit_once('.').map_or(path, |(_, key)| key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_can_be_used() {
        assert_eq!(ServerConfig::default().out_of_range(), []);
    }

    #[test]
    fn what_the_protocol_can_not_express_is_refused() {
        let mut server = ServerConfig::default();
        server.http2.initial_stream_window_size = ByteSize(1 << 31);
        server.http2.max_concurrent_streams = MOST_STREAMS + 1;
        server.max_requests_per_connection = Some(MOST_REQUESTS + 1);
        server.max_headers = 0;
        let faults: Vec<_> =
            server.out_of_range().into_iter().map(|(path, fault)| format!("{path}: {fault}")).collect();
        assert_eq!(
            faults,
            [
                "max_headers: \"max_headers\" must be more than 0",
                "http2.initial_stream_window_size: \"initial_stream_window_size\" must be at most 2147483647 bytes",
                "max_requests_per_connection: \"max_requests_per_connection\" must be at most 10000000, or left out for any \
                 number",
                "http2.max_concurrent_streams: \"max_concurrent_streams\" must be at most 100000",
            ]
        );
    }
}
