//! Programs that answer over HTTP, started for one test each.

use std::{
    collections::BTreeMap,
    env,
    io::{self, Write},
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    process::Stdio,
    time::Duration,
};

use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt as _, BufReader},
    process::{Child, Command},
    time::timeout,
};

/// How long an interpreter may take to be there, on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a partner runs on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Interpreter {
    /// Says where it is; set by `cargo xtask test`, and then it has to be there.
    variable: &'static str,
    program: &'static str,
    script: &'static str,
    /// What the script can't do without, beside what comes with the interpreter.
    packages: Option<Packages>,
}

/// Libraries of others.
#[derive(Clone, Copy, Debug)]
struct Packages {
    /// Says where they are; set by `cargo xtask test`, and then they have to be there.
    variable: &'static str,
    /// Where they are otherwise, once that has put them there.
    folder: &'static str,
    /// What the interpreter looks for them by.
    path: &'static str,
}

const PYTHON_PACKAGES: Packages =
    Packages { variable: "ZATO_TEST_PYTHON_PACKAGES", folder: "target/packages/pip", path: "PYTHONPATH" };

const NODE_PACKAGES: Packages =
    Packages { variable: "ZATO_TEST_NODE_PACKAGES", folder: "target/packages/npm", path: "ZATO_TEST_NODE_PACKAGES" };

pub(crate) const PYTHON: Interpreter =
    Interpreter { variable: "ZATO_TEST_PYTHON", program: "python3", script: "partner.py", packages: None };

pub(crate) const NODE: Interpreter =
    Interpreter { variable: "ZATO_TEST_NODE", program: "node", script: "partner.mjs", packages: None };

/// A server of SOAP, on spyne.
pub(crate) const SPYNE: Interpreter =
    Interpreter { script: "soap_partner.py", packages: Some(PYTHON_PACKAGES), ..PYTHON };

/// A client of SOAP, on zeep.
pub(crate) const ZEEP: Interpreter = Interpreter { script: "soap_client.py", ..SPYNE };

/// Clients of the example `treasury_rates`, one of them on zeep.
pub(crate) const TREASURY: Interpreter = Interpreter { script: "treasury_client.py", ..SPYNE };

/// A client of AMQP, on pika.
pub(crate) const PIKA: Interpreter = Interpreter { script: "amqp_peer.py", ..SPYNE };

/// A client of Swift, on python-swiftclient.
pub(crate) const SWIFTCLIENT: Interpreter = Interpreter { script: "swift/peer.py", ..SPYNE };

/// A client of SOAP, on the package of that name.
pub(crate) const NODE_SOAP: Interpreter =
    Interpreter { script: "soap_client.mjs", packages: Some(NODE_PACKAGES), ..NODE };

/// A partner that runs until the value is dropped.
pub(crate) struct Partner {
    process: Child,
    ports: BTreeMap<String, u16>,
}

impl Interpreter {
    /// Returns what to start it with; `None`, said where nobody can miss it, if it isn't there.
    async fn find(self, test: &str) -> Option<String> {
        if let Ok(program) = env::var(self.variable) {
            return Some(program);
        }
        let mut command = Command::new(self.program);
        command.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
        if command.status().await.is_ok_and(|status| status.success()) {
            return Some(self.program.to_owned());
        }
        // Past the test harness, which keeps what a test that passes prints to itself.
        let program = self.program;
        let _ = writeln!(io::stderr(), "LEFT OUT: {test}: {program} is not here; `cargo xtask test` installs it");
        None
    }

