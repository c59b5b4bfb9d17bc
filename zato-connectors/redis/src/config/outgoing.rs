use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, de};
use zato_core::{
    config::{ClientTlsConfig, Duration, OneOrMany, Secret},
    connection::ConnectionConfig,
};

use super::{Address, Node, Place, address::PORT, text, yes};

/// The port that sentinels listen on unless they were told otherwise.
const SENTINEL_PORT: u16 = 26379;

/// One entry of `outgoing_redis`: a server, one that sentinels know, or a cluster.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct RedisConfig {
    /// What services refer to it by.
    pub name: String,
    /// An inactive connection refuses every call.
    #[serde(default = "yes")]
    pub is_active: bool,
    /// Where the server is, such as `rediss://redis.example.com:6379/0`, with the user's name and password if they are to
    /// stand here; `redis://` is without TLS, `unix:/run/redis.sock` a socket of this machine. In its place may stand
    /// `host`, `port` and `db`.
    #[serde(default, alias = "address", deserialize_with = "address")]
    #[schemars(with = "Option<String>")]
    pub(crate) url: Option<Address>,
    /// The server's host; `localhost` unless given here or otherwise.
    #[serde(default, deserialize_with = "text")]
    pub host: Option<String>,
    /// The server's port; 6379 unless given.
    #[serde(default)]
    pub port: Option<u16>,
    /// The path of the server's socket on this machine, in place of a `host`.
    #[serde(default, alias = "unix_socket_path", deserialize_with = "text")]
    pub socket_path: Option<String>,
    /// The number of the database; 0 unless given here or in the `url`. A cluster has no other.
    #[serde(default)]
    pub db: Option<i64>,
    /// Who connects, for servers that know users (ACL); the server's default user unless given.
    #[serde(default, deserialize_with = "text")]
    pub username: Option<String>,
    /// The password; none unless given here, in the `url`, or by a security definition.
    #[serde(default, deserialize_with = "secret")]
    pub password: Option<Secret>,
    /// A security definition of the type `basic_auth`, in place of `username` and `password`.
    #[serde(default, alias = "sec_def", alias = "security_name", deserialize_with = "text")]
    pub security: Option<String>,
    /// Whether the server's certificate is checked. Without that anybody in between can read and change everything.
    #[serde(default = "yes")]
    pub tls_verify: bool,
    /// Whom we trust, and which certificate we present; `{}` for TLS with what the operating system trusts. Needs the
    /// feature `tls`.
    #[serde(default)]
    pub tls: Option<ClientTlsConfig>,
    /// Sentinels that know where the server is, such as `sentinel-1:26379`, one or a list; they are asked whenever a
    /// connection is made.
    #[serde(default, alias = "redis_sentinels", deserialize_with = "sentinels")]
    #[schemars(with = "Option<OneOrMany>")]
    pub(crate) sentinels: Vec<Node>,
    /// What the sentinels call the server.
    #[serde(default, alias = "redis_sentinels_master", deserialize_with = "text")]
    pub sentinel_master: Option<String>,
    /// Whether the sentinels are asked; they are if there are any, unless this says otherwise.
    #[serde(default, alias = "use_redis_sentinels")]
    pub use_sentinels: Option<bool>,
    /// Who asks the sentinels, where they know users.
    #[serde(default, deserialize_with = "text")]
    pub sentinel_username: Option<String>,
    /// The password for the sentinels; none unless given, since it need not be that of the server.
    #[serde(default, deserialize_with = "secret")]
    pub sentinel_password: Option<Secret>,
    /// Some nodes of a cluster, such as `node-1:6379`, one or a list; the others are learned from them.
    #[serde(default, deserialize_with = "nodes")]
    #[schemars(with = "Option<OneOrMany>")]
    pub(crate) cluster: Vec<Node>,
    /// What every key begins with that is written and read by its name alone, such as `bank:`.
    #[serde(default, deserialize_with = "prefix")]
    pub key_prefix: String,
    /// How long a command may take, with everything. What one that was not answered in time has done is not known.
    #[serde(default = "five_seconds", alias = "socket_timeout")]
    pub timeout: Duration,
    /// How long it may take to be connected, TLS included.
    #[serde(default = "three_seconds", alias = "socket_connect_timeout")]
    pub connect_timeout: Duration,
    /// How many connections there may be beside the one that commands share, for transactions and for commands that wait.
    #[serde(default = "ten", alias = "max_connections")]
    pub pool_size: usize,
    /// How long a call waits for one of those connections.
    #[serde(default = "five_seconds")]
    pub acquire_timeout: Duration,
    /// How many subscriptions there may be; each has a connection of its own, and more are refused at once.
    #[serde(default = "hundred")]
    pub max_subscriptions: usize,
    /// How many commands may be on their way on the shared connection; more are refused at once.
    #[serde(default = "ten_thousand")]
    pub max_in_flight: usize,
    /// How often the server is asked for a sign of life; one that gives none within the `timeout` is connected anew.
    #[serde(default = "five_seconds", alias = "health_check_interval")]
    pub ping_interval: Duration,
    /// The name that the server shows to operators; that of the connection unless given.
    #[serde(default, deserialize_with = "text")]
    pub client_name: Option<String>,
    /// The version of the protocol: 2, or 3 for servers since Redis 6.
    #[serde(default)]
    pub protocol: Protocol,
    /// From which duration on a command is logged as slow, by its name alone.
    #[serde(default = "half_a_second")]
    pub slow_log: Duration,
}

