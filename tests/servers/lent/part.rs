//! Processes that play a part in a test, to be suspended and killed.

use std::{
    env,
    process::{Command, Stdio},
};

use crate::node::{Life, process::Process};

/// Set in a process that plays a part: what it is told.
const TOLD: &str = "ZATO_TEST_PART";

/// A process that plays a part in a test: this program, of which it runs the same test and nothing else. It ends when it is
/// dropped, and with this process, however that ends.
#[derive(Debug)]
pub(crate) struct Part {
    process: Option<Process>,
}

impl Part {
    /// Returns what this process was told, if it plays a part: each test that has parts asks before anything else.
    pub(crate) fn told() -> Option<String> {
        env::var(TOLD).ok()
    }

    /// Starts one; the test is called by its whole name.
    pub(crate) fn start(test: &str, told: &str) -> Self {
        let program = env::current_exe().expect("it is there");
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--"]).arg(program);
        command.args([test, "--exact", "--nocapture", "--test-threads=1"]).env(TOLD, told);
        // What it complains of is said where that of this process is.
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let process = Process::start(command, Life::Ours).unwrap_or_else(|error| panic!("{test} has no part: {error}"));
        Self { process: Some(process) }
    }

    /// Suspends it: it does nothing, while its connections stay.
    pub(crate) fn suspend(&self) {
        self.signal("STOP");
    }

    /// Has it go on.
    pub(crate) fn go_on(&self) {
        self.signal("CONT");
    }

    /// Whether it is there still: it never ends by itself, unless it fails.
    pub(crate) fn is_alive(&mut self) -> bool {
        self.process.as_mut().is_some_and(Process::is_alive)
    }

    fn signal(&self, signal: &str) {
        let process = self.process.as_ref().expect("it is there until it is dropped");
        process.signal(signal).unwrap_or_else(|error| panic!("no signal is sent: {error}"));
    }
}

impl Drop for Part {
    /// Ends it as a crash does.
    fn drop(&mut self) {
        if let Some(process) = self.process.take() {
            // It may have ended by itself.
            let _ = process.kill();
        }
    }
}
