//! The server's process: started, told to stop, never left behind.

use std::{
    io::{BufRead as _, BufReader, Read, Write as _},
    net::SocketAddr,
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread::{self, JoinHandle},
    time::Duration,
};

use crate::Result;

/// How long a server may say nothing while it starts or stops. Under valgrind on a busy machine, starting takes seconds.
const PATIENCE: Duration = Duration::from_secs(120);

/// A server that runs, and is killed if it is dropped before it was stopped.
pub(crate) struct Server {
    child: Child,
    address: SocketAddr,
    /// Its standard output. A thread reads it, since a server that logs there would stop when the pipe is full.
    lines: Receiver<String>,
    /// Its standard error, shown if it fails.
    complaints: Option<JoinHandle<String>>,
}

/// What a server said before it ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// How often its process asked for memory.
    pub(crate) allocations: u64,
}

impl Server {
    /// Starts it, and waits until it listens.
    pub(crate) fn start(command: Command) -> Result<Self> {
        let mut server = Self::spawn(command)?;
        server.address = match server.said("listening ")? {
            Some(address) => address.parse().map_err(|_| format!("listens on {address:?}, which is no address"))?,
            None => return Err(server.ended_early("before it listened")),
        };
        Ok(server)
    }

    /// Starts one that nobody connects to, and waits until it takes orders.
    pub(crate) fn start_worker(command: Command) -> Result<Self> {
        let mut server = Self::spawn(command)?;
        match server.said("ready")? {
            Some(_) => Ok(server),
            None => Err(server.ended_early("before it was ready")),
        }
    }

    fn spawn(mut command: Command) -> Result<Self> {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let stdout = child.stdout.take().expect("standard output was just piped");
        let stderr = child.stderr.take().expect("standard error was just piped");
        let (sender, lines) = channel();
        thread::spawn(move || {
            // The receiver goes away only with the server.
            BufReader::new(stdout).lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
        });
        let complaints = Some(thread::spawn(move || read_all(stderr)));
        let unspecified = SocketAddr::from(([0, 0, 0, 0], 0));
        Ok(Self { child, address: unspecified, lines, complaints })
    }

    /// Where it listens; nowhere if nobody connects to it.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a line, waits for one that begins like this, and returns its rest.
    pub(crate) fn order(&mut self, line: &str, answer: &str) -> Result<String> {
        let stdin = self.child.stdin.as_mut().ok_or("the server was told to stop already")?;
        // A pipe that nobody reads is the end of the server as well.
        let is_sent = writeln!(stdin, "{line}").is_ok();
        match if is_sent { self.said(answer)? } else { None } {
            Some(rest) => Ok(rest),
            None => Err(self.ended_early("before it had done as it was told")),
        }
    }

    /// Closes its standard input, which asks it to stop, and returns what it says then.
    pub(crate) fn stop(mut self) -> Result<Ended> {
        drop(self.child.stdin.take());
        let allocations = self.said("allocations ")?;
        // To the end of its output, which is the end of the process.
        while self.line()?.is_some() {}
        let status = self.child.wait()?;
        match allocations.and_then(|count| count.parse().ok()) {
            Some(allocations) if status.success() => Ok(Ended { allocations }),
            _ => Err(self.ended_early("before it had counted its allocations")),
        }
    }

    /// Waits for a line that begins like this, and returns its rest; `None` if there are no more lines.
    fn said(&self, beginning: &str) -> Result<Option<String>> {
        while let Some(line) = self.line()? {
            if let Some(rest) = line.strip_prefix(beginning) {
                return Ok(Some(rest.to_owned()));
            }
        }
        Ok(None)
    }

    /// Waits for the next line of its output; `None` at the end.
    fn line(&self) -> Result<Option<String>> {
        match self.lines.recv_timeout(PATIENCE) {
            Ok(line) => Ok(Some(line)),
            Err(RecvTimeoutError::Disconnected) => Ok(None),
            Err(RecvTimeoutError::Timeout) => {
                Err(format!("the server said nothing for {} s", PATIENCE.as_secs()).into())
            }
        }
    }

    fn ended_early(&mut self, when: &str) -> Box<dyn std::error::Error + Send + Sync> {
        let status = self.child.wait().map_or_else(|error| error.to_string(), |status| status.to_string());
        let complaints = self.complaints.take().and_then(|thread| thread.join().ok()).unwrap_or_default();
        format!("the server ended {when} ({status})\n{}", complaints.trim_end()).into()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Fails if it has ended already, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read_all(mut from: impl Read) -> String {
    let mut bytes = Vec::new();
    // What was read before an error is still worth showing.
    let _ = from.read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(all(test, unix))]
mod tests {
    use std::process::Command;

    use super::Server;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn a_server_is_asked_to_stop_and_reports() {
        let script = "echo noise; echo listening 127.0.0.1:81; cat >/dev/null; echo allocations 42; echo noise";
        let server = Server::start(shell(script)).unwrap();
        assert_eq!(server.address(), ([127, 0, 0, 1], 81).into());
        assert_eq!(server.stop().unwrap().allocations, 42);
    }

    #[test]
    fn a_server_that_fails_is_quoted() {
        let error = Server::start(shell("echo out of luck >&2; exit 3")).err().unwrap().to_string();
        assert_eq!(error, "the server ended before it listened (exit status: 3)\nout of luck");
        let mut server = Server::start(shell("echo listening 127.0.0.1:81; read order; echo did $order")).unwrap();
        assert_eq!(server.order("it", "did ").unwrap(), "it");
        let error = server.order("more", "did more").unwrap_err().to_string();
        assert!(error.starts_with("the server ended before it had done as it was told"), "{error}");
        let error = Server::start_worker(shell("exit 5")).err().unwrap().to_string();
        assert_eq!(error, "the server ended before it was ready (exit status: 5)\n");
        let server = Server::start(shell("echo listening 127.0.0.1:81; cat >/dev/null; exit 4")).unwrap();
        let error = server.stop().unwrap_err().to_string();
        assert_eq!(error, "the server ended before it had counted its allocations (exit status: 4)\n");
    }
}
