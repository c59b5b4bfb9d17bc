//! TLS for zato's connectors: the one place where cryptography is chosen, and where PEM files become configurations of
//! rustls.
//!
//! Two providers in one program make rustls panic when it has to choose, which is why none is ever chosen by it: whoever
//! speaks TLS takes [`provider`] and hands it over. Nothing is installed for the process as a whole, so that a program
//! that embeds zato is free to use another one for itself.

mod authorities;
mod certificate;
mod pair;
mod pem;
mod versions;

mod client;
mod server;
mod unverified;

use std::sync::{Arc, LazyLock};

pub use rustls;
use rustls::crypto::{CryptoProvider, ring};

pub use self::{
    certificate::client_certificate,
    client::{ClientTls, Verification},
    server::ServerTls,
};

/// Returns the provider of cryptography that everything in zato uses.
///
/// ```
/// use std::sync::Arc;
///
/// assert!(Arc::ptr_eq(&zato_tls::provider(), &zato_tls::provider()));
/// ```
#[must_use]
pub fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: LazyLock<Arc<CryptoProvider>> = LazyLock::new(|| Arc::new(ring::default_provider()));
    Arc::clone(&PROVIDER)
}
