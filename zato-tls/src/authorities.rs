//! Authorities whose certificates are trusted.

use rustls::{RootCertStore, pki_types::CertificateDer};
use zato_core::config::{ConfigFault, FilePath};

/// Adds the certificates of a file to those that are trusted.
pub(crate) fn add(
    roots: &mut RootCertStore,
    authorities: &[CertificateDer<'static>],
    file: &FilePath,
) -> Result<(), ConfigFault> {
    authorities.iter().try_for_each(|authority| roots.add(authority.clone()).map_err(|error| unusable(file, &error)))
}

/// Says that a file's certificates are none of an authority.
pub(crate) fn unusable(file: &FilePath, error: &dyn std::fmt::Display) -> ConfigFault {
    file.fault(format!("holds a certificate that can't be used as an authority: {error}"))
}
