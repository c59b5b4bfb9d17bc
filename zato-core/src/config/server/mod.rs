mod tls;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::tls::{ClientCertificates, ProxyProtocol, TlsConfig, TlsVersion};

use crate::config::{ByteSize, Duration, RateLimitRule, SectionName, Workers};

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
    /// How long a service may take, unless its channel says otherwise.
    pub request_timeout: Duration,
    /// How long requests that are in work may go on after the program was told to stop.
    pub shutdown_timeout: Duration,
    /// How long a new process may take, after `SIGUSR2`, until it serves and this one ends.
    pub takeover_timeout: Duration,
    /// How long a client may take to send the headers of a request, and how long it may leave a connection idle.
    pub header_timeout: Duration,
    /// How long a client may take to send a body; for one that its service takes as a stream, how long it may send nothing.
    pub body_timeout: Duration,
    /// How many connections are served at once; more wait to be accepted.
    pub max_connections: usize,
    /// How large a body may be, unless its channel says otherwise.
    pub max_body_size: ByteSize,
    /// How many requests are in work at once, over all channels.
    pub max_concurrent_requests: usize,
    /// How many requests may wait for a place in work; more are answered at once with 503.
    pub max_queued_requests: usize,
    /// How many requests a client may send over all channels, of any path; not limited unless given.
    pub rate_limiting: Vec<RateLimitRule>,
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
            request_timeout: seconds(30),
            shutdown_timeout: seconds(30),
            takeover_timeout: seconds(30),
            header_timeout: seconds(30),
            body_timeout: seconds(30),
            max_connections: 10_000,
            max_body_size: ByteSize(2 * 1024 * 1024),
            max_concurrent_requests: 1_000,
            max_queued_requests: 1_000,
            rate_limiting: Vec::new(),
        }
    }
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
