//! A certificate of ours and its key, whichever side presents them.

use std::sync::Arc;

use rustls::{InconsistentKeys, crypto::CryptoProvider, pki_types::CertificateDer, sign::CertifiedKey};
use zato_core::config::{ConfigFault, ConfigFaults, FilePath, Files};

use crate::pem;

/// Reads both files, and gives the pair back if the two belong together.
pub(crate) fn read(
    (certificate, key): (&FilePath, &FilePath),
    files: &Files,
    provider: &CryptoProvider,
) -> Result<CertifiedKey, ConfigFaults> {
    let mut faults = ConfigFaults::new();
    let chain = faults.keep(pem::certificates(files, certificate));
    let private = faults.keep(pem::key(files, key));
    let Some((chain, private)) = chain.zip(private) else { return Err(faults) };
    let private = provider.key_provider.load_private_key(private);
    let private = private.map_err(|error| key.fault(format!("holds a key that can't be used: {error}")))?;
    Ok(checked(CertifiedKey::new(chain, private), certificate, key)?)
}

fn checked(pair: CertifiedKey, certificate: &FilePath, key: &FilePath) -> Result<CertifiedKey, ConfigFault> {
    match pair.keys_match() {
        // Not knowing is no reason to refuse: the handshake will tell.
        Ok(()) | Err(rustls::Error::InconsistentKeys(InconsistentKeys::Unknown)) => Ok(pair),
        Err(rustls::Error::InconsistentKeys(_)) => Err(mismatch(&pair, certificate, key)),
        Err(error) => Err(certificate.fault(format!("holds a certificate that can't be used: {error}"))),
    }
}

fn mismatch(pair: &CertifiedKey, certificate: &FilePath, key: &FilePath) -> ConfigFault {
    let is_its_own = |certificate: &CertificateDer<'static>| {
        CertifiedKey::new(vec![certificate.clone()], Arc::clone(&pair.key)).keys_match().is_ok()
    };
    if pair.cert.iter().any(is_its_own) {
        return certificate.fault("begins with another certificate than that of the key; put that one first");
    }
    key.fault(format!("does not hold the key of the certificate in {certificate}"))
}
