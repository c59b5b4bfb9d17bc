//! Counting system calls with strace.

use std::{path::Path, process::Command};

use crate::Result;

/// The same command under strace, which writes its summary to that file.
pub(crate) fn command(report: &Path, plain: &Command) -> Command {
    let mut command = Command::new("strace");
    // Of all threads, counted and not printed.
    command.args(["-f", "-c", "-o"]).arg(report).arg(plain.get_program()).args(plain.get_args());
    command
}

/// How many system calls a report says there were.
pub(crate) fn calls(report: &str) -> Result<u64> {
    let total = report.lines().find(|line| line.ends_with(" total")).ok_or("strace's report has no total")?;
    // Per cent, seconds, microseconds a call, calls, errors if there were any, and the word itself.
    Ok(total.split_whitespace().nth(3).ok_or("strace's report has a total without calls")?.parse()?)
}

#[cfg(test)]
mod tests {
    use super::calls;

    #[test]
    fn the_total_is_found() {
        let report = "\
            % time     seconds  usecs/call     calls    errors syscall\n\
            ------ ----------- ----------- --------- --------- ----------------\n \
            60.00    0.000003           3         1           read\n\
            ------ ----------- ----------- --------- --------- ----------------\n\
            100.00    0.000005           0        29         1 total\n";
        assert_eq!(calls(report).unwrap(), 29);
        assert_eq!(calls("").unwrap_err().to_string(), "strace's report has no total");
    }
}
