use std::collections::BTreeMap;

use http::{HeaderName, HeaderValue, Method};
use schemars::{JsonSchema, json_schema};
use serde::{Deserialize, Deserializer, de::Error};
use zato_core::{
    config::{ByteSize, ClientTlsConfig, Duration, Secret},
    connection::ConnectionConfig,
    format::soap::Version,
    resilience::{
        circuit_breaker::CircuitBreakerConfig, hedge::HedgingConfig, rate_limit::RateLimitConfig, retry::RetryConfig,
    },
};

use super::super::{
    address::{Host, PathTemplate},
    config::{self as rest, DataFormat, HttpVersion, RestConfig},
};
use crate::config::NO_SECURITY;

/// One entry of `outgoing_soap`: a system whose operations services call by SOAP.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct SoapConfig {
    /// What services refer to it by.
    pub name: String,
    /// An inactive connection refuses every call.
    #[serde(default = "rest::yes")]
    pub is_active: bool,
    /// Scheme, host and port, such as `https://rates.example.com:8443`.
    #[serde(alias = "address")]
    #[schemars(with = "String")]
    pub host: Host,
    /// The path, with `{name}` where a call puts in a value, and maybe a query string that every call has.
    #[serde(default)]
    #[schemars(with = "String")]
    pub url_path: PathTemplate,
    /// The version that is spoken: `"1.1"` or `"1.2"`.
    #[serde(default = "version_11", deserialize_with = "version")]
    #[schemars(schema_with = "version_schema")]
    pub soap_version: Version,
    /// What calls say that they want, unless a call has an action of its own: the header `SOAPAction`, or in SOAP 1.2 the
    /// parameter `action` of the content type.
    #[serde(default, deserialize_with = "text")]
    pub soap_action: Option<String>,
    /// The namespace of the operations' elements; none unless given.
    #[serde(default, deserialize_with = "text")]
    pub namespace: Option<String>,
    /// The security definition whose credentials are presented: a `wss` in the envelope, every other as in
    /// `outgoing_rest`; none unless given.
    #[serde(default, alias = "sec_def", alias = "security_name")]
    pub security: Option<String>,
    /// How long a call may take, with everything: waiting for a place, connecting, trying again, reading the answer.
    #[serde(default = "rest::ten_seconds")]
    pub timeout: Duration,
    /// How long it may take to be connected, TLS included.
    #[serde(default = "rest::three_seconds")]
    pub connect_timeout: Duration,
    /// How many calls are in work at once; so many connections are kept for them.
    #[serde(default = "rest::twenty")]
    pub pool_size: usize,
    /// How many further calls may wait for one of those to end; more are refused at once.
    #[serde(default = "rest::hundred")]
    pub max_queued_requests: usize,
    /// How long a connection that nobody uses is kept.
    #[serde(default = "rest::ninety_seconds")]
    pub idle_timeout: Duration,
    /// For how long connections are used; then new ones are made, so that a name that leads elsewhere by then is followed.
    #[serde(default = "rest::five_minutes")]
    pub max_connection_age: Duration,
    /// How large an answer may be.
    #[serde(default = "rest::ten_mebibytes")]
    pub max_response_size: ByteSize,
    /// `auto`: what the partner offers over TLS, and HTTP/1.1 without; or `1.1` or `2` alone.
    #[serde(default)]
    pub http_version: HttpVersion,
    /// The proxy that calls go through, such as `http://proxy.example.com:3128`, with credentials if it wants some; none
    /// unless given, whatever the environment says.
    #[serde(default)]
    pub proxy: Option<Secret>,
    /// How calls are tried again that failed for a moment; those alone that a service says are safe to make twice, or that
    /// the partner has not seen.
    #[serde(default)]
    pub retry: RetryConfig,
    /// When no calls are made since the partner fails. A fault that says that the sender is to blame is no failure.
    #[serde(default)]
    pub circuit_breaker: CircuitBreakerConfig,
    /// When calls that are safe to make twice are sent a second time since the first is slow; never unless it has a
    /// `delay`.
    #[serde(default)]
    pub hedging: HedgingConfig,
    /// How often calls are made at most; as often as services like unless given.
    #[serde(default)]
    pub rate_limiting: RateLimitConfig,
    /// How many redirects are followed; unless given none. One that leads to another host, port or from HTTPS to HTTP is
    /// not followed.
    #[serde(default)]
    pub max_redirects: usize,
    /// Whether the partner's certificate is checked. Without that anybody in between can read and change everything.
    #[serde(default = "rest::yes")]
    pub tls_verify: bool,
    /// Whom we trust, and which certificate we present; needs the feature `tls`.
    #[serde(default)]
    pub tls: Option<ClientTlsConfig>,
    /// Further headers of HTTP that every call has.
    #[serde(default, deserialize_with = "rest::headers")]
    #[schemars(with = "BTreeMap<String, Secret>")]
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The method of a ping.
    #[serde(default = "rest::head", deserialize_with = "rest::ping_method")]
    #[schemars(with = "String")]
    pub ping_method: Method,
    /// The path of a ping, from the root; that of the calls unless given, or `/` if that has placeholders.
    #[serde(default)]
    pub ping_path: Option<String>,
    /// How often it is pinged; unless given never, and then readiness knows nothing of the partner.
    #[serde(default)]
    pub ping_interval: Option<Duration>,
}

