//! Programs of the system, installed where they are missing.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use crate::Result;

/// Makes sure that a tool is there, which comes in a package: installs it where that is possible without asking, else
/// says how.
pub(crate) fn install(tool: &str, package: &str) -> Result<()> {
    if is_installed(tool) {
        return Ok(());
    }
    if !(Path::new("/etc/debian_version").exists() && is_root()) {
        return Err(format!("{tool} is not installed; on Debian or Ubuntu: sudo apt-get install {package}").into());
    }
    eprintln!("installing {package}");
    let install = ["install", "--yes", "--no-install-recommends", package];
    // The lists of a fresh container are empty, those of a machine that is in use need no refreshing.
    let installed = apt_get(&install) || apt_get(&["update"]) && apt_get(&install);
    if installed && is_installed(tool) {
        Ok(())
    } else {
        Err(format!("{package} could not be installed with apt-get").into())
    }
}

pub(crate) fn is_installed(tool: &str) -> bool {
    let version = Command::new(tool).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
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
