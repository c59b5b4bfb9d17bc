//! How a connection to another system speaks TLS.

use std::sync::Arc;

use rustls::{
    ClientConfig, ConfigBuilder, RootCertStore, WantsVerifier,
    client::{WebPkiServerVerifier, danger::ServerCertVerifier},
    crypto::CryptoProvider,
    sign::{CertifiedKey, SingleCertAndKey},
};
use rustls_platform_verifier::Verifier as SystemVerifier;
use zato_core::{
    chrono::{DateTime, Utc},
    config::{ClientTlsConfig, ConfigFault, ConfigFaults, FilePath, Files, Origin, TlsVersion},
};

use crate::{authorities, certificate, pair, pem, provider, unverified::Unverified, versions};

/// How a connection to another system speaks TLS: cheap to clone.
///
/// ```
/// use zato_core::{chrono::DateTime, config::{ClientTlsConfig, Files, Origin, from_node, yaml}};
/// use zato_tls::{ClientTls, Verification};
///
/// let tls: ClientTlsConfig = from_node(&yaml::parse("zato.yaml", "{ca: [bank.pem], certificate: us.pem}")?)?;
/// let (place, files) = (Origin::new("zato.yaml", 1, 1), Files::in_folder("nowhere"));
/// let faults = ClientTls::build(&tls, Verification::Full, &place, &files, DateTime::UNIX_EPOCH).unwrap_err();
/// assert_eq!(
///     faults.to_string(),
///     "zato.yaml:1:31: the file \"us.pem\" is a certificate without its key: add \"key\", the file of that\n\
///      zato.yaml:1:7: the file \"bank.pem\" does not exist"
/// );
/// # Ok::<(), zato_core::config::ConfigFault>(())
/// ```
#[derive(Clone, Debug)]
pub struct ClientTls {
    config: Arc<ClientConfig>,
}

/// Whether the certificate of the other side has to be right.
///
/// ```
/// use zato_tls::Verification;
///
/// assert_eq!(Verification::default(), Verification::Full);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verification {
    /// An authority that is trusted has signed it, it is valid now, and it is one for the host that is called.
    #[default]
    Full,
    /// Anything is taken, so that whoever stands in between may read and change everything.
    Off,
}

impl ClientTls {
    /// Reads the files of a configuration.
    ///
    /// Certificates that are not valid at `now` are warned about and used. Authorities of the operating system are read
    /// once for all connections of an application, and only if one of them names none of its own.
    ///
    /// # Errors
    ///
    /// Every file that can't be read or holds something else than it should, a key that is not that of the certificate, and
    /// one of the two without the other. At `place`, if the operating system trusts no authority at all.
    pub fn build(
        tls: &ClientTlsConfig,
        verification: Verification,
        place: &Origin,
        files: &Files,
        now: DateTime<Utc>,
    ) -> Result<Self, ConfigFaults> {
        let (provider, mut faults) = (provider(), ConfigFaults::new());
        let ours = own(tls, files, &provider).map_err(|found| faults.extend(found)).ok();
        // Read in any case, so that they are known to be right on the day that verification is turned on again.
        let roots = named(tls, files, now).map_err(|found| faults.extend(found)).ok();
        let (Some(ours), Some(roots)) = (ours, roots) else { return Err(faults) };
        let verifier: Arc<dyn ServerCertVerifier> = match verification {
            Verification::Full => verifier(tls, roots, place, files, &provider)?,
            Verification::Off => Arc::new(Unverified(Arc::clone(&provider))),
        };
        if let (Some(pair), Some(file)) = (&ours, &tls.certificate) {
            pair.cert.iter().for_each(|der| certificate::warn_unless_valid(der, file, now));
        }
        Ok(Self { config: Arc::new(config(ours, verifier, tls.minimum_version, provider)) })
    }

    /// Makes one for connections that are not meant to speak TLS: it trusts nobody, so that every handshake fails.
    #[must_use]
    pub fn trusting_nobody() -> Self {
        let builder = begun(TlsVersion::default(), provider());
        let config = builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth();
        Self { config: Arc::new(config) }
    }

    /// Returns the configuration for rustls, with the protocols to offer (ALPN, RFC 7301), the best first.
    #[must_use]
    pub fn config(&self, protocols: &[&str]) -> ClientConfig {
        let mut config = ClientConfig::clone(&self.config);
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        config
    }
}

fn begun(oldest: TlsVersion, provider: Arc<CryptoProvider>) -> ConfigBuilder<ClientConfig, WantsVerifier> {
    let builder = ClientConfig::builder_with_provider(provider).with_protocol_versions(versions::since(oldest));
    builder.expect("the provider has cipher suites of both versions")
}

fn config(
    ours: Option<CertifiedKey>,
    verifier: Arc<dyn ServerCertVerifier>,
    oldest: TlsVersion,
    provider: Arc<CryptoProvider>,
) -> ClientConfig {
    // Dangerous is what a verifier of one's own may do, and only one of these takes anything.
    let builder = begun(oldest, provider).dangerous().with_custom_certificate_verifier(verifier);
    match ours {
        Some(pair) => builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(pair))),
        None => builder.with_no_client_auth(),
    }
}

/// Reads the certificate that we present, if there is one.
fn own(tls: &ClientTlsConfig, files: &Files, provider: &CryptoProvider) -> Result<Option<CertifiedKey>, ConfigFaults> {
    let fault = |file: &FilePath, says: &str| Err(file.fault(says).into());
    match (&tls.certificate, &tls.key) {
        (Some(certificate), Some(key)) => pair::read((certificate, key), files, provider).map(Some),
        (Some(file), None) => fault(file, "is a certificate without its key: add \"key\", the file of that"),
        (None, Some(file)) => fault(file, "is a key without its certificate: add \"certificate\", the file of that"),
        (None, None) => Ok(None),
    }
}