/// What an outgoing SOAP connection has beside what every connection over HTTP has.
#[derive(Clone, Debug)]
pub(super) struct SoapOptions {
    pub(super) version: Version,
    pub(super) action: Option<String>,
    pub(super) namespace: Option<String>,
}

impl SoapConfig {
    /// Takes the entry apart into what is known of any connection over HTTP, and the rest.
    pub(super) fn into_parts(self) -> (RestConfig, SoapOptions) {
        let soap = SoapOptions { version: self.soap_version, action: self.soap_action, namespace: self.namespace };
        let accept = match soap.version {
            Version::V11 => HeaderValue::from_static("text/xml"),
            // What doesn't speak the version may say so in the older one (SOAP 1.2 part 1, appendix A).
            Version::V12 => HeaderValue::from_static("application/soap+xml, text/xml;q=0.5"),
        };
        let http = RestConfig {
            name: self.name,
            is_active: self.is_active,
            host: self.host,
            url_path: self.url_path,
            data_format: DataFormat::default(),
            security: self.security,
            timeout: self.timeout,
            connect_timeout: self.connect_timeout,
            pool_size: self.pool_size,
            max_queued_requests: self.max_queued_requests,
            idle_timeout: self.idle_timeout,
            max_connection_age: self.max_connection_age,
            max_response_size: self.max_response_size,
            http_version: self.http_version,
            proxy: self.proxy,
            retry: self.retry,
            circuit_breaker: self.circuit_breaker,
            hedging: self.hedging,
            rate_limiting: self.rate_limiting,
            max_redirects: self.max_redirects,
            tls_verify: self.tls_verify,
            tls: self.tls,
            content_type: None,
            http_accept: Some(accept),
            headers: self.headers,
            ping_method: self.ping_method,
            ping_path: self.ping_path,
            ping_interval: self.ping_interval,
        };
        (http, soap)
    }
}

impl ConnectionConfig for SoapConfig {
    fn name(&self) -> &str {
        &self.name
    }

    fn is_active(&self) -> bool {
        self.is_active
    }

    fn security(&self) -> Option<&str> {
        self.security.as_deref().filter(|name| !NO_SECURITY.contains(name))
    }

    fn ping_interval(&self) -> Option<std::time::Duration> {
        self.ping_interval.map(Into::into)
    }

    fn without_counterpart() -> &'static [&'static str] {
        &[
            "cache_expiry",
            "cache_id",
            "cache_name",
            "cache_type",
            "connection",
            "content_encoding",
            "content_type",
            "data_format",
            "has_rbac",
            "http_accept",
            "is_audit_log_received_active",
            "is_audit_log_sent_active",
            "is_internal",
            "is_rate_limit_active",
            "is_wrapper",
            "match_slash",
            "merge_url_params_req",
            "method",
            "params_pri",
            "rate_limit_check_parent_def",
            "rate_limit_def",
            "rate_limit_type",
            "sec_use_rbac",
            "serialization_type",
            "service",
            "transport",
            "url_params_pri",
            "use_mtom",
            "wrapper_type",
        ]
    }
}

fn version_11() -> Version {
    Version::V11
}

/// Zato writes an empty text where nobody said.
fn version<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Version, D::Error> {
    match text(deserializer)? {
        Some(text) => text.parse().map_err(D::Error::custom),
        None => Ok(Version::V11),
    }
}

fn version_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    json_schema!({"enum": ["1.1", "1.2"]})
}

fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.filter(|text| !text.is_empty()))
}

#[cfg(test)]
mod tests {
    use zato_core::config::{from_node, yaml};

    use super::*;

    fn read(text: &str) -> Result<SoapConfig, String> {
        from_node(&yaml::parse("zato.yaml", text).unwrap()).map_err(|fault| fault.to_string())
    }

    #[test]
    fn zatos_own_entry_is_read() {
        let text = "{name: so1, host: 'https://e.com', url_path: /SOAP, security: n1, soap_action: urn:x, \
                    soap_version: '1.1', timeout: 20}";
        let config = read(text).unwrap();
        assert_eq!((config.soap_action.as_deref(), config.soap_version), (Some("urn:x"), Version::V11));
        let config = read("{name: a, address: 'http://e.com', soap_version: 1.2, soap_action: ''}").unwrap();
        assert_eq!((config.soap_action, config.soap_version), (None, Version::V12));
    }

    #[test]
    fn what_can_not_be_used_is_told_with_its_place() {
        let fault = read("{name: a, host: 'http://e.com', soap_version: 2}").unwrap_err();
        assert!(fault.starts_with("zato.yaml:1:47: no version \"2\" of SOAP (1.1, 1.2)"), "{fault}");
        let fault = read("{name: a, host: 'http://e.com', soapaction: x}").unwrap_err();
        assert!(fault.contains("did you mean \"soap_action\"?"), "{fault}");
    }
}
