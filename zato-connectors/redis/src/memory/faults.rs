//! What goes wrong because a test wants it to.

use std::collections::HashMap;

use tokio::time::Instant;

/// What goes wrong.
#[derive(Debug, Default)]
pub(super) struct Faults {
    pub(super) is_refusing: bool,
    pub(super) is_readonly: bool,
    pub(super) is_out_of_memory: bool,
    /// Until when nothing is carried out.
    pub(super) paused_until: Option<Instant>,
    /// The errors that commands are answered with next.
    failures: HashMap<String, Vec<String>>,
    /// How often the connection ends once a command was carried out.
    disconnections: HashMap<String, usize>,
}

impl Faults {
    pub(super) fn add_failure(&mut self, command: &str, error: &str) {
        // A line alone can be written as an error.
        let error = error.replace(['\r', '\n'], " ");
        self.failures.entry(command.to_ascii_lowercase()).or_default().insert(0, error);
    }

    pub(super) fn take_failure(&mut self, command: &str) -> Option<String> {
        self.failures.get_mut(command)?.pop()
    }

    pub(super) fn add_disconnection(&mut self, command: &str) {
        *self.disconnections.entry(command.to_ascii_lowercase()).or_default() += 1;
    }

    pub(super) fn take_disconnection(&mut self, command: &str) -> bool {
        let Some(left) = self.disconnections.get_mut(command).filter(|left| **left > 0) else { return false };
        *left -= 1;
        true
    }
}
