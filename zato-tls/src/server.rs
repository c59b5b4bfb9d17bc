//! How a listener speaks TLS.

use std::sync::Arc;

use rustls::{
    RootCertStore, ServerConfig,
    crypto::CryptoProvider,
    pki_types::CertificateDer,
    server::{WebPkiClientVerifier, danger::ClientCertVerifier},
    sign::{CertifiedKey, SingleCertAndKey},
};
use zato_core::{
    chrono::{DateTime, Utc},
    config::{ClientCertificates, ConfigFault, ConfigFaults, FilePath, Files, TlsConfig, TlsVersion},
};

use crate::{authorities, certificate, pair, pem, provider, versions};

/// How a listener speaks TLS: cheap to clone, and used for every connection that begins from then on.
///
/// ```
/// use zato_core::{chrono::DateTime, config::{Files, TlsConfig, from_node, yaml}};
/// use zato_tls::ServerTls;
///
/// let tls: TlsConfig = from_node(&yaml::parse("zato.yaml", "{certificate: server.pem, key: server.key}")?)?;
/// let faults = ServerTls::build(&tls, &["h2"], &Files::in_folder("nowhere"), DateTime::UNIX_EPOCH).unwrap_err();
/// assert_eq!(
///     faults.to_string(),
///     "zato.yaml:1:15: the file \"server.pem\" does not exist\n\
///      zato.yaml:1:32: the file \"server.key\" does not exist"
/// );
/// # Ok::<(), zato_core::config::ConfigFault>(())
/// ```
#[derive(Clone, Debug)]
pub struct ServerTls {
    config: Arc<ServerConfig>,
    material: Arc<Material>,
}

/// What a configuration was made of. The key is no part of it: a certificate has only one.
#[derive(Debug, PartialEq)]
struct Material {
    chain: Vec<CertificateDer<'static>>,
    authorities: Vec<CertificateDer<'static>>,
    client_certificates: ClientCertificates,
    minimum_version: TlsVersion,
    protocols: Vec<Vec<u8>>,
}

impl ServerTls {
    /// Reads the files of a configuration, for a listener that speaks some protocols (ALPN, RFC 7301), the best first.
    ///
    /// Certificates that are not valid at `now` are warned about and used.
    ///
    /// # Errors
    ///
    /// Every file that can't be read or holds something else than it should, and a key that is not that of the
    /// certificate.
    pub fn build(tls: &TlsConfig, protocols: &[&str], files: &Files, now: DateTime<Utc>) -> Result<Self, ConfigFaults> {
        let (provider, mut faults) = (provider(), ConfigFaults::new());
        let certified = pair::read((&tls.certificate, &tls.key), files, &provider);
        let certified = certified.map_err(|found| faults.extend(found)).ok();
        let authorities = faults.keep(authorities(tls, files)).unwrap_or_default();
        let verifier = faults.keep(verifier(tls, &authorities, &provider));
        let (Some(certified), Some(verifier)) = (certified, verifier) else { return Err(faults) };
        let (client_certificates, minimum_version) = (tls.client_certificates(), tls.minimum_version);
        let protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        let chain = certified.cert.clone();
        let material = Material { chain, authorities, client_certificates, minimum_version, protocols };
        faults.into_result(())?;
        warn_unless_valid(tls, &material, now);
        let config = config(&material, certified, verifier, provider);
        Ok(Self { config: Arc::new(config), material: Arc::new(material) })
    }

    /// Returns what was there before, if it is the same: its sessions can still be resumed.
    #[must_use]
    pub fn or_same(self, before: Option<&Self>) -> Self {
        before.filter(|before| before.material == self.material).cloned().unwrap_or(self)
    }

    /// Returns whether clients are asked for a certificate.
    #[must_use]
    pub fn asks_for_certificates(&self) -> bool {
        self.material.client_certificates != ClientCertificates::None
    }

    /// Returns the configuration for rustls.
    #[must_use]
    pub fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config)
    }
}

fn authorities(tls: &TlsConfig, files: &Files) -> Result<Vec<CertificateDer<'static>>, ConfigFault> {
    match &tls.client_ca {
        Some(file) => pem::certificates(files, file),
        None if tls.client_certificates() == ClientCertificates::None => Ok(Vec::new()),
        None => Err(tls.certificate.fault_saying(
            "\"client_certificates\" asks for certificates that nobody could verify: add \"client_ca\", the file of \
             their authority",
        )),
    }
}

type Verifier = Option<Arc<dyn ClientCertVerifier>>;

