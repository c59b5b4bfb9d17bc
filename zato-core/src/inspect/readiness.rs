use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

use super::StaleConfig;
use crate::connection::{ConnectionStatus, State};

/// Where an app stands between its start and its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Phase {
    /// Its first configuration is being applied.
    Starting,
    /// It takes messages in.
    Running,
    /// It was told to stop, and lets finish what is in work.
    Stopping {
        /// Since when.
        since: DateTime<Utc>,
    },
}

/// Whether an app can do its work.
///
/// A connection that is down makes an app degraded, not unready: every node of a program has the same partners, and if
/// all of them left the load balancer when one partner is down, the channels that don't need it would be gone, too.
///
/// ```
/// use zato_core::inspect::{Phase, Readiness};
///
/// let readiness = Readiness::new(Phase::Running, 3, Vec::new());
/// assert!(readiness.is_ready());
/// assert_eq!(readiness.to_json().to_string(), r#"{"connections":[],"generation":3,"status":"ready"}"#);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Readiness {
    /// Where the app stands.
    pub phase: Phase,
    /// The number of the configuration that is in force; 0 before the first.
    pub generation: u64,
    /// Everything that should be up and isn't: connections, links of what they share, and what channels hold.
    pub down: Vec<ConnectionStatus>,
    /// Every file of user configuration that can't be used as it is now.
    pub stale: Vec<StaleConfig>,
    /// How many tasks services have in the background; a stop waits for them.
    pub background: usize,
}

impl Readiness {
    /// Says how an app stands.
    #[must_use]
    pub fn new(phase: Phase, generation: u64, connections: Vec<ConnectionStatus>) -> Self {
        let should_be_up = |state: &State| !matches!(state, State::Up { .. } | State::Inactive | State::Unfaked);
        let down = connections.into_iter().filter(|connection| should_be_up(&connection.state)).collect();
        Self { phase, generation, down, stale: Vec::new(), background: 0 }
    }

    /// Adds the files of user configuration that can't be used as they are now.
    #[must_use]
    pub fn with_stale(self, stale: Vec<StaleConfig>) -> Self {
        Self { stale, ..self }
    }

    /// Adds how many tasks services have in the background.
    #[must_use]
    pub fn with_background(self, background: usize) -> Self {
        Self { background, ..self }
    }

    /// Returns whether messages should be sent here.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.phase == Phase::Running
    }

    /// Returns it in one word: `starting`, `ready`, `degraded` or `stopping`.
    #[must_use]
    pub fn status(&self) -> &'static str {
        match self.phase {
            Phase::Starting => "starting",
            Phase::Running if self.down.is_empty() && self.stale.is_empty() => "ready",
            Phase::Running => "degraded",
            Phase::Stopping { .. } => "stopping",
        }
    }

    /// Writes it as JSON: the status, since when that is so if the app is stopping, the generation, the connections
    /// that are not up, the files of user configuration that can't be used, and the number of tasks in the background,
    /// if there are any.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let connections: Vec<Value> = self.down.iter().map(connection).collect();
        let mut readiness = json!({"status": self.status(), "generation": self.generation, "connections": connections});
        let Some(members) = readiness.as_object_mut() else { return readiness };
        if let Phase::Stopping { since } = self.phase {
            members.insert("since".to_owned(), second(since).into());
        }
        if !self.stale.is_empty() {
            let stale = self.stale.iter().map(StaleConfig::to_json);
            members.insert("user_config".to_owned(), stale.collect());
        }
        if self.background > 0 {
            members.insert("background".to_owned(), self.background.into());
        }
        readiness
    }
}

/// Writes how a connection stands, as far as there is something to tell.
pub(crate) fn connection(status: &ConnectionStatus) -> Value {
    let ConnectionStatus { section, name, state, .. } = status;
    let mut written = json!({"section": section, "name": name, "state": state.word()});
    let Some(members) = written.as_object_mut() else { return written };
    if let Some(link) = status.link {
        members.insert("link".to_owned(), link.into());
    }
    match &**state {
        State::Up { since } => {
            members.insert("since".to_owned(), second(*since).into());
        }
        State::Down { since, error, attempts } | State::Failing { since, error, attempts } => {
            members.insert("since".to_owned(), second(*since).into());
            members.insert("attempts".to_owned(), (*attempts).into());
            members.insert("error".to_owned(), error.as_str().into());
        }
        State::Inactive | State::Unfaked | State::Connecting | State::Closed => {}
    }
    written
}

fn second(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn status(name: &str, state: State) -> ConnectionStatus {
        ConnectionStatus::new("outgoing_test", name, Arc::new(state))
    }

    #[test]
    fn what_should_be_up_and_is_not_is_told_with_its_reason() {
        let since = DateTime::UNIX_EPOCH;
        let down = State::Down { since, error: "refused".to_owned(), attempts: 3 };
        let connections = vec![
            status("a", State::Up { since }),
            status("b", down),
            status("c", State::Inactive),
            status("d", State::Connecting),
            status("e", State::Connecting).with_link("publishing"),
        ];
        let readiness = Readiness::new(Phase::Running, 2, connections);
        assert!(readiness.is_ready());
        assert_eq!(
            readiness.to_json(),
            json!({"status": "degraded", "generation": 2, "connections": [
                {"section": "outgoing_test", "name": "b", "state": "down", "since": "1970-01-01T00:00:00Z", "attempts": 3, "error": "refused"},
                {"section": "outgoing_test", "name": "d", "state": "connecting"},
                {"section": "outgoing_test", "name": "e", "link": "publishing", "state": "connecting"},
            ]})
        );
    }

    #[test]
    fn user_configuration_that_can_not_be_used_is_told_with_its_reason() {
        let stale = vec![StaleConfig::new("tutorial", DateTime::UNIX_EPOCH, "a fault")];
        let readiness = Readiness::new(Phase::Running, 2, Vec::new()).with_stale(stale);
        assert!(readiness.is_ready());
        assert_eq!(
            readiness.to_json(),
            json!({"status": "degraded", "generation": 2, "connections": [], "user_config": [
                {"name": "tutorial", "since": "1970-01-01T00:00:00Z", "error": "a fault"},
            ]})
        );
    }

    #[test]
    fn who_starts_or_stops_is_not_ready() {
        let stopping = Readiness::new(Phase::Stopping { since: DateTime::UNIX_EPOCH }, 1, Vec::new());
        assert!(!stopping.is_ready() && !Readiness::new(Phase::Starting, 0, Vec::new()).is_ready());
        let told = json!({"status": "stopping", "since": "1970-01-01T00:00:00Z", "generation": 1, "connections": []});
        assert_eq!(stopping.to_json(), told);
    }
}
