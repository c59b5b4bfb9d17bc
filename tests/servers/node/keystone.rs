//! Keystone, and a Swift that asks it who is who; see `xtask/keystone.py`.

use std::{
    fs, io,
    process::{Command, Stdio},
};

use super::{Kind, Life, Node, Place, Software, swift, text};

const SOFTWARE: Software = Software {
    name: "keystone",
    title: "OpenStack Keystone",
    variable: "ZATO_TEST_KEYSTONE",
    server: "bin/keystone-manage",
    // Seen from who includes this: the tests, and `cargo xtask`.
    folders: &[
        concat!(env!("CARGO_MANIFEST_DIR"), "/target/packages/keystone"),
        concat!(env!("CARGO_MANIFEST_DIR"), "/../target/packages/keystone"),
    ],
    // The libraries lie among the builds, where nobody else may go.
    user: "root",
};

/// The Python that the libraries were installed with.
const PYTHON: &str = "python3";

const SCRIPT: &str = "serve_keystone.py";

/// The first of Swift's ports.
const SWIFT: usize = 1;

/// Keystone. Its Swift is there for as long as its data is: who stops or kills Keystone still finds Swift, which refuses
/// every token then. Its own arguments are those of the script: `--token-life`, in seconds.
#[derive(Debug)]
pub(crate) struct Keystone;

impl Kind for Keystone {
    fn software(&self) -> &'static Software {
        &SOFTWARE
    }

    fn ports(&self) -> usize {
        SWIFT + swift::PORTS
    }

    fn prepare(&self, node: &Node) -> io::Result<()> {
        swift::write(node)?;
        fs::write(node.file(SCRIPT), include_str!("../../../xtask/keystone.py"))?;
        let mut prepare = script(node, Life::Ours, "prepare");
        prepare.stdin(Stdio::null());
        text(prepare).map(drop)
    }

    fn companion(&self, node: &Node, life: Life) -> Option<Command> {
        let mut command = swift::command(node, life, PYTHON, SWIFT);
        let keystone = format!("http://127.0.0.1:{}", node.port(0));
        command.args(["--keystone", &keystone, "--log", &node.file("swift.log")]);
        Some(command)
    }

    fn command(&self, node: &Node, life: Life) -> Command {
        script(node, life, "serve")
    }

    fn listening(&self) -> usize {
        // Keystone, and its Swift over plain connections and over TLS.
        SWIFT + 2
    }

    fn ready(&self) -> &'static str {
        "keystone is ready"
    }

    fn place(&self, node: &Node) -> Place {
        let url = format!("http://127.0.0.1:{}/v3", node.port(0));
        let (swift, swift_tls) = swift::urls(node, SWIFT);
        let details = [
            ("AUTH_URL", url.clone()),
            ("USER", "tester".to_owned()),
            ("KEY", Place::PASSWORD.to_owned()),
            ("PROJECT", "test".to_owned()),
            ("DOMAIN", "Default".to_owned()),
            ("APPLICATION_CREDENTIAL_SECRET", Place::PASSWORD.to_owned()),
            ("REGION", "RegionOne".to_owned()),
            ("TLS_REGION", "RegionTwo".to_owned()),
            ("SWIFT_URL", swift),
            ("SWIFT_TLS_URL", swift_tls),
        ];
        let place = Place::new(node, url.clone(), url).with_details(details);
        let known = fs::read_to_string(node.file("details")).unwrap_or_default();
        let known = known.lines().filter_map(|line| line.split_once(' '));
        place.with_details(known.map(|(name, value)| (name, value.to_owned())))
    }
}

fn script(node: &Node, life: Life, action: &str) -> Command {
    let mut command = swift::python(node, life, PYTHON, SCRIPT);
    command.args([action, &node.file("")]).args([0, SWIFT, SWIFT + 1].map(|index| node.port(index).to_string()));
    command.args(&node.arguments);
    command
}
