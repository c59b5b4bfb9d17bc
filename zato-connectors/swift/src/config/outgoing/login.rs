use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, de};

use crate::config::text;

/// How one logs in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, JsonSchema)]
#[schemars(with = "String")]
#[non_exhaustive]
pub enum AuthVersion {
    /// At Swift itself, as TempAuth has it.
    #[default]
    V1,
    /// At Keystone, with its version 3.
    V3,
}

impl<'de> Deserialize<'de> for AuthVersion {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?.unwrap_or_default();
        match text.trim_start_matches('v') {
            "" | "1" | "1.0" => Ok(Self::V1),
            "3" | "3.0" => Ok(Self::V3),
            // OpenStack's release notes of Keystone, Queens.
            "2" | "2.0" => Err(de::Error::custom("Keystone has had no version 2 since 2018; write 3")),
            _ => Err(de::Error::custom("expected 1, or 3 for Keystone")),
        }
    }
}

/// Which of the endpoints of a service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Interface {
    /// The one that everybody can reach.
    #[default]
    #[serde(alias = "publicURL")]
    Public,
    /// The one of the provider's own network.
    #[serde(alias = "internalURL")]
    Internal,
    /// The one of administrators.
    #[serde(alias = "adminURL")]
    Admin,
}

impl Interface {
    /// Returns the word that the catalogue has for it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Internal => "internal",
            Self::Admin => "admin",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text.trim_end_matches("URL") {
            "public" => Some(Self::Public),
            "internal" => Some(Self::Internal),
            "admin" => Some(Self::Admin),
            _ => None,
        }
    }
}

/// Reads an interface that may be left open.
pub(super) fn interface<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Interface>, D::Error> {
    let word = text(deserializer)?.map(de::value::StringDeserializer::new);
    word.map(Interface::deserialize).transpose()
}
