use std::collections::BTreeMap;

use http::{HeaderName, HeaderValue, Method};
use reqwest::Url;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, de::Error};
use zato_core::{
    config::{ByteSize, ClientTlsConfig, Duration, Secret},
    connection::ConnectionConfig,
    resilience::{
        circuit_breaker::CircuitBreakerConfig, hedge::HedgingConfig, rate_limit::RateLimitConfig, retry::RetryConfig,
    },
};

use super::address::{Host, PathTemplate};
use crate::config::{NO_SECURITY, method};

/// One entry of `outgoing_rest`: a system that services call over HTTP.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct RestConfig {
    /// What services refer to it by.
    pub name: String,
    /// An inactive connection refuses every call.
    #[serde(default = "yes")]
    pub is_active: bool,
    /// Scheme, host and port, such as `https://crm.example.com:8443`.
    #[serde(alias = "address")]
    #[schemars(with = "String")]
    pub host: Host,
    /// The path, with `{name}` where a call puts in a value, and maybe a query string that every call has.
    #[serde(default)]
    #[schemars(with = "String")]
    pub url_path: PathTemplate,
    /// How models are written: `json` or `form`. What comes back is JSON.
    #[serde(default, deserialize_with = "format")]
    pub data_format: DataFormat,
    /// The security definition whose credentials are presented; none unless given.
    #[serde(default, alias = "sec_def", alias = "security_name")]
    pub security: Option<String>,
    /// How long a call may take, with everything: waiting for a place, connecting, trying again, reading the answer.
    #[serde(default = "ten_seconds")]
    pub timeout: Duration,
    /// How long it may take to be connected, TLS included.
    #[serde(default = "three_seconds")]
    pub connect_timeout: Duration,
    /// How many calls are in work at once; so many connections are kept for them.
    #[serde(default = "twenty")]
    pub pool_size: usize,
    /// How many further calls may wait for one of those to end; more are refused at once.
    #[serde(default = "hundred")]
    pub max_queued_requests: usize,
    /// How long a connection that nobody uses is kept.
    #[serde(default = "ninety_seconds")]
    pub idle_timeout: Duration,
    /// For how long connections are used; then new ones are made, so that a name that leads elsewhere by then is followed.
    #[serde(default = "five_minutes")]
    pub max_connection_age: Duration,
    /// How large an answer may be.
    #[serde(default = "ten_mebibytes")]
    pub max_response_size: ByteSize,
    /// `auto`: what the partner offers over TLS, and HTTP/1.1 without; or `1.1` or `2` alone.
    #[serde(default)]
    pub http_version: HttpVersion,
    /// The proxy that calls go through, such as `http://proxy.example.com:3128`, with credentials if it wants some; none
    /// unless given, whatever the environment says.
    #[serde(default)]
    pub proxy: Option<Secret>,
    /// How calls are tried again that failed for a moment; those alone that are safe to make twice, or that the partner
    /// has not seen.
    #[serde(default)]
    pub retry: RetryConfig,
    /// When no calls are made since the partner fails.
    #[serde(default)]
    pub circuit_breaker: CircuitBreakerConfig,
    /// When calls are sent a second time since the first is slow; never unless it has a `delay`.
    #[serde(default)]
    pub hedging: HedgingConfig,
    /// How often calls are made at most; as often as services like unless given.
    #[serde(default)]
    pub rate_limiting: RateLimitConfig,
    /// How many redirects are followed; unless given none, and the answer is the redirect. So it is if a redirect leads to
    /// another host, port or from HTTPS to HTTP, where neither credentials nor anything else of a call belong.
    #[serde(default)]
    pub max_redirects: usize,
    /// Whether the partner's certificate is checked. Without that anybody in between can read and change everything.
    #[serde(default = "yes")]
    pub tls_verify: bool,
    /// Whom we trust, and which certificate we present; needs the feature `tls`.
    #[serde(default)]
    pub tls: Option<ClientTlsConfig>,
    /// The `Content-Type` of what is sent, whatever it is; that of the format unless given.
    #[serde(default, deserialize_with = "header_value")]
    #[schemars(with = "Option<String>")]
    pub content_type: Option<HeaderValue>,
    /// The `Accept` of every call; everything unless given.
    #[serde(default, alias = "accept", deserialize_with = "header_value")]
    #[schemars(with = "Option<String>")]
    pub http_accept: Option<HeaderValue>,
    /// Further headers of every call.
    #[serde(default, deserialize_with = "headers")]
    #[schemars(with = "BTreeMap<String, Secret>")]
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The method of a ping.
    #[serde(default = "head", deserialize_with = "ping_method")]
    #[schemars(with = "String")]
    pub ping_method: Method,
    /// The path of a ping, from the root; that of the calls unless given, or `/` if that has placeholders.
    #[serde(default)]
    pub ping_path: Option<String>,
    /// How often it is pinged; unless given never, and then readiness knows nothing of the partner.
    #[serde(default)]
    pub ping_interval: Option<Duration>,
}

