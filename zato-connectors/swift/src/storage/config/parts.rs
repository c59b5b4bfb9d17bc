use std::{collections::BTreeMap, fmt};

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, de};
use zato_core::config::{FilePath, Secret};

use crate::config::{secret, text, yes};

/// The folder of `scheme: fs`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FolderConfig {
    /// The folder, which is made if it is not there; a relative one starts from the folder of the configuration file.
    pub(crate) root: FilePath,
    /// Whether what is stored or deleted is on the disk before that is said, folders included. Without that it may be lost when
    /// the machine loses its power, though not when a program ends.
    #[serde(default = "yes")]
    pub(crate) fsync: bool,
}

/// The account of `scheme: swift`, as far as one has to know before it is read as an entry of `outgoing_swift`.
#[derive(Clone, Debug, JsonSchema)]
pub(crate) struct SwiftPart {
    /// An entry of `outgoing_swift`, in place of the keys of one.
    pub(crate) connection: Option<String>,
    /// A security definition, as in `outgoing_swift`.
    pub(crate) security: Option<String>,
    /// Whether there is more than a connection.
    #[schemars(skip)]
    pub(crate) has_keys: bool,
}

impl<'de> Deserialize<'de> for SwiftPart {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Part;

        impl<'de> de::Visitor<'de> for Part {
            type Value = SwiftPart;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map with a connection, or with keys of outgoing_swift")
            }

            fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<SwiftPart, A::Error> {
                let mut part = SwiftPart { connection: None, security: None, has_keys: false };
                while let Some(key) = map.next_key::<String>()? {
                    let place = match &*key {
                        "connection" => &mut part.connection,
                        "security" | "sec_def" | "security_name" => {
                            part.has_keys = true;
                            &mut part.security
                        }
                        _ => {
                            part.has_keys = true;
                            map.next_value::<de::IgnoredAny>()?;
                            continue;
                        }
                    };
                    *place = map.next_value::<Option<String>>()?.filter(|text| !text.is_empty());
                }
                Ok(part)
            }
        }
        deserializer.deserialize_map(Part)
    }
}

/// The server and bucket of `scheme: s3`. Nothing is looked for in the environment, nor in files of Amazon's tools.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct S3Config {
    /// The server, such as `https://s3.example.com`; unless given, that of Amazon's region.
    #[serde(default, alias = "endpoint_url", alias = "address", deserialize_with = "text")]
    pub endpoint: Option<String>,
    /// The region that requests are signed for; `us-east-1` unless given.
    #[serde(default, alias = "region_name", deserialize_with = "text")]
    pub region: Option<String>,
    /// The bucket in which each container is a folder; unless given, a container is a bucket of its own.
    #[serde(default, deserialize_with = "text")]
    pub bucket: Option<String>,
    /// Who asks; without it requests are not signed.
    #[serde(default, alias = "username", deserialize_with = "text")]
    pub access_key_id: Option<String>,
    /// The key that requests are signed with.
    #[serde(default, alias = "password", deserialize_with = "secret")]
    pub secret_access_key: Option<Secret>,
    /// The token that belongs to a key for a time.
    #[serde(default, deserialize_with = "secret")]
    pub session_token: Option<Secret>,
    /// Whether the bucket is part of the server's name rather than of the path.
    #[serde(default)]
    pub virtual_host_style: bool,
    /// Further keys of opendal's S3 service, such as `default_storage_class`, by their names there.
    #[serde(default)]
    pub options: BTreeMap<String, Secret>,
}

#[cfg(test)]
mod tests {
    use zato_core::config::{from_node, yaml};

    use super::*;

    #[test]
    fn an_account_is_a_connection_or_keys() {
        let read = |text: &str| from_node::<SwiftPart>(&yaml::parse("zato.yaml", text).unwrap()).unwrap();
        assert_eq!(read("{connection: Cloud}").connection.as_deref(), Some("Cloud"));
        let part = read("{auth_url: 'http://swift/auth/v1.0', security: Bank}");
        assert_eq!((part.connection, part.security.as_deref(), part.has_keys), (None, Some("Bank"), true));
        let part = read("{auth_url: 'http://swift/auth/v1.0', connection: '', security: ~}");
        assert_eq!((part.connection, part.security, part.has_keys), (None, None, true));
    }

    #[test]
    fn what_is_empty_is_not_given() {
        let read = |text: &str| from_node::<S3Config>(&yaml::parse("zato.yaml", text).unwrap()).unwrap();
        for empty in ["''", "~", "null"] {
            let keys = ["endpoint", "region", "bucket", "access_key_id", "secret_access_key", "session_token"];
            let s3 = read(&keys.map(|key| format!("{key}: {empty}")).join("\n"));
            assert_eq!((s3.endpoint, s3.region, s3.bucket, s3.access_key_id), (None, None, None, None), "{empty}");
            assert!(s3.secret_access_key.is_none() && s3.session_token.is_none(), "{empty}");
        }
    }
}
