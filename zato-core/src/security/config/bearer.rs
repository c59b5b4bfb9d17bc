//! Tokens that we present to other systems.

use std::{collections::BTreeMap, fmt};

use http::Uri;
use schemars::JsonSchema;
use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, SeqAccess, Visitor},
};

use crate::config::{ClientTlsConfig, Duration, OneOrMany, Secret, several};

/// A bearer token (RFC 6750) that connections to other systems present: one that is fetched with an identity of ours
/// whenever it is needed (OAuth 2.0 client credentials, RFC 6749 §4.4), or one that somebody gave us.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct BearerTokenConfig {
    /// What connections refer to it by.
    pub name: String,
    /// With an inactive definition no call goes out.
    #[serde(default = "super::yes")]
    pub is_active: bool,
    /// A token that is presented as it is. It takes the place of everything below.
    #[serde(default)]
    pub token: Option<Secret>,
    /// Where tokens are fetched, such as `https://login.example.com/oauth2/token`.
    #[serde(default, alias = "auth_server_url", deserialize_with = "endpoint")]
    #[schemars(with = "Option<String>")]
    pub auth_endpoint: Option<Uri>,
    /// Who we are there: the client id.
    #[serde(default, alias = "client_id")]
    pub username: Option<String>,
    /// What proves it: the client secret.
    #[serde(default, alias = "client_secret", alias = "secret")]
    pub password: Option<Secret>,
    /// What is asked for; `password` for servers that know users only.
    #[serde(default = "client_credentials")]
    pub grant_type: String,
    /// What the token shall allow, one or a list; whatever the server gives anyway unless given.
    #[serde(default, deserialize_with = "several")]
    #[schemars(with = "Option<OneOrMany>")]
    pub scopes: Vec<String>,
    /// Further fields of the request, such as `audience`: a map, or a list of `name=value`.
    #[serde(default, deserialize_with = "fields")]
    #[schemars(with = "Option<Fields>")]
    pub extra_fields: Vec<(String, Secret)>,
    /// How the request is written: `form`, as the standard has it, or `json`.
    #[serde(default)]
    pub data_format: TokenRequestFormat,
    /// Where id and secret stand: `client_secret_post` puts them into the request, `client_secret_basic` into its header
    /// `Authorization` (RFC 6749 §2.3.1).
    #[serde(default)]
    pub token_endpoint_auth_method: ClientAuthentication,
    /// The name of the request's field for the client id.
    #[serde(default = "client_id")]
    pub client_id_field: String,
    /// The name of the request's field for the client secret.
    #[serde(default = "client_secret")]
    pub client_secret_field: String,
    /// How long fetching a token may take, connecting included.
    #[serde(default = "ten_seconds")]
    pub timeout: Duration,
    /// Whom we trust where tokens are fetched, and which certificate we present there; what the connection says unless
    /// given. With it, the certificate there is checked also if the connection's `tls_verify` is false.
    #[serde(default)]
    pub tls: Option<ClientTlsConfig>,
}

/// How a token is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum TokenRequestFormat {
    /// `application/x-www-form-urlencoded`, which RFC 6749 demands.
    #[default]
    Form,
    /// `application/json`, which some servers want.
    Json,
}

/// How we prove who we are when we ask for a token; the names are those of RFC 7591 §2.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ClientAuthentication {
    /// By two fields of the request.
    #[default]
    ClientSecretPost,
    /// By HTTP Basic.
    ClientSecretBasic,
}

impl BearerTokenConfig {
    /// Returns what is missing or contradicts itself, by key.
    pub(super) fn contradictions(&self) -> Vec<(&'static str, &'static str)> {
        let Self { token, auth_endpoint, username, password, .. } = self;
        if token.is_some() {
            let is_given = [
                ("auth_endpoint", auth_endpoint.is_some()),
                ("username", username.is_some()),
                ("password", password.is_some()),
            ];
            let words = "has no use beside \"token\", which is presented as it is; leave one of the two";
            return is_given.into_iter().filter(|(_, given)| *given).map(|(key, _)| (key, words)).collect();
        }
        let missing = [
            (
                "auth_endpoint",
                auth_endpoint.is_none(),
                "is missing, where tokens are fetched; or \"token\", one that somebody gave you",
            ),
            ("username", username.is_none(), "is missing, the client id"),
            ("password", password.is_none(), "is missing, the client secret"),
            ("timeout", self.timeout.is_zero(), "is 0, in which nothing is fetched; give it some time, such as 10s"),
        ];
        // Without an endpoint nobody knows what is meant, and the others would only be noise.
        let faults = missing.into_iter().filter(|(_, is_missing, _)| *is_missing).map(|(key, _, words)| (key, words));
        if auth_endpoint.is_none() { faults.take(1).collect() } else { faults.collect() }
    }
}

