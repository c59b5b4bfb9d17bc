use reqwest::ClientBuilder;
use zato_core::{
    ambient::Ambient,
    config::{ClientTlsConfig, ConfigFaults, Files, Origin},
    connection::Setup,
};
use zato_tls::{ClientTls, Verification};

use crate::{config::SwiftConfig, storage::ObjectStorageConfig};

/// How requests speak TLS.
pub(crate) type Tls = ClientTls;

/// Reads the certificates of a connection. Where the storage is may be told only after one has logged in, so that TLS may come to be
/// spoken in any case; a machine that trusts no authorities can still call who speaks none.
pub(crate) fn of(setup: &Setup<'_, SwiftConfig>) -> Result<Tls, ConfigFaults> {
    let SwiftConfig { tls, cacert, should_validate_cert, .. } = &setup.config;
    let place = &setup.node.get("auth_url").unwrap_or(setup.node).origin;
    let is_asked_for = setup.config.is_tls() || tls.is_some() || cacert.is_some();
    let mut tls = tls.clone().unwrap_or_default();
    tls.ca.extend(cacert.clone());
    match build(&tls, *should_validate_cert, place, setup.files, setup.ambient) {
        Err(_) if !is_asked_for => Ok(ClientTls::trusting_nobody()),
        built => built,
    }
}

/// The same for the servers of an object storage; the place is that of their address.
pub(crate) fn of_storage(setup: &Setup<'_, ObjectStorageConfig>, address: &str) -> Result<Tls, ConfigFaults> {
    let ObjectStorageConfig { tls, should_validate_cert, .. } = &setup.config;
    let is_asked_for = setup.config.is_tls() || tls.is_some();
    let place = &setup.node.at_path(address).unwrap_or(setup.node).origin;
    match build(&tls.clone().unwrap_or_default(), *should_validate_cert, place, setup.files, setup.ambient) {
        Err(_) if !is_asked_for => Ok(ClientTls::trusting_nobody()),
        built => built,
    }
}

fn build(
    tls: &ClientTlsConfig,
    validates: bool,
    place: &Origin,
    files: &Files,
    ambient: &Ambient,
) -> Result<Tls, ConfigFaults> {
    let verification = if validates { Verification::Full } else { Verification::Off };
    ClientTls::build(tls, verification, place, files, ambient.now())
}

/// Has a client speak TLS like that.
pub(crate) fn configure(builder: ClientBuilder, tls: &Tls) -> ClientBuilder {
    builder.tls_backend_preconfigured(tls.config(&["http/1.1"]))
}
