use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use zato_core::{
    config::{ConfigFaults, Secret, SectionName},
    connection::{ConnectionStatus, Definition, Setup},
    metrics::{Exposition, FamilyKind::Counter},
    security::SecurityConfig,
};

use crate::{
    config::{AmqpDefinitionConfig, DEFINITION},
    link::{Link, Target, Topology, Use},
    meter::Meter,
    wire::{Credentials, Endpoint, Security},
};

/// A broker that channels and outgoing connections share: an entry of `definition_amqp`, with its two connections.
pub struct AmqpDefinition {
    pub(crate) publishing: Arc<Link>,
    pub(crate) consuming: Arc<Link>,
    /// What outgoing connections count, by name: it outlives changes of them.
    meters: Mutex<BTreeMap<String, Arc<Meter>>>,
}

impl AmqpDefinition {
    pub(crate) fn new(name: &str, target: Target, topology: Topology, ambient: &zato_core::ambient::Ambient) -> Self {
        let (target, topology) = (Arc::new(target), Arc::new(topology));
        let link = |purpose| Link::new(name, purpose, Arc::clone(&target), Arc::clone(&topology), ambient.clone());
        Self { publishing: link(Use::Publishing), consuming: link(Use::Consuming), meters: Mutex::default() }
    }

    /// Returns what an outgoing connection counts.
    pub(crate) fn meter(&self, connection: &str) -> Arc<Meter> {
        let mut meters = self.meters.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(meters.entry(connection.to_owned()).or_default())
    }

    /// Makes one that leads to a broker in the test's own process.
    #[cfg(feature = "testing")]
    pub(crate) fn of_memory(name: &str, broker: crate::wire::memory::Broker) -> Self {
        Self::of_memory_with(name, broker, Topology::default())
    }

    /// The same, with what has to be there.
    #[cfg(feature = "testing")]
    pub(crate) fn of_memory_with(name: &str, broker: crate::wire::memory::Broker, topology: Topology) -> Self {
        Self::new(name, Target::Memory(broker), topology, &zato_core::ambient::Ambient::default())
    }

    fn links(&self) -> [(&'static str, &Arc<Link>); 2] {
        [("publishing", &self.publishing), ("consuming", &self.consuming)]
    }
}

impl Definition for AmqpDefinition {
    const SECTION: SectionName = DEFINITION;
    type Config = AmqpDefinitionConfig;

    fn prepare(setup: Setup<'_, AmqpDefinitionConfig>) -> Result<Self, ConfigFaults> {
        let mut faults = ConfigFaults::new();
        for (key, words) in setup.config.contradictions() {
            faults.push(setup.fault(key, words));
        }
        let security = security(&setup).map_err(|found| faults.extend(found)).unwrap_or(Security::Plain);
        let user = user(&setup, &mut faults);
        faults.into_result(())?;
        let config = &setup.config;
        let credentials = Credentials {
            username: user.0,
            password: user.1,
            security,
            connection_name: config.connection_name.clone().unwrap_or_else(|| config.name.clone()),
            heartbeat_seconds: u16::try_from(config.heartbeat.as_secs()).unwrap_or(u16::MAX),
            frame_max: config.frame_max,
            connect_timeout: config.connect_timeout.0,
        };
        let topology = Topology { exchanges: config.exchanges.clone(), queues: config.queues.clone() };
        let target = Target::Broker { endpoints: endpoints(config), credentials };
        Ok(Self::new(&config.name, target, topology, setup.ambient))
    }

    async fn close(&self) {
        tokio::join!(self.publishing.close(), self.consuming.close());
    }

    fn metrics(&self, labels: &[(&'static str, &str)], exposition: &mut Exposition) {
        for (purpose, link) in self.links() {
            let (reconnects, failures) = link.counts();
            let labels: Vec<_> = labels.iter().copied().chain([("purpose", purpose)]).collect();
            exposition
                .family(Counter, "zato_amqp_reconnects_total", "Connections to a broker that were made anew.")
                .sample(&labels, reconnects);
            exposition
                .family(Counter, "zato_amqp_connect_failures_total", "Attempts to connect to a broker that failed.")
                .sample(&labels, failures);
        }
    }

    fn statuses(&self, _: &str) -> Vec<ConnectionStatus> {
        // What stands over it tells how it stands; a link that nobody uses is not made.
        Vec::new()
    }
}

/// Finds the nodes of a broker.
fn endpoints(config: &AmqpDefinitionConfig) -> Vec<Endpoint> {
    let usual = if config.is_tls() { 5671 } else { 5672 };
    let vhost = |own: Option<&String>| own.or(config.vhost.as_ref()).map_or("/", String::as_str).to_owned();
    let of_host = config.host.iter().map(|host| Endpoint {
        host: host.clone(),
        port: config.port.unwrap_or(usual),
        vhost: vhost(None),
    });
    let of_addresses = config.address.iter().map(|address| Endpoint {
        host: address.host.clone(),
        port: address.port.unwrap_or(usual),
        vhost: vhost(address.vhost.as_ref()),
    });
    of_addresses.chain(of_host).collect()
}

/// Finds who connects.
fn user(setup: &Setup<'_, AmqpDefinitionConfig>, faults: &mut ConfigFaults) -> (String, Secret) {
    let config = &setup.config;
    if let Some(definition) = &setup.security {
        return match &**definition {
            SecurityConfig::BasicAuth(basic) => (basic.username.clone(), basic.password.clone()),
            other => {
                let words = format!(
                    "the security definition \"{}\" is no user's name and password, which a broker wants; name one of the type basic_auth",
                    other.name()
                );
                faults.push(setup.fault("security", words));
                (String::new(), Secret::from(""))
            }
        };
    }
    // RabbitMQ's own user, who may connect from the same machine only.
    let of_address = config.address.first();
    let username = config.username.clone().or_else(|| of_address.and_then(|address| address.username.clone()));
    let password = config.password.clone().or_else(|| of_address.and_then(|address| address.password.clone()));
    (username.unwrap_or_else(|| "guest".to_owned()), password.unwrap_or_else(|| Secret::from("guest")))
}

#[cfg(feature = "tls")]
fn security(setup: &Setup<'_, AmqpDefinitionConfig>) -> Result<Security, ConfigFaults> {
    use zato_tls::{ClientTls, Verification};

    let config = &setup.config;
    if !config.is_tls() {
        return Ok(Security::Plain);
    }
    let verification = if config.tls_verify { Verification::Full } else { Verification::Off };
    let place = &setup.node.get("address").unwrap_or(setup.node).origin;
    let tls = config.tls.clone().unwrap_or_default();
    let tls = ClientTls::build(&tls, verification, place, setup.files, setup.ambient.now())?;
    Ok(Security::Tls(tokio_rustls::TlsConnector::from(Arc::new(tls.config(&[])))))
}

#[cfg(not(feature = "tls"))]
fn security(setup: &Setup<'_, AmqpDefinitionConfig>) -> Result<Security, ConfigFaults> {
    let mut faults = ConfigFaults::new();
    let wanted = [("address", setup.config.is_tls()), ("tls", setup.config.tls.is_some())];
    for (key, _) in wanted.into_iter().filter(|(_, is_wanted)| *is_wanted) {
        let words = "this program was built without TLS, which this asks for; add the feature \"tls\" of zato";
        faults.push(setup.fault(key, words));
    }
    faults.into_result(Security::Plain)
}

impl fmt::Debug for AmqpDefinition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries([&self.publishing, &self.consuming]).finish()
    }
}
