//! Counting instructions with valgrind's callgrind.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use crate::Result;

/// Makes sure that valgrind is there: installs it where that is possible without asking, else says how.
pub(crate) fn install() -> Result<()> {
    if is_installed() {
        return Ok(());
    }
    if !(Path::new("/etc/debian_version").exists() && is_root()) {
        return Err("valgrind is not installed; on Debian or Ubuntu: sudo apt-get install valgrind".into());
    }
    eprintln!("installing valgrind");
    // The lists of a fresh container are empty, those of a machine that is in use need no refreshing.
    let installed = apt_get(&["install", "--yes", "--no-install-recommends", "valgrind"])
        || apt_get(&["update"]) && apt_get(&["install", "--yes", "--no-install-recommends", "valgrind"]);
    if installed && is_installed() { Ok(()) } else { Err("valgrind could not be installed with apt-get".into()) }
}

fn is_installed() -> bool {
    let version = Command::new("valgrind").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    version.is_ok_and(|status| status.success())
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

fn apt_get(arguments: &[&str]) -> bool {
    let mut command = Command::new("apt-get");
    command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive").stdin(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// The same command under callgrind, which writes its report to that file.
pub(crate) fn command(report: &Path, plain: &Command) -> Command {
    let mut command = Command::new("valgrind");
    command.arg("--tool=callgrind").arg(format!("--callgrind-out-file={}", report.display()));
    command.arg(plain.get_program()).args(plain.get_args());
    if let Some(directory) = plain.get_current_dir() {
        command.current_dir(directory);
    }
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