fn verifier(
    tls: &TlsConfig,
    authorities: &[CertificateDer<'static>],
    provider: &Arc<CryptoProvider>,
) -> Result<Verifier, ConfigFault> {
    let Some(file) = tls.client_ca.as_ref().filter(|_| !authorities.is_empty()) else { return Ok(None) };
    let mut roots = RootCertStore::empty();
    authorities::add(&mut roots, authorities, file)?;
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
    let builder = match tls.client_certificates() {
        ClientCertificates::None => return Ok(None),
        ClientCertificates::Optional => builder.allow_unauthenticated(),
        ClientCertificates::Required => builder,
    };
    builder.build().map(Some).map_err(|error| authorities::unusable(file, &error))
}

fn config(
    material: &Material,
    certified: CertifiedKey,
    verifier: Verifier,
    provider: Arc<CryptoProvider>,
) -> ServerConfig {
    let versions = versions::since(material.minimum_version);
    let builder = ServerConfig::builder_with_provider(provider).with_protocol_versions(versions);
    let builder = builder.expect("the provider has cipher suites of both versions");
    let builder = match verifier {
        Some(verifier) => builder.with_client_cert_verifier(verifier),
        None => builder.with_no_client_auth(),
    };
    let mut config = builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
    config.alpn_protocols.clone_from(&material.protocols);
    config
}

fn warn_unless_valid(tls: &TlsConfig, material: &Material, now: DateTime<Utc>) {
    let warn = |certificates: &[CertificateDer<'_>], file: &FilePath| {
        certificates.iter().for_each(|der| certificate::warn_unless_valid(der, file, now));
    };
    warn(&material.chain, &tls.certificate);
    if let Some(file) = &tls.client_ca {
        warn(&material.authorities, file);
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use rcgen::{CertifiedKey as Pair, KeyPair, generate_simple_self_signed};
    use tempfile::TempDir;
    use zato_core::config::{from_node, yaml};

    use super::*;

    fn pair() -> Pair<KeyPair> {
        generate_simple_self_signed(["localhost".to_owned()]).unwrap()
    }

    /// A folder with the files `a.pem`, `a.key`, `b.pem` and `b.key`.
    fn folder() -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a", "b"] {
            let pair = pair();
            fs::write(folder.path().join(format!("{name}.pem")), pair.cert.pem()).unwrap();
            fs::write(folder.path().join(format!("{name}.key")), pair.signing_key.serialize_pem()).unwrap();
        }
        folder
    }

    fn built(folder: &TempDir, tls: &str) -> Result<ServerTls, String> {
        let tls: TlsConfig = from_node(&yaml::parse("zato.yaml", &format!("{{{tls}}}")).unwrap()).unwrap();
        let files = Files::in_folder(folder.path());
        ServerTls::build(&tls, &["h2", "http/1.1"], &files, DateTime::UNIX_EPOCH).map_err(|faults| faults.to_string())
    }

    #[test]
    fn what_is_the_same_keeps_its_sessions() {
        let folder = folder();
        let first = built(&folder, "certificate: a.pem, key: a.key").unwrap();
        assert!(!first.asks_for_certificates());
        let again = built(&folder, "certificate: a.pem, key: a.key").unwrap().or_same(Some(&first));
        assert!(Arc::ptr_eq(&first.config(), &again.config()));
        for other in [
            "certificate: b.pem, key: b.key",
            "certificate: a.pem, key: a.key, minimum_version: 1.3",
            "certificate: a.pem, key: a.key, client_ca: b.pem",
        ] {
            let other = built(&folder, other).unwrap().or_same(Some(&first));
            assert!(!Arc::ptr_eq(&first.config(), &other.config()));
        }
    }

    #[test]
    fn what_can_not_be_used_is_told_with_its_place() {
        let folder = folder();
        let two = [fs::read(folder.path().join("b.pem")).unwrap(), fs::read(folder.path().join("a.pem")).unwrap()];
        fs::write(folder.path().join("wrong-order.pem"), two.concat()).unwrap();
        fs::write(folder.path().join("no.pem"), "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----")
            .unwrap();
        fs::write(folder.path().join("no.key"), "-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----")
            .unwrap();
        for (tls, expected) in [
            (
                "certificate: a.pem, key: b.key",
                "zato.yaml:1:27: the file \"b.key\" does not hold the key of the certificate in the file \"a.pem\"",
            ),
            (
                "certificate: a.key, key: a.pem",
                "zato.yaml:1:15: the file \"a.key\" holds a private key and no certificate; are the two files in each \
                 other's place?\nzato.yaml:1:27: the file \"a.pem\" holds a certificate and no private key; are the two \
                 files in each other's place?",
            ),
            (
                "certificate: wrong-order.pem, key: a.key",
                "zato.yaml:1:15: the file \"wrong-order.pem\" begins with another certificate than that of the key; put \
                 that one first",
            ),
            (
                "certificate: no.pem, key: a.key",
                "zato.yaml:1:15: the file \"no.pem\" holds a certificate that can't be used: invalid peer certificate: \
                 BadEncoding",
            ),
            ("certificate: a.pem, key: no.key", "zato.yaml:1:27: the file \"no.key\" holds a key that can't be used: "),
            (
                "certificate: a.pem, key: a.key, client_ca: no.pem",
                "zato.yaml:1:45: the file \"no.pem\" holds a certificate that can't be used as an authority: ",
            ),
            (
                "certificate: a.pem, key: a.key, client_certificates: optional",
                "zato.yaml:1:15: \"client_certificates\" asks for certificates that nobody could verify: add \
                 \"client_ca\", the file of their authority",
            ),
        ] {
            let said = built(&folder, tls).unwrap_err();
            assert!(said.starts_with(expected), "{said}");
        }
    }
}
