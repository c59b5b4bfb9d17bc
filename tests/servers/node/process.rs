//! Processes that end with whoever started them, however that ends.

use std::{
    fs, io,
    process::{Child, Command},
    sync::{LazyLock, mpsc},
    thread,
    time::Duration,
};

use super::{GLANCE, text};

/// How long a process lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Life {
    /// Until whoever started it ends, be it by a panic, by Ctrl-C or by SIGKILL.
    Ours,
    /// Until it is ended.
    Detached,
}

/// A process that we have started, now or in an earlier run.
#[derive(Debug)]
pub(crate) struct Process {
    id: u32,
    /// When it was started, in ticks: ids are used again.
    since: u64,
    child: Option<Child>,
}

impl Process {
    /// Starts it, out of reach of a Ctrl-C in the terminal, which whoever started it decides about.
    pub(crate) fn start(mut command: Command, life: Life) -> io::Result<Self> {
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let child = started(command)?;
        let id = child.id();
        let since = status(id).map_or(0, |status| status.since);
        Ok(Self { id, since, child: (life == Life::Ours).then_some(child) })
    }

    /// What an earlier run wrote down.
    pub(crate) fn noted(note: &str) -> Option<Self> {
        let (id, since) = note.split_once(' ')?;
        Some(Self { id: id.parse().ok()?, since: since.parse().ok()?, child: None })
    }

    pub(crate) fn note(&self) -> String {
        format!("{} {}", self.id, self.since)
    }

    pub(crate) fn is_ours(&self) -> bool {
        self.child.is_some()
    }

    pub(crate) fn is_alive(&mut self) -> bool {
        match &mut self.child {
            Some(child) => matches!(child.try_wait(), Ok(None)),
            None => self.is_there(),
        }
    }

    fn is_there(&self) -> bool {
        status(self.id).is_some_and(|status| status.state != 'Z' && status.since == self.since)
    }

    pub(crate) fn signal(&self, signal: &str) -> io::Result<()> {
        // A process that is gone has no use for a signal, and another may have its id.
        if !self.is_there() {
            return Ok(());
        }
        let mut kill = Command::new("kill");
        kill.args(["-s", signal, &self.id.to_string()]);
        text(kill).map(drop)
    }

    /// Sends it a signal, and then those that it has started, of which PostgreSQL has one for each client.
    pub(crate) fn signal_all(&self, signal: &str) -> io::Result<()> {
        self.signal(signal)?;
        for child in self.children() {
            // It may be gone by now.
            let _ = child.signal(signal);
        }
        Ok(())
    }

    /// The processes that it has started, and that are there still.
    fn children(&self) -> Vec<Self> {
        let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
        let ids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        let each = ids.filter_map(|id| status(id).filter(|status| status.parent == self.id).map(|status| (id, status)));
        each.map(|(id, status)| Self { id, since: status.since, child: None }).collect()
    }

    /// Ends it and those that it has started, and waits until they are gone. PostgreSQL does not start again while one of
    /// them has its memory.
    pub(crate) fn kill(mut self) -> io::Result<()> {
        // So that it starts no more of them.
        self.signal("STOP")?;
        let children = self.children();
        if let Some(child) = &mut self.child {
            child.kill()?;
            child.wait()?;
        } else {
            self.signal("KILL")?;
            self.wait_until_gone();
        }
        for child in children {
            // It may have gone with the other.
            let _ = child.signal("KILL");
            child.wait_until_gone();
        }
        Ok(())
    }

    fn wait_until_gone(&self) {
        while self.is_there() {
            pause(GLANCE);
        }
    }

    /// How much memory it has, in bytes.
    pub(crate) fn memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id)).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).map_or(0, |kilobytes| kilobytes << 10)
    }
}

