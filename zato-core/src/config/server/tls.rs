use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};

use crate::config::FilePath;

/// How HTTP channels speak TLS. The files are PEM, relative to the file that names them, and read again when they are
/// changed: new connections get what is new, those that there are go on.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct TlsConfig {
    /// The certificate of this server, and after it those between it and its authority.
    pub certificate: FilePath,
    /// The private key of the certificate: PKCS#8, PKCS#1 or SEC1, not encrypted.
    pub key: FilePath,
    /// The oldest version of TLS that is spoken: 1.2 or 1.3.
    #[serde(default)]
    pub minimum_version: TlsVersion,
    /// The certificates of the authorities whose client certificates are trusted.
    #[serde(default)]
    pub client_ca: Option<FilePath>,
    /// Whether clients present a certificate; required if there is a `client_ca`, and none otherwise.
    #[serde(default)]
    pub client_certificates: Option<ClientCertificates>,
}

impl TlsConfig {
    /// Returns whether clients are asked for a certificate, and have to present one.
    #[must_use]
    pub fn client_certificates(&self) -> ClientCertificates {
        let given = || if self.client_ca.is_some() { ClientCertificates::Required } else { ClientCertificates::None };
        self.client_certificates.unwrap_or_else(given)
    }
}

/// Whether clients present a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ClientCertificates {
    /// They are not asked for one.
    None,
    /// They are asked for one; channels with an `mtls` definition refuse those that have none.
    Optional,
    /// No connection without one.
    Required,
}

/// A version of TLS. Older ones than these are not spoken at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsVersion {
    /// TLS 1.2 (RFC 5246).
    #[default]
    V1_2,
    /// TLS 1.3 (RFC 8446).
    V1_3,
}

impl fmt::Display for TlsVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V1_2 => "1.2",
            Self::V1_3 => "1.3",
        })
    }
}

/// Read from any scalar: who writes it without quotes means no number.
impl<'de> Deserialize<'de> for TlsVersion {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match String::deserialize(deserializer)?.as_str() {
            "1.2" => Ok(Self::V1_2),
            "1.3" => Ok(Self::V1_3),
            _ => Err(D::Error::custom("expected 1.2 or 1.3: older versions of TLS can be broken")),
        }
    }
}

impl Serialize for TlsVersion {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JsonSchema for TlsVersion {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "TlsVersion".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "enum": ["1.2", "1.3", 1.2, 1.3] })
    }
}

/// Whether connections begin with a header that tells whom a proxy speaks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ProxyProtocol {
    /// They don't, and one that does is refused.
    #[default]
    Off,
    /// They do, in version 1 or 2, and one that doesn't is refused: where the header may be left out, any client can
    /// write one and be whoever it likes.
    On,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{ServerConfig, from_node, yaml};

    fn read(tls: &str) -> Result<ServerConfig, String> {
        from_node(&yaml::parse("zato.yaml", tls).unwrap()).map_err(|fault| fault.to_string())
    }

    #[test]
    fn a_certificate_and_its_key_are_enough() {
        let tls = read("tls: {certificate: a.pem, key: b.pem}").unwrap().tls.unwrap();
        assert_eq!((tls.minimum_version, tls.client_certificates()), (TlsVersion::V1_2, ClientCertificates::None));
        assert_eq!(read("bind: a:1").unwrap().tls, None);
    }

    #[test]
    fn an_authority_of_clients_makes_them_present_certificates() {
        let mode = |more: &str| {
            let text = format!("tls: {{certificate: a, key: b, client_ca: c{more}}}");
            read(&text).unwrap().tls.unwrap().client_certificates()
        };
        assert_eq!(mode(""), ClientCertificates::Required);
        assert_eq!(mode(", client_certificates: optional"), ClientCertificates::Optional);
        assert_eq!(mode(", client_certificates: none"), ClientCertificates::None);
    }

    #[test]
    fn a_version_is_written_with_quotes_or_without() {
        for text in ["1.3", "'1.3'"] {
            let server = read(&format!("tls: {{certificate: a, key: b, minimum_version: {text}}}")).unwrap();
            assert_eq!(server.tls.unwrap().minimum_version, TlsVersion::V1_3);
        }
        assert_eq!(
            read("tls: {certificate: a, key: b, minimum_version: 1.1}").unwrap_err(),
            "zato.yaml:1:48: expected 1.2 or 1.3: older versions of TLS can be broken"
        );
    }

    #[test]
    fn the_proxy_protocol_is_on_or_off() {
        assert_eq!(read("proxy_protocol: on").unwrap().proxy_protocol, ProxyProtocol::On);
        assert_eq!(read("proxy_protocol: off").unwrap().proxy_protocol, ProxyProtocol::Off);
        assert!(read("proxy_protocol: optional").is_err());
    }
}
