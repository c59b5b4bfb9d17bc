//! An authority, and two certificates of its that a server has in turn.

use std::{fs, path::Path, sync::Arc};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, SanType};
use rustls::{ClientConfig, RootCertStore, crypto::ring, pki_types::CertificateDer};

use crate::Result;

/// What a server can be given.
pub(crate) struct Certificates {
    authority: CertificateDer<'static>,
    pairs: [Pair; 2],
}

struct Pair {
    certificate: CertificateDer<'static>,
    pem: String,
    key: String,
}

impl Certificates {
    pub(crate) fn new() -> Result<Self> {
        let mut params = named("authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        let pair = |name| -> Result<Pair> {
            let mut params = named(name);
            params.subject_alt_names = vec![SanType::DnsName("localhost".try_into()?)];
            let key = KeyPair::generate()?;
            let signed = params.signed_by(&key, &*authority)?;
            Ok(Pair { certificate: signed.der().clone(), pem: signed.pem(), key: key.serialize_pem() })
        };
        Ok(Self { pairs: [pair("first")?, pair("second")?], authority: authority.der().clone() })
    }

    /// Puts a certificate and its key into a folder, as tools do that renew them, and returns the certificate.
    pub(crate) fn put(&self, number: u32, folder: &Path) -> Result<&CertificateDer<'static>> {
        let [first, second] = &self.pairs;
        let pair = if number.is_multiple_of(2) { first } else { second };
        replace(folder, "server.key", &pair.key)?;
        replace(folder, "server.pem", &pair.pem)?;
        Ok(&pair.certificate)
    }

    /// What a client has to know that trusts the authority.
    pub(crate) fn client(&self) -> Result<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.authority.clone())?;
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        Ok(builder.with_safe_default_protocol_versions()?.with_root_certificates(roots).with_no_client_auth())
    }
}

fn named(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

/// Replaces a file, so that whoever reads it reads all of the one or all of the other.
pub(crate) fn replace(folder: &Path, name: &str, text: &str) -> Result<()> {
    let new = folder.join(format!("{name}.new"));
    fs::write(&new, text)?;
    Ok(fs::rename(new, folder.join(name))?)
}
