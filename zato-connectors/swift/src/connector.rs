use std::{fmt, sync::Arc};

use reqwest::Url;
use tracing::warn;
use zato_core::{
    Result,
    ambient::Ambient,
    config::{ByteSize, ConfigFaults, Secret, SectionName},
    connection::{Connector, Handle as _, Offer, Setup, Slot},
    metrics::Exposition,
};

use crate::{
    Swift,
    auth::Auth,
    config::{OUTGOING, SwiftConfig},
    meter::Meter,
    object::Afterwork,
    tls::{self, Tls},
    transport::{self, Transport},
    wire::{Rules, Wire},
};

/// The connector of `outgoing_swift`.
#[derive(Debug)]
pub struct SwiftConnector;

/// A connection of `outgoing_swift` whose configuration was found to be usable.
pub struct PreparedSwift {
    config: SwiftConfig,
    auth: Arc<Auth>,
    tls: Tls,
    meter: Arc<Meter>,
    ambient: Ambient,
    /// What stands in the place of the network.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) memory: Option<crate::memory::SwiftServer>,
}

/// A connection that is up: somebody has logged in.
pub struct SwiftClient {
    pub(crate) wire: Wire,
    pub(crate) settings: Settings,
    pub(crate) afterwork: Afterwork,
    meter: Arc<Meter>,
}

/// What an entry says that is none of every request's business.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) segment_size: ByteSize,
    pub(crate) segment_parallelism: usize,
    pub(crate) temp_url_key: Option<Secret>,
    pub(crate) temp_url_base: Option<Url>,
}

impl Connector for SwiftConnector {
    const SECTION: SectionName = OUTGOING;
    type Config = SwiftConfig;
    type Prepared = PreparedSwift;
    type Client = SwiftClient;

    fn prepare(setup: Setup<'_, SwiftConfig>) -> Result<PreparedSwift, ConfigFaults> {
        let mut faults = ConfigFaults::new();
        for (key, words) in setup.config.contradictions() {
            faults.push(setup.fault(key, words));
        }
        let tls = tls::of(&setup).map_err(|found| faults.extend(found)).ok();
        faults.into_result(())?;
        let auth = Auth::of(&setup.config, setup.security.as_deref());
        let auth = auth.map_err(|words| setup.fault("security", words))?;
        let Some(tls) = tls else { return Err(ConfigFaults::new()) };
        let ambient = setup.ambient.clone();
        Ok(PreparedSwift {
            config: setup.config,
            auth: Arc::new(auth),
            tls,
            meter: Arc::default(),
            ambient,
            #[cfg(any(test, feature = "testing"))]
            memory: None,
        })
    }

    async fn connect(prepared: &PreparedSwift) -> Result<SwiftClient> {
        let client = prepared.client()?;
        client.is_alive().await?;
        Ok(client)
    }

    async fn ping(client: &SwiftClient) -> Result<()> {
        client.is_alive().await
    }

    fn offer(slot: &Arc<Slot<Self>>, offer: &mut Offer<'_>) {
        offer.with(|| Swift::from_slot(Arc::clone(slot)));
    }

    fn metrics(client: &SwiftClient, labels: &[(&'static str, &str)], exposition: &mut Exposition) {
        client.meter.add_to(client.wire.places(), labels, exposition);
    }
}

impl PreparedSwift {
    fn client(&self) -> Result<SwiftClient> {
        let Self { config, ambient, meter, .. } = self;
        if !config.should_validate_cert && config.is_tls() {
            warn!(
                connection = config.name,
                "should_validate_cert is false: the certificate of the other side is not checked, and anybody in between \
                 can read and change everything"
            );
        }
        let transport = self.transport()?;
        let wire = Wire::new(transport, Arc::clone(&self.auth), rules(config), Arc::clone(meter), ambient.clone());
        let settings = Settings {
            segment_size: config.segment_size,
            segment_parallelism: config.segment_parallelism,
            temp_url_key: config.temp_url_key.clone(),
            temp_url_base: config.temp_url_base.clone(),
        };
        Ok(SwiftClient { wire, settings, afterwork: Afterwork::default(), meter: Arc::clone(meter) })
    }

    fn transport(&self) -> Result<Transport> {
        #[cfg(any(test, feature = "testing"))]
        if let Some(memory) = &self.memory {
            return Ok(Transport::Memory(memory.clone()));
        }
        let SwiftConfig { pool_size, connect_timeout, .. } = self.config;
        Ok(Transport::Network(transport::client(pool_size, connect_timeout.into(), &self.tls)?))
    }
}

fn rules(config: &SwiftConfig) -> Rules {
    Rules {
        connection: config.name.clone(),
        timeout: config.timeout.into(),
        acquire_timeout: config.acquire_timeout.into(),
        retries: config.retries,
        starting_backoff: config.starting_backoff.into(),
        max_backoff: config.max_backoff.into(),
        retries_rate_limit: config.should_retr_ratelimit,
        slow: config.slow_log.into(),
        pool_size: config.pool_size,
    }
}

impl fmt::Debug for PreparedSwift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PreparedSwift").field("connection", &self.config.name).finish_non_exhaustive()
    }
}

impl fmt::Debug for SwiftClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SwiftClient").field("wire", &self.wire).finish_non_exhaustive()
    }
}
