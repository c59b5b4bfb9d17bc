//! RabbitMQ: ports of its own, files of its own, and nothing of the machine's.

use std::{fs, io, process::Command};

use super::{Kind, Life, Node, Place, Software, tls};

const SOFTWARE: Software = Software {
    name: "rabbitmq",
    title: "RabbitMQ",
    variable: "ZATO_TEST_RABBITMQ",
    server: "rabbitmq-server",
    // What stands in `/usr/sbin` insists on the broker of the system.
    folders: &["/usr/lib/rabbitmq/bin", "/opt/rabbitmq/sbin"],
    user: "rabbitmq",
};

// Its ports, all on loopback.
const AMQP: usize = 0;
const AMQPS: usize = 1;
const MANAGEMENT: usize = 2;
/// Where Erlang's programs ask for each other's ports. The usual one is shared by the whole machine and outlives whoever
/// started it; this one is the broker's.
const NAMES: usize = 3;
/// Where it is reached by Erlang's programs, of which `rabbitmqctl` is one.
const DISTRIBUTION: usize = 4;
/// Where `rabbitmqctl` is reached by it.
const CONTROL: usize = 5;

/// RabbitMQ.
#[derive(Debug)]
pub(crate) struct RabbitMq;

impl Kind for RabbitMq {
    fn software(&self) -> &'static Software {
        &SOFTWARE
    }

    fn ports(&self) -> usize {
        6
    }

    fn prepare(&self, node: &Node) -> io::Result<()> {
        write(node)
    }

    fn companion(&self, node: &Node, life: Life) -> Option<Command> {
        let mut names = node.program("epmd", life);
        names.args(["-address", "127.0.0.1", "-port"]).arg(node.port(NAMES).to_string());
        Some(names)
    }

    fn command(&self, node: &Node, life: Life) -> Command {
        let mut command = node.program("rabbitmq-server", life);
        command.envs(environment(node));
        command
    }

    fn listening(&self) -> usize {
        // AMQP, AMQP over TLS and the management.
        3
    }

    fn stopped(&self) -> Option<&'static str> {
        // Said by RabbitMQ 3.10 when queues and messages are on disk and clients are told. It then waits five seconds for
        // an answer from a process that it has ended before, which no test has to.
        Some("Management plugin: to stop collect_statistics")
    }

    fn place(&self, node: &Node) -> Place {
        let (user, password) = (Place::USER, Place::PASSWORD);
        let url = |scheme, host, port| format!("{scheme}://{user}:{password}@{host}:{}", node.port(port));
        let vhost = |url| format!("{url}/{}", Place::NAME);
        let place = Place::new(node, vhost(url("amqp", "127.0.0.1", AMQP)), vhost(url("amqps", "localhost", AMQPS)));
        Place { management_url: Some(url("http", "127.0.0.1", MANAGEMENT)), ..place }
    }
}

/// Writes every file that it reads.
fn write(node: &Node) -> io::Result<()> {
    let [amqp, amqps, management] = [AMQP, AMQPS, MANAGEMENT].map(|port| node.port(port));
    let file = |name: &str| node.file(name);
    let (user, password, vhost) = (Place::USER, Place::PASSWORD, Place::NAME);
    let (authority, certificate, key) = (file(tls::AUTHORITY), file(tls::SERVER.certificate), file(tls::SERVER.key));
    // Statistics often, since tests wait for them. A client's certificate is looked at if there is one. Half a gigabyte
    // and 50 MB are what a broker of a test gets by with on a machine that has no more.
    let config = format!(
        "listeners.tcp.default = 127.0.0.1:{amqp}
listeners.ssl.default = 127.0.0.1:{amqps}
ssl_options.cacertfile = {authority}
ssl_options.certfile = {certificate}
ssl_options.keyfile = {key}
ssl_options.verify = verify_peer
ssl_options.fail_if_no_peer_cert = false
management.tcp.ip = 127.0.0.1
management.tcp.port = {management}
default_user = {user}
default_pass = {password}
default_vhost = {vhost}
default_permissions.configure = .*
default_permissions.read = .*
default_permissions.write = .*
default_user_tags.administrator = true
log.console = true
log.console.level = info
log.file = false
vm_memory_high_watermark.absolute = 512MB
disk_free_limit.absolute = 50MB
collect_statistics_interval = 250
"
    );
    fs::write(file("rabbitmq.conf"), config)?;
    fs::write(file("enabled_plugins"), "[rabbitmq_management].\n")?;
    fs::write(file("env.conf"), "")
}

/// What the scripts go by instead of the files in `/etc`.
pub(super) fn environment(node: &Node) -> Vec<(&'static str, String)> {
    let file = |name: &str| node.file(name);
    let port = |port| node.port(port).to_string();
    let loopback = "-kernel inet_dist_use_interface {127,0,0,1}";
    let control = port(CONTROL);
    vec![
        ("HOME", file("")),
        ("LC_ALL", "C.UTF-8".to_owned()),
        // The script becomes the broker: one process, that signals reach. Else a shell stays around it.
        ("RUNNING_UNDER_SYSTEMD", "true".to_owned()),
        ("RABBITMQ_NODENAME", format!("zato{}@localhost", port(AMQP))),
        ("RABBITMQ_CONF_ENV_FILE", file("env.conf")),
        ("RABBITMQ_CONFIG_FILE", file("rabbitmq.conf")),
        ("RABBITMQ_ENABLED_PLUGINS_FILE", file("enabled_plugins")),
        ("RABBITMQ_MNESIA_BASE", file("data")),
        ("RABBITMQ_LOG_BASE", file("log")),
        ("RABBITMQ_GENERATED_CONFIG_DIR", file("generated")),
        ("RABBITMQ_DIST_PORT", port(DISTRIBUTION)),
        ("RABBITMQ_CTL_DIST_PORT_MIN", control.clone()),
        ("RABBITMQ_CTL_DIST_PORT_MAX", control),
        ("ERL_EPMD_PORT", port(NAMES)),
        ("ERL_EPMD_ADDRESS", "127.0.0.1".to_owned()),
        // Schedulers that have nothing to do shall sleep, and not look for work.
        ("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", format!("{loopback} +sbwt none +sbwtdcpu none +sbwtdio none")),
        ("RABBITMQ_CTL_ERL_ARGS", format!("{loopback} +sbwt none")),
    ]
}
