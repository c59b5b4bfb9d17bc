//! How a connection to another system speaks TLS.

use schemars::JsonSchema;
use serde::Deserialize;

use super::de::several;
use crate::config::{FilePath, OneOrMany, TlsVersion};

/// How a connection to another system speaks TLS. The files are PEM, relative to the file that names them, and watched:
/// when one is changed, calls that begin from then on go over new connections.
///
/// # Examples
///
/// ```
/// use zato_core::config::{ClientTlsConfig, ConfigFault, from_node, yaml};
///
/// let tls: ClientTlsConfig = from_node(&yaml::parse("zato.yaml", "{ca: tls/bank.pem, minimum_version: 1.3}")?)?;
/// assert_eq!((tls.ca.len(), tls.certificate), (1, None));
/// # Ok::<(), ConfigFault>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ClientTlsConfig {
    /// The certificates of the authorities that are trusted to sign that of the other side, one file or a list; those that
    /// the operating system trusts unless given.
    #[serde(default, deserialize_with = "several")]
    #[schemars(with = "Option<OneOrMany>")]
    pub ca: Vec<FilePath>,
    /// The certificate that we present (mutual TLS), and after it those between it and its authority; none unless given.
    #[serde(default)]
    pub certificate: Option<FilePath>,
    /// The private key of the certificate: PKCS#8, PKCS#1 or SEC1, not encrypted.
    #[serde(default)]
    pub key: Option<FilePath>,
    /// The oldest version of TLS that is spoken: 1.2 or 1.3.
    #[serde(default, alias = "min_version")]
    pub minimum_version: TlsVersion,
}
