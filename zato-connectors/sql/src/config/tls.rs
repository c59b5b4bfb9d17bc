use schemars::JsonSchema;
use serde::Deserialize;
use zato_core::config::{FilePath, OneOrMany, several};

/// Whom a connection trusts, and which certificate it presents. The files are PEM, relative to the file that names them, and
/// watched: when one is changed, the connections are made anew.
///
/// The oldest version of TLS is 1.2, and can't be chosen: the library behind SQL speaks 1.2 and 1.3.
///
/// # Examples
///
/// ```
/// use zato_core::config::{ConfigFault, from_node, yaml};
/// use zato_sql::SqlTlsConfig;
///
/// let tls: SqlTlsConfig = from_node(&yaml::parse("zato.yaml", "{ca: tls/bank.pem}")?)?;
/// assert_eq!((tls.ca.len(), tls.certificate), (1, None));
/// # Ok::<(), ConfigFault>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct SqlTlsConfig {
    /// The certificates of the authorities that are trusted to sign that of the database, beside those that the operating
    /// system trusts: one file or a list.
    #[serde(default, deserialize_with = "several")]
    #[schemars(with = "Option<OneOrMany>")]
    pub ca: Vec<FilePath>,
    /// The certificate that we present (mutual TLS), and after it those between it and its authority; none unless given.
    #[serde(default)]
    pub certificate: Option<FilePath>,
    /// The private key of the certificate: PKCS#8, PKCS#1 or SEC1, not encrypted.
    #[serde(default)]
    pub key: Option<FilePath>,
}

#[cfg(all(feature = "tls", any(feature = "postgres", feature = "mysql")))]
impl SqlTlsConfig {
    /// The same in the words of every other connection.
    pub(crate) fn as_client(&self) -> zato_core::config::ClientTlsConfig {
        let mut tls = zato_core::config::ClientTlsConfig::default();
        (tls.ca, tls.certificate, tls.key) = (self.ca.clone(), self.certificate.clone(), self.key.clone());
        tls
    }
}
