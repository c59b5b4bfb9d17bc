use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::{Duration, SectionName};

/// One entry of the `service` section: what holds for one service, whoever calls it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ServiceConfig {
    /// The service's name.
    pub name: String,
    /// How long a request of it may take before the log says where the time went; `server.slow_threshold` unless given,
    /// and 0 means never. A number without a unit is seconds, as everywhere; Zato's own are milliseconds.
    #[serde(default)]
    pub slow_threshold: Option<Duration>,
}

impl ServiceConfig {
    /// The section's name.
    pub const SECTION: SectionName = SectionName { name: "service", aliases: &[] };
}
