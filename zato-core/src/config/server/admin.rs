use schemars::JsonSchema;
use serde::Deserialize;

/// The admin listener: liveness, readiness, metrics, configuration and graph, over HTTP.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct AdminConfig {
    /// Where it listens: an address and a port, which is not that of `server.bind`; port 0 takes a free one. Whoever
    /// reaches it can read the configuration, without its secrets, so that it is on loopback until somebody says
    /// otherwise.
    pub bind: String,
    /// An inactive one doesn't listen.
    pub is_active: bool,
    /// The security definition that callers must satisfy; everybody may call unless given.
    pub security: Option<String>,
}

impl Default for AdminConfig {
    fn default() -> Self {
        // The port after that of channels.
        Self { bind: "127.0.0.1:17011".to_owned(), is_active: true, security: None }
    }
}
