//! Redis, alone, as a replica or as a member of a cluster, and Redis Sentinel.

use std::{
    fs, io,
    process::{Command, Stdio},
};

use super::{Installation, Kind, Life, Node, Place, Software, installation::PATH, text, tls};

const SOFTWARE: Software = Software {
    name: "redis",
    title: "Redis",
    variable: "ZATO_TEST_REDIS",
    server: "redis-server",
    folders: &["/usr/bin", "/usr/local/bin", PATH],
    user: "redis",
};

/// Redis. Its ports are those for plain connections, for TLS, and for the members of a cluster.
#[derive(Debug)]
pub(crate) struct Redis;

impl Kind for Redis {
    fn software(&self) -> &'static Software {
        &SOFTWARE
    }

    fn ports(&self) -> usize {
        3
    }

    fn prepare(&self, _: &Node) -> io::Result<()> {
        Ok(())
    }

    fn command(&self, node: &Node, life: Life) -> Command {
        let mut command = node.program("redis-server", life);
        let port = |index| node.port(index).to_string();
        command.args(["--bind", "127.0.0.1", "--daemonize", "no", "--save", "", "--loglevel", "notice"]);
        let settings = [
            ("--dir", node.file("")),
            ("--port", port(0)),
            ("--tls-port", port(1)),
            ("--cluster-port", port(2)),
            ("--tls-ca-cert-file", node.file(tls::AUTHORITY)),
            ("--tls-cert-file", node.file(tls::SERVER.certificate)),
            ("--tls-key-file", node.file(tls::SERVER.key)),
            ("--tls-auth-clients", "optional".to_owned()),
        ];
        for (name, value) in settings {
            command.args([name, &value]);
        }
        command.args(&node.arguments);
        command
    }

    fn listening(&self) -> usize {
        2
    }

    fn ready(&self) -> &'static str {
        "Ready to accept connections"
    }

    fn place(&self, node: &Node) -> Place {
        let url = |scheme, host, index| format!("{scheme}://{host}:{}/0", node.port(index));
        Place::new(node, url("redis", "127.0.0.1", 0), url("rediss", "localhost", 1))
    }
}

impl Redis {
    /// What it is told so that what it has taken outlives it: written before it answers, and synchronised by the system.
    pub(crate) const DURABLE: [&str; 4] = ["--appendonly", "yes", "--appendfsync", "no"];

    /// Sends a command with Redis' own client, and returns the answer as that prints it. An error is one.
    pub(crate) fn command(installation: &Installation, url: &str, command: &[&str]) -> io::Result<String> {
        let mut client = installation.command("redis-cli", Life::Ours);
        client.args(["-e", "-u", url]).args(command).stdin(Stdio::null());
        text(client).map(|answer| answer.trim_end_matches('\n').to_owned())
    }
}

/// Redis Sentinel. Its own arguments are the lines of its file.
#[derive(Debug)]
pub(crate) struct Sentinel;

/// What a sentinel's file is called, which it writes itself once it knows more.
const FILE: &str = "sentinel.conf";

impl Kind for Sentinel {
    fn software(&self) -> &'static Software {
        &SOFTWARE
    }

    fn ports(&self) -> usize {
        1
    }

    fn prepare(&self, node: &Node) -> io::Result<()> {
        let lines = format!("bind 127.0.0.1\nport {}\ndir {}\n", node.port(0), node.file(""));
        fs::write(node.file(FILE), lines + &node.arguments.join("\n") + "\n")
    }

    fn command(&self, node: &Node, life: Life) -> Command {
        let mut command = node.program("redis-server", life);
        command.args([node.file(FILE).as_str(), "--sentinel"]);
        command
    }

    fn listening(&self) -> usize {
        1
    }

    fn place(&self, node: &Node) -> Place {
        let url = format!("redis://127.0.0.1:{}", node.port(0));
        Place::new(node, url.clone(), url)
    }
}
