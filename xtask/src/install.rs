//! Programs of the system, installed where they are missing.

use std::{
    fs, io,
    path::Path,
    process::{Command, Stdio},
};

use crate::Result;

/// Makes sure that a tool is there, which comes in a package: installs it where that is possible without asking, else
/// says how.
pub(crate) fn install(tool: &str, package: &str) -> Result<()> {
    install_unless(|| is_installed(tool), tool, package)
}

/// The same for what shows in another way whether it is there, and may come in several packages.
pub(crate) fn install_unless(is_there: impl Fn() -> bool, what: &str, packages: &str) -> Result<()> {
    if is_there() {
        return Ok(());
    }
    if !(Path::new("/etc/debian_version").exists() && is_root()) {
        return Err(format!("{what} is not installed; on Debian or Ubuntu: sudo apt-get install {packages}").into());
    }
    eprintln!("installing {packages}");
    let _quiet = Quiet::new()?;
    let install = ["install", "--yes", "--no-install-recommends"].into_iter();
    let install: Vec<&str> = install.chain(packages.split_whitespace()).collect();
    // The lists of a fresh container are empty, those of a machine that is in use need no refreshing.
    let installed = apt_get(&install) || apt_get(&["update"]) && apt_get(&install);
    if installed && is_there() { Ok(()) } else { Err(format!("{packages} could not be installed with apt-get").into()) }
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
    // What `cargo xtask services up` prints is for a shell to read.
    command.stdout(io::stderr());
    command.status().is_ok_and(|status| status.success())
}

/// Keeps packages of servers from starting one, which would outlive the tests and take a port that somebody wants.
struct Quiet {
    is_ours: bool,
}

impl Quiet {
    /// What `invoke-rc.d` asks before it starts anything; 101 is no.
    const POLICY: &str = "/usr/sbin/policy-rc.d";

    fn new() -> Result<Self> {
        let is_ours = !Path::new(Self::POLICY).exists();
        if is_ours {
            fs::write(Self::POLICY, "#!/bin/sh\nexit 101\n")?;
            Command::new("chmod").args(["755", Self::POLICY]).status()?;
        }
        Ok(Self { is_ours })
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        if self.is_ours {
            let _ = fs::remove_file(Self::POLICY);
        }
    }
}
