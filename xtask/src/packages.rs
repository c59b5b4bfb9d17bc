//! Libraries that partners in tests and servers are made of, installed for tests alone, into the folder of builds.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    Result,
    install::{install, is_installed},
    services::{Environment, Server},
};

/// Libraries of one language.
pub(crate) struct Packages {
    name: &'static str,
    needed_by: &'static str,
    /// What installs them, and the package of the system that it comes in.
    installer: (&'static str, &'static str),
    /// What is installed: names and versions, as the installer takes them.
    packages: &'static [&'static str],
    /// Tells tests where they are, and that they must not do without.
    variable: &'static str,
    command: fn(&Path) -> Command,
}

pub(crate) const PYTHON_PACKAGES: Packages = Packages {
    name: "pip",
    needed_by: "SOAP, AMQP and Swift: clients (zeep, pika, swiftclient) and a server (spyne) that nobody here wrote",
    installer: PIP,
    packages: &["zeep==4.3.1", "spyne==2.14.0", "pika==1.4.4", "python-swiftclient[keystone]==4.8.0"],
    variable: "ZATO_TEST_PYTHON_PACKAGES",
    command: pip,
};

/// What Keystone and its Swift are. They are listed as the server that they make.
pub(crate) const KEYSTONE_PACKAGES: Packages = Packages {
    name: "keystone",
    needed_by: "Swift, with Keystone",
    installer: PIP,
    // Those of Debian bring half of OpenStack along.
    packages: &["keystone==30.0.0", "keystonemiddleware==13.0.1", "swift==2.38.3", "waitress==3.0.2"],
    variable: "ZATO_TEST_KEYSTONE",
    command: pip,
};

const PIP: (&str, &str) = ("pip3", "python3-pip");

fn pip(folder: &Path) -> Command {
    let mut command = Command::new("python3");
    command.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target"]).arg(folder);
    command
}

pub(crate) const NODE_PACKAGES: Packages = Packages {
    name: "npm",
    needed_by: "SOAP: a client and a server that nobody here wrote",
    installer: ("npm", "npm"),
    packages: &["soap@1.13.0"],
    variable: "ZATO_TEST_NODE_PACKAGES",
    command: |folder| {
        let mut command = Command::new("npm");
        command.args(["install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix"]).arg(folder);
        command
    },
};

impl Packages {
    fn folder(&self) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/packages").join(self.name)
    }

    /// Says what is in the folder, so that nothing is asked for twice.
    fn note(&self) -> PathBuf {
        self.folder().join("installed.txt")
    }

    fn wanted(&self) -> String {
        self.packages.join("\n")
    }

    fn is_up(&self) -> bool {
        fs::read_to_string(self.note()).is_ok_and(|installed| installed == self.wanted())
    }
}

impl Server for Packages {
    fn name(&self) -> &'static str {
        self.name
    }

    fn needed_by(&self) -> &'static str {
        self.needed_by
    }

    fn up(&self) -> Result<Environment> {
        let folder = self.folder();
        if !self.is_up() {
            let (tool, package) = self.installer;
            install(tool, package)?;
            // What another version needed, or an installation that was interrupted has left, would stay.
            if folder.exists() {
                fs::remove_dir_all(&folder)?;
            }
            fs::create_dir_all(&folder)?;
            eprintln!("installing {}", self.packages.join(", "));
            if !(self.command)(&folder).args(self.packages).status()?.success() {
                return Err(format!("{} could not be installed with {tool}", self.packages.join(", ")).into());
            }
            fs::write(self.note(), self.wanted())?;
        }
        Ok(vec![(self.variable.to_owned(), fs::canonicalize(folder)?.display().to_string())])
    }

    fn down(&self) -> Result<()> {
        Ok(())
    }

    fn status(&self) -> Result<String> {
        let is = match (self.is_up(), is_installed(self.installer.0)) {
            (true, _) => "are installed",
            (false, true) => "are not installed",
            (false, false) => "are not installed, nor is what installs them",
        };
        Ok(format!("{} {is}", self.packages.join(", ")))
    }
}
