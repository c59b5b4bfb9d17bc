use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    config::{RateLimitRule, TimeRange},
    rate::RateLimiter,
};

/// How often calls of a connection are made at most: what a rule of a channel says, without clients to tell apart.
///
/// # Examples
///
/// ```
/// use zato_core::{config::{from_node, yaml}, resilience::rate_limit::RateLimitConfig};
///
/// let text = "{time_range: [{limit: 500, limit_unit: month}]}";
/// let limit: RateLimitConfig = from_node(&yaml::parse("zato.yaml", text)?)?;
/// assert!(limit.limiter().is_some());
/// # Ok::<(), zato_core::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct RateLimitConfig {
    /// What holds at which time of the day. One for certain hours counts more than one for the whole day, of several the
    /// first; at a time that is in none, calls are not limited.
    #[serde(default)]
    pub time_range: Vec<TimeRange>,
}

impl RateLimitConfig {
    /// Makes what counts the calls; `None` if they aren't limited.
    #[must_use]
    pub fn limiter(&self) -> Option<RateLimiter> {
        let rule = RateLimitRule { cidr_list: Vec::new(), time_range: self.time_range.clone() };
        (!self.time_range.is_empty()).then(|| RateLimiter::new(vec![rule]))
    }
}
