use http::HeaderValue;

use super::MtlsConfig;
use crate::message::ClientCertificate;

/// Tells whether a certificate is one of those that the definition names.
pub(super) fn is_right(config: &MtlsConfig, certificate: &ClientCertificate) -> bool {
    let MtlsConfig { client_cert_fingerprint, client_cert_subject_dn, client_cert_common_name, .. } = config;
    let subject = || normalized(&certificate.subject);
    is_any(client_cert_fingerprint, |known| *known == certificate.fingerprint)
        && is_any(client_cert_subject_dn, |known| normalized(known) == subject())
        && is_any(client_cert_common_name, |known| certificate.common_name.as_ref() == Some(known))
        && is_any(&config.client_cert_san, |known| certificate.names.contains(known))
}

/// Whether one of what is asked for is there; nothing asked for is satisfied by anything.
fn is_any<T>(wanted: &[T], is_it: impl Fn(&T) -> bool) -> bool {
    wanted.is_empty() || wanted.iter().any(is_it)
}

/// A scheme of our own: certificates are asked for by TLS, none is registered for them, and RFC 9110 §15.5.2 demands one.
pub(super) fn challenge() -> HeaderValue {
    HeaderValue::from_static("ClientCertificate")
}

/// Writes a distinguished name without blanks around its separators and with the names of attributes in capitals, as RFC
/// 4514 §2 does; what is escaped stays so.
fn normalized(name: &str) -> String {
    let parts = unescaped(name, ',').into_iter().flat_map(|rdn| unescaped(rdn, '+').into_iter().enumerate());
    let mut written = String::with_capacity(name.len());
    for (position, part) in parts {
        if !written.is_empty() {
            written.push(if position == 0 { ',' } else { '+' });
        }
        let (kind, value) = part.split_once('=').unwrap_or((part, ""));
        written.push_str(&kind.trim().to_ascii_uppercase());
        written.push('=');
        written.push_str(value.trim());
    }
    written
}

/// Splits a text where a separator stands that has no backslash before it.
fn unescaped(text: &str, separator: char) -> Vec<&str> {
    let mut is_escaped = false;
    text.split(move |c| {
        let is_it = c == separator && !is_escaped;
        is_escaped = c == '\\' && !is_escaped;
        is_it
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use http::HeaderMap;

    use super::*;
    use crate::{
        config::{from_tagged_node, yaml},
        message::Fingerprint,
        security::{Credentials, SecurityConfig, Verifier},
    };

    fn certificate() -> ClientCertificate {
        ClientCertificate::new("CN=partner,OU=a\\, b+OU=c,O=Bank", Fingerprint::new([0xab; 32]))
            .with_common_name("partner")
            .with_name("DNS:partner.example".parse().unwrap())
            .with_name("URI:spiffe://bank/partner".parse().unwrap())
    }

    fn verifier(matchers: &str) -> Verifier {
        let text = format!("{{name: Partners, type: mtls{matchers}}}");
        let definition: SecurityConfig = from_tagged_node(&yaml::parse("a.yaml", &text).unwrap(), "type").unwrap();
        Verifier::new(Arc::new(definition))
    }

    #[test]
    fn a_certificate_satisfies_everything_that_is_asked_for() {
        let headers = HeaderMap::new();
        let certificate = certificate();
        let credentials = Credentials { headers: &headers, certificate: Some(&certificate) };
        let fingerprint = format!(", client_cert_fingerprint: {}", "aB".repeat(32));
        for good in [
            "",
            &fingerprint,
            ", client_cert_common_name: partner",
            ", client_cert_common_name: [other, partner]",
            ", client_cert_subject_dn: 'cn = partner, OU=a\\, b + ou=c, O=Bank'",
            ", client_cert_san: [DNS:Partner.Example]",
            ", client_cert_san: 'URI:spiffe://bank/partner', client_cert_common_name: partner",
        ] {
            assert_eq!(verifier(good).verify(credentials).unwrap().username, "Partners", "{good}");
        }
        let other = format!(", client_cert_fingerprint: {}", "ac".repeat(32));
        for bad in [
            other.as_str(),
            ", client_cert_common_name: other",
            ", client_cert_common_name: Partner",
            ", client_cert_subject_dn: 'CN=partner'",
            ", client_cert_subject_dn: 'O=Bank,OU=a\\, b+OU=c,CN=partner'",
            ", client_cert_san: DNS:other.example",
            ", client_cert_san: email:partner.example",
            ", client_cert_san: DNS:partner.example, client_cert_common_name: other",
            ", is_active: false",
        ] {
            let denied = verifier(bad).verify(credentials).unwrap_err();
            assert_eq!(denied.challenge, "ClientCertificate", "{bad}");
            assert_eq!(denied.reason, "the client certificate is none that the definition names", "{bad}");
        }
    }

    #[test]
    fn without_a_certificate_nobody_is_let_in() {
        let denied = verifier("").verify((&HeaderMap::new()).into()).unwrap_err();
        assert_eq!(denied.reason, "no client certificate");
    }

    #[test]
    fn the_username_is_what_is_configured() {
        let (headers, certificate) = (HeaderMap::new(), certificate());
        let credentials = Credentials { headers: &headers, certificate: Some(&certificate) };
        assert_eq!(verifier(", username: partner-1").verify(credentials).unwrap().username, "partner-1");
    }
}
