//! What a broker is told: ports of its own, files of its own, and nothing of the machine's.

use std::{
    collections::hash_map::RandomState,
    env, fs,
    hash::BuildHasher as _,
    io,
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
};

use super::tls;

/// What the file is called that keeps the ports.
const PORTS: &str = "ports";

/// Where it listens, all on loopback.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ports {
    pub(super) amqp: u16,
    pub(super) amqps: u16,
    pub(super) management: u16,
    pub(super) names: u16,
    /// Where it is reached by Erlang's programs, of which `rabbitmqctl` is one.
    distribution: u16,
    /// Where `rabbitmqctl` is reached by it.
    control: u16,
}

impl Ports {
    /// Looks for free ones below those that the system gives away itself, by chance: a broker that is started again
    /// listens where it did, and nobody else may have come by that port meanwhile.
    pub(super) fn choose() -> io::Result<Self> {
        const FIRST: u64 = 16_384;
        const COUNT: u64 = 16_384;
        let chance = RandomState::new();
        let mut chosen = Vec::new();
        for attempt in 0..1000_u32 {
            let port = u16::try_from(FIRST + chance.hash_one(attempt) % COUNT).map_err(io::Error::other)?;
            if !chosen.contains(&port) && TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
                chosen.push(port);
            }
            if let Some(ports) = Self::from(&chosen) {
                return Ok(ports);
            }
        }
        Err(io::Error::other("no free ports"))
    }

    fn from(ports: &[u16]) -> Option<Self> {
        let &[amqp, amqps, management, names, distribution, control] = ports else { return None };
        Some(Self { amqp, amqps, management, names, distribution, control })
    }

    /// The ports of a broker that was prepared in an earlier run.
    pub(super) fn read(folder: &Path) -> io::Result<Self> {
        let text = fs::read_to_string(folder.join(PORTS))?;
        let ports: Vec<u16> = text.split(' ').filter_map(|port| port.parse().ok()).collect();
        Self::from(&ports).ok_or_else(|| io::Error::other(format!("no ports in {}", folder.display())))
    }

    fn text(&self) -> String {
        let Self { amqp, amqps, management, names, distribution, control } = self;
        format!("{amqp} {amqps} {management} {names} {distribution} {control}")
    }
}

/// Writes every file that it reads.
pub(super) fn write(folder: &Path, ports: &Ports) -> io::Result<()> {
    let Ports { amqp, amqps, management, .. } = ports;
    let file = |name: &str| folder.join(name).display().to_string();
    let (user, password, vhost) = (Place::USER, Place::PASSWORD, Place::VHOST);
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
    fs::write(folder.join("rabbitmq.conf"), config)?;
    fs::write(folder.join("enabled_plugins"), "[rabbitmq_management].\n")?;
    fs::write(folder.join("env.conf"), "")?;
    fs::write(folder.join(PORTS), ports.text())
}

/// What the scripts go by instead of the files in `/etc`.
pub(super) fn environment(folder: &Path, ports: &Ports) -> Vec<(&'static str, String)> {
    let file = |name: &str| folder.join(name).display().to_string();
    let loopback = "-kernel inet_dist_use_interface {127,0,0,1}";
    let control = ports.control.to_string();
    vec![
        ("HOME", folder.display().to_string()),
        ("LC_ALL", "C.UTF-8".to_owned()),
        // The script becomes the broker: one process, that signals reach. Else a shell stays around it.
        ("RUNNING_UNDER_SYSTEMD", "true".to_owned()),
        ("RABBITMQ_NODENAME", format!("zato{}@localhost", ports.amqp)),
        ("RABBITMQ_CONF_ENV_FILE", file("env.conf")),
        ("RABBITMQ_CONFIG_FILE", file("rabbitmq.conf")),
        ("RABBITMQ_ENABLED_PLUGINS_FILE", file("enabled_plugins")),
        ("RABBITMQ_MNESIA_BASE", file("data")),
        ("RABBITMQ_LOG_BASE", file("log")),
        ("RABBITMQ_GENERATED_CONFIG_DIR", file("generated")),
        ("RABBITMQ_DIST_PORT", ports.distribution.to_string()),
        ("RABBITMQ_CTL_DIST_PORT_MIN", control.clone()),
        ("RABBITMQ_CTL_DIST_PORT_MAX", control),
        ("ERL_EPMD_PORT", ports.names.to_string()),
        ("ERL_EPMD_ADDRESS", "127.0.0.1".to_owned()),
        // Schedulers that have nothing to do shall sleep, and not look for work.
        ("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", format!("{loopback} +sbwt none +sbwtdcpu none +sbwtdio none")),
        ("RABBITMQ_CTL_ERL_ARGS", format!("{loopback} +sbwt none")),
    ]
}

