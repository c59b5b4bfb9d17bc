//! Counting instructions with valgrind's callgrind.

use std::{path::Path, process::Command};

use crate::Result;

/// The same command under callgrind, which writes its report to that file.
pub(crate) fn command(report: &Path, plain: &Command) -> Command {
    let mut command = Command::new("valgrind");
    command.arg("--tool=callgrind").arg(format!("--callgrind-out-file={}", report.display()));
    command.arg(plain.get_program()).args(plain.get_args());
    command
}

/// How many instructions a report says were executed.
pub(crate) fn instructions(report: &str) -> Result<u64> {
    let summary = report.lines().find_map(|line| line.strip_prefix("summary:"));
    Ok(summary.ok_or("callgrind's report has no summary")?.trim().parse()?)
}

#[cfg(test)]
mod tests {
    use super::instructions;

    #[test]
    fn the_summary_is_found() {
        let report = "# callgrind format\nevents: Ir\nsummary: 36859044\n\nfn=(1) main\n0 12\n\ntotals: 36859044\n";
        assert_eq!(instructions(report).unwrap(), 36_859_044);
        let error = instructions("events: Ir\n").unwrap_err().to_string();
        assert_eq!(error, "callgrind's report has no summary");
    }
}
