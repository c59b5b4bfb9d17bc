use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};

use opendal::{Operator, OperatorRegistry, services};
use zato_core::{
    Result,
    ambient::Ambient,
    config::{ConfigFaults, Key, Node, NodeKind, from_node, listing},
    connection::{Connector as _, Handle as _, Setup, Slot},
};

use super::{
    config::ObjectStorageConfig, connector::Metrics, error::of_opendal, folder::Folder, operators::Operators,
    store::Store, swift::Account,
};
use crate::{
    PreparedSwift, Swift, SwiftConfig, SwiftConnector,
    config::OUTGOING,
    meter::Meter,
    operator::{Way, over},
    tls::{self, Tls},
    transport::{self, Transport},
    wire::{Rules, Wire},
};

/// What keeps the objects, worked out as far as that goes without asking it.
pub(super) enum Scheme {
    Folder(PathBuf),
    Memory,
    /// A connection of `outgoing_swift`.
    Connection(Swift),
    /// An account of its own.
    Account(Box<PreparedSwift>),
    S3(Tls),
    /// What opendal knows under another name.
    Other(Tls),
}

/// What an entry of `outgoing_swift` takes from that of the object storage around it, unless it says so itself.
const COMMON: [&str; 9] = [
    "name",
    "timeout",
    "connect_timeout",
    "pool_size",
    "acquire_timeout",
    "retries",
    "starting_backoff",
    "max_backoff",
    "slow_log",
];

impl Scheme {
    /// Works out where the objects are; the configuration has no contradictions.
    pub(super) fn of(setup: &Setup<'_, ObjectStorageConfig>) -> Result<Self, ConfigFaults> {
        let config = &setup.config;
        if let Some(root) = config.folder() {
            return Ok(Self::Folder(setup.files.path_of(root)));
        }
        if let Some(part) = config.account() {
            let Some(name) = &part.connection else { return account(setup) };
            let place = &setup.node.at_path("swift.connection").unwrap_or(setup.node).origin;
            let swift = setup.definitions.offered("the account of an object storage", OUTGOING.name, name, place)?;
            return Ok(Self::Connection(swift));
        }
        match &*config.scheme {
            "memory" => Ok(Self::Memory),
            "s3" if cfg!(feature = "s3") => tls::of_storage(setup, "s3.endpoint").map(Self::S3),
            "s3" => {
                Err(setup.fault("scheme", "this program was built without S3; add the feature \"s3\" of zato").into())
            }
            scheme => {
                opendal::init_default_registry();
                let mut known = OperatorRegistry::get().schemes();
                if known.contains(scheme) {
                    return tls::of_storage(setup, "scheme").map(Self::Other);
                }
                known.extend(cfg!(feature = "s3").then(|| "s3".to_owned()));
                let known: std::collections::BTreeSet<_> = known.into_iter().collect();
                Err(setup.fault("scheme", listing("object storage", scheme, known.iter().map(String::as_str))).into())
            }
        }
    }

    /// Opens what keeps the objects, with what counts the requests, unless a connection does.
    pub(super) async fn open(&self, config: &ObjectStorageConfig, ambient: &Ambient) -> Result<(Store, Metrics)> {
        match self {
            Self::Folder(root) => Ok((Store::Folder(Folder::open(root, config.has_fsync(), ambient).await?), None)),
            Self::Memory => {
                let make = |_: &str| Operator::new(services::Memory::default()).map_err(of_opendal);
                Ok((Store::Operators(Operators::new("memory", None, Box::new(make))), None))
            }
            Self::Connection(swift) => {
                // It is connected at the same time.
                swift.slot().tried().await;
                Ok((Store::Swift(Account::new(swift.clone())), None))
            }
            Self::Account(prepared) => {
                let client = SwiftConnector::connect(prepared).await?;
                let swift = Swift::from_slot(Slot::up(&config.name, client));
                let counted = swift.client()?;
                let metrics: Metrics =
                    Some(Box::new(move |labels, exposition| SwiftConnector::metrics(&counted, labels, exposition)));
                Ok((Store::Swift(Account::new(swift)), metrics))
            }
            Self::S3(tls) => {
                let (wire, metrics) = wire(config, tls, ambient)?;
                let (s3, probe) = (config.s3.clone().unwrap_or_default(), config.container.clone());
                let probe = probe.or_else(|| s3.bucket.clone());
                let make = move |container: &str| Ok(over(s3_of(&s3, container)?, Way::Servers(Arc::clone(&wire))));
                Ok((Store::Operators(Operators::new("s3", probe, Box::new(make))), metrics))
            }
            Self::Other(tls) => {
                let (wire, metrics) = wire(config, tls, ambient)?;
                let (scheme, options) = (config.scheme.clone(), config.options.clone());
                let options: BTreeMap<_, _> =
                    options.into_iter().map(|(key, value)| (key, value.expose().to_owned())).collect();
                let make = move |container: &str| {
                    let mut options = options.clone();
                    let root = options.entry("root".to_owned()).or_default();
                    *root = format!("{}/{container}", root.trim_end_matches('/'));
                    let operator = Operator::via_iter(&scheme, options).map_err(of_opendal)?;
                    Ok(over(operator, Way::Servers(Arc::clone(&wire))))
                };
                let probe = config.container.clone();
                Ok((Store::Operators(Operators::new(&config.scheme, probe, Box::new(make))), metrics))
            }
        }
    }

