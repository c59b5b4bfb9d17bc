//! Servers in processes of their own: where they listen, how they are started, stopped and broken.
//!
//! Two programs need this: `cargo xtask`, which starts the servers that all tests share, and the tests, which start
//! servers of their own to break them. It is one module that both include by its path, on the standard library alone: a
//! package of its own would be published or excluded, versioned and built for one folder, and a file with the command
//! line would leave the waiting and the signals to be written twice. Everything here blocks; tests call it on a thread
//! for that.

mod installation;
mod keystone;
mod mariadb;
mod place;
mod ports;
mod postgres;
pub(crate) mod process;
mod rabbitmq;
pub(crate) mod redis;
mod swift;
mod tls;

use std::{
    fmt, fs, io,
    net::{Ipv4Addr, TcpStream},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use self::process::Process;
pub(crate) use self::{
    installation::{Installation, Software},
    keystone::Keystone,
    mariadb::MariaDb,
    place::Place,
    postgres::Postgres,
    process::Life,
    rabbitmq::RabbitMq,
    swift::Swift,
};

/// How long a server may take to start, to stop or to die, on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(90);

/// How often it is asked whether it is there.
const GLANCE: Duration = Duration::from_millis(20);

/// What the file is called that says which processes a detached server is.
const PROCESSES: &str = "processes";

/// What sets one kind of server apart from the others.
pub(crate) trait Kind: fmt::Debug + Send + Sync {
    /// What is to be installed.
    fn software(&self) -> &'static Software;

    /// How many ports it takes; it keeps them for life.
    fn ports(&self) -> usize;

    /// Writes what it reads, and has its own programs write what they need, in a folder that belongs to whom it runs as.
    fn prepare(&self, node: &Node) -> io::Result<()>;

    /// What has to run before it does, and ends when it is removed.
    fn companion(&self, _node: &Node, _life: Life) -> Option<Command> {
        None
    }

    /// The server itself: one process that signals reach.
    fn command(&self, node: &Node, life: Life) -> Command;

    /// Of its ports those, from the first on, that take connections when it is ready.
    fn listening(&self) -> usize {
        0
    }

    /// What it has said by the time it is ready.
    fn ready(&self) -> &'static str {
        ""
    }

    /// The signal that stops it as an operator does.
    fn stopping(&self) -> &'static str {
        "TERM"
    }

    /// What it says when all is written that will be, if waiting for its end is not worth it.
    fn stopped(&self) -> Option<&'static str> {
        None
    }

    /// Where it is, for those who only want to talk to it.
    fn place(&self, node: &Node) -> Place;
}

/// A server, its data and its configuration, all in one folder.
#[derive(Debug)]
pub(crate) struct Node {
    kind: &'static dyn Kind,
    installation: Installation,
    folder: PathBuf,
    ports: Vec<u16>,
    /// What it is told beside what every server of its kind is told.
    arguments: Vec<String>,
    companion: Option<Process>,
    server: Option<Process>,
}

impl Node {
    /// Prepares a server in a folder that is not there yet, and is removed with it.
    pub(crate) fn new(
        kind: &'static dyn Kind,
        installation: Installation,
        folder: PathBuf,
        arguments: Vec<String>,
    ) -> io::Result<Self> {
        fs::create_dir(&folder)?;
        let ports = ports::choose(kind.ports())?;
        let node = Self { kind, installation, folder, ports, arguments, companion: None, server: None };
        let prepared = ports::write(&node.folder, &node.ports)
            .and_then(|()| tls::make(&node.folder))
            .and_then(|()| node.installation.give(&node.folder))
            .and_then(|()| node.kind.prepare(&node));
        if prepared.is_err() {
            // What could not be prepared is worth more than what could not be removed.
            let _ = fs::remove_dir_all(&node.folder);
        }
        prepared.map(|()| node)
    }

