//! What a process has, for tests that promise something of it; and processes that do nothing but one test.

use std::{env, fs, process::Stdio};

use tokio::process::Command;

use crate::lent::note;

/// Set in a process that does nothing but one test.
const ALONE: &str = "ZATO_TEST_ALONE";

/// What this process has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Usage {
    /// Memory in megabytes.
    pub(super) megabytes: usize,
    pub(super) threads: usize,
    /// Open files, of which sockets are some.
    pub(super) files: usize,
}

impl Usage {
    /// Looks what it has now.
    pub(super) fn now() -> Self {
        let status = fs::read_to_string("/proc/self/status").expect("Linux says so");
        let number = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("it is in there");
            line.split_whitespace().next().and_then(|number| number.parse::<usize>().ok()).expect("it is a number")
        };
        let files = fs::read_dir("/proc/self/fd").expect("Linux says so").count();
        Self { megabytes: number("VmRSS:") / 1024, threads: number("Threads:"), files }
    }
}

/// Runs a test in a process of its own, since others of this one would be measured with it; returns whether that was done,
/// and nothing is left to do here.
pub(super) async fn ran_alone(test: &str) -> bool {
    if env::var_os(ALONE).is_some() {
        return false;
    }
    let program = env::current_exe().expect("it is there");
    let mut command = Command::new(program);
    command.args([test, "--exact", "--nocapture", "--test-threads=1"]).env(ALONE, "1").stdin(Stdio::null());
    let output = command.kill_on_drop(true).output().await.expect("it can be started");
    let (said, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    // For who looks at a test that passes, too.
    note(format_args!("{said}{errors}"));
    assert!(output.status.success(), "{test} failed in a process of its own");
    assert!(said.contains("1 passed"), "there is no test {test}");
    true
}
