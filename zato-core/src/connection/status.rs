use std::sync::Arc;

use super::State;

/// How one connection stands, for readiness and administration; also a link of a definition, and what a channel holds of a
/// broker.
///
/// ```
/// use std::sync::Arc;
///
/// use zato_core::connection::{ConnectionStatus, State};
///
/// let status = ConnectionStatus::new("definition_amqp", "broker", Arc::new(State::Connecting));
/// let status = status.with_link("publishing").with_counts(2, 5);
/// assert_eq!((status.link, status.reconnects, status.failures), (Some("publishing"), 2, 5));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectionStatus {
    /// The section it is configured in.
    pub section: &'static str,
    /// Its name.
    pub name: String,
    /// Which of its links this is about, where one entry has several, such as `publishing`.
    pub link: Option<&'static str>,
    /// How it stands.
    pub state: Arc<State>,
    /// How often it was connected anew after it was lost.
    pub reconnects: u64,
    /// How many attempts to connect have failed.
    pub failures: u64,
}

impl ConnectionStatus {
    /// Says how the only link of an entry stands, which was never lost.
    #[must_use]
    pub fn new(section: &'static str, name: impl Into<String>, state: Arc<State>) -> Self {
        Self { section, name: name.into(), link: None, state, reconnects: 0, failures: 0 }
    }

    /// Says which link of the entry it is about; every status of one entry has another.
    #[must_use]
    pub fn with_link(self, link: &'static str) -> Self {
        Self { link: Some(link), ..self }
    }

    /// Adds how often it was connected anew, and how many attempts to connect have failed.
    #[must_use]
    pub fn with_counts(self, reconnects: u64, failures: u64) -> Self {
        Self { reconnects, failures, ..self }
    }
}