    /// Finds a server that was detached.
    pub(crate) fn detached(kind: &'static dyn Kind, installation: Installation, folder: PathBuf) -> io::Result<Self> {
        let ports = ports::read(&folder, kind.ports())?;
        let processes = fs::read_to_string(folder.join(PROCESSES)).unwrap_or_default();
        let mut processes = processes.lines().map(Process::noted);
        let (companion, server) = (processes.next().flatten(), processes.next().flatten());
        Ok(Self { kind, installation, folder, ports, arguments: Vec::new(), companion, server })
    }

    /// Starts it, and waits until it takes connections.
    pub(crate) fn start(&mut self, life: Life) -> io::Result<()> {
        self.installation.give(&self.folder)?;
        if !self.companion.as_mut().is_some_and(Process::is_alive)
            && let Some(mut companion) = self.kind.companion(self, life)
        {
            companion.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            self.companion = Some(Process::start(companion, life)?);
        }
        let log = fs::File::create(self.log())?;
        let mut server = self.kind.command(self, life);
        server.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        self.server = Some(Process::start(server, life)?);
        if life == Life::Detached {
            let processes = [&self.companion, &self.server].map(|process| process.as_ref().map(Process::note));
            fs::write(self.folder.join(PROCESSES), processes.map(Option::unwrap_or_default).join("\n"))?;
        }
        self.wait("started", |node| {
            if !node.is_alive() {
                return Err(io::Error::other(format!("the server ended: {}", node.last_words())));
            }
            Ok(node.is_ready())
        })
    }

    /// Whether its process is there.
    pub(crate) fn is_alive(&mut self) -> bool {
        self.server.as_mut().is_some_and(Process::is_alive)
    }

    /// Whether it takes connections.
    pub(crate) fn is_ready(&self) -> bool {
        let listens = |port: &u16| TcpStream::connect((Ipv4Addr::LOCALHOST, *port)).is_ok();
        self.words().contains(self.kind.ready()) && self.ports.iter().take(self.kind.listening()).all(listens)
    }

    /// Stops it as an operator does: clients are told, what is to be written is written.
    pub(crate) fn stop(&mut self) -> io::Result<()> {
        let Some(server) = &self.server else { return Ok(()) };
        server.signal_all("CONT")?;
        server.signal(self.kind.stopping())?;
        let stopped = self.kind.stopped();
        self.wait("stopped", |node| {
            Ok(!node.is_alive() || stopped.is_some_and(|stopped| node.words().contains(stopped)))
        })?;
        self.kill()
    }

    /// Ends it, and what it has started in turn, as a crash does.
    pub(crate) fn kill(&mut self) -> io::Result<()> {
        self.server.take().map_or(Ok(()), Process::kill)
    }

    /// Stops it in its tracks: it answers nobody, while its connections stay.
    pub(crate) fn pause(&self) -> io::Result<()> {
        self.server.as_ref().map_or(Ok(()), |server| server.signal_all("STOP"))
    }

    /// Ends a pause.
    pub(crate) fn resume(&self) -> io::Result<()> {
        self.server.as_ref().map_or(Ok(()), |server| server.signal_all("CONT"))
    }

    /// Runs one of its programs, and returns what that prints.
    pub(crate) fn run(&self, program: &str, arguments: &[&str]) -> io::Result<String> {
        let mut command = self.program(program, Life::Ours);
        command.args(arguments).stdin(Stdio::null());
        text(command)
    }

    /// Runs `rabbitmqctl`, and returns what it prints.
    pub(crate) fn control(&self, arguments: &[&str]) -> io::Result<String> {
        let mut command = self.program("rabbitmqctl", Life::Ours);
        command.envs(rabbitmq::environment(self)).args(arguments).stdin(Stdio::null());
        text(command)
    }

    /// Where it is, for those who only want to talk to it.
    pub(crate) fn place(&self) -> Place {
        self.kind.place(self)
    }

