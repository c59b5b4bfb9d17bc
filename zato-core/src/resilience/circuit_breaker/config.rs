use std::time;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::Duration;

/// When calls of a connection are not even tried.
///
/// # Examples
///
/// ```
/// use zato_core::{config::{from_node, yaml}, resilience::circuit_breaker::CircuitBreakerConfig};
///
/// let node = yaml::parse("zato.yaml", "{failure_percent: 80, pause: 1s}")?;
/// let breaker: CircuitBreakerConfig = from_node(&node)?;
/// assert_eq!((breaker.failure_percent, breaker.min_calls, breaker.is_active), (80, 10, true));
/// # Ok::<(), zato_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct CircuitBreakerConfig {
    /// Whether there is a circuit breaker at all.
    pub is_active: bool,
    /// It opens once so many of the calls in `window` have failed, in percent. Failures are connections that can't be made
    /// or break, timeouts, and answers that are a fault of the other side, such as a status of 500 and above.
    pub failure_percent: u32,
    /// How many calls there must have been in `window` before it may open.
    pub min_calls: u32,
    /// How far back calls count, in steps of a tenth of it.
    pub window: Duration,
    /// How long it stays open. Each time that the other side turns out to fail still, the pause is doubled.
    pub pause: Duration,
    /// What no pause is longer than.
    pub max_pause: Duration,
    /// How many calls are made after a pause to find out how the other side is; when all of them are answered it closes,
    /// when one fails it opens again.
    pub probes: u32,
}

impl Default for CircuitBreakerConfig {
    fn default() -> Self {
        Self {
            is_active: true,
            failure_percent: 50,
            // Few enough for a connection that is seldom used, too many for bad luck.
            min_calls: 10,
            // Longer than calls take that time out, so that those of one crowd count together.
            window: Duration::from_secs(30),
            pause: Duration::from_secs(5),
            max_pause: Duration::from_secs(60),
            probes: 3,
        }
    }
}

impl CircuitBreakerConfig {
    /// Names the values that can't be used, by their key, and says why.
    #[must_use]
    pub fn out_of_range(&self) -> Vec<(&'static str, String)> {
        let mut faults = Vec::new();
        let mut fault = |key: &'static str, says: &str| faults.push((key, format!("\"{key}\" {says}")));
        if !(1..=100).contains(&self.failure_percent) {
            fault("failure_percent", "must be from 1 to 100; write \"is_active: false\" for no circuit breaker");
        }
        if self.min_calls == 0 {
            fault("min_calls", "must be more than 0");
        }
        if !(time::Duration::from_secs(1)..=time::Duration::from_secs(3600)).contains(&self.window) {
            fault("window", "must be from 1s to 1h");
        }
        if self.pause.is_zero() {
            fault("pause", "must be more than 0; write \"is_active: false\" for no circuit breaker");
        }
        if self.max_pause < self.pause {
            fault("max_pause", "must be at least as long as \"pause\"");
        }
        if self.probes == 0 {
            fault("probes", "must be more than 0, or it would never close again");
        }
        faults
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{from_node, yaml};

    #[test]
    fn what_can_not_be_used_is_told_with_the_remedy() {
        let off = "; write \"is_active: false\" for no circuit breaker";
        for (text, key, says) in [
            ("failure_percent: 0", "failure_percent", format!("must be from 1 to 100{off}")),
            ("failure_percent: 101", "failure_percent", format!("must be from 1 to 100{off}")),
            ("min_calls: 0", "min_calls", "must be more than 0".to_owned()),
            ("window: 500ms", "window", "must be from 1s to 1h".to_owned()),
            ("window: 2h", "window", "must be from 1s to 1h".to_owned()),
            ("pause: 0", "pause", format!("must be more than 0{off}")),
            ("pause: 2m", "max_pause", "must be at least as long as \"pause\"".to_owned()),
            ("probes: 0", "probes", "must be more than 0, or it would never close again".to_owned()),
        ] {
            let config: CircuitBreakerConfig = from_node(&yaml::parse("a.yaml", text).unwrap()).unwrap();
            assert_eq!(config.out_of_range(), [(key, format!("\"{key}\" {says}"))], "{text}");
        }
        assert_eq!(CircuitBreakerConfig::default().out_of_range(), []);
    }
}