/// The version of the protocol that is spoken (RESP).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, JsonSchema)]
#[schemars(with = "u8")]
#[non_exhaustive]
pub enum Protocol {
    /// What every server speaks.
    #[default]
    Resp2,
    /// What servers speak since Redis 6.
    Resp3,
}

impl<'de> Deserialize<'de> for Protocol {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match u8::deserialize(deserializer)? {
            2 => Ok(Self::Resp2),
            3 => Ok(Self::Resp3),
            _ => Err(de::Error::custom("expected 2 or 3, the version of the protocol")),
        }
    }
}

/// A key, whether it is wrong, and what is wrong with it.
type Fault = (&'static str, bool, &'static str);

impl RedisConfig {
    /// Returns what can't be meant, by key.
    pub(crate) fn contradictions(&self) -> Vec<(&'static str, &'static str)> {
        let found = self.said_twice().into_iter().chain(self.not_for_all()).chain(self.out_of_range());
        found.filter(|fault| fault.1).map(|(key, _, words)| (key, words)).collect()
    }

    fn said_twice(&self) -> [Fault; 9] {
        let url = self.url.as_ref();
        let has_user = self.username.is_some() || url.is_some_and(|url| url.username.is_some());
        let has_password = self.password.is_some() || url.is_some_and(|url| url.password.is_some());
        [
            ("host", url.is_some() && self.host.is_some(), "the host stands in the url, too; leave out one"),
            ("port", url.is_some() && self.port.is_some(), "the port belongs into the url; leave it out here"),
            (
                "socket_path",
                self.socket_path.is_some() && (url.is_some() || self.host.is_some() || self.port.is_some()),
                "a server is reached by a socket or by its address; leave out one",
            ),
            (
                "db",
                self.db.is_some() && url.is_some_and(|url| url.db.is_some()),
                "the database stands in the url, too; leave out one",
            ),
            (
                "username",
                self.username.is_some() && url.is_some_and(|url| url.username.is_some()),
                "the username stands in the url, too; leave out one",
            ),
            (
                "password",
                self.password.is_some() && url.is_some_and(|url| url.password.is_some()),
                "the password stands in the url, too; leave out one",
            ),
            ("security", self.security.is_some() && has_user, "a username stands here, too; leave out one"),
            ("security", self.security.is_some() && has_password, "a password stands here, too; leave out one"),
            (
                "tls",
                self.tls.is_some() && url.is_some_and(|url| !url.is_tls),
                "an address that begins with redis:// speaks no TLS; write rediss://",
            ),
        ]
    }

    /// What goes with one server, and not with sentinels or a cluster, and the other way round.
    fn not_for_all(&self) -> [Fault; 7] {
        let (is_cluster, has_sentinels) = (!self.cluster.is_empty(), self.has_sentinels());
        let has_place = self.url.is_some() || self.host.is_some() || self.port.is_some() || self.socket_path.is_some();
        [
            (
                "sentinels",
                self.use_sentinels == Some(true) && self.sentinels.is_empty(),
                "sentinels are to be asked, and there are none; add them, such as sentinel-1:26379",
            ),
            (
                "sentinel_master",
                has_sentinels && self.sentinel_master.is_none(),
                "nobody says what the sentinels call the server; add it, such as mymaster",
            ),
            ("cluster", is_cluster && has_sentinels, "a cluster has no sentinels; leave out one"),
            // Zato's own entries have a host with their sentinels, which it doesn't look at either.
            ("cluster", is_cluster && has_place, "the nodes of the cluster stand here; leave out where one server is"),
            ("db", is_cluster && self.db.is_some_and(|db| db != 0), "a cluster has the database 0 alone"),
            (
                "tls",
                self.tls.is_some() && self.socket_path.is_some(),
                "a socket of this machine speaks no TLS; leave it out",
            ),
            (
                "tls_verify",
                is_cluster && self.tls.is_some() && !self.tls_verify,
                "the certificates of a cluster are always checked; name its authority with \"tls.ca\"",
            ),
        ]
    }

