use schemars::JsonSchema;
use serde::Deserialize;

use crate::{config::Duration, resilience::budget};

/// How calls of a connection are tried again.
///
/// # Examples
///
/// ```
/// use zato_core::{config::{from_node, yaml}, resilience::retry::RetryConfig};
///
/// let retry: RetryConfig = from_node(&yaml::parse("zato.yaml", "{max_retries: 3, sleep_time: 50ms}")?)?;
/// assert_eq!((retry.max_retries, retry.budget_percent), (3, 20));
/// # Ok::<(), zato_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct RetryConfig {
    /// How many times a call is tried again at most; `0` for never. Calls that aren't safe to make twice are tried again
    /// only if the other side has not seen them.
    pub max_retries: u32,
    /// How long the pause before the first retry is at most. It is random, from nothing up to this, so that many callers
    /// don't come back at the same moment.
    #[serde(alias = "retry_sleep_time")]
    pub sleep_time: Duration,
    /// What no pause is longer than, unless the other side asks for more with `Retry-After` and there is time for that.
    #[serde(alias = "retry_backoff_threshold")]
    pub backoff_threshold: Duration,
    /// How many times as long each further pause may be as the one before.
    #[serde(alias = "retry_backoff_multiplier")]
    pub backoff_multiplier: f64,
    /// How many retries there may be in all, as a share of all calls of the connection, in percent. What ordinary times
    /// leave over is saved up, for at most 100 retries.
    pub budget_percent: u32,
    /// How many retries a second there may be in any case, however few calls there are.
    pub budget_min_per_second: u32,
}

impl Default for RetryConfig {
    fn default() -> Self {
        Self {
            // A second one for bad luck with the first; what takes more is no moment's failure any longer.
            max_retries: 2,
            // As long as a connection over a continent takes to be made.
            sleep_time: Duration::from_millis(100),
            backoff_threshold: Duration::from_secs(5),
            backoff_multiplier: 2.0,
            // A system that fails altogether gets a fifth more than it has to carry in any case.
            budget_percent: 20,
            budget_min_per_second: 10,
        }
    }
}

impl RetryConfig {
    /// Names the values that can't be used, by their key, and says why.
    #[must_use]
    pub fn out_of_range(&self) -> Vec<(&'static str, String)> {
        let mut faults = Vec::new();
        let mut fault = |key: &'static str, says: &str| faults.push((key, format!("\"{key}\" {says}")));
        if self.max_retries > 100 {
            fault("max_retries", "must be at most 100; what fails that often is down");
        }
        if self.sleep_time.is_zero() {
            fault("sleep_time", "must be more than 0; write \"max_retries: 0\" for no retries");
        }
        if self.backoff_threshold < self.sleep_time {
            fault("backoff_threshold", "must be at least as long as \"sleep_time\"");
        }
        if !(1.0..=10.0).contains(&self.backoff_multiplier) {
            fault("backoff_multiplier", "must be from 1 to 10");
        }
        let (percent, min_per_second) = (self.budget_percent, self.budget_min_per_second);
        faults.extend(budget::out_of_range(percent, min_per_second, "write \"max_retries: 0\" for no retries"));
        faults
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{from_node, yaml};

    fn read(text: &str) -> Result<RetryConfig, String> {
        from_node(&yaml::parse("a.yaml", text).unwrap()).map_err(|fault| fault.to_string())
    }

    #[test]
    fn zatos_own_keys_are_read() {
        let text = "{max_retries: 5, retry_sleep_time: 2, retry_backoff_threshold: 60, retry_backoff_multiplier: 3}";
        let config = read(text).unwrap();
        assert_eq!((config.sleep_time.as_secs(), config.backoff_threshold.as_secs()), (2, 60));
        assert_eq!((config.max_retries, config.backoff_multiplier), (5, 3.0));
        assert_eq!(read("{}").unwrap(), RetryConfig::default());
        assert!(read("{max_retry: 1}").unwrap_err().contains("did you mean \"max_retries\"?"));
    }

    #[test]
    fn what_can_not_be_used_is_told_with_the_remedy() {
        assert_eq!(RetryConfig::default().out_of_range(), []);
        for (text, key, says) in [
            ("max_retries: 101", "max_retries", "must be at most 100; what fails that often is down"),
            ("sleep_time: 0", "sleep_time", "must be more than 0; write \"max_retries: 0\" for no retries"),
            ("sleep_time: 6s", "backoff_threshold", "must be at least as long as \"sleep_time\""),
            ("backoff_multiplier: 0.5", "backoff_multiplier", "must be from 1 to 10"),
            ("backoff_multiplier: .nan", "backoff_multiplier", "must be from 1 to 10"),
            ("budget_percent: 101", "budget_percent", "must be at most 100"),
            (
                "{budget_percent: 0, budget_min_per_second: 0}",
                "budget_percent",
                "and \"budget_min_per_second\" can't both be 0; write \"max_retries: 0\" for no retries",
            ),
            ("budget_min_per_second: 100001", "budget_min_per_second", "must be at most 100000"),
        ] {
            assert_eq!(read(text).unwrap().out_of_range(), [(key, format!("\"{key}\" {says}"))], "{text}");
        }
    }
}
