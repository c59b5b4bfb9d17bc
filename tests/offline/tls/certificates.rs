//! Authorities, and the certificates that they sign.

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, SanType,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use time::{Duration, OffsetDateTime};

use crate::support::ConfigFile;

/// Who signs certificates.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key.
pub(crate) struct Pair {
    pub(crate) certificate: CertificateDer<'static>,
    pub(crate) pem: String,
    key: KeyPair,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let mut params = named(name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        Self(CertifiedIssuer::self_signed(params, key).expect("a certificate of an authority"))
    }

    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    pub(crate) fn certificate(&self) -> CertificateDer<'static> {
        self.0.der().clone()
    }

    /// Signs a certificate for `localhost`, which is none for clients.
    pub(crate) fn server(&self, name: &str) -> Pair {
        let mut params = named(name);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.subject_alt_names = vec![SanType::DnsName("localhost".try_into().expect("a name"))];
        self.sign(&params)
    }

    /// Signs a certificate for a client of the organization `Bank`.
    pub(crate) fn client(&self, name: &str) -> Pair {
        self.sign(&client(name))
    }

    /// Signs one that has expired a day ago.
    pub(crate) fn expired_client(&self, name: &str) -> Pair {
        let mut params = client(name);
        params.not_before = OffsetDateTime::now_utc() - Duration::days(9);
        params.not_after = OffsetDateTime::now_utc() - Duration::days(1);
        self.sign(&params)
    }

    /// Signs one for servers that has expired in 1970.
    pub(crate) fn expired_server(&self) -> Pair {
        let mut params = named("old");
        params.subject_alt_names = vec![SanType::DnsName("localhost".try_into().expect("a name"))];
        params.not_before = OffsetDateTime::UNIX_EPOCH;
        params.not_after = OffsetDateTime::UNIX_EPOCH + Duration::days(1);
        self.sign(&params)
    }

    fn sign(&self, params: &CertificateParams) -> Pair {
        let key = KeyPair::generate().expect("a key");
        let signed = params.signed_by(&key, &*self.0).expect("a certificate");
        Pair { certificate: signed.der().clone(), pem: signed.pem(), key }
    }
}

impl Pair {
    /// One that nobody but its own key has signed.
    pub(crate) fn self_signed(name: &str) -> Self {
        let key = KeyPair::generate().expect("a key");
        let signed = client(name).self_signed(&key).expect("a certificate");
        Self { certificate: signed.der().clone(), pem: signed.pem(), key }
    }

    pub(crate) fn key_pem(&self) -> String {
        self.key.serialize_pem()
    }

    pub(crate) fn key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::Pkcs8(self.key.serialize_der().into())
    }

    /// Puts both beside a configuration, as `server.pem` and `server.key`.
    pub(crate) fn put_beside(&self, file: &ConfigFile) {
        file.write_beside("server.key", &self.key_pem());
        file.write_beside("server.pem", &self.pem);
    }
}

fn named(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::OrganizationName, "Bank");
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

fn client(name: &str) -> CertificateParams {
    let mut params = named(name);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let host = format!("{name}.example").try_into().expect("a name");
    params.subject_alt_names = vec![SanType::DnsName(host)];
    params
}
