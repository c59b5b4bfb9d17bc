//! PostgreSQL: one port for plain connections and TLS, and a user who may do everything.

use std::{
    fs,
    io::{self, Write as _},
    process::{Command, Stdio},
};

use super::{Kind, Life, Node, Place, Software, installation::PATH, text, tls};

const SOFTWARE: Software = Software {
    name: "postgres",
    title: "PostgreSQL",
    variable: "ZATO_TEST_POSTGRES",
    server: "postgres",
    folders: &["/usr/lib/postgresql/*/bin", PATH],
    user: "postgres",
};

/// PostgreSQL.
#[derive(Debug)]
pub(crate) struct Postgres;

impl Kind for Postgres {
    fn software(&self) -> &'static Software {
        &SOFTWARE
    }

    fn ports(&self) -> usize {
        1
    }

    fn prepare(&self, node: &Node) -> io::Result<()> {
        let password = node.file("password");
        fs::write(&password, Place::PASSWORD)?;
        let (data, password) = (node.file("data"), format!("--pwfile={password}"));
        let user = format!("--username={}", Place::USER);
        let encoding = ["--encoding=UTF8", "--locale=C.UTF-8", "--no-sync", "--auth=scram-sha-256"];
        node.run("initdb", &[&[data.as_str(), &password, &user][..], &encoding].concat())?;
        // The database of tests, before the server is there: what would create it later has to wait for that.
        let mut create = node.program("postgres", Life::Ours);
        create.args(["--single", "-c", "fsync=off", "-D", &data, "postgres"]);
        let mut create = create.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let mut input = create.stdin.take().expect("it was just piped");
        writeln!(input, "CREATE DATABASE {}", Place::NAME)?;
        drop(input);
        if create.wait()?.success() { Ok(()) } else { Err(io::Error::other("postgres creates no database")) }
    }

    fn command(&self, node: &Node, life: Life) -> Command {
        let mut command = node.program("postgres", life);
        command.args(["-D", &node.file("data"), "-p", &node.port(0).to_string()]);
        let settings = [
            ("listen_addresses", "127.0.0.1".to_owned()),
            ("unix_socket_directories", String::new()),
            // What is committed outlives the server, and need not outlive the machine.
            ("fsync", "off".to_owned()),
            ("max_connections", "200".to_owned()),
            ("ssl", "on".to_owned()),
            ("ssl_ca_file", node.file(tls::AUTHORITY)),
            ("ssl_cert_file", node.file(tls::SERVER.certificate)),
            ("ssl_key_file", node.file(tls::SERVER.key)),
        ];
        for (name, value) in settings {
            command.arg("-c").arg(format!("{name}={value}"));
        }
        command.args(&node.arguments);
        command
    }

    fn ready(&self) -> &'static str {
        "ready to accept connections"
    }

    fn stopping(&self) -> &'static str {
        // As `pg_ctl stop` does; on TERM it would wait for its clients to leave.
        "INT"
    }

    fn place(&self, node: &Node) -> Place {
        let url =
            |host| format!("postgres://{}:{}@{host}:{}/{}", Place::USER, Place::PASSWORD, node.port(0), Place::NAME);
        Place::new(node, url("127.0.0.1"), url("localhost"))
    }
}

impl Postgres {
    /// Runs statements with PostgreSQL's own client, and returns the rows, a line each, columns apart by `|`.
    pub(crate) fn query(installation: &super::Installation, url: &str, sql: &str) -> io::Result<String> {
        let mut psql = installation.command("psql", Life::Ours);
        psql.args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1", "--command", sql]);
        text({
            psql.arg(url).current_dir("/").stdin(Stdio::null());
            psql
        })
    }
}