    fn out_of_range(&self) -> [Fault; 9] {
        [
            ("port", self.port == Some(0), "no server has the port 0"),
            ("db", self.db().is_some_and(|db| db < 0), "databases are numbered from 0"),
            ("timeout", self.timeout.is_zero(), "no command is answered in no time; give it some, such as 5s"),
            (
                "connect_timeout",
                self.connect_timeout.is_zero(),
                "nothing connects in no time; give it some, such as 3s",
            ),
            ("pool_size", self.pool_size == 0, "without a connection of their own no transactions are possible"),
            ("pool_size", self.pool_size > 1000, "more than 1000 connections are too many for one program"),
            (
                "max_subscriptions",
                self.max_subscriptions > MAX_SUBSCRIPTIONS,
                "more than 50000 subscriptions, each with a connection, are too many for one program",
            ),
            ("max_in_flight", self.max_in_flight == 0, "without a place no command can be sent"),
            ("max_in_flight", self.max_in_flight > MAX_IN_FLIGHT, "more than 1000000 commands at once are too many"),
        ]
    }

    pub(crate) fn has_sentinels(&self) -> bool {
        self.use_sentinels.unwrap_or(true) && !self.sentinels.is_empty()
    }

    pub(crate) fn is_tls(&self) -> bool {
        self.tls.is_some() || self.url.as_ref().is_some_and(|url| url.is_tls)
    }

    pub(crate) fn db(&self) -> Option<i64> {
        self.db.or_else(|| self.url.as_ref().and_then(|url| url.db))
    }

    /// Returns where the server is, if neither sentinels know it nor it is a cluster.
    pub(crate) fn place(&self) -> Place {
        if let Some(url) = &self.url {
            return url.place.clone();
        }
        if let Some(path) = &self.socket_path {
            return Place::Unix(path.into());
        }
        let host = self.host.clone().unwrap_or_else(|| "localhost".to_owned());
        Place::Tcp(Node { host, port: self.port.unwrap_or(PORT) })
    }
}

/// Each has a connection, and a port.
const MAX_SUBSCRIPTIONS: usize = 50_000;

/// What is on its way is held in memory.
const MAX_IN_FLIGHT: usize = 1_000_000;

impl ConnectionConfig for RedisConfig {
    fn name(&self) -> &str {
        &self.name
    }

    fn is_active(&self) -> bool {
        self.is_active
    }

    fn security(&self) -> Option<&str> {
        self.security.as_deref()
    }

    fn ping_interval(&self) -> Option<std::time::Duration> {
        Some(self.ping_interval.0).filter(|interval| !interval.is_zero())
    }
}

fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Address>, D::Error> {
    let text = Option::<Secret>::deserialize(deserializer)?.filter(|text| !text.is_empty());
    text.map(|text| Address::parse(text.expose()).map_err(de::Error::custom)).transpose()
}

fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Secret>, D::Error> {
    Ok(Option::<Secret>::deserialize(deserializer)?.filter(|secret| !secret.is_empty()))
}

fn prefix<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.unwrap_or_default())
}

fn sentinels<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Node>, D::Error> {
    list(deserializer, SENTINEL_PORT)
}

fn nodes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Node>, D::Error> {
    list(deserializer, PORT)
}

/// Reads nodes: a list, or one text with commas, as Zato writes it.
fn list<'de, D: Deserializer<'de>>(deserializer: D, usual: u16) -> Result<Vec<Node>, D::Error> {
    let texts = OneOrMany::read(deserializer, "a host with its port, or a list of them")?;
    let texts = texts.map(OneOrMany::into_vec).unwrap_or_default();
    let texts = texts.iter().flat_map(|text| text.split(',')).map(str::trim).filter(|text| !text.is_empty());
    let read = |text| {
        Node::parse(text, usual).ok_or_else(|| format!("expected a host with its port, such as redis-1:{usual}"))
    };
    texts.map(|text| read(text).map_err(de::Error::custom)).collect()
}

fn three_seconds() -> Duration {
    Duration::from_secs(3)
}

fn five_seconds() -> Duration {
    Duration::from_secs(5)
}

fn half_a_second() -> Duration {
    Duration::from_millis(500)
}

fn ten() -> usize {
    10
}

fn hundred() -> usize {
    100
}

fn ten_thousand() -> usize {
    10_000
}
