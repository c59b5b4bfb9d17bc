//! A new process of the same program, which takes over the sockets of this one.

use std::{
    env, io,
    net::TcpListener,
    os::{fd::OwnedFd, unix::net::UnixDatagram as Socket},
    path::{Path, PathBuf},
    process,
    time::Duration,
};

use command_fds::{CommandFdExt, FdMapping};
use tokio::{
    net::UnixDatagram,
    process::{Child, Command},
    time,
};

use crate::{
    channel::{ACTIVATED, Inherited, READY, TAKEOVER},
    error::{Error, Result},
};

/// The first descriptor that is handed over: those before it are the standard streams (`sd_listen_fds(3)`).
const FIRST: i32 = 3;

/// Finds the file of this program, while it is there for sure.
///
/// Later it may have been replaced, when Linux says of a process that its file is deleted. And a link that leads to the
/// version of the day is kept as it was called, so that it leads to the new version then.
pub(super) fn program() -> io::Result<PathBuf> {
    let file = env::current_exe()?;
    let called = env::args_os().next().map(PathBuf::from).and_then(|called| absolute(&called));
    let is_it = |called: &PathBuf| match (called.canonicalize(), file.canonicalize()) {
        (Ok(called), Ok(file)) => called == file,
        _ => false,
    };
    Ok(called.filter(is_it).unwrap_or(file))
}

/// Finds the file that a name means, as a shell does.
fn absolute(called: &Path) -> Option<PathBuf> {
    if called.components().count() > 1 {
        return std::path::absolute(called).ok();
    }
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join(called)).find(|file| file.is_file())
}

/// Starts a program with this one's arguments and environment, hands sockets over, and waits until it serves. Returns the
/// new process's id.
pub(super) async fn hand_over(program: &Path, sockets: Vec<TcpListener>, patience: Duration) -> Result<u32> {
    let (ours, theirs) =
        Socket::pair().and_then(|(ours, theirs)| Ok((listening(ours)?, theirs))).map_err(unprepared)?;
    let mut child = Starting(Some(start(program, sockets, theirs)?));
    let mut word = [0; READY.len()];
    let outcome = tokio::select! {
        received = ours.recv(&mut word) => match received {
            Ok(_) if word == *READY => return child.has_started(),
            Ok(_) => "said something that is not understood".to_owned(),
            Err(error) => format!("can't be heard: {error}"),
        },
        ended = child.ended() => match ended {
            Ok(status) => format!("ended before it served: {status}"),
            Err(error) => format!("can't be watched: {error}"),
        },
        () = time::sleep(patience) => format!("did not serve within {}", crate::config::Duration(patience)),
    };
    Err(Error::unavailable(format!("the new process {outcome}; this one goes on")))
}

fn listening(socket: Socket) -> io::Result<UnixDatagram> {
    socket.set_nonblocking(true)?;
    UnixDatagram::from_std(socket)
}

/// Starts the process; what it inherits is told it in the way of systemd, but for the id that it has only then.
fn start(program: &Path, sockets: Vec<TcpListener>, ready: Socket) -> Result<Child> {
    let name = |socket: &TcpListener| match socket.local_addr() {
        Ok(address) if Inherited::of_process().is_activated(address) => ACTIVATED,
        _ => "bound",
    };
    let names = sockets.iter().map(name).chain(["takeover"]).collect::<Vec<_>>().join(":");
    let mut given: Vec<OwnedFd> = sockets.into_iter().map(OwnedFd::from).collect();
    given.push(ready.into());
    let count = given.len().to_string();
    let mappings = given.into_iter().zip(FIRST..).map(|(parent_fd, child_fd)| FdMapping { parent_fd, child_fd });
    let mut command = process::Command::new(program);
    command.args(env::args_os().skip(1));
    command.env_remove("LISTEN_PID").env_remove("LISTEN_FDS_FIRST_FD");
    command.env("LISTEN_FDS", count).env("LISTEN_FDNAMES", names).env(TAKEOVER, process::id().to_string());
    command.fd_mappings(mappings.collect()).map_err(|error| unprepared(io::Error::other(error)))?;
    Command::from(command)
        .spawn()
        .map_err(|error| Error::unavailable(format!("{} can't be started", program.display())).with_source(error))
}

fn unprepared(error: io::Error) -> Error {
    Error::unavailable("nothing can be handed over to a new process").with_source(error)
}

/// A process that does not serve yet, and is of no use if nobody waits for it any more.
struct Starting(Option<Child>);

impl Starting {
    async fn ended(&mut self) -> io::Result<process::ExitStatus> {
        match &mut self.0 {
            Some(child) => child.wait().await,
            None => std::future::pending().await,
        }
    }

    fn has_started(mut self) -> Result<u32> {
        let id = self.0.take().and_then(|child| child.id());
        id.ok_or_else(|| Error::unavailable("the new process ended as soon as it served; this one goes on"))
    }
}

impl Drop for Starting {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            // One that has ended needs no end; there is nobody to tell anything else.
            let _ = child.start_kill();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_test_is_found_by_its_name() {
        let found = program().unwrap().canonicalize().unwrap();
        assert_eq!(found, env::current_exe().unwrap().canonicalize().unwrap());
        assert!(absolute(Path::new("sh")).is_some_and(|shell| shell.is_absolute()));
        assert_eq!(absolute(Path::new("no-such-program")), None);
    }

    #[tokio::test]
    async fn who_ends_at_once_or_never_serves_takes_nothing_over() {
        let patience = Duration::from_millis(100);
        let told = |path: &str| {
            let path = absolute(Path::new(path)).unwrap();
            async move { hand_over(&path, Vec::new(), patience).await.unwrap_err().to_string() }
        };
        // `cat` and `sh` are called with this test's arguments, which they can't use.
        assert!(told("false").await.contains("ended before it served: exit status: 1"));
        assert!(told("/nowhere/at/all").await.contains("can't be started"));
    }
}