/// Starts a process on a thread that lives as long as this program: `setpriv --pdeathsig` speaks of the thread that
/// started a process, and those of tests and runtimes come and go.
fn started(command: Command) -> io::Result<Child> {
    type Order = (Command, mpsc::Sender<io::Result<Child>>);
    static KEEPER: LazyLock<mpsc::Sender<Order>> = LazyLock::new(|| {
        let (orders, taken) = mpsc::channel::<Order>();
        thread::spawn(move || {
            for (mut command, answer) in taken {
                let _ = answer.send(command.spawn());
            }
        });
        orders
    });
    let gone = |_| io::Error::other("the thread that starts processes is gone");
    let (answer, child) = mpsc::channel();
    KEEPER.send((command, answer)).map_err(|_| gone(mpsc::RecvError))?;
    child.recv().map_err(gone)?
}

/// What the system says of a process.
struct Status {
    state: char,
    parent: u32,
    /// When it was started.
    since: u64,
}

/// The third, the fourth and the twenty-second field of `/proc/PID/stat`, whose second is a name in parentheses that may
/// hold anything.
fn status(id: u32) -> Option<Status> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut fields = fields.split(' ');
    let (state, parent) = (fields.next()?.chars().next()?, fields.next()?.parse().ok()?);
    Some(Status { state, parent, since: fields.nth(17)?.parse().ok()? })
}

#[expect(clippy::disallowed_methods, reason = "a program of others tells nobody when it is ready or gone")]
pub(super) fn pause(time: Duration) {
    thread::sleep(time);
}

#[cfg(test)]
mod tests {
    use std::{
        env,
        io::{BufRead as _, BufReader},
        process::{Command, Stdio},
        thread,
        time::{Duration, Instant},
    };

    use super::{Life, Process, pause};

    /// Set where this test is run by itself, as the program that ends.
    const ENDING: &str = "ZATO_TEST_ENDS_WITH_A_PROCESS";

    #[cfg(target_os = "linux")]
    #[test]
    fn a_process_ends_with_whoever_started_it_and_not_before() {
        if env::var_os(ENDING).is_some() {
            let mut sleep = Command::new("setpriv");
            sleep.args(["--pdeathsig", "KILL", "--", "sleep", "600"]).stdout(Stdio::null());
            // On a thread that ends at once.
            let process = thread::spawn(|| Process::start(sleep, Life::Ours).unwrap()).join().unwrap();
            println!("\nprocess {}", process.note());
            pause(Duration::from_mins(5));
            return;
        }
        let this = thread::current();
        let mut program = Command::new(env::current_exe().unwrap());
        program.args(["--exact", "--nocapture", this.name().unwrap()]).env(ENDING, "1").stdout(Stdio::piped());
        let mut program = program.spawn().unwrap();
        let lines = BufReader::new(program.stdout.take().unwrap()).lines();
        let note = lines.map(Result::unwrap).find_map(|line| line.strip_prefix("process ").map(str::to_owned));
        let mut process = Process::noted(&note.unwrap()).unwrap();
        pause(Duration::from_millis(100));
        assert!(process.is_alive(), "it ended with a thread");
        program.kill().unwrap();
        program.wait().unwrap();
        let since = Instant::now();
        while process.is_alive() {
            assert!(since.elapsed() < Duration::from_secs(30), "it is still there");
            pause(Duration::from_millis(10));
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_a_process_has_started_stops_and_ends_with_it() {
        let mut shell = Command::new("sh");
        shell.args(["-c", "sleep 600 & wait"]);
        let process = Process::start(shell, Life::Ours).unwrap();
        let since = Instant::now();
        let mut child = loop {
            assert!(since.elapsed() < Duration::from_secs(30), "it starts none");
            if let Some(child) = process.children().pop() {
                break child;
            }
            pause(Duration::from_millis(5));
        };
        process.signal_all("STOP").unwrap();
        while [&process, &child].iter().any(|process| super::status(process.id).unwrap().state != 'T') {
            assert!(since.elapsed() < Duration::from_secs(30), "one goes on");
            pause(Duration::from_millis(5));
        }
        process.kill().unwrap();
        assert!(!child.is_alive());
    }

    #[test]
    fn an_id_that_is_used_again_is_another_process() {
        let mut other = Process { id: std::process::id(), since: 1, child: None };
        assert!(!other.is_alive());
        other.signal("KILL").unwrap();
    }
}
