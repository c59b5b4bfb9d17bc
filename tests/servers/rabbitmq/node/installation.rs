//! Where RabbitMQ is installed, and whom it runs as.

use std::{
    env, io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::{Life, text};

/// Says where RabbitMQ's own scripts are; set by `cargo xtask test`, and then they have to be there.
pub(crate) const PROGRAMS: &str = "ZATO_TEST_RABBITMQ";

/// Where packages put them. What stands in `/usr/sbin` insists on the broker of the system.
const FOLDERS: [&str; 2] = ["/usr/lib/rabbitmq/bin", "/opt/rabbitmq/sbin"];

/// The user that the package makes.
const USER: &str = "rabbitmq";

/// A RabbitMQ that can be started.
#[derive(Clone, Debug)]
pub(crate) struct Installation {
    programs: PathBuf,
    /// Whom it runs as, if that is not who runs us.
    user: Option<&'static str>,
}

impl Installation {
    /// Looks where we are told to, else where packages put it.
    pub(crate) fn find() -> Option<Self> {
        let told = env::var_os(PROGRAMS).map(PathBuf::from);
        let folders = told.map_or_else(|| FOLDERS.map(PathBuf::from).to_vec(), |told| vec![told]);
        let programs = folders.into_iter().find(|folder| folder.join("rabbitmq-server").exists());
        // Brokers of tests have to end with the tests, and `setpriv` of Linux sees to that.
        let programs = programs.filter(|_| succeeds("setpriv", &["--version"]))?;
        let is_root = text(id(&["-u"])).is_ok_and(|id| id.trim() == "0");
        let user = (is_root && succeeds("id", &["-u", USER])).then_some(USER);
        Some(Self { programs, user })
    }

    /// The folder with its scripts.
    pub(crate) fn programs(&self) -> &Path {
        &self.programs
    }

    /// One of its scripts, or one of Erlang's programs.
    pub(super) fn command(&self, program: &str, life: Life) -> Command {
        let mut command = Command::new("setpriv");
        if let Some(user) = self.user {
            command.args(["--reuid", user, "--regid", user, "--clear-groups", "--inh-caps=-all"]);
        }
        if life == Life::Ours {
            command.args(["--pdeathsig", "KILL"]);
        }
        let own = self.programs.join(program);
        command.arg("--").arg(if own.exists() { own } else { program.into() });
        command
    }

    /// Makes a folder belong to whom it runs as.
    pub(super) fn give(&self, folder: &Path) -> io::Result<()> {
        let Some(user) = self.user else { return Ok(()) };
        let mut chown = Command::new("chown");
        chown.args(["-R", &format!("{user}:")]).arg(folder);
        text(chown).map(drop)
    }
}

fn id(arguments: &[&str]) -> Command {
    let mut command = Command::new("id");
    command.args(arguments);
    command
}

fn succeeds(program: &str, arguments: &[&str]) -> bool {
    let status = Command::new(program).args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}
