//! Programs that end under load, that a new process takes over, and that others opened the socket of.

use std::{
    fs,
    net::{SocketAddr, TcpListener, UdpSocket},
    os::{fd::OwnedFd, unix::net::UnixDatagram},
    path::Path,
    process::Stdio,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use command_fds::{CommandFdExt, FdMapping};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    process::{Child, Command},
    sync::watch,
    task::JoinSet,
    time::timeout,
};

use crate::{
    examples::program,
    support::{ConfigFile, PATIENCE, until},
};

const CONFIG: &str = "
server: {bind: '127.0.0.1:0', takeover_timeout: 10s, shutdown_timeout: 15s}
channel_rest: [{name: work, url_path: /api/v1/process, service: process.work}]
";

/// A program that runs, and whatever takes it over. Ended when dropped, all of it.
struct Program {
    child: Child,
    /// Its number, and that of its group: whatever takes it over is in it.
    id: u32,
    lines: Arc<Mutex<Vec<String>>>,
    /// Ends when no process is left that writes.
    reading: JoinSet<()>,
}

impl Program {
    fn start(mut command: std::process::Command) -> Self {
        use std::os::unix::process::CommandExt;
        // A group of its own, so that who takes over is ended as well.
        command.env("RUST_LOG", "").stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        let mut child = Command::from(command).spawn().expect("the example is built");
        let lines = Arc::<Mutex<Vec<String>>>::default();
        let mut reading = JoinSet::new();
        let (output, errors) = (child.stdout.take().expect("it is piped"), child.stderr.take().expect("it is piped"));
        let written = Arc::clone(&lines);
        reading.spawn(async move {
            let (mut output, mut errors) = (BufReader::new(output).lines(), BufReader::new(errors).lines());
            loop {
                let line = tokio::select! {
                    Ok(Some(line)) = output.next_line() => line,
                    Ok(Some(line)) = errors.next_line() => line,
                    else => return,
                };
                written.lock().expect("no test panics with it").push(line);
            }
        });
        Self { id: child.id().expect("it runs"), child, lines, reading }
    }

    /// Starts an example with a configuration, and returns where it listens.
    async fn listening(command: std::process::Command) -> (Self, String) {
        let program = Self::start(command);
        let line = program.says("listening").await;
        let address = line.split_once("http://").and_then(|(_, rest)| rest.split([' ', '"']).next());
        (program, address.expect("an address").to_owned())
    }

    /// Waits until it has written something, and returns the line.
    async fn says(&self, what: &str) -> String {
        self.says_times(what, 1).await
    }

    async fn says_times(&self, what: &str, times: usize) -> String {
        let lines = || self.lines.lock().expect("no test panics with it");
        let line = || lines().iter().filter(|line| line.contains(what)).nth(times - 1).cloned();
        let waiting = async {
            while line().is_none() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let written = || lines().join("\n");
        timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("no \"{what}\" in\n{}", written()));
        line().expect("it was there")
    }

    /// Waits until the first process has ended, and returns whether it did so well.
    async fn ended_well(&mut self) -> bool {
        timeout(PATIENCE, self.child.wait()).await.expect("it ends").expect("it can be waited for").success()
    }

    /// Waits until every process has ended.
    async fn all_ended(&mut self) {
        timeout(PATIENCE, self.reading.join_next()).await.expect("all end");
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if !self.reading.is_empty() {
            // There may be none left.
            let group = format!("-{}", self.id);
            let _ = std::process::Command::new("kill").args(["-KILL", "--", &group]).stderr(Stdio::null()).status();
        }
    }
}

fn signal(name: &str, process: &str) {
    let told = std::process::Command::new("kill").args([&format!("-{name}"), "--", process]).status();
    assert!(told.expect("there is a kill").success(), "{name} to {process}");
}

fn example(config: &ConfigFile) -> std::process::Command {
    let mut command = std::process::Command::new(program("take_over"));
    command.arg(config.path());
    command
}

/// Copies a program, by another process: if ours had the file open for writing, and another test began a process just then,
/// that one would have it open as well, and what is being written can't be run.
fn copy(from: &Path, to: &Path) {
    assert!(std::process::Command::new("cp").args([from, to]).status().expect("there is a cp").success());
}

