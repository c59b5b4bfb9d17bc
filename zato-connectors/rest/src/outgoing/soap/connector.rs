use std::{fmt, sync::Arc};

use zato_core::{
    Result,
    ambient::Ambient,
    config::{ConfigFaults, SectionName},
    connection::{Connector, Setup},
    format::soap::Version,
    metrics::Exposition,
    security::SecurityConfig,
};

use super::{
    client::SoapClient,
    config::{SoapConfig, SoapOptions},
    envelope::Envelopes,
};
use crate::{
    config::OUTGOING_SOAP,
    outgoing::{PreparedRest, RestConnector},
};

/// The connector of `outgoing_soap`: that of `outgoing_rest`, with envelopes around what it carries.
#[derive(Debug)]
pub struct SoapConnector;

/// A connection of `outgoing_soap` whose configuration was found to be usable.
pub struct PreparedSoap {
    rest: PreparedRest,
    options: SoapOptions,
    envelopes: Arc<Envelopes>,
}

impl fmt::Debug for PreparedSoap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PreparedSoap").field("rest", &self.rest).finish_non_exhaustive()
    }
}

impl Connector for SoapConnector {
    const SECTION: SectionName = OUTGOING_SOAP;
    type Config = SoapConfig;
    type Prepared = PreparedSoap;
    type Client = SoapClient;

    fn prepare(setup: Setup<'_, SoapConfig>) -> Result<PreparedSoap, ConfigFaults> {
        let Setup { config, node, security, definitions, files, ambient } = setup;
        let (config, options) = config.into_parts();
        // An inactive definition refuses every call, whatever its type; that is the same for all connections.
        let (token, security) = match security.as_deref() {
            Some(SecurityConfig::Wss(wss)) if wss.is_active => (Some(wss.clone()), None),
            _ => (None, security),
        };
        let envelopes = Arc::new(Envelopes::new(options.version, token, Ambient::clone(ambient)));
        let rest = RestConnector::prepare(Setup { config, node, security, definitions, files, ambient })?;
        Ok(PreparedSoap { rest, options, envelopes })
    }

    async fn connect(prepared: &PreparedSoap) -> Result<SoapClient> {
        Ok(prepared.over(prepared.rest.connected(Self::SECTION)?))
    }

    async fn ping(client: &SoapClient) -> Result<()> {
        RestConnector::ping(client.rest()).await
    }

    fn metrics(client: &SoapClient, labels: &[(&'static str, &str)], exposition: &mut Exposition) {
        RestConnector::metrics(client.rest(), labels, exposition);
    }
}

impl PreparedSoap {
    fn over(&self, rest: crate::outgoing::RestClient) -> SoapClient {
        SoapClient::new(rest, self.options.clone(), Arc::clone(&self.envelopes))
    }

    /// Returns the version and the namespace of what is sent.
    #[cfg(feature = "testing")]
    pub(in crate::outgoing) fn spoken(&self) -> (Version, Option<String>) {
        (self.options.version, self.options.namespace.clone())
    }

    #[cfg(feature = "testing")]
    pub(in crate::outgoing) fn rest(&self) -> &PreparedRest {
        &self.rest
    }

    /// Makes a client that calls no network but a partner of the test kit.
    #[cfg(feature = "testing")]
    pub(in crate::outgoing) fn faked(&self, partner: Arc<crate::outgoing::testing::Script>) -> Result<SoapClient> {
        Ok(self.over(self.rest.faked(partner)?))
    }
}
