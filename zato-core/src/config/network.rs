//! Networks as people write them.

use std::{borrow::Cow, fmt, net::IpAddr, str::FromStr};

use ipnet::IpNet;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error, Unexpected, Visitor},
};

use crate::config::suggest::quoted;

/// What a text should have been.
const EXPECTED: &str = "an address or a network such as 10.0.0.0/8, 192.0.2.7 or fd00::/8";

/// Holds a network that is written `10.0.0.0/8` or `fd00::/8`; an address alone is a network of one.
///
/// # Examples
///
/// ```
/// use zato_core::config::Network;
///
/// let office: Network = "10.0.0.0/8".parse().map_err(|error| format!("{error}"))?;
/// assert!(office.contains([10, 1, 2, 3].into()));
/// assert!(!office.contains([11, 1, 2, 3].into()));
/// # Ok::<(), String>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Network(IpNet);

impl Network {
    /// Tells whether an address belongs to the network. An IPv4 address counts as such when it is written as an IPv6 one
    /// too (`::ffff:10.1.2.3`), which is how a listener for both sees it.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }
}

/// Says why a text is no [`Network`].
///
/// # Examples
///
/// ```
/// use zato_core::config::Network;
///
/// let error = "10.0.0.0/40".parse::<Network>().unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "expected an address or a network such as 10.0.0.0/8, 192.0.2.7 or fd00::/8, found \"10.0.0.0/40\"",
/// );
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotANetwork {
    written: String,
}

impl fmt::Display for NotANetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {EXPECTED}, found {}", quoted(&self.written))
    }
}

impl std::error::Error for NotANetwork {}

impl FromStr for Network {
    type Err = NotANetwork;

    fn from_str(text: &str) -> Result<Self, NotANetwork> {
        let address = || text.parse::<IpAddr>().ok().map(|address| IpNet::from(address.to_canonical()));
        let network = text.parse::<IpNet>().ok().or_else(address);
        // What stands behind the prefix says nothing: 10.1.2.3/8 is 10.0.0.0/8.
        network.map(|network| Self(network.trunc())).ok_or_else(|| NotANetwork { written: text.to_owned() })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.prefix_len() == self.0.max_prefix_len() {
            fmt::Display::fmt(&self.0.addr(), f)
        } else {
            fmt::Display::fmt(&self.0, f)
        }
    }
}

impl Serialize for Network {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Network {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(NetworkVisitor)
    }
}

struct NetworkVisitor;

impl Visitor<'_> for NetworkVisitor {
    type Value = Network;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(EXPECTED)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Network, E> {
        text.parse().map_err(|_| E::invalid_value(Unexpected::Str(text), &self))
    }
}

impl JsonSchema for Network {
    fn schema_name() -> Cow<'static, str> {
        "Network".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "An address, or a network with the length of its prefix",
            "examples": ["10.0.0.0/8", "192.0.2.7", "fd00::/8"],
        })
    }

    fn inline_schema() -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(text: &str) -> Network {
        text.parse().unwrap()
    }

    #[test]
    fn what_is_read_is_what_is_written() {
        for (text, written) in [
            ("10.0.0.0/8", "10.0.0.0/8"),
            ("10.1.2.3/8", "10.0.0.0/8"),
            ("192.0.2.7", "192.0.2.7"),
            ("192.0.2.7/32", "192.0.2.7"),
            ("fd00::/8", "fd00::/8"),
            ("::1", "::1"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
            ("0.0.0.0/0", "0.0.0.0/0"),
        ] {
            assert_eq!(network(text).to_string(), written, "{text}");
        }
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for text in
            ["", "10", "10.0.0", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/", "::/129", "localhost", "10.0.0.0 /8"]
        {
            assert!(text.parse::<Network>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn an_address_of_the_other_kind_belongs_only_if_it_is_the_same_one() {
        assert!(network("10.0.0.0/8").contains("::ffff:10.1.2.3".parse().unwrap()));
        assert!(!network("10.0.0.0/8").contains("::ffff:11.1.2.3".parse().unwrap()));
        assert!(!network("0.0.0.0/0").contains("2001:db8::1".parse().unwrap()));
        assert!(!network("::/0").contains([192, 0, 2, 7].into()));
    }
}