/// Sends a request and reads the reply: which process has answered, and whether it was its last word here.
async fn ask(stream: &mut TcpStream, pause: u64, close: &str) -> Result<(u32, bool), String> {
    let told = |what: &'static str| move |error: std::io::Error| format!("{what}: {error}");
    let body = format!(r#"{{"pause":{pause}}}"#);
    let length = body.len();
    let request = format!("POST /api/v1/process HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n{close}\r\n{body}");
    stream.write_all(request.as_bytes()).await.map_err(told("sending"))?;
    let mut reply = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&reply).into_owned();
        if let Some((head, rest)) = text.split_once("\r\n\r\n")
            && rest.ends_with('}')
        {
            let number: String = rest.chars().filter(char::is_ascii_digit).collect();
            let process = number.parse().map_err(|_| format!("no process in {text}"))?;
            let is_well = head.starts_with("HTTP/1.1 200 ");
            return if is_well { Ok((process, head.contains("connection: close"))) } else { Err(text) };
        }
        let read = timeout(PATIENCE, stream.read_buf(&mut reply)).await.map_err(|_| "no reply in time".to_owned())?;
        if read.map_err(told("receiving"))? == 0 {
            return Err(format!("ended after {text:?}"));
        }
    }
}

/// Many clients at once, each of which tells whatever goes wrong.
struct Load {
    clients: JoinSet<Result<Vec<u32>, String>>,
    stop: watch::Sender<bool>,
    answered: Arc<AtomicUsize>,
}

impl Load {
    /// Clients that connect anew for each request, and clients that keep their connection as long as they are let.
    fn on(address: &str) -> Self {
        let (stop, stopped) = watch::channel(false);
        let answered = Arc::<AtomicUsize>::default();
        let mut clients = JoinSet::new();
        for number in 0..8 {
            let (address, stopped, answered) = (address.to_owned(), stopped.clone(), Arc::clone(&answered));
            clients.spawn(async move {
                let mut processes = Vec::new();
                while !*stopped.borrow() {
                    let connected = TcpStream::connect(&address).await;
                    let mut stream = connected.map_err(|error| format!("connecting: {error}"))?;
                    let is_kept = number % 2 == 0;
                    loop {
                        let close = if is_kept { "" } else { "Connection: close\r\n" };
                        let (process, is_last) = ask(&mut stream, number, close).await?;
                        processes.push(process);
                        answered.fetch_add(1, Ordering::Relaxed);
                        if is_last || *stopped.borrow() {
                            break;
                        }
                    }
                    // So that there is somebody idle at any time.
                    tokio::time::sleep(Duration::from_millis(number)).await;
                }
                Ok(processes)
            });
        }
        Self { clients, stop, answered }
    }

    /// Waits until so many requests have been answered.
    async fn reaches(&self, number: usize) {
        until("requests are answered", || self.answered.load(Ordering::Relaxed) >= number).await;
    }

    /// Waits until some requests more have been answered, and returns by which processes in all.
    async fn end(self) -> Result<Vec<u32>, String> {
        self.reaches(self.answered.load(Ordering::Relaxed) + 50).await;
        self.stop.send_replace(true);
        let mut processes: Vec<u32> =
            self.clients.join_all().await.into_iter().collect::<Result<Vec<_>, _>>()?.concat();
        processes.sort_unstable();
        processes.dedup();
        Ok(processes)
    }
}

/// Asks on a connection of its own which process answers.
async fn who(address: &str) -> u32 {
    let mut stream = TcpStream::connect(address).await.expect("somebody listens");
    ask(&mut stream, 0, "Connection: close\r\n").await.expect("a reply").0
}

#[tokio::test]
async fn new_processes_take_over_and_nobody_is_refused() {
    let config = ConfigFile::new(CONFIG);
    // A copy, which can be replaced as a new version would.
    let file = config.beside("program");
    copy(&program("take_over"), &file);
    let mut command = std::process::Command::new(&file);
    command.arg(config.path());
    let (mut program, address) = Program::listening(command).await;
    let first = program.id;
    let load = Load::on(&address);
    load.reaches(50).await;
    assert_eq!(who(&address).await, first);

    fs::rename(&file, config.beside("program.old")).unwrap();
    copy(&config.beside("program.old"), &file);
    fs::remove_file(config.beside("program.old")).unwrap();
    signal("USR2", &first.to_string());
    program.says("a new process has taken over").await;
    assert!(program.ended_well().await, "the old process ends well");
    let second = who(&address).await;
    assert_ne!(second, first);

    signal("USR2", &second.to_string());
    program.says_times("stopped", 2).await;
    let third = who(&address).await;
    assert!(![first, second].contains(&third));
    let mut expected = vec![first, second, third];
    expected.sort_unstable();
    assert_eq!(load.end().await, Ok(expected));
    signal("TERM", &third.to_string());
    program.all_ended().await;
}

