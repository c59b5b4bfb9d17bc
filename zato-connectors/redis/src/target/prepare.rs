//! What an entry means: everything that is known without the server.

use std::{sync::atomic::AtomicUsize, time::Duration};

use redis::{
    ProtocolVersion,
    cluster::{ClusterClient, ClusterClientBuilder},
};
use zato_core::{
    config::{ConfigFaults, Secret},
    connection::Setup,
    security::SecurityConfig,
};

use super::{Credentials, Security, Target, Whereabouts};
use crate::config::{Node, Protocol, RedisConfig};

impl Target {
    /// Works out where an entry leads to.
    pub(crate) fn of(setup: &Setup<'_, RedisConfig>) -> Result<Self, ConfigFaults> {
        let (config, mut faults) = (&setup.config, ConfigFaults::new());
        for (key, words) in config.contradictions() {
            faults.push(setup.fault(key, words));
        }
        let credentials = credentials(setup, &mut faults);
        let security = security(setup).map_err(|found| faults.extend(found)).unwrap_or(Security::Plain);
        let whereabouts = whereabouts(setup, &credentials, &mut faults);
        let Some(whereabouts) = whereabouts.filter(|_| faults.is_empty()) else { return Err(faults) };
        Ok(Self {
            whereabouts,
            credentials,
            security,
            db: config.db().unwrap_or(0),
            protocol: protocol(config.protocol),
            client_name: config.client_name.clone().unwrap_or_else(|| config.name.clone()),
            connect_timeout: config.connect_timeout.0,
            answered_last: AtomicUsize::new(0),
        })
    }
}

fn protocol(protocol: Protocol) -> ProtocolVersion {
    match protocol {
        Protocol::Resp2 => ProtocolVersion::RESP2,
        Protocol::Resp3 => ProtocolVersion::RESP3,
    }
}

/// Finds who connects.
fn credentials(setup: &Setup<'_, RedisConfig>, faults: &mut ConfigFaults) -> Credentials {
    let config = &setup.config;
    if let Some(definition) = &setup.security {
        return match &**definition {
            SecurityConfig::BasicAuth(basic) => {
                Credentials { username: Some(basic.username.clone()), password: Some(basic.password.clone()) }
            }
            other => {
                let words = format!(
                    "the security definition \"{}\" is no user's name and password, which Redis wants; name one of the type basic_auth",
                    other.name()
                );
                faults.push(setup.fault("security", words));
                Credentials::default()
            }
        };
    }
    let of_url = config.url.as_ref();
    let credentials = Credentials {
        username: config.username.clone().or_else(|| of_url.and_then(|url| url.username.clone())),
        password: config.password.clone().or_else(|| of_url.and_then(|url| url.password.clone())),
    };
    if credentials.username.is_some() && credentials.password.is_none() {
        faults.push(setup.fault("username", "nobody says which password goes with the username; add it"));
    }
    credentials
}

fn whereabouts(
    setup: &Setup<'_, RedisConfig>,
    credentials: &Credentials,
    faults: &mut ConfigFaults,
) -> Option<Whereabouts> {
    let config = &setup.config;
    if !config.cluster.is_empty() {
        let client = cluster(setup, credentials, config.timeout.0).map_err(|found| faults.extend(found)).ok()?;
        let patient = cluster(setup, credentials, LONGEST).map_err(|found| faults.extend(found)).ok()?;
        let (client, patient) = (Box::new(client), Box::new(patient));
        return Some(Whereabouts::Cluster { client, patient, nodes: config.cluster.clone() });
    }
    if !config.has_sentinels() {
        return Some(Whereabouts::Server(config.place()));
    }
    Some(Whereabouts::Sentinels {
        nodes: config.sentinels.clone(),
        master: config.sentinel_master.clone().unwrap_or_default(),
        credentials: Credentials {
            username: config.sentinel_username.clone(),
            password: config.sentinel_password.clone(),
        },
    })
}

