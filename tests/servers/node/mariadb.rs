//! MariaDB: one port for plain connections and TLS, and a user who may do everything.

use std::{
    fs, io,
    process::{Command, Stdio},
};

use super::{Installation, Kind, Life, Node, Place, Software, installation::PATH, text, tls};

const SOFTWARE: Software = Software {
    name: "mariadb",
    title: "MariaDB",
    variable: "ZATO_TEST_MARIADB",
    server: "mariadbd",
    folders: &["/usr/sbin", "/usr/libexec", PATH],
    user: "mysql",
};

/// MariaDB.
#[derive(Debug)]
pub(crate) struct MariaDb;

impl Kind for MariaDb {
    fn software(&self) -> &'static Software {
        &SOFTWARE
    }

    fn ports(&self) -> usize {
        1
    }

    fn prepare(&self, node: &Node) -> io::Result<()> {
        let data = format!("--datadir={}", node.file("data"));
        // It has to be the first of them, else the machine's files are read.
        let arguments = ["--no-defaults", &data, "--auth-root-authentication-method=normal", "--skip-test-db"];
        node.run("mariadb-install-db", &arguments)?;
        let (user, password, name) = (Place::USER, Place::PASSWORD, Place::NAME);
        let accounts = format!(
            "CREATE DATABASE IF NOT EXISTS {name};\n\
             CREATE USER IF NOT EXISTS '{user}'@'%' IDENTIFIED BY '{password}';\n\
             GRANT ALL ON *.* TO '{user}'@'%' WITH GRANT OPTION;\n"
        );
        fs::write(node.file("accounts.sql"), accounts)
    }

    fn command(&self, node: &Node, life: Life) -> Command {
        let mut command = node.program("mariadbd", life);
        let folder = |name: &str| node.file(name);
        command.args(["--no-defaults", "--bind-address=127.0.0.1", "--skip-name-resolve", "--skip-log-bin"]);
        // Written with each commit and synchronised now and then: what is committed outlives the server.
        command.args(["--innodb-flush-log-at-trx-commit=2", "--innodb-buffer-pool-size=64M", "--max-connections=200"]);
        command.args(["--character-set-server=utf8mb4", "--innodb-flush-method=nosync"]);
        let settings = [
            ("datadir", folder("data")),
            ("port", node.port(0).to_string()),
            ("socket", folder("socket")),
            ("pid-file", folder("pid")),
            ("tmpdir", folder("data")),
            ("init-file", folder("accounts.sql")),
            ("ssl-ca", folder(tls::AUTHORITY)),
            ("ssl-cert", folder(tls::SERVER.certificate)),
            ("ssl-key", folder(tls::SERVER.key)),
        ];
        command.args(settings.map(|(name, value)| format!("--{name}={value}")));
        command.args(&node.arguments);
        command
    }

    fn ready(&self) -> &'static str {
        "ready for connections"
    }

    fn place(&self, node: &Node) -> Place {
        let url = |host| format!("mysql://{}:{}@{host}:{}/{}", Place::USER, Place::PASSWORD, node.port(0), Place::NAME);
        Place::new(node, url("127.0.0.1"), url("localhost"))
    }
}

impl MariaDb {
    /// Runs statements with MariaDB's own client, and returns the rows, a line each, columns apart by a tabulator.
    pub(crate) fn query(installation: &Installation, url: &str, sql: &str) -> io::Result<String> {
        let (address, database) = url.rsplit_once('/').unwrap_or((url, Place::NAME));
        let (host, port) = address.rsplit_once('@').unwrap_or_default().1.split_once(':').unwrap_or_default();
        let mut client = installation.command("mariadb", Life::Ours);
        client.args(["--no-defaults", "--batch", "--skip-column-names", "--protocol=tcp"]);
        client.args([format!("--user={}", Place::USER), format!("--password={}", Place::PASSWORD)]);
        client.args([format!("--host={host}"), format!("--port={port}"), format!("--execute={sql}")]);
        client.arg(database).stdin(Stdio::null());
        text(client)
    }
}
