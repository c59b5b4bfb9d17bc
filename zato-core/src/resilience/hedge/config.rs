use schemars::JsonSchema;
use serde::Deserialize;

use crate::{config::Duration, resilience::budget};

/// When requests of a connection are sent a second time, since the first is slow.
///
/// # Examples
///
/// ```
/// use zato_core::{config::{from_node, yaml}, resilience::hedge::HedgingConfig};
///
/// let hedging: HedgingConfig = from_node(&yaml::parse("zato.yaml", "{delay: 200ms}")?)?;
/// assert_eq!(hedging.budget_percent, 5);
/// assert!(HedgingConfig::default().delay.is_none());
/// # Ok::<(), zato_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct HedgingConfig {
    /// How long to wait for the first answer, which should be longer than nearly all answers take; never sent a second
    /// time unless given. Only requests are that are safe to make twice.
    pub delay: Option<Duration>,
    /// How many second requests there may be in all, as a share of all calls of the connection that are safe to make
    /// twice, in percent.
    pub budget_percent: u32,
    /// How many second requests a second there may be in any case, however few calls there are.
    pub budget_min_per_second: u32,
}

impl Default for HedgingConfig {
    fn default() -> Self {
        // One in twenty: with a delay that fits there are no more, and with one that doesn't it ends there.
        Self { delay: None, budget_percent: 5, budget_min_per_second: 1 }
    }
}

impl HedgingConfig {
    /// Names the values that can't be used, by their key, and says why.
    #[must_use]
    pub fn out_of_range(&self) -> Vec<(&'static str, String)> {
        let mut faults = Vec::new();
        let mut fault = |key: &'static str, says: &str| faults.push((key, format!("\"{key}\" {says}")));
        if self.delay.is_some_and(|delay| delay.is_zero()) {
            fault("delay", "must be more than 0; leave it out for no second requests");
        }
        let (percent, min_per_second) = (self.budget_percent, self.budget_min_per_second);
        faults.extend(budget::out_of_range(percent, min_per_second, "leave \"delay\" out for no second requests"));
        faults
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{from_node, yaml};

    #[test]
    fn what_can_not_be_used_is_told_by_its_key() {
        assert_eq!(HedgingConfig::default().out_of_range(), []);
        for (text, key) in [
            ("delay: 0", "delay"),
            ("budget_percent: 101", "budget_percent"),
            ("{budget_percent: 0, budget_min_per_second: 0}", "budget_percent"),
            ("budget_min_per_second: 100001", "budget_min_per_second"),
        ] {
            let config: HedgingConfig = from_node(&yaml::parse("a.yaml", text).unwrap()).unwrap();
            let keys: Vec<_> = config.out_of_range().into_iter().map(|(key, _)| key).collect();
            assert_eq!(keys, [key], "{text}");
        }
    }
}
