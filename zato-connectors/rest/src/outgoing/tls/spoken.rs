use reqwest::ClientBuilder;
use zato_core::{
    config::{ClientTlsConfig, ConfigFaults},
    connection::Setup,
    security::TokenRequest,
};
use zato_tls::{ClientTls, Verification};

use super::super::config::{HttpVersion, RestConfig};

/// How calls speak TLS.
pub(crate) type Tls = ClientTls;

/// Reads the certificates of a connection, if it may come to speak TLS with its partner.
pub(crate) fn of_partner(setup: &Setup<'_, RestConfig>) -> Result<Tls, ConfigFaults> {
    let RestConfig { host, max_redirects, tls, .. } = &setup.config;
    let may_be_spoken = host.is_tls() || *max_redirects > 0 || tls.is_some();
    // A machine that trusts no authorities can still call who speaks no TLS.
    if may_be_spoken { of_connection(setup) } else { Ok(ClientTls::trusting_nobody()) }
}

/// Reads the certificates of a token endpoint: those that its definition names, and otherwise those of the connection.
pub(crate) fn of_token_endpoint(setup: &Setup<'_, RestConfig>, request: &TokenRequest) -> Result<Tls, ConfigFaults> {
    match request.tls() {
        Some(tls) => built(setup, tls, Verification::Full, "security"),
        None if request.is_tls() => of_connection(setup),
        None => Ok(ClientTls::trusting_nobody()),
    }
}

fn of_connection(setup: &Setup<'_, RestConfig>) -> Result<Tls, ConfigFaults> {
    let RestConfig { tls, tls_verify, .. } = &setup.config;
    let verification = if *tls_verify { Verification::Full } else { Verification::Off };
    built(setup, &tls.clone().unwrap_or_default(), verification, "host")
}

fn built(
    setup: &Setup<'_, RestConfig>,
    tls: &ClientTlsConfig,
    verification: Verification,
    key: &str,
) -> Result<Tls, ConfigFaults> {
    let place = &setup.node.get(key).unwrap_or(setup.node).origin;
    ClientTls::build(tls, verification, place, setup.files, setup.ambient.now())
}

/// Has a client speak TLS like that, and offer the versions of HTTP that it may speak (ALPN).
pub(crate) fn configure(builder: ClientBuilder, tls: &Tls, version: HttpVersion) -> ClientBuilder {
    builder.tls_backend_preconfigured(tls.config(match version {
        HttpVersion::Auto => &["h2", "http/1.1"],
        HttpVersion::Http1 => &["http/1.1"],
        HttpVersion::Http2 => &["h2"],
    }))
}
