mod access_log;
mod admin;
mod compression;
mod http2;
mod ranges;
mod tls;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::access_log::AccessLogConfig;
pub use self::admin::AdminConfig;
pub use self::compression::{CompressionConfig, CompressionLevel, ContentCoding};
pub use self::http2::Http2Config;
pub use self::tls::{ClientCertificates, ProxyProtocol, TlsConfig, TlsVersion};
use crate::config::{ByteSize, Duration, Network, RateLimitRule, SectionName, Workers};

/// The `server` section: what holds for the whole program.
///
/// Every key has a default, so that a file without the section is fine.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct ServerConfig {
    /// Where HTTP channels listen: an address and a port; port 0 takes a free one.
    pub bind: String,
    /// On which threads connections and their requests are served: `shared` for those of the runtime that the program
    /// was started in, or a number of threads, or `per_core`, each with a runtime and a queue of new connections of its
    /// own. Takes effect at the next start.
    pub workers: Workers,
    /// The certificate that HTTP channels speak TLS with; without it they speak plain HTTP. Needs the feature `tls`.
    pub tls: Option<TlsConfig>,
    /// Whether every connection begins with a header of the PROXY protocol, which tells whom a proxy speaks for. Only for
    /// a listener that nobody but that proxy can reach.
    pub proxy_protocol: ProxyProtocol,
    /// How errors are written on HTTP channels.
    pub error_format: ErrorFormat,
    /// What is logged, and how.
    pub log: LogConfig,
    /// A line for each HTTP request.
    pub access_log: AccessLogConfig,
    /// How long a request may take, its body included, before the log says where the time went; 0 means never. A
    /// service can have its own, in the section `service`.
    pub slow_threshold: Duration,
    /// The listener for operators; there is none unless this is given.
    pub admin: Option<AdminConfig>,
    /// How long a service may take, unless its channel says otherwise.
    pub request_timeout: Duration,
    /// How long requests that are in work may go on after the program was told to stop.
    pub shutdown_timeout: Duration,
    /// How long a new process may take, after `SIGUSR2`, until it serves and this one ends.
    pub takeover_timeout: Duration,
    /// How long a client may take to send the headers of a request, from their first byte, or from the start of the
    /// connection for the first request.
    pub header_timeout: Duration,
    /// How long a client may leave a connection open without a request; what it sends to keep HTTP/2 alive is none.
    pub idle_timeout: Duration,
    /// How long a client may take to send a body; for one that its service takes as a stream, how long it may send nothing.
    pub body_timeout: Duration,
    /// How long a client may take to take in 16 KiB of a reply that waits for it, or what is left of it.
    pub write_timeout: Duration,
    /// How many connections are served at once; more wait to be accepted.
    pub max_connections: usize,
    /// How many connections one client may have at once: an IPv4 address, or a /64 of IPv6, which is what one customer
    /// gets. One more is closed at once. Proxies of `trusted_proxies` may have any number.
    pub max_connections_per_address: usize,
    /// How many requests a connection serves before it is closed, so that clients spread anew over several servers; any
    /// number unless given. It counts for connections that are made from then on.
    pub max_requests_per_connection: Option<u32>,
    /// How many headers a request may have; one with more gets 431.
    pub max_headers: usize,
    /// How large the head of a request may be, from its first line to the empty one; a larger one gets 431. It counts
    /// for connections that are made from then on.
    pub max_header_size: ByteSize,
    /// What one HTTP/2 connection may take up.
    pub http2: Http2Config,
    /// The proxies whose word on the client's address is taken: addresses and networks. Nobody's unless given.
    pub trusted_proxies: Vec<Network>,
    /// Where trusted proxies say whom they speak for. The other header is not looked at, since proxies pass on what they
    /// don't know, as the client wrote it.
    pub forwarded_header: ForwardedHeader,
    /// How large a body may be, unless its channel says otherwise.
    pub max_body_size: ByteSize,
    /// How many requests are in work at once, over all channels.
    pub max_concurrent_requests: usize,
    /// How many requests may wait for a place in work; more are answered at once with 503.
    pub max_queued_requests: usize,
    /// How much services may do in the background at once: a fan-out, an asynchronous call or retries that nobody waits for
    /// are one task each. One more is refused with 503.
    pub max_background_tasks: usize,
    /// How many requests a client may send over all channels, of any path; not limited unless given.
    pub rate_limiting: Vec<RateLimitRule>,
    /// How bodies are compressed and decompressed. Needs the feature `compression`.
    pub compression: CompressionConfig,
}

impl ServerConfig {
    /// The section's name.
    pub const SECTION: SectionName = SectionName { name: "server", aliases: &[] };
}

impl Default for ServerConfig {
    fn default() -> Self {
        let seconds = |number| Duration(std::time::Duration::from_secs(number));
        Self {
            // Zato's own port, on loopback until somebody says otherwise.
            bind: "127.0.0.1:17010".to_owned(),
            workers: Workers::default(),
            tls: None,
            proxy_protocol: ProxyProtocol::default(),
            error_format: ErrorFormat::default(),
            log: LogConfig::default(),
            access_log: AccessLogConfig::default(),
            slow_threshold: seconds(1),
            admin: None,
            request_timeout: seconds(30),
            shutdown_timeout: seconds(30),
            takeover_timeout: seconds(30),
            header_timeout: seconds(30),
            // Longer than what load balancers in front keep a connection (60 s is common): the side that opened it
            // had better be the one that closes it, or a request may cross the close.
            idle_timeout: seconds(75),
            body_timeout: seconds(30),
            write_timeout: seconds(60),
            max_connections: 10_000,
            // A tenth of all, so that no one client takes every place.
            max_connections_per_address: 1_000,
            max_requests_per_connection: None,
            max_headers: 100,
            max_header_size: ByteSize(16 * 1024),
            http2: Http2Config::default(),
            trusted_proxies: Vec::new(),
            forwarded_header: ForwardedHeader::default(),
            max_body_size: ByteSize(2 * 1024 * 1024),
            max_concurrent_requests: 1_000,
            max_queued_requests: 1_000,
            max_background_tasks: 1_000,
            rate_limiting: Vec::new(),
            compression: CompressionConfig::default(),
        }
    }
}

/// Where trusted proxies say whom they speak for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ForwardedHeader {
    /// In `X-Forwarded-For`, as nearly all do.
    #[default]
    XForwardedFor,
    /// In `Forwarded` (RFC 7239).
    Forwarded,
}

/// How errors are written on HTTP channels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum ErrorFormat {
    /// Problem details (RFC 9457), with `cid` and `errors`.
    #[default]
    Problem,
    /// Zato's own: `{"result":"Error","cid":"...","details":"..."}`.
    Zato,
}

/// What is logged, and how.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct LogConfig {
    /// The least level: `error`, `warn`, `info`, `debug` or `trace`; also per module, as in `info,my_crate=debug`.
    /// The environment variable `RUST_LOG` counts more. Takes effect at once when it is changed.
    pub level: String,
    /// Lines for people or for programs. Takes effect at the next start.
    pub format: LogFormat,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { level: "info".to_owned(), format: LogFormat::default() }
    }
}

/// How a log line is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// For programs: one JSON object a line.
    Json,
}
