//! A broker of RabbitMQ in a process of its own: where it listens, how it is started, stopped and broken.
//!
//! Two programs need this: `cargo xtask`, which starts the broker that all tests share, and the tests, which start
//! brokers of their own to break them. It is one module that both include by its path, on the standard library alone: a
//! package of its own would be published or excluded, versioned and built for one folder, and a file with the command
//! line would leave the waiting and the signals to be written twice. Everything here blocks; tests call it on a thread
//! for that.

mod config;
mod installation;
mod process;
mod tls;

use std::{
    fs, io,
    net::{Ipv4Addr, TcpStream},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

pub(crate) use self::{
    config::Place,
    installation::{Installation, PROGRAMS},
    process::Life,
};
use self::{config::Ports, process::Process};

/// How long a broker may take to start, to stop or to die, on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(90);

/// How often it is asked whether it is there.
const GLANCE: Duration = Duration::from_millis(20);

/// Said by RabbitMQ 3.10 when queues and messages are on disk and clients are told. It then waits five seconds for an
/// answer from a process that it has ended before, which no test has to.
const STOPPED: &str = "Management plugin: to stop collect_statistics";

/// What the file is called that says which processes a detached broker is.
const PROCESSES: &str = "processes";

/// A broker, its data and its configuration, all in one folder.
#[derive(Debug)]
pub(crate) struct Node {
    installation: Installation,
    folder: PathBuf,
    ports: Ports,
    /// Where Erlang's programs ask for each other's ports. The usual one is shared by the whole machine and outlives
    /// whoever started it; this one is the broker's.
    names: Option<Process>,
    broker: Option<Process>,
}

impl Node {
    /// Prepares a broker in a folder that is not there yet, and is removed with it.
    pub(crate) fn new(installation: Installation, folder: PathBuf) -> io::Result<Self> {
        fs::create_dir(&folder)?;
        let node = Self { installation, folder, ports: Ports::choose()?, names: None, broker: None };
        tls::make(&node.folder)?;
        config::write(&node.folder, &node.ports)?;
        Ok(node)
    }

    /// Finds a broker that was detached.
    pub(crate) fn detached(installation: Installation, folder: PathBuf) -> io::Result<Self> {
        let ports = Ports::read(&folder)?;
        let processes = fs::read_to_string(folder.join(PROCESSES)).unwrap_or_default();
        let mut processes = processes.lines().map(Process::noted);
        let (names, broker) = (processes.next().flatten(), processes.next().flatten());
        Ok(Self { installation, folder, ports, names, broker })
    }

    /// Starts it, and waits until it takes connections.
    pub(crate) fn start(&mut self, life: Life) -> io::Result<()> {
        self.installation.give(&self.folder)?;
        if !self.names.as_mut().is_some_and(Process::is_alive) {
            let mut names = self.installation.command("epmd", life);
            names.args(["-address", "127.0.0.1", "-port"]).arg(self.ports.names.to_string());
            names.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            self.names = Some(Process::start(names, life)?);
        }
        let log = fs::File::create(self.log())?;
        let mut broker = self.installation.command("rabbitmq-server", life);
        broker.envs(config::environment(&self.folder, &self.ports)).stdin(Stdio::null());
        broker.stdout(log.try_clone()?).stderr(log);
        self.broker = Some(Process::start(broker, life)?);
        if life == Life::Detached {
            let processes = [&self.names, &self.broker].map(|process| process.as_ref().map(Process::note));
            fs::write(self.folder.join(PROCESSES), processes.map(Option::unwrap_or_default).join("\n"))?;
        }
        self.wait("started", |node| {
            if !node.is_alive() {
                return Err(io::Error::other(format!("the broker ended: {}", node.last_words())));
            }
            Ok(node.is_ready())
        })
    }

    /// Whether its process is there.
    pub(crate) fn is_alive(&mut self) -> bool {
        self.broker.as_mut().is_some_and(Process::is_alive)
    }

    /// Whether it takes connections. Those of AMQP it takes last, so that everything else is there by then.
    pub(crate) fn is_ready(&self) -> bool {
        let listens = |port| TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok();
        listens(self.ports.amqp) && listens(self.ports.amqps) && listens(self.ports.management)
    }

    /// Stops it as an operator does: clients are told, queues and messages are written.
    pub(crate) fn stop(&mut self) -> io::Result<()> {
        let Some(broker) = &self.broker else { return Ok(()) };
        broker.signal("CONT")?;
        broker.signal("TERM")?;
        self.wait("stopped", |node| Ok(!node.is_alive() || node.words().contains(STOPPED)))?;
        self.kill()
    }

    /// Ends it as a crash does.
    pub(crate) fn kill(&mut self) -> io::Result<()> {
        self.broker.take().map_or(Ok(()), Process::kill)
    }

    /// Sends its process a signal, such as `STOP`, after which it answers nobody, or `CONT`.
    pub(crate) fn signal(&self, signal: &str) -> io::Result<()> {
        self.broker.as_ref().map_or(Ok(()), |broker| broker.signal(signal))
    }

    /// Runs `rabbitmqctl`, and returns what it prints.
    pub(crate) fn control(&self, arguments: &[&str]) -> io::Result<String> {
        let mut command = self.installation.command("rabbitmqctl", Life::Ours);
        command.envs(config::environment(&self.folder, &self.ports)).args(arguments).stdin(Stdio::null());
        text(command)
    }

    /// Where it is, for those who only want to talk to it.
    pub(crate) fn place(&self) -> Place {
        Place::of(&self.folder, &self.ports)
    }

    /// How much memory its processes have, in bytes.
    pub(crate) fn memory(&self) -> u64 {
        [&self.names, &self.broker].into_iter().flatten().map(Process::memory).sum()
    }

    /// Ends it, and removes what it has written.
    pub(crate) fn remove(&mut self) -> io::Result<()> {
        self.kill()?;
        self.names.take().map_or(Ok(()), Process::kill)?;
        fs::remove_dir_all(&self.folder)
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

    /// Waits until something is so, and kills the broker if that takes too long.
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
        let ours = [&self.names, &self.broker].into_iter().flatten().all(Process::is_ours);
        if ours {
            // Whoever drops it can't do anything about a folder that stays.
            let _ = self.remove();
        }
    }
}

/// Runs a command, and returns what it prints; what it complains of is the error.
fn text(mut command: Command) -> io::Result<String> {
    let output = command.output()?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(if output.stderr.is_empty() { &output.stdout } else { &output.stderr });
    Err(io::Error::other(format!("{} failed: {}", command.get_program().display(), said.trim())))
}

/// A folder for a broker of this process, under a name that nobody else chooses. Those of processes that could not
/// clean up after themselves go.
pub(crate) fn own_folder() -> PathBuf {
    use std::sync::atomic::{AtomicU32, Ordering};
    static COUNT: AtomicU32 = AtomicU32::new(0);
    const BEGINNING: &str = "zato-rabbitmq-of-";

    let all = std::env::temp_dir();
    for entry in fs::read_dir(&all).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let owner = name.strip_prefix(BEGINNING).and_then(|rest| rest.split('-').next());
        if owner.is_some_and(|owner| !Path::new("/proc").join(owner).exists()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    all.join(format!("{BEGINNING}{}-{count}", std::process::id()))
}

#[cfg(test)]
mod tests {
    use std::{env, fs};

    use super::own_folder;

    #[test]
    fn what_a_process_that_was_killed_has_left_is_removed() {
        // Linux gives no process this id.
        let left = env::temp_dir().join("zato-rabbitmq-of-4999999-0");
        fs::create_dir_all(left.join("data")).unwrap();
        let own = own_folder();
        fs::create_dir(&own).unwrap();
        let other = own_folder();
        assert!(!left.exists() && own.exists() && own != other);
        fs::remove_dir(own).unwrap();
    }
}