/// Reads the authorities that are named; `None` if there are none.
fn named(tls: &ClientTlsConfig, files: &Files, now: DateTime<Utc>) -> Result<Option<RootCertStore>, ConfigFaults> {
    let (mut roots, mut faults) = (RootCertStore::empty(), ConfigFaults::new());
    for file in &tls.ca {
        let added = pem::certificates(files, file).and_then(|authorities| {
            authorities.iter().for_each(|der| certificate::warn_unless_valid(der, file, now));
            authorities::add(&mut roots, &authorities, file)
        });
        faults.keep(added);
    }
    faults.into_result((!roots.is_empty()).then_some(roots))
}

fn verifier(
    tls: &ClientTlsConfig,
    roots: Option<RootCertStore>,
    place: &Origin,
    files: &Files,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, ConfigFault> {
    let Some(roots) = roots else { return system(place, files, provider) };
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider)).build();
    let unusable = |error: &dyn std::fmt::Display| match tls.ca.first() {
        Some(file) => authorities::unusable(file, error),
        None => ConfigFault::at(place, error.to_string()),
    };
    match verifier {
        Ok(verifier) => Ok(verifier),
        Err(error) => Err(unusable(&error)),
    }
}

/// What the operating system trusts, as each application of a configuration finds it.
struct System(Result<Arc<SystemVerifier>, String>);

fn system(
    place: &Origin,
    files: &Files,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, ConfigFault> {
    let read = || SystemVerifier::new(Arc::clone(provider)).map(Arc::new).map_err(|error| error.to_string());
    match &files.once(|| System(read())).0 {
        Ok(verifier) => Ok(Arc::<SystemVerifier>::clone(verifier)),
        Err(error) => Err(ConfigFault::at(
            place,
            format!(
                "the operating system trusts no authority that could sign the certificate of the other side: install its \
                 package of them, such as ca-certificates, or name one with \"tls.ca\" ({error})"
            ),
        )),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use rcgen::generate_simple_self_signed;
    use tempfile::TempDir;
    use zato_core::config::{from_node, yaml};

    use super::*;

    /// A folder with the files `a.pem`, `a.key`, `b.pem` and `b.key`.
    fn folder() -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a", "b"] {
            let pair = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
            fs::write(folder.path().join(format!("{name}.pem")), pair.cert.pem()).unwrap();
            fs::write(folder.path().join(format!("{name}.key")), pair.signing_key.serialize_pem()).unwrap();
        }
        fs::write(folder.path().join("no.pem"), "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----")
            .unwrap();
        folder
    }

    fn built(folder: &TempDir, tls: &str, verification: Verification) -> Result<ClientTls, String> {
        let tls: ClientTlsConfig = from_node(&yaml::parse("zato.yaml", &format!("{{{tls}}}")).unwrap()).unwrap();
        let (files, place) = (Files::in_folder(folder.path()), Origin::new("zato.yaml", 9, 9));
        let built = ClientTls::build(&tls, verification, &place, &files, DateTime::UNIX_EPOCH);
        built.map_err(|faults| faults.to_string())
    }

    #[test]
    fn what_can_be_used_is_used() {
        let folder = folder();
        for tls in
            ["ca: a.pem", "ca: [a.pem, b.pem], minimum_version: 1.3", "ca: a.pem, certificate: b.pem, key: b.key"]
        {
            let built = built(&folder, tls, Verification::Full).unwrap();
            assert_eq!(built.config(&["h2"]).alpn_protocols, [b"h2"]);
            assert_eq!(built.config.client_auth_cert_resolver.has_certs(), tls.contains("key"), "{tls}");
        }
        assert!(built(&folder, "", Verification::Off).is_ok());
    }

    #[test]
    fn what_can_not_be_used_is_told_with_its_place() {
        let folder = folder();
        for (tls, expected) in [
            (
                "ca: a.pem, certificate: a.pem, key: b.key",
                "zato.yaml:1:38: the file \"b.key\" does not hold the key of the certificate in the file \"a.pem\"",
            ),
            (
                "ca: a.pem, certificate: a.pem",
                "zato.yaml:1:26: the file \"a.pem\" is a certificate without its key: add \"key\", the file of that",
            ),
            (
                "ca: a.pem, key: a.key",
                "zato.yaml:1:18: the file \"a.key\" is a key without its certificate: add \"certificate\", the file of that",
            ),
            (
                "ca: [a.pem, a.key, none.pem]",
                "zato.yaml:1:14: the file \"a.key\" holds a private key and no certificate; are the two files in each \
                 other's place?\nzato.yaml:1:21: the file \"none.pem\" does not exist",
            ),
            (
                "ca: no.pem",
                "zato.yaml:1:6: the file \"no.pem\" holds a certificate that can't be used as an authority: ",
            ),
        ] {
            for verification in [Verification::Full, Verification::Off] {
                let said = built(&folder, tls, verification).unwrap_err();
                assert!(said.starts_with(expected), "{said}");
            }
        }
    }

    #[test]
    fn the_authorities_of_the_system_are_read_once_an_application() {
        let (files, place) = (Files::in_folder(""), Origin::new("zato.yaml", 9, 9));
        let read = || system(&place, &files, &provider());
        match (read(), read()) {
            (Ok(first), Ok(second)) => assert!(Arc::ptr_eq(&first, &second)),
            // A machine that trusts nobody.
            (Err(fault), Err(_)) => {
                assert!(fault.to_string().starts_with("zato.yaml:9:9: the operating system trusts"));
            }
            _ => panic!("one of the two was read anew"),
        }
    }
}
