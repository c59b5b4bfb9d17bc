use zato_core::{
    channel::ChannelConfig,
    config::{ConfigFault, Origin},
};

use super::{RestChannelConfig, SECTION};
#[cfg(feature = "soap")]
use crate::soap::{SoapChannelConfig, SoapOptions};

/// One entry of any section whose channels are reached over HTTP.
///
/// A SOAP channel is an HTTP channel like any other, of one method and one format, and with more to it: so paths, limits,
/// credentials and counters are the same for all.
#[derive(Clone, Debug)]
pub struct HttpChannelConfig {
    pub(crate) http: RestChannelConfig,
    #[cfg(feature = "soap")]
    pub(crate) soap: Option<SoapOptions>,
}

impl HttpChannelConfig {
    /// Returns the name of the section that the entry stands in.
    #[must_use]
    pub fn section(&self) -> &'static str {
        #[cfg(feature = "soap")]
        if self.soap.is_some() {
            return crate::soap::SECTION.name;
        }
        SECTION.name
    }

    /// Makes a fault of the entry, out of the end of a sentence that begins with its name.
    pub(crate) fn fault(&self, origin: &Origin, said: &str) -> ConfigFault {
        ConfigFault::at(origin, format!("the channel \"{}\" {said}", self.http.name))
    }
}

impl From<RestChannelConfig> for HttpChannelConfig {
    fn from(http: RestChannelConfig) -> Self {
        Self {
            http,
            #[cfg(feature = "soap")]
            soap: None,
        }
    }
}

#[cfg(feature = "soap")]
impl From<SoapChannelConfig> for HttpChannelConfig {
    fn from(config: SoapChannelConfig) -> Self {
        let (http, soap) = config.into_parts();
        Self { http, soap: Some(soap) }
    }
}

impl ChannelConfig for HttpChannelConfig {
    fn name(&self) -> &str {
        &self.http.name
    }

    fn service(&self) -> &str {
        &self.http.service
    }

    fn is_active(&self) -> bool {
        self.http.is_active
    }

    fn security(&self) -> Option<&str> {
        self.http.security()
    }
}
