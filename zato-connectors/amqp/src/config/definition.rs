use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, de};
use zato_core::{
    config::{ClientTlsConfig, Duration, OneOrMany, Secret},
    connection::DefinitionConfig,
};

use super::{Address, ExchangeConfig, QueueConfig, text, yes};

/// One entry of `definition_amqp`: where a broker is, with which credentials, and what has to be there.
///
/// Channels and outgoing connections name it, and share its connections: one for publishing and one for consuming, each
/// made when somebody uses it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct AmqpDefinitionConfig {
    /// What channels and outgoing connections refer to it by.
    pub name: String,
    /// Those that name an inactive one are inactive, too.
    #[serde(default = "yes")]
    pub is_active: bool,
    /// Where the broker is, such as `amqps://broker.example.com:5671/orders`, with the user's name and password if they
    /// are to stand here; a list of nodes is tried in its order. In its place may stand `host`, `port` and `vhost`.
    #[serde(default, deserialize_with = "addresses")]
    #[schemars(with = "Option<OneOrMany>")]
    pub(crate) address: Vec<Address>,
    /// The broker's host, in place of an `address`.
    #[serde(default, deserialize_with = "text")]
    pub host: Option<String>,
    /// The broker's port; 5672 unless given, and 5671 with TLS.
    #[serde(default)]
    pub port: Option<u16>,
    /// The virtual host; `/` unless given here or in an address.
    #[serde(default)]
    pub vhost: Option<String>,
    /// Who connects; `guest` unless given here, in an address, or by a security definition.
    #[serde(default, deserialize_with = "text")]
    pub username: Option<String>,
    /// The password; `guest` unless given here, in an address, or by a security definition.
    #[serde(default)]
    pub password: Option<Secret>,
    /// A security definition of the type `basic_auth`, in place of `username` and `password`.
    #[serde(default, alias = "sec_def", alias = "security_name", deserialize_with = "text")]
    pub security: Option<String>,
    /// The name that the broker shows to operators; that of the definition unless given.
    #[serde(default, deserialize_with = "text")]
    pub connection_name: Option<String>,
    /// How long it may take until a node has accepted the connection, TLS included; then the next is tried.
    #[serde(default = "three_seconds")]
    pub connect_timeout: Duration,
    /// How often either side gives a sign of life at least; a broker that gives none for twice as long is gone. `0` leaves
    /// it to the broker, and the shorter of both counts.
    #[serde(default = "ten_seconds")]
    pub heartbeat: Duration,
    /// The largest frame in bytes; messages may be larger, and are cut into several.
    #[serde(default = "frame_max")]
    pub frame_max: u32,
    /// Whether the broker's certificate is checked. Without that anybody in between can read and change everything.
    #[serde(default = "yes")]
    pub tls_verify: bool,
    /// Whom we trust, and which certificate we present; needs the feature `tls`.
    #[serde(default)]
    pub tls: Option<ClientTlsConfig>,
    /// Exchanges that are declared, or looked for, whenever a connection is made; before the queues.
    #[serde(default)]
    pub exchanges: Vec<ExchangeConfig>,
    /// Queues that are declared, or looked for, whenever a connection is made. Nothing is declared that stands here
    /// nowhere.
    #[serde(default)]
    pub queues: Vec<QueueConfig>,
}

/// A key, whether it is wrong, and what is wrong with it.
type Fault = (&'static str, bool, &'static str);

impl AmqpDefinitionConfig {
    /// Returns what can't be meant, by key.
    pub(crate) fn contradictions(&self) -> Vec<(&'static str, &'static str)> {
        let found = self.contradictory().into_iter().chain(self.out_of_range());
        found.filter(|fault| fault.1).map(|(key, _, words)| (key, words)).collect()
    }

    /// What is said twice, or not at all.
    fn contradictory(&self) -> [Fault; 9] {
        let is_mixed = self.address.iter().any(|address| address.is_tls != self.is_tls());
        let has_user = self.username.is_some() || self.address.iter().any(|address| address.username.is_some());
        let first = self.address.first();
        let other_users = self.address.iter().skip(1).any(|other| {
            other.username.is_some()
                && Some((&other.username, &other.password)) != first.map(|first| (&first.username, &first.password))
        });
        [
            (
                "address",
                self.address.is_empty() && self.host.is_none(),
                "nobody says where the broker is; add an address such as amqp://localhost",
            ),
            (
                "host",
                !self.address.is_empty() && self.host.is_some(),
                "the host stands in the address, too; leave out one",
            ),
            (
                "port",
                !self.address.is_empty() && self.port.is_some(),
                "the port belongs into the address; leave it out here",
            ),
            (
                "address",
                is_mixed,
                "some of the addresses are amqp:// and some amqps://; all nodes of a broker are alike",
            ),
            ("security", self.security.is_some() && has_user, "a username stands here, too; leave out one"),
            (
                "security",
                self.security.is_some() && self.password.is_some(),
                "a password stands here, too; leave out one",
            ),
            ("address", other_users, "all nodes are connected to by the same user, who stands in the first address"),
            (
                "vhost",
                self.vhost.is_some() && self.address.iter().any(|address| address.vhost.is_some()),
                "the virtual host stands in the address, too; leave out one",
            ),
            (
                "tls",
                self.tls.is_some() && !self.is_tls(),
                "an address that begins with amqp:// speaks no TLS; write amqps://",
            ),
        ]
    }

    fn out_of_range(&self) -> [Fault; 6] {
        let mut vhosts = self.vhost.iter().chain(self.address.iter().filter_map(|address| address.vhost.as_ref()));
        [
            ("vhost", vhosts.any(|vhost| vhost.len() > 255), "AMQP has no more than 255 bytes for a virtual host"),
            ("port", self.port == Some(0), "no broker has the port 0"),
            (
                "connect_timeout",
                self.connect_timeout.is_zero(),
                "nothing connects in no time; give it some, such as 3s",
            ),
            (
                "heartbeat",
                self.heartbeat.subsec_nanos() != 0 || self.heartbeat.as_secs() > 65_535,
                "a heartbeat is from 1 to 65535 whole seconds, or 0 for what the broker likes",
            ),
            (
                "frame_max",
                self.frame_max != 0 && self.frame_max < 4096,
                "AMQP has no frames under 4096 bytes; 0 leaves it to the broker",
            ),
            // Thirty-two of them are held for each direction of each connection.
            (
                "frame_max",
                self.frame_max > 1 << 20,
                "frames over 1048576 bytes only take memory; messages may be larger",
            ),
        ]
    }

    /// Returns whether the nodes speak TLS.
    pub(crate) fn is_tls(&self) -> bool {
        self.address.first().is_some_and(|address| address.is_tls)
    }
}

impl DefinitionConfig for AmqpDefinitionConfig {
    fn name(&self) -> &str {
        &self.name
    }

    fn is_active(&self) -> bool {
        self.is_active
    }

    fn security(&self) -> Option<&str> {
        self.security.as_deref()
    }
}

fn addresses<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Address>, D::Error> {
    let texts = OneOrMany::read(deserializer, "the address of a broker, or a list of them")?;
    let texts = texts.map(OneOrMany::into_vec).unwrap_or_default();
    texts.iter().filter(|text| !text.is_empty()).map(|text| Address::parse(text).map_err(de::Error::custom)).collect()
}

fn three_seconds() -> Duration {
    Duration::from_secs(3)
}

fn ten_seconds() -> Duration {
    Duration::from_secs(10)
}

/// As RabbitMQ and Zato have it.
fn frame_max() -> u32 {
    131_072
}