    /// Returns how long one operation may take as a whole; `None` where each request has its own limit.
    pub(super) fn patience(&self, config: &ObjectStorageConfig) -> Option<Duration> {
        let timeout: Duration = config.timeout.into();
        match self {
            Self::Folder(_) | Self::Memory => Some(timeout),
            Self::Connection(_) | Self::Account(_) | Self::S3(_) => None,
            // It may go over our wire, with its further attempts, or not.
            Self::Other(_) => {
                let pauses = Duration::from(config.max_backoff).saturating_mul(config.retries);
                Some(timeout.saturating_mul(config.retries.saturating_add(1)).saturating_add(pauses))
            }
        }
    }
}

/// Reads the keys of an account as an entry of `outgoing_swift`.
fn account(setup: &Setup<'_, ObjectStorageConfig>) -> Result<Scheme, ConfigFaults> {
    let written = setup.node.get("swift").unwrap_or(setup.node);
    let mut entries: Vec<(Key, Node)> = written.entries().to_vec();
    for key in COMMON {
        if written.get(key).is_none() {
            entries.extend(setup.node.entry(key).cloned());
        }
    }
    let node = Node::new(written.origin.clone(), NodeKind::Map(entries));
    let config: SwiftConfig = from_node(&node)?;
    let Setup { security, definitions, files, ambient, .. } = setup;
    let setup = Setup { config, node: &node, security: security.clone(), definitions, files, ambient };
    Ok(Scheme::Account(Box::new(SwiftConnector::prepare(setup)?)))
}

/// Makes the way of requests that nobody logs in for, since each is signed.
fn wire(config: &ObjectStorageConfig, tls: &Tls, ambient: &Ambient) -> Result<(Arc<Wire>, Metrics)> {
    let rules = Rules {
        connection: config.name.clone(),
        timeout: config.timeout.into(),
        acquire_timeout: config.acquire_timeout.into(),
        retries: config.retries,
        starting_backoff: config.starting_backoff.into(),
        max_backoff: config.max_backoff.into(),
        retries_rate_limit: true,
        slow: config.slow_log.into(),
        pool_size: config.pool_size,
    };
    let client = transport::client(config.pool_size, config.connect_timeout.into(), tls)?;
    let meter = Arc::new(Meter::default());
    let wire = Wire::without_login(Transport::Network(client), rules, Arc::clone(&meter), ambient.clone());
    let wire = Arc::new(wire);
    let counted = Arc::clone(&wire);
    let metrics: Metrics = Some(Box::new(move |labels, exposition| meter.add_to(counted.places(), labels, exposition)));
    Ok((wire, metrics))
}

#[cfg(feature = "s3")]
fn s3_of(config: &super::S3Config, container: &str) -> Result<Operator> {
    let region = config.region.as_deref().unwrap_or("us-east-1");
    let endpoint = config.endpoint.clone().unwrap_or_else(|| format!("https://s3.{region}.amazonaws.com"));
    let mut options: BTreeMap<&str, String> = BTreeMap::from([
        ("endpoint", endpoint),
        ("region", region.to_owned()),
        ("bucket", config.bucket.clone().unwrap_or_else(|| container.to_owned())),
        // What is not in the configuration must not decide who asks.
        ("disable_config_load", "true".to_owned()),
        ("disable_ec2_metadata", "true".to_owned()),
        ("enable_virtual_host_style", config.virtual_host_style.to_string()),
    ]);
    if config.bucket.is_some() {
        options.insert("root", format!("/{container}"));
    }
    match (&config.access_key_id, &config.secret_access_key) {
        (Some(id), Some(key)) => {
            options.insert("access_key_id", id.clone());
            options.insert("secret_access_key", key.expose().to_owned());
        }
        _ => drop(options.insert("skip_signature", "true".to_owned())),
    }
    if let Some(token) = &config.session_token {
        options.insert("session_token", token.expose().to_owned());
    }
    options.extend(config.options.iter().map(|(key, value)| (key.as_str(), value.expose().to_owned())));
    let options = options.into_iter().map(|(key, value)| (key.to_owned(), value));
    Operator::from_iter::<services::S3>(options).map_err(of_opendal)
}

#[cfg(not(feature = "s3"))]
fn s3_of(_: &super::S3Config, _: &str) -> Result<Operator> {
    Err(super::error::unsupported("s3", "be used, as the program was built without it"))
}
