//! What a process has, for tests that promise something of it; and processes that do nothing but one test.

use std::{env, fs, process::Stdio, time::Duration};

use tokio::{process::Command, time::timeout};

use crate::lent::note;

/// Set in a process that does nothing but one test.
const ALONE: &str = "ZATO_TEST_ALONE";

/// How long such a process may take.
const PATIENCE: Duration = Duration::from_mins(15);

/// What this process has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    /// Memory in megabytes.
    pub(crate) megabytes: usize,
    pub(crate) threads: usize,
    /// Open files, of which sockets are some.
    pub(crate) files: usize,
}

impl Usage {
    /// Looks what it has now.
    pub(crate) fn now() -> Self {
        let files = fs::read_dir("/proc/self/fd").expect("Linux says so").count();
        Self { megabytes: number("VmRSS:") / 1024, threads: number("Threads:"), files }
    }
}

/// The most memory that this process has had, in bytes, since it was started or the last [`forget_peak`]. What is mapped of
/// files is not counted, which is the program itself, as far as that was used (proc(5), `VmHWM` and `RssFile`).
pub(crate) fn peak() -> usize {
    number("VmHWM:").saturating_sub(number("RssFile:")) * 1024
}

/// Has the [`peak`] begin anew with what the process has now, and returns that (proc(5), `clear_refs`).
pub(crate) fn forget_peak() -> usize {
    fs::write("/proc/self/clear_refs", "5").expect("Linux does so");
    peak()
}

/// A number that Linux says of this process.
fn number(name: &str) -> usize {
    let status = fs::read_to_string("/proc/self/status").expect("Linux says so");
    let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("it is in there");
    line.split_whitespace().next().and_then(|number| number.parse().ok()).expect("it is a number")
}

/// Runs a test in a process of its own, since others of this one would be measured with it; returns whether that was done,
/// and nothing is left to do here.
pub(crate) async fn ran_alone(test: &str) -> bool {
    if env::var_os(ALONE).is_some() {
        return false;
    }
    let program = env::current_exe().expect("it is there");
    let mut command = Command::new(program);
    command.args([test, "--exact", "--nocapture", "--test-threads=1"]).env(ALONE, "1").stdin(Stdio::null());
    let output = timeout(PATIENCE, command.kill_on_drop(true).output()).await.expect("it ends in time");
    let output = output.expect("it can be started");
    let (said, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    // For who looks at a test that passes, too.
    note(format_args!("{said}{errors}"));
    assert!(output.status.success(), "{test} failed in a process of its own");
    assert!(said.contains("1 passed"), "there is no test {test}");
    true
}
