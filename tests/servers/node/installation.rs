//! Where servers are installed, and whom they run as.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::{Life, text};

/// Stands for the folders in which a shell looks for programs.
pub(super) const PATH: &str = "$PATH";

/// A server as it is installed on machines.
#[derive(Debug)]
pub(crate) struct Software {
    /// What a person types, and part of the names of folders.
    pub(crate) name: &'static str,
    /// What it is called.
    pub(crate) title: &'static str,
    /// The variable that says in which folder its programs are, set by `cargo xtask test`: they have to be there, then.
    /// Those that say where a server is begin with it.
    pub(crate) variable: &'static str,
    /// The program that is the server.
    pub(super) server: &'static str,
    /// Where packages put it. A `*` stands for any name, of which the highest number is taken.
    pub(super) folders: &'static [&'static str],
    /// The user that the package makes.
    pub(super) user: &'static str,
}

/// A server that can be started.
#[derive(Clone, Debug)]
pub(crate) struct Installation {
    programs: PathBuf,
    /// Whom it runs as and that user's group, if that is not who runs us.
    user: Option<(&'static str, String)>,
}

impl Installation {
    /// Looks where we are told to, else where packages put it.
    pub(crate) fn find(software: &Software) -> Option<Self> {
        let told = env::var_os(software.variable).map(PathBuf::from);
        let folders = told.map_or_else(|| folders(software.folders), |told| vec![told]);
        let programs = folders.into_iter().find(|folder| folder.join(software.server).exists());
        // Servers of tests have to end with the tests, and `setpriv` of Linux sees to that.
        let programs = programs.filter(|_| succeeds("setpriv", &["--version"]))?;
        let is_root = text(id(&["-u"])).is_ok_and(|id| id.trim() == "0");
        // Some packages make no user, and some servers refuse to run as root.
        let user = [software.user, "nobody"].into_iter().filter(|_| is_root);
        let user = user.filter_map(|user| Some((user, text(id(&["-gn", user])).ok()?.trim().to_owned()))).next();
        Some(Self { programs, user })
    }

    /// The folder with its programs.
    pub(crate) fn programs(&self) -> &Path {
        &self.programs
    }

    /// One of its programs, or another one of the system.
    pub(super) fn command(&self, program: &str, life: Life) -> Command {
        let mut command = Command::new("setpriv");
        if let Some((user, group)) = &self.user {
            command.args(["--reuid", user, "--regid", group, "--clear-groups", "--inh-caps=-all"]);
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
        let Some((user, group)) = &self.user else { return Ok(()) };
        let mut chown = Command::new("chown");
        chown.args(["-R", &format!("{user}:{group}")]).arg(folder);
        text(chown).map(drop)
    }
}

fn folders(patterns: &[&str]) -> Vec<PathBuf> {
    let path = || env::var_os("PATH").map(|path| env::split_paths(&path).collect()).unwrap_or_default();
    let each = patterns.iter().map(|&pattern| match pattern.split_once('*') {
        _ if pattern == PATH => path(),
        Some((before, after)) => versions(Path::new(before), after.trim_start_matches('/')),
        None => vec![pattern.into()],
    });
    each.collect::<Vec<Vec<_>>>().concat()
}

/// The folders of the versions that are installed, the newest first.
fn versions(folder: &Path, below: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut found: Vec<(u32, PathBuf)> = entries
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join(below))))
        .collect();
    found.sort_by(|one, other| other.cmp(one));
    found.into_iter().map(|(_, path)| path).collect()
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

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{
        super::{Kind as _, Postgres, own_folder},
        versions,
    };

    #[test]
    fn of_several_versions_the_highest_number_is_taken() {
        let folder = own_folder(Postgres.software());
        for version in ["9", "15", "common"] {
            fs::create_dir_all(folder.join(version)).unwrap();
        }
        assert_eq!(versions(&folder, "bin"), ["15/bin", "9/bin"].map(|path| folder.join(path)));
        fs::remove_dir_all(folder).unwrap();
    }
}