#[tokio::test]
async fn a_process_that_can_not_serve_takes_nothing_over() {
    let config = ConfigFile::new(CONFIG);
    let (mut program, address) = Program::listening(example(&config)).await;
    let load = Load::on(&address);
    let first = program.id;
    config.write("server: {bind: nowhere-at-all}\nchannel_rest: [{name: work}]");
    signal("USR2", &first.to_string());
    let line = program.says("no new process has taken over").await;
    assert!(line.contains("the new process ended before it served: exit status: 1; this one goes on"), "{line}");
    assert_eq!(load.end().await, Ok(vec![first]));

    // Once it is mended, the same signal does it.
    config.write(CONFIG);
    signal("USR2", &first.to_string());
    assert!(program.ended_well().await);
    let second = who(&address).await;
    assert_ne!(second, first);
    signal("TERM", &second.to_string());
    program.all_ended().await;
}

#[tokio::test]
async fn a_process_that_does_not_serve_in_time_is_ended() {
    let config = ConfigFile::new(&CONFIG.replace("10s", "200ms"));
    // The new process is a shell that waits, since the file was replaced meanwhile.
    let file = config.beside("program");
    copy(&program("take_over"), &file);
    let mut command = std::process::Command::new(&file);
    command.arg(config.path());
    let (mut program, address) = Program::listening(command).await;
    let first = program.id;
    config.write_beside("waits", "#!/bin/sh\nexec sleep 600\n");
    let mode = fs::metadata(&file).unwrap().permissions();
    fs::set_permissions(config.beside("waits"), mode).unwrap();
    fs::rename(config.beside("waits"), &file).unwrap();
    signal("USR2", &first.to_string());
    let line = program.says("no new process has taken over").await;
    assert!(line.contains("the new process did not serve within 200ms; this one goes on"), "{line}");
    assert_eq!(who(&address).await, first);
    signal("TERM", &first.to_string());
    // That the one which waited is gone, shows in that nobody writes any more.
    program.all_ended().await;
    assert!(program.ended_well().await);
}