/// The time for an answer where others limit it: a year.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

/// Makes a client of a cluster: the library finds its nodes, and connects to them by itself.
fn cluster(
    setup: &Setup<'_, RedisConfig>,
    credentials: &Credentials,
    timeout: Duration,
) -> Result<ClusterClient, ConfigFaults> {
    let config = &setup.config;
    let scheme = if config.is_tls() { "rediss" } else { "redis" };
    let nodes = config.cluster.iter().map(|node: &Node| format!("{scheme}://{node}"));
    let mut builder = ClusterClientBuilder::new(nodes)
        .use_protocol(protocol(config.protocol))
        .connection_timeout(config.connect_timeout.0)
        // It would send again also what may have been done.
        .retries(0)
        .response_timeout(timeout);
    if let Some(username) = &credentials.username {
        builder = builder.username(username);
    }
    if let Some(password) = credentials.password.as_ref().map(Secret::expose) {
        builder = builder.password(password);
    }
    let builder = certificates(setup, builder)?;
    builder.build().map_err(|error| setup.fault("cluster", error.to_string()).into())
}

/// Gives a cluster the files of its entry.
#[cfg(feature = "tls")]
fn certificates(
    setup: &Setup<'_, RedisConfig>,
    builder: ClusterClientBuilder,
) -> Result<ClusterClientBuilder, ConfigFaults> {
    use redis::{ClientTlsConfig, TlsCertificates};

    let Some(tls) = &setup.config.tls else { return Ok(builder) };
    let mut faults = ConfigFaults::new();
    let mut root_cert = Vec::new();
    for file in &tls.ca {
        root_cert.extend(faults.keep(setup.files.read(file)).unwrap_or_default());
    }
    let client_tls = match (&tls.certificate, &tls.key) {
        (Some(certificate), Some(key)) => {
            let client_cert = faults.keep(setup.files.read(certificate)).unwrap_or_default();
            let client_key = faults.keep(setup.files.read(key)).unwrap_or_default();
            Some(ClientTlsConfig { client_cert, client_key })
        }
        // `ClientTls` has said so.
        _ => None,
    };
    let root_cert = Some(root_cert).filter(|_| !tls.ca.is_empty());
    faults.into_result(builder.certs(TlsCertificates { client_tls, root_cert }))
}

#[cfg(not(feature = "tls"))]
fn certificates(
    _: &Setup<'_, RedisConfig>,
    builder: ClusterClientBuilder,
) -> Result<ClusterClientBuilder, ConfigFaults> {
    Ok(builder)
}

#[cfg(feature = "tls")]
fn security(setup: &Setup<'_, RedisConfig>) -> Result<Security, ConfigFaults> {
    use zato_tls::{ClientTls, Verification};

    let config = &setup.config;
    if !config.is_tls() {
        return Ok(Security::Plain);
    }
    let verification = if config.tls_verify { Verification::Full } else { Verification::Off };
    let place = &setup.node.get("tls").or_else(|| setup.node.get("url")).unwrap_or(setup.node).origin;
    let tls = config.tls.clone().unwrap_or_default();
    let tls = ClientTls::build(&tls, verification, place, setup.files, setup.ambient.now())?;
    Ok(Security::Tls(tokio_rustls::TlsConnector::from(std::sync::Arc::new(tls.config(&[])))))
}

#[cfg(not(feature = "tls"))]
fn security(setup: &Setup<'_, RedisConfig>) -> Result<Security, ConfigFaults> {
    let mut faults = ConfigFaults::new();
    let config = &setup.config;
    let wanted = [("url", config.url.as_ref().is_some_and(|url| url.is_tls)), ("tls", config.tls.is_some())];
    for (key, _) in wanted.into_iter().filter(|(_, is_wanted)| *is_wanted) {
        let words = "this program was built without TLS, which this asks for; add the feature \"tls\" of zato";
        faults.push(setup.fault(key, words));
    }
    faults.into_result(Security::Plain)
}