fn endpoint<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Uri>, D::Error> {
    let Some(text) = Option::<String>::deserialize(deserializer)? else { return Ok(None) };
    let words = "expected an address, such as https://login.example.com/oauth2/token";
    let uri: Uri = text.parse().map_err(|_| D::Error::custom(words))?;
    let host = uri.authority().filter(|_| matches!(uri.scheme_str(), Some("http" | "https")));
    match host {
        None => Err(D::Error::custom(words)),
        Some(host) if host.as_str().contains('@') => {
            Err(D::Error::custom("credentials don't belong here; write them as \"username\" and \"password\""))
        }
        Some(_) => Ok(Some(uri)),
    }
}

/// The schema of further fields.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "stands for its schema only")]
enum Fields {
    Map(BTreeMap<String, Secret>),
    List(Vec<Secret>),
    Text(Secret),
}

/// Reads a map, a list of `name=value`, or such lines. What stands there may be a secret, so that no value is ever shown.
fn fields<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<(String, Secret)>, D::Error> {
    struct Pairs;

    impl<'de> Visitor<'de> for Pairs {
        type Value = Vec<(String, Secret)>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a map of fields, or a list of name=value")
        }

        fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
            Ok(Vec::new())
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
            text.lines().filter(|line| !line.trim().is_empty()).map(pair).collect()
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
            let mut pairs = Vec::new();
            while let Some(text) = items.next_element::<Secret>()? {
                pairs.push(pair(text.expose())?);
            }
            Ok(pairs)
        }

        fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
            let mut pairs = Vec::new();
            while let Some(entry) = entries.next_entry()? {
                pairs.push(entry);
            }
            Ok(pairs)
        }
    }
    deserializer.deserialize_any(Pairs)
}

fn pair<E: Error>(text: &str) -> Result<(String, Secret), E> {
    let pair =
        text.split_once('=').map(|(name, value)| (name.trim(), value.trim())).filter(|(name, _)| !name.is_empty());
    let (name, value) = pair.ok_or_else(|| E::custom("expected name=value, such as audience=payments"))?;
    Ok((name.to_owned(), Secret::new(value)))
}

fn client_credentials() -> String {
    "client_credentials".to_owned()
}

fn client_id() -> String {
    "client_id".to_owned()
}

fn client_secret() -> String {
    "client_secret".to_owned()
}

fn ten_seconds() -> Duration {
    Duration::from_secs(10)
}

#[cfg(test)]
mod tests {
    use crate::{
        config::{from_tagged_node, yaml},
        security::SecurityConfig,
    };

    use super::*;

    fn read(text: &str) -> Result<BearerTokenConfig, String> {
        let node = yaml::parse("zato.yaml", &format!("{{name: T, {text}}}")).unwrap();
        match from_tagged_node(&node, "type") {
            Ok(SecurityConfig::BearerToken(config)) => Ok(*config),
            Ok(other) => panic!("{other:?}"),
            Err(fault) => Err(fault.to_string()),
        }
    }

    #[test]
    fn a_definition_is_read_by_the_names_of_zato_and_of_the_standard() {
        let zato = "type: oauth, auth_server_url: 'https://x/token', username: u, password: p, scopes: [a, b]";
        let standard =
            "type: bearer_token, auth_endpoint: 'https://x/token', client_id: u, client_secret: p, scopes: [a, b]";
        assert_eq!(read(zato), read(standard));
        let config = read(zato).unwrap();
        assert_eq!(config.contradictions(), []);
        assert_eq!(
            (config.scopes, config.grant_type.as_str()),
            (vec!["a".to_owned(), "b".to_owned()], "client_credentials")
        );
    }

    #[test]
    fn further_fields_are_written_in_three_ways() {
        for text in ["{audience: x, n: 1}", "[audience=x, 'n = 1']", "\"audience=x\\nn=1\""] {
            let config = read(&format!("type: bearer_token, token: t, extra_fields: {text}")).unwrap();
            let fields: Vec<_> = config.extra_fields.iter().map(|(name, value)| (&**name, value.expose())).collect();
            assert_eq!(fields, [("audience", "x"), ("n", "1")], "{text}");
            assert!(!format!("{config:?}").contains("\"x\""));
        }
        let fault = read("type: bearer_token, token: t, extra_fields: [audience]").unwrap_err();
        assert_eq!(fault, "zato.yaml:1:55: expected name=value, such as audience=payments");
    }

    #[test]
    fn what_is_missing_or_too_much_is_told() {
        let keys = |text: &str| -> Vec<_> {
            let found = read(&format!("type: bearer_token{text}")).unwrap().contradictions();
            found.into_iter().map(|(key, _)| key).collect()
        };
        assert_eq!(keys(""), ["auth_endpoint"]);
        assert_eq!(keys(", username: u"), ["auth_endpoint"]);
        assert_eq!(keys(", auth_endpoint: 'https://x'"), ["username", "password"]);
        assert_eq!(keys(", auth_endpoint: 'https://x', username: u, password: p, timeout: 0s"), ["timeout"]);
        assert_eq!(keys(", token: t, auth_endpoint: 'https://x', password: p"), ["auth_endpoint", "password"]);
        assert_eq!(keys(", token: t"), [""; 0]);
        for bad in ["x", "ftp://x/y", "'https://u:p@x/y'", "/token"] {
            assert!(read(&format!("type: bearer_token, auth_endpoint: {bad}")).is_err(), "{bad}");
        }
    }
}