    /// Returns what runs our script.
    async fn command(self, test: &str) -> Option<Command> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut command = Command::new(self.find(test).await?);
        if let Some(packages) = self.packages {
            let folder = env::var_os(packages.variable).map_or_else(|| root.join(packages.folder), Into::into);
            if !folder.exists() {
                let (program, folder) = (self.program, folder.display());
                let _ = writeln!(
                    io::stderr(),
                    "LEFT OUT: {test}: the packages of {program} are not in {folder}; `cargo xtask test` installs them"
                );
                return None;
            }
            command.env(packages.path, folder);
        }
        command.arg(root.join("tests/servers").join(self.script));
        Some(command)
    }

    /// Runs our script to its end, and returns what it says in JSON.
    pub(crate) async fn run(self, test: &str, arguments: &[&str]) -> Option<Value> {
        self.run_with(test, &[], arguments).await
    }

    /// The same with variables of its environment.
    pub(crate) async fn run_with(self, test: &str, variables: &[(&str, &str)], arguments: &[&str]) -> Option<Value> {
        let mut command = self.command(test).await?;
        command.envs(variables.iter().copied()).args(arguments).stdin(Stdio::null()).kill_on_drop(true);
        let output = timeout(PATIENCE, command.output()).await.expect("it ends in time").expect("it can be started");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{command:?} failed: {said}{errors}");
        Some(serde_json::from_str(&said).unwrap_or_else(|_| panic!("JSON, not {said:?}: {errors}")))
    }

    /// Runs our script, which fails, and returns what it complains of.
    pub(crate) async fn fails(self, test: &str, arguments: &[&str]) -> Option<String> {
        let mut command = self.command(test).await?;
        command.args(arguments).stdin(Stdio::null()).kill_on_drop(true);
        let output = timeout(PATIENCE, command.output()).await.expect("it ends in time").expect("it can be started");
        assert!(!output.status.success(), "{command:?} went well: {}", String::from_utf8_lossy(&output.stdout));
        Some(String::from_utf8_lossy(&output.stderr).into_owned())
    }

    /// Runs our script to its end with lines of JSON to read, and returns the lines that it says.
    pub(crate) async fn lines(self, test: &str, arguments: &[&str], input: &[Value]) -> Option<Vec<Value>> {
        let mut command = self.command(test).await?;
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut process = command.spawn().unwrap_or_else(|error| panic!("{command:?} can't be started: {error}"));
        let mut to = process.stdin.take().expect("the input was just piped");
        let input = input.iter().map(|line| format!("{line}\n")).collect::<String>();
        // What is not read is what it ended before.
        let output =
            async { tokio::join!(async move { to.write_all(input.as_bytes()).await }, process.wait_with_output()).1 };
        let output = timeout(PATIENCE, output).await.expect("it ends in time").expect("it runs");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{command:?} failed: {said}{errors}");
        let line = |line| serde_json::from_str(line).unwrap_or_else(|_| panic!("JSON, not {line:?}: {errors}"));
        Some(said.lines().map(line).collect())
    }

    /// Starts our script on a port; on a free one if that is 0.
    pub(crate) async fn partner(self, test: &str, port: u16) -> Option<Partner> {
        self.partner_with(test, port, &[]).await
    }

    /// Starts our script with the files of a key and its certificate, if it shall speak TLS.
    pub(crate) async fn partner_with(self, test: &str, port: u16, files: &[&Path]) -> Option<Partner> {
        let mut command = self.command(test).await?;
        command.arg(port.to_string()).args(files);
        let (process, line) = started(command).await;
        let ports = serde_json::from_str(&line).unwrap_or_else(|_| panic!("the ports, not {line:?}"));
        Some(Partner { process, ports })
    }
}

impl Partner {
    /// Starts the server that comes with Python, for the files of a folder.
    pub(crate) async fn of_files(test: &str, folder: &Path) -> Option<Self> {
        let mut command = Command::new(PYTHON.find(test).await?);
        command.args(["-u", "-m", "http.server", "--bind", "127.0.0.1", "--directory"]).arg(folder).arg("0");
        let (process, line) = started(command).await;
        // Serving HTTP on 127.0.0.1 port 40123 (http://127.0.0.1:40123/) ...
        let port = line.split(" port ").nth(1).and_then(|rest| rest.split(' ').next()).and_then(|it| it.parse().ok());
        let port = port.unwrap_or_else(|| panic!("a port, not {line:?}"));
        Some(Self { process, ports: BTreeMap::from([("http".to_owned(), port)]) })
    }

    /// Where it speaks a version of HTTP.
    pub(crate) fn address(&self, version: &str) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, *self.ports.get(version).expect("it speaks this version")).into()
    }

    /// Ends it, as a crash does.
    pub(crate) async fn kill(mut self) {
        self.process.kill().await.expect("it ran until now");
    }
}

/// Starts a program, and returns the first line that it prints.
async fn started(mut command: Command) -> (Child, String) {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
    let mut process = command.spawn().unwrap_or_else(|error| panic!("{command:?} can't be started: {error}"));
    let output = process.stdout.take().expect("the output was just piped");
    let mut line = String::new();
    let read = timeout(PATIENCE, BufReader::new(output).read_line(&mut line)).await;
    read.expect("it starts in time").expect("it prints a line");
    (process, line)
}
