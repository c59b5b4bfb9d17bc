use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

/// A file of user configuration that can't be used as it is now, so that services have its last good content.
///
/// ```
/// use chrono::DateTime;
/// use zato_core::inspect::StaleConfig;
///
/// let stale = StaleConfig::new("tutorial", DateTime::UNIX_EPOCH, "tutorial.conf:2:1: this line has no \"=\"");
/// assert_eq!(stale.to_json()["since"], "1970-01-01T00:00:00Z");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StaleConfig {
    /// The name by which services ask for it.
    pub name: String,
    /// Since when it can't be used.
    pub since: DateTime<Utc>,
    /// Why, with the places.
    pub reason: String,
}

impl StaleConfig {
    /// Says since when a file can't be used, and why.
    #[must_use]
    pub fn new(name: impl Into<String>, since: DateTime<Utc>, reason: impl Into<String>) -> Self {
        Self { name: name.into(), since, reason: reason.into() }
    }

    /// Writes it as JSON.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let since = self.since.to_rfc3339_opts(SecondsFormat::Secs, true);
        json!({"name": self.name, "since": since, "error": self.reason})
    }
}