/// How a model is written for the partner.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum DataFormat {
    /// JSON (RFC 8259).
    #[default]
    Json,
    /// `application/x-www-form-urlencoded`.
    Form,
    /// XML 1.0, with a root called `request` unless the model has a name of its own.
    Xml,
}

/// Which version of HTTP is spoken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[non_exhaustive]
pub enum HttpVersion {
    /// What the partner offers over TLS; HTTP/1.1 without TLS.
    #[default]
    #[serde(rename = "auto")]
    Auto,
    /// HTTP/1.1 alone.
    #[serde(rename = "1.1")]
    Http1,
    /// HTTP/2 alone, also without TLS.
    #[serde(rename = "2")]
    Http2,
}

impl ConnectionConfig for RestConfig {
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
            "has_rbac",
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
            "soap_action",
            "soap_version",
            "transport",
            "url_params_pri",
            "wrapper_type",
        ]
    }
}

impl RestConfig {
    /// Returns what is out of range, by key.
    pub(super) fn out_of_range(&self) -> Vec<(&'static str, &'static str)> {
        let zero = [
            ("timeout", self.timeout.is_zero(), "no call can be made in no time; give it some, such as 10s"),
            (
                "connect_timeout",
                self.connect_timeout.is_zero(),
                "nothing connects in no time; give it some, such as 3s",
            ),
            ("pool_size", self.pool_size == 0, "without a place no call can be made; is_active: false switches it off"),
            (
                "max_response_size",
                self.max_response_size.bytes() == 0,
                "no answer is that small; give it some, such as 10MiB",
            ),
            (
                "ping_interval",
                self.ping_interval.is_some_and(|interval| interval.is_zero()),
                "a ping needs a pause before the next; leave the key out for none at all",
            ),
            (
                "max_connection_age",
                self.max_connection_age.is_zero(),
                "a connection is used for some time; give it some, such as 5m",
            ),
        ];
        let mut faults: Vec<_> = zero.into_iter().filter(|fault| fault.1).map(|(key, _, words)| (key, words)).collect();
        if self.pool_size > MAX_PLACES {
            faults.push(("pool_size", "more than 100000 calls at once are too many for one process"));
        }
        faults
    }

    /// Returns the proxy as the library takes it.
    pub(super) fn proxy(&self) -> Option<Result<reqwest::Proxy, &'static str>> {
        let words = "expected the address of a proxy, such as http://proxy.example.com:3128";
        let proxy = self.proxy.as_ref()?;
        let parsed = proxy.expose().parse::<Url>().ok().filter(|url| url.has_host() && url.scheme() == "http");
        Some(parsed.and_then(|url| reqwest::Proxy::all(url).ok()).ok_or(words))
    }
}

/// What a semaphore of tokio's can hold is far more, and no process serves that.
const MAX_PLACES: usize = 100_000;

pub(super) fn yes() -> bool {
    true
}

pub(super) fn ten_seconds() -> Duration {
    Duration::from_secs(10)
}

pub(super) fn three_seconds() -> Duration {
    Duration::from_secs(3)
}

pub(super) fn ninety_seconds() -> Duration {
    Duration::from_secs(90)
}

pub(super) fn five_minutes() -> Duration {
    Duration::from_secs(300)
}

pub(super) fn ten_mebibytes() -> ByteSize {
    ByteSize(10 << 20)
}

pub(super) fn twenty() -> usize {
    20
}

pub(super) fn hundred() -> usize {
    100
}

pub(super) fn head() -> Method {
    Method::HEAD
}

pub(super) fn ping_method<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Method, D::Error> {
    method(&String::deserialize(deserializer)?)
}

/// Zato writes an empty text where nobody chose a format.
fn format<'de, D: Deserializer<'de>>(deserializer: D) -> Result<DataFormat, D::Error> {
    match Option::<String>::deserialize(deserializer)?.as_deref() {
        None | Some("" | "json") => Ok(DataFormat::Json),
        Some("form") => Ok(DataFormat::Form),
        Some("xml") if cfg!(feature = "xml") => Ok(DataFormat::Xml),
        Some("xml") => {
            Err(D::Error::custom("the format \"xml\" was left out of this program; enable the feature of that name"))
        }
        Some(_) => Err(D::Error::custom("expected json, form or xml")),
    }
}

fn header_value<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<HeaderValue>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?.filter(|text| !text.is_empty());
    let value = text.map(HeaderValue::try_from).transpose();
    value.map_err(|_| D::Error::custom("expected the value of a header, such as application/json"))
}

/// What stands in them may be a key of the partner's, so that no value is ever shown.
pub(super) fn headers<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<(HeaderName, HeaderValue)>, D::Error> {
    let texts = Option::<BTreeMap<String, Secret>>::deserialize(deserializer)?.unwrap_or_default();
    let read = |(name, value): (String, Secret)| {
        let words = "expected headers, such as {X-Tenant: bank}; none may have line breaks in it";
        let mut value = HeaderValue::from_str(value.expose()).map_err(|_| D::Error::custom(words))?;
        value.set_sensitive(true);
        Ok((name.parse().map_err(|_| D::Error::custom(words))?, value))
    };
    texts.into_iter().map(read).collect()
}