/// What it takes to talk to a broker.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// `amqp://`, with user, password and the virtual host that is there from the beginning.
    pub(crate) url: String,
    /// The same over TLS: the certificate is for `localhost` and 127.0.0.1.
    pub(crate) tls_url: String,
    /// The management API, with user and password.
    pub(crate) management_url: String,
    /// The authority that signed the broker's certificate.
    pub(crate) authority: PathBuf,
    /// A client's certificate of the same authority, which the broker looks at and does not ask for.
    pub(crate) client_certificate: PathBuf,
    /// The client's key.
    pub(crate) client_key: PathBuf,
}

const NAMES: [&str; 6] = [
    "ZATO_TEST_RABBITMQ_URL",
    "ZATO_TEST_RABBITMQ_TLS_URL",
    "ZATO_TEST_RABBITMQ_MANAGEMENT_URL",
    "ZATO_TEST_RABBITMQ_AUTHORITY",
    "ZATO_TEST_RABBITMQ_CLIENT_CERTIFICATE",
    "ZATO_TEST_RABBITMQ_CLIENT_KEY",
];

impl Place {
    /// Who may do everything.
    pub(crate) const USER: &str = "zato";

    /// The user's password.
    pub(crate) const PASSWORD: &str = "not-a-secret";

    /// The virtual host that is there from the beginning.
    pub(crate) const VHOST: &str = "zato";

    pub(super) fn of(folder: &Path, ports: &Ports) -> Self {
        let (user, password) = (Self::USER, Self::PASSWORD);
        let url = |scheme, host, port| format!("{scheme}://{user}:{password}@{host}:{port}");
        Self {
            url: url("amqp", "127.0.0.1", ports.amqp) + "/" + Self::VHOST,
            tls_url: url("amqps", "localhost", ports.amqps) + "/" + Self::VHOST,
            management_url: url("http", "127.0.0.1", ports.management),
            authority: folder.join(tls::AUTHORITY),
            client_certificate: folder.join(tls::CLIENT.certificate),
            client_key: folder.join(tls::CLIENT.key),
        }
    }

    /// As variables, by which tests of other processes find it.
    pub(crate) fn variables(&self) -> Vec<(String, String)> {
        let file = |path: &Path| path.display().to_string();
        let files = [file(&self.authority), file(&self.client_certificate), file(&self.client_key)];
        let urls = [&self.url, &self.tls_url, &self.management_url].map(String::clone);
        NAMES.iter().map(|name| (*name).to_owned()).zip(urls.into_iter().chain(files)).collect()
    }

    /// What the variables say; nothing unless they are all there.
    pub(crate) fn told() -> Option<Self> {
        let [url, tls_url, management_url, authority, client_certificate, client_key] =
            NAMES.map(|name| env::var(name).ok());
        Some(Self {
            url: url?,
            tls_url: tls_url?,
            management_url: management_url?,
            authority: authority?.into(),
            client_certificate: client_certificate?.into(),
            client_key: client_key?.into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs};

    use super::{super::own_folder, Ports, write};

    #[test]
    fn ports_are_chosen_once_for_a_broker() {
        let folder = own_folder();
        fs::create_dir(&folder).unwrap();
        let ports = Ports::choose().unwrap();
        write(&folder, &ports).unwrap();
        assert_eq!(Ports::read(&folder).unwrap(), ports);
        let each: BTreeSet<String> = ports.text().split(' ').map(str::to_owned).collect();
        assert_eq!(each.len(), 6);
        fs::remove_dir_all(folder).unwrap();
    }
}