    /// How much memory its processes have, in bytes.
    pub(crate) fn memory(&self) -> u64 {
        [&self.companion, &self.server].into_iter().flatten().map(Process::memory).sum()
    }

    /// Ends it, and removes what it has written.
    pub(crate) fn remove(&mut self) -> io::Result<()> {
        self.kill()?;
        self.companion.take().map_or(Ok(()), Process::kill)?;
        fs::remove_dir_all(&self.folder)
    }

    /// One of its ports, all of which are on loopback.
    pub(crate) fn port(&self, index: usize) -> u16 {
        self.ports.get(index).copied().unwrap_or_else(|| panic!("there is no port {index} of {:?}", self.kind))
    }

    /// One of its programs, in its folder.
    fn program(&self, program: &str, life: Life) -> Command {
        let mut command = self.installation.command(program, life);
        command.current_dir(&self.folder).env("LC_ALL", "C.UTF-8");
        command
    }

    /// The path of one of its files.
    fn file(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    fn log(&self) -> PathBuf {
        self.folder.join("log.txt")
    }

    /// What it has printed since it was started.
    fn words(&self) -> String {
        fs::read(self.log()).map(|log| String::from_utf8_lossy(&log).into_owned()).unwrap_or_default()
    }

    fn last_words(&self) -> String {
        let words = self.words();
        let lines: Vec<&str> = words.lines().filter(|line| !line.trim().is_empty()).collect();
        lines.get(lines.len().saturating_sub(20)..).unwrap_or_default().join("\n")
    }

    /// Waits until something is so, and kills the server if that takes too long.
    fn wait(&mut self, what: &str, mut is: impl FnMut(&mut Self) -> io::Result<bool>) -> io::Result<()> {
        let start = Instant::now();
        while !is(self)? {
            if start.elapsed() > PATIENCE {
                let words = self.last_words();
                self.kill()?;
                return Err(io::Error::other(format!("not {what} within {} s: {words}", PATIENCE.as_secs())));
            }
            process::pause(GLANCE);
        }
        Ok(())
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let ours = [&self.companion, &self.server].into_iter().flatten().all(Process::is_ours);
        if ours {
            // Whoever drops it can't do anything about a folder that stays.
            let _ = self.remove();
        }
    }
}

/// Runs a command, and returns what it prints; what it complains of is the error.
pub(crate) fn text(mut command: Command) -> io::Result<String> {
    let output = command.output()?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(if output.stderr.is_empty() { &output.stdout } else { &output.stderr });
    Err(io::Error::other(format!("{} failed: {}", command.get_program().display(), said.trim())))
}

/// A folder for a server of this process, under a name that nobody else chooses. Those of processes that could not
/// clean up after themselves go.
pub(crate) fn own_folder(software: &Software) -> PathBuf {
    use std::sync::atomic::{AtomicU32, Ordering};
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let beginning = format!("zato-{}-of-", software.name);

    let all = std::env::temp_dir();
    for entry in fs::read_dir(&all).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let owner = name.strip_prefix(&beginning).and_then(|rest| rest.split('-').next());
        if owner.is_some_and(|owner| !Path::new("/proc").join(owner).exists()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    all.join(format!("{beginning}{}-{count}", std::process::id()))
}

#[cfg(test)]
mod tests {
    use std::{env, fs};

    use super::{Kind as _, RabbitMq, own_folder};

    #[test]
    fn what_a_process_that_was_killed_has_left_is_removed() {
        // Linux gives no process this id.
        let left = env::temp_dir().join("zato-rabbitmq-of-4999999-0");
        fs::create_dir_all(left.join("data")).unwrap();
        let own = own_folder(RabbitMq.software());
        fs::create_dir(&own).unwrap();
        let other = own_folder(RabbitMq.software());
        assert!(!left.exists() && own.exists() && own != other);
        fs::remove_dir(own).unwrap();
    }
}
