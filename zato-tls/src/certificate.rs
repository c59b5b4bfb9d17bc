//! What stands in a certificate.

use ring::digest::{SHA256, digest};
use rustls::pki_types::CertificateDer;
use x509_cert::{
    Certificate,
    der::{Decode, oid::db::rfc4519::COMMON_NAME},
    ext::pkix::{
        SubjectAltName,
        name::{DirectoryString, GeneralName},
    },
    name::Name,
    time::Time,
};
use zato_core::{
    Error, Result,
    chrono::{DateTime, Utc},
    config::FilePath,
    message::{ClientCertificate, Fingerprint, SubjectName},
    tracing::warn,
};

/// Reads the certificate that a client presented: the names in it, and its fingerprint.
///
/// It is taken as it is. That an authority signed it, that it is valid now, and that the client has the key of it are what
/// the handshake verifies, not this.
///
/// # Errors
///
/// [`InvalidInput`](zato_core::Kind::InvalidInput) if it is not a certificate. rustls has read it before, but less of it.
pub fn client_certificate(der: &CertificateDer<'_>) -> Result<ClientCertificate> {
    let parsed = parsed(der)?;
    let certificate = parsed.tbs_certificate();
    let subject = certificate.subject();
    let mut read = ClientCertificate::new(subject.to_string(), fingerprint(der));
    if let Some(name) = common_name(subject) {
        read = read.with_common_name(name);
    }
    // More than one such extension, or one that can't be read, has no names: RFC 5280 §4.2 forbids both.
    let names = certificate.get_extension::<SubjectAltName>().ok().flatten();
    let names = names.into_iter().flat_map(|(_, SubjectAltName(names))| names);
    Ok(names.filter_map(|name| known(&name)).fold(read, ClientCertificate::with_name))
}

fn fingerprint(der: &CertificateDer<'_>) -> Fingerprint {
    let digest = digest(&SHA256, der).as_ref().try_into();
    Fingerprint::new(digest.expect("a SHA-256 digest has 32 bytes"))
}

/// Warns about a certificate of our own that nobody will accept now. It is used all the same: an old certificate serves
/// more callers than none, and the clock may be what is wrong.
pub(crate) fn warn_unless_valid(der: &CertificateDer<'_>, file: &FilePath, now: DateTime<Utc>) {
    let Ok(certificate) = parsed(der) else { return };
    let validity = certificate.tbs_certificate().validity();
    let (subject, place) = (certificate.tbs_certificate().subject().to_string(), file.origin());
    let place = place.map(ToString::to_string);
    if let Some(since) = moment(&validity.not_after).filter(|until| *until < now) {
        warn!(place, certificate = %file, subject, since = %since, "a certificate has expired; renew it");
    } else if let Some(from) = moment(&validity.not_before).filter(|from| *from > now) {
        warn!(place, certificate = %file, subject, from = %from, "a certificate is not valid yet; is the clock right?");
    }
}

fn parsed(der: &CertificateDer<'_>) -> Result<Certificate> {
    Certificate::from_der(der).map_err(|error| Error::invalid_input("the certificate can't be read").with_source(error))
}

/// Returns the only common name; of several nobody can say which counts.
fn common_name(subject: &Name) -> Option<String> {
    let mut names = subject.iter().filter(|attribute| attribute.oid == COMMON_NAME);
    let only = names.next().filter(|_| names.next().is_none())?;
    match DirectoryString::try_from(&only.value).ok()? {
        DirectoryString::PrintableString(name) => Some(name.to_string()),
        DirectoryString::TeletexString(name) => Some(name.to_string()),
        DirectoryString::Utf8String(name) => Some(name),
        DirectoryString::BmpString(name) => Some(name.to_string()),
    }
}

fn known(name: &GeneralName) -> Option<SubjectName> {
    match name {
        GeneralName::DnsName(name) => Some(SubjectName::dns(name.as_str())),
        GeneralName::Rfc822Name(name) => Some(SubjectName::Email(name.to_string())),
        GeneralName::UniformResourceIdentifier(name) => Some(SubjectName::Uri(name.to_string())),
        _ => None,
    }
}

fn moment(time: &Time) -> Option<DateTime<Utc>> {
    let seconds = time.to_unix_duration().as_secs();
    DateTime::from_timestamp(i64::try_from(seconds).ok()?, 0)
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, KeyPair, SanType};

    use super::*;

    #[test]
    fn the_names_of_a_certificate_are_read() {
        let mut params = CertificateParams::new(["Partner.example".to_owned(), "127.0.0.1".to_owned()]).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CountryName, "PL");
        params.distinguished_name.push(DnType::OrganizationName, "Bank, the");
        params.distinguished_name.push(DnType::CommonName, "partner");
        params.subject_alt_names.push(SanType::Rfc822Name("ops@partner.example".try_into().unwrap()));
        params.subject_alt_names.push(SanType::URI("spiffe://bank/partner".try_into().unwrap()));
        let der = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        let certificate = client_certificate(der.der()).unwrap();
        assert_eq!(certificate.subject, "CN=partner,O=Bank\\, the,C=PL");
        assert_eq!(certificate.common_name.as_deref(), Some("partner"));
        let names: Vec<String> = certificate.names.iter().map(ToString::to_string).collect();
        assert_eq!(names, ["DNS:partner.example", "email:ops@partner.example", "URI:spiffe://bank/partner"]);
        assert_eq!(certificate.fingerprint, fingerprint(der.der()));
    }

    #[test]
    fn of_two_common_names_none_counts() {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "one");
        params.distinguished_name.push(DnType::CustomDnType(vec![2, 5, 4, 3]), "two");
        let der = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        assert_eq!(client_certificate(der.der()).unwrap().common_name, None);
    }

    #[test]
    fn what_is_no_certificate_is_an_error() {
        assert!(client_certificate(&CertificateDer::from(vec![0x30, 0])).is_err());
    }
}
