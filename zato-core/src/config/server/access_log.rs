use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, de::Error};

/// The access log: a line for each HTTP request, of the level `info` and the module `zato::access`.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct AccessLogConfig {
    /// Whether there is one.
    pub is_active: bool,
    /// Which part of the requests has a line, from 0 to 1. Those that fail with a status of 500 or above always have one.
    #[serde(deserialize_with = "part")]
    pub sample: f64,
    /// Paths whose requests have no line, unless they fail with a status of 500 or above: those of health checks.
    pub ignore: Vec<String>,
}

impl Default for AccessLogConfig {
    fn default() -> Self {
        Self { is_active: false, sample: 1.0, ignore: Vec::new() }
    }
}

fn part<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    let part = f64::deserialize(deserializer)?;
    if (0.0..=1.0).contains(&part) { Ok(part) } else { Err(D::Error::custom("expected a number from 0 to 1")) }
}
