use reqwest::ClientBuilder;
use zato_core::{config::ConfigFaults, connection::Setup};

use crate::{config::SwiftConfig, storage::ObjectStorageConfig};

/// How requests speak TLS, which none can.
#[derive(Clone, Debug)]
pub(crate) struct Tls;

/// Refuses a configuration that wants TLS: plain HTTP in its place would give away what was to be kept.
pub(crate) fn of(setup: &Setup<'_, SwiftConfig>) -> Result<Tls, ConfigFaults> {
    let SwiftConfig { auth_url, tls, cacert, .. } = &setup.config;
    let storage_is_tls = setup.config.storage_url().is_some_and(|url| url.scheme() == "https");
    let wanted = [
        ("auth_url", auth_url.scheme() == "https"),
        ("storage_url", storage_is_tls),
        ("tls", tls.is_some()),
        ("cacert", cacert.is_some()),
    ];
    refused(setup, &wanted)
}

/// The same for the servers of an object storage.
pub(crate) fn of_storage(setup: &Setup<'_, ObjectStorageConfig>, address: &str) -> Result<Tls, ConfigFaults> {
    refused(setup, &[(address, setup.config.is_tls()), ("tls", setup.config.tls.is_some())])
}

fn refused<C>(setup: &Setup<'_, C>, wanted: &[(&str, bool)]) -> Result<Tls, ConfigFaults> {
    let words = "this program was built without TLS, which this asks for; add the feature \"tls\" of zato";
    let mut found = ConfigFaults::new();
    found.extend(wanted.iter().filter(|(_, is_wanted)| *is_wanted).map(|(key, _)| setup.fault(key, words)));
    found.into_result(Tls)
}

/// Leaves a client as it is.
pub(crate) fn configure(builder: ClientBuilder, _: &Tls) -> ClientBuilder {
    builder
}