#[tokio::test]
async fn a_stop_under_load_answers_whoever_has_asked() {
    let config = ConfigFile::new(CONFIG);
    let (mut program, address) = Program::listening(example(&config)).await;
    let mut clients = JoinSet::new();
    // Those that keep a connection and always have a request on the way; those that only now and then do; and those
    // that have just connected, some of whom nobody has accepted yet.
    for number in 0..60 {
        let address = address.clone();
        clients.spawn(async move {
            let connected = TcpStream::connect(&address).await;
            let mut stream = connected.map_err(|error| format!("connecting: {error}"))?;
            let (mut answered, mut is_last) = (0, false);
            while !is_last {
                tokio::time::sleep(Duration::from_millis(number * 3)).await;
                is_last = ask(&mut stream, number, "").await?.1;
                answered += 1;
            }
            // The server has said that it was the last, and ends it.
            let rest = timeout(PATIENCE, stream.read(&mut [0])).await.map_err(|_| "left open".to_owned())?;
            if matches!(rest, Ok(0)) { Ok(answered) } else { Err(format!("{rest:?} after the last reply")) }
        });
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    let late: Vec<std::net::TcpStream> =
        (0..40).map(|_| std::net::TcpStream::connect(&address).expect("it listens")).collect();
    signal("TERM", &program.id.to_string());
    for stream in late {
        stream.set_nonblocking(true).unwrap();
        let mut stream = TcpStream::from_std(stream).unwrap();
        clients.spawn(async move { ask(&mut stream, 20, "").await.map(|_| 1) });
    }
    let answered = clients.join_all().await.into_iter().collect::<Result<Vec<u32>, String>>();
    assert!(answered.as_ref().is_ok_and(|answered| answered.iter().all(|number| *number > 0)), "{answered:?}");
    assert!(program.ended_well().await);
    assert!(TcpStream::connect(&address).await.is_err());
    program.says("stopped").await;
}

/// Starts the example with sockets, in the way of systemd: through a shell, which knows the number that the process will
/// have.
fn activated(config: &ConfigFile, sockets: Vec<OwnedFd>) -> std::process::Command {
    let mut command = std::process::Command::new("/bin/sh");
    command.args(["-c", r#"LISTEN_PID=$$ exec "$0" "$@""#]).arg(program("take_over")).arg(config.path());
    command.env("LISTEN_FDS", sockets.len().to_string());
    let mappings = sockets.into_iter().zip(3..).map(|(parent_fd, child_fd)| FdMapping { parent_fd, child_fd });
    command.fd_mappings(mappings.collect()).expect("each has a number of its own");
    command
}

fn opened() -> (TcpListener, SocketAddr) {
    let socket = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = socket.local_addr().expect("it is bound");
    (socket, address)
}

#[tokio::test]
async fn a_socket_that_was_opened_for_the_program_is_used() {
    let config = ConfigFile::new(&CONFIG.replace("127.0.0.1:0", "127.0.0.1:1"));
    let (socket, expected) = opened();
    // Asked before there is anybody to answer.
    let mut early = TcpStream::connect(expected).await.unwrap();
    let (mut program, address) = Program::listening(activated(&config, vec![socket.into()])).await;
    assert_eq!(address, expected.to_string());
    assert_eq!(ask(&mut early, 0, "").await, Ok((program.id, false)));
    // It goes on from one process to the next.
    signal("USR2", &program.id.to_string());
    let first = program.id;
    assert!(program.ended_well().await);
    let second = who(&address).await;
    assert_ne!(second, first);
    signal("TERM", &second.to_string());
    program.all_ended().await;
}

#[tokio::test]
async fn of_several_sockets_the_one_that_is_configured_is_used() {
    let ((first, _), (second, expected)) = (opened(), opened());
    let config = ConfigFile::new(&CONFIG.replace("127.0.0.1:0", &expected.to_string()));
    let (program, address) = Program::listening(activated(&config, vec![first.into(), second.into()])).await;
    assert_eq!(address, expected.to_string());
    program.says("the program was started with a socket that the configuration has no use for").await;
    signal("TERM", &program.id.to_string());
}

#[tokio::test]
async fn a_socket_that_can_not_be_used_is_told() {
    let config = ConfigFile::new(&CONFIG.replace("127.0.0.1:0", "127.0.0.1:1"));
    let ((first, one), (second, other)) = (opened(), opened());
    let mut program = Program::start(activated(&config, vec![first.into(), second.into()]));
    let line = program.says("can't listen on").await;
    for address in [one.to_string(), other.to_string(), "127.0.0.1:1".to_owned()] {
        assert!(line.contains(&address), "{line}");
    }
    assert!(!program.ended_well().await);

    let mut program = Program::start(activated(&config, vec![UdpSocket::bind("127.0.0.1:0").unwrap().into()]));
    let line = program.says("can't listen on").await;
    assert!(line.contains("fd 3 is not a valid tcp socket"), "{line}");
    assert!(!program.ended_well().await);
}

#[tokio::test]
async fn systemd_is_told_how_the_program_stands() {
    let config = ConfigFile::new(CONFIG);
    let told = UnixDatagram::bind(config.beside("notify")).unwrap();
    told.set_nonblocking(true).unwrap();
    let told = tokio::net::UnixDatagram::from_std(told).unwrap();
    let next = async || {
        let mut message = [0; 200];
        let length = timeout(PATIENCE, told.recv(&mut message)).await.expect("it is told").unwrap();
        String::from_utf8_lossy(&message[..length]).trim_end().to_owned()
    };
    let mut command = example(&config);
    command.env("NOTIFY_SOCKET", config.beside("notify"));
    let (mut program, address) = Program::listening(command).await;
    assert_eq!(next().await, "READY=1");
    signal("HUP", &program.id.to_string());
    let reloading = next().await;
    assert!(reloading.starts_with("RELOADING=1\nMONOTONIC_USEC="), "{reloading}");
    assert_eq!(next().await, "READY=1");
    signal("USR2", &program.id.to_string());
    assert!(program.ended_well().await);
    let second = who(&address).await;
    // The new process's word and the old one's, in either order.
    let mut words = [next().await, next().await];
    words.sort();
    assert_eq!(words, [format!("MAINPID={second}"), "READY=1".to_owned()]);
    signal("TERM", &second.to_string());
    assert_eq!(next().await, "STOPPING=1");
    program.all_ended().await;
}
