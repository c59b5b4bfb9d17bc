//! Swift: the whole of it in one process, with accounts of its own; see `xtask/swift.py`.

use std::{fs, io, process::Command};

use super::{Kind, Life, Node, Place, Software, tls};

const SOFTWARE: Software = Software {
    name: "swift",
    title: "OpenStack Swift",
    variable: "ZATO_TEST_SWIFT",
    server: "swift/proxy/server.py",
    folders: &["/usr/lib/python3/dist-packages"],
    user: "swift",
};

/// The Python that Debian's packages are for. The first one of the machine may be another, where others can't go.
const PYTHON: &str = "/usr/bin/python3";

/// What the script is called in a server's folder: the checkout may lie where the server's user can't go. By its own name
/// it would be taken for the library.
const SCRIPT: &str = "serve_swift.py";

/// How many ports it takes: for plain connections and for TLS, and for the servers behind the proxy.
pub(super) const PORTS: usize = 5;

/// Swift, with TempAuth. Its own arguments are those of the script: `--token-life`, in seconds, and `--max-file-size`, in
/// bytes.
#[derive(Debug)]
pub(crate) struct Swift;

impl Kind for Swift {
    fn software(&self) -> &'static Software {
        &SOFTWARE
    }

    fn ports(&self) -> usize {
        PORTS
    }

    fn prepare(&self, node: &Node) -> io::Result<()> {
        write(node)
    }

    fn command(&self, node: &Node, life: Life) -> Command {
        let mut command = command(node, life, PYTHON, 0);
        command.args(&node.arguments);
        command
    }

    fn listening(&self) -> usize {
        2
    }

    fn ready(&self) -> &'static str {
        "swift is ready"
    }

    fn place(&self, node: &Node) -> Place {
        let (url, tls_url) = urls(node, 0);
        let details = [
            ("AUTH_URL", format!("{url}/auth/v1.0")),
            ("TLS_AUTH_URL", format!("{tls_url}/auth/v1.0")),
            ("USER", "test:tester".to_owned()),
            ("KEY", "testing".to_owned()),
            ("STORAGE_URL", format!("{url}/v1/AUTH_test")),
            ("FLUSH_URL", format!("{url}/_test/flush-tokens")),
            ("S3_ENDPOINT", url.clone()),
            ("S3_REGION", "us-east-1".to_owned()),
            ("S3_ACCESS_KEY", "test:tester".to_owned()),
            ("S3_SECRET_KEY", "testing".to_owned()),
        ];
        Place::new(node, url, tls_url).with_details(details)
    }
}

/// Writes the script.
pub(super) fn write(node: &Node) -> io::Result<()> {
    fs::write(node.file(SCRIPT), include_str!("../../../xtask/swift.py"))
}

/// A Swift that listens on the node's ports from the first one on.
pub(super) fn command(node: &Node, life: Life, interpreter: &str, first: usize) -> Command {
    let ports: Vec<String> = (first..first + PORTS).map(|index| node.port(index).to_string()).collect();
    let mut command = python(node, life, interpreter, SCRIPT);
    command.args([node.file("").as_str(), "--ports", &ports.join(",")]);
    command.args(["--certificate", &node.file(tls::SERVER.certificate), "--key", &node.file(tls::SERVER.key)]);
    command
}

/// A script in the node's folder, with the libraries of its installation. What they say of each other's age is no news.
pub(super) fn python(node: &Node, life: Life, interpreter: &str, script: &str) -> Command {
    let mut command = node.program(interpreter, life);
    command.env("PYTHONPATH", node.installation.programs()).args(["-W", "ignore", &node.file(script)]);
    command
}

/// Where a Swift is that listens on the node's ports from the first one on, over plain connections and over TLS.
pub(super) fn urls(node: &Node, first: usize) -> (String, String) {
    (format!("http://127.0.0.1:{}", node.port(first)), format!("https://localhost:{}", node.port(first + 1)))
}
