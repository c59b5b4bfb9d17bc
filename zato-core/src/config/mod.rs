//! Configuration: data that knows where it was written.
//!
//! A file is read into [`Node`]s, each with its [`Origin`] (file, line, column); variables of the [`Environment`] are
//! put in; the sections of all included files are joined into a [`Document`]; an entry of a section becomes a plain
//! serde struct with [`from_node`]. What is wrong is a [`ConfigFault`] that names the place and the remedy:
//!
//! ```text
//! zato.yaml:12:7: unknown key "urlpath"; did you mean "url_path"? (is_active, name, url_path)
//! zato.yaml:15:13: environment variable "CRM_PASSWORD" is not set; set it, or write ${CRM_PASSWORD:-default}
//! ```
//!
//! Nothing here panics, whatever the bytes are: a configuration that cannot be read changes nothing, and says why.
//!
//! # Examples
//!
//! ```
//! use zato_core::config::{ConfigFault, Duration, from_node, yaml};
//!
//! #[derive(serde::Deserialize)]
//! #[serde(deny_unknown_fields)]
//! struct Server {
//!     port: u16,
//!     timeout: Duration,
//! }
//!
//! let node = yaml::parse("zato.yaml", "port: 8080\ntimeout: 10s")?;
//! let server: Server = from_node(&node)?;
//! assert_eq!((server.port, server.timeout.as_secs()), (8080, 10));
//! # Ok::<(), ConfigFault>(())
//! ```

// Places, and what is wrong there.
mod fault;
mod origin;
mod suggest;

// Text to values with places.
mod encoding;
pub mod ini;
mod node;
mod scalar;
#[cfg(feature = "toml")]
pub mod toml;
pub mod yaml;

// Files to sections.
mod document;
mod env;

// Values to types.
mod client_tls;
mod de;
mod duration;
mod network;
mod one_or_many;
mod secret;
mod size;
mod workers;

mod files;
mod rate;
mod server;
mod service;
mod user;
mod watch;

// From one configuration to the next.
mod kept;

pub use self::client_tls::ClientTlsConfig;
pub use self::de::several;
pub use self::de::{DeError, from_node, from_tagged_node};
pub use self::document::{Document, Section, SectionName, Sections};
pub use self::duration::{Duration, NotADuration};
pub use self::env::{Environment, ProcessEnvironment, substitute};
pub use self::fault::{ConfigFault, ConfigFaults};
pub use self::files::{FilePath, Files};
pub use self::kept::Kept;
pub use self::network::{Network, NotANetwork};
pub(crate) use self::node::HIDDEN;
pub use self::node::{Key, Node, NodeKind, Style};
pub use self::one_or_many::OneOrMany;
pub use self::origin::Origin;
pub use self::rate::{Allowance, FixedWindow, Hours, LimitUnit, RateLimitRule, TimeRange, TokenBucket};
pub use self::secret::Secret;
pub use self::server::{
    AccessLogConfig, AdminConfig, ClientCertificates, CompressionConfig, CompressionLevel, ContentCoding, ErrorFormat,
    ForwardedHeader, Http2Config, LogConfig, LogFormat, ProxyProtocol, ServerConfig, TlsConfig, TlsVersion,
};
pub use self::service::ServiceConfig;
pub use self::size::{ByteSize, NotAByteSize};
pub use self::suggest::{alternatives, listing, nearest};
pub use self::user::{Typed, UserConfig, UserFiles};
pub(crate) use self::user::{Unusable, UserReading, UserSources};
pub use self::watch::Watcher;
pub use self::workers::{NotWorkers, Workers};

#[cfg(test)]
mod robustness;
