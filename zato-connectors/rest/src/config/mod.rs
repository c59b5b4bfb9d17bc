mod cors;
mod date;
mod form;
mod http;
mod response_cache;

use ::http::{HeaderValue, Method, Uri};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, de::Error};
use zato_core::{
    channel::ChannelConfig,
    config::{ByteSize, ContentCoding, Duration, OneOrMany, RateLimitRule, SectionName},
    message::{CsvOptions, Format, ParamsPriority, UrlParams, XmlOptions},
};

pub use self::{
    cors::{CorsConfig, Names, Origins, WebOrigin},
    date::{Date, NotADate},
    form::FormConfig,
    http::HttpChannelConfig,
    response_cache::{CacheTtl, ResponseCacheConfig, TtlUnit},
};

/// The section that REST channels stand in.
pub const SECTION: SectionName = SectionName { name: "channel_rest", aliases: &["channel_plain_http"] };

/// The section that outgoing connections stand in, whether or not the feature is there that takes it.
pub const OUTGOING: SectionName =
    SectionName { name: "outgoing_rest", aliases: &["outconn_plain_http", "outconn_rest"] };

/// The section that SOAP channels stand in, whether or not the feature is there that takes it.
pub const SOAP: SectionName = SectionName { name: "channel_soap", aliases: &[] };

/// The section that outgoing connections that speak SOAP stand in, whether or not the features are there that take it.
pub const OUTGOING_SOAP: SectionName = SectionName { name: "outgoing_soap", aliases: &["outconn_soap"] };

/// One entry of `channel_rest`: which service answers at which path.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct RestChannelConfig {
    /// What logs and other sections refer to it by.
    pub name: String,
    /// An inactive channel answers 404.
    #[serde(default = "yes")]
    pub is_active: bool,
    /// The path, with `{name}` for a segment or a part of one, and `{*name}` at the end for everything that follows.
    pub url_path: String,
    /// The service that answers.
    #[serde(alias = "service_name")]
    pub service: String,
    /// The HTTP method, or several; every common one unless given.
    #[serde(default, deserialize_with = "methods")]
    #[schemars(with = "Option<OneOrMany>")]
    pub method: Vec<Method>,
    /// How payloads are read and replies written.
    #[serde(default, deserialize_with = "format")]
    pub data_format: Format,
    /// How XML is written, and what is asked of it.
    #[serde(default)]
    pub xml: XmlOptions,
    /// How CSV is read and written.
    #[serde(default)]
    pub csv: CsvOptions,
    /// How large forms may be that have files in them.
    #[serde(default)]
    pub form: FormConfig,
    /// The security definition that callers must satisfy; everybody may call unless given.
    #[serde(default, alias = "sec_def", alias = "security_name")]
    pub security: Option<String>,
    /// How long the service may take; `server.request_timeout` unless given.
    #[serde(default)]
    pub timeout: Option<Duration>,
    /// How large a body may be; `server.max_body_size` unless given.
    #[serde(default)]
    pub max_body_size: Option<ByteSize>,
    /// Whether a parameter or the payload counts where both give a value.
    #[serde(default)]
    pub params_pri: ParamsPriority,
    /// Whether the path or the query string counts where both give a value.
    #[serde(default)]
    pub url_params_pri: UrlParams,
    /// Whether parameters go into the service's model at all.
    #[serde(default = "yes")]
    pub merge_url_params_req: bool,
    /// How many of its requests are in work at once, beside what `server.max_concurrent_requests` says; not limited
    /// unless given.
    #[serde(default)]
    pub max_concurrent_requests: Option<usize>,
    /// How many of its requests may wait for one of `max_concurrent_requests` to end; more are answered at once with
    /// 503. `server.max_queued_requests` unless given.
    #[serde(default)]
    pub max_queued_requests: Option<usize>,
    /// How many requests a client may send to it, with or without the right credentials; not limited unless given.
    #[serde(default)]
    pub rate_limiting: Vec<RateLimitRule>,
    /// Whether replies are compressed for callers who ask for it; as `server.compression` says unless given.
    #[serde(default)]
    pub compression: Option<bool>,
    /// What replies are compressed with for callers who ask for it, whatever `server.compression` says; `gzip` or `zstd`.
    #[serde(default, deserialize_with = "content_encoding")]
    pub content_encoding: Option<ContentCoding>,
    /// Which pages of other origins may call from within a browser; none unless given.
    #[serde(default)]
    pub cors: Option<CorsConfig>,
    /// What caches may do with replies that were a success: the value of `Cache-Control`, unless a service sets its own.
    #[serde(default, deserialize_with = "header_value")]
    #[schemars(with = "Option<String>")]
    pub cache_control: Option<HeaderValue>,
    /// Whether replies to `GET` get an `ETag` out of their bytes, unless a service sets its own: a caller who has them
    /// already gets 304 instead of the same again.
    #[serde(default)]
    pub etag: bool,
    /// Whether, where and for how long replies are kept to be given again; not at all unless given.
    #[serde(default)]
    pub response_cache: Option<ResponseCacheConfig>,
    /// Zato 3's word for a channel with a `response_cache`: `builtin`. Means nothing beside one.
    #[serde(default)]
    pub cache_type: Option<String>,
    /// Zato 3's word for `response_cache.cache`.
    #[serde(default)]
    pub cache_name: Option<String>,
    /// Zato 3's word for `response_cache.ttl`, in minutes; 0 for ever.
    #[serde(default, deserialize_with = "minutes")]
    #[schemars(with = "Option<u64>")]
    pub cache_expiry: Option<u64>,
    /// Whether callers are told to look for another channel.
    #[serde(default)]
    pub is_deprecated: bool,
    /// Since when it is deprecated, `2025-06-30` or `2025-06-30T12:00:00Z`; counts where `is_deprecated` is set.
    #[serde(default, deserialize_with = "date")]
    pub deprecation_since: Option<Date>,
    /// From when on the channel will be gone; counts where `is_deprecated` is set.
    #[serde(default, deserialize_with = "date")]
    pub deprecation_sunset: Option<Date>,
    /// The path or URL to call instead; counts where `is_deprecated` is set.
    #[serde(default, deserialize_with = "uri")]
    #[schemars(with = "Option<String>")]
    pub deprecation_successor: Option<Uri>,
}

impl RestChannelConfig {
    /// Returns the name of the security definition that callers must satisfy; Zato writes a name for none, too.
    #[must_use]
    pub fn security(&self) -> Option<&str> {
        self.security.as_deref().filter(|name| !NO_SECURITY.contains(name))
    }
}

impl ChannelConfig for RestChannelConfig {
    fn name(&self) -> &str {
        &self.name
    }

    fn service(&self) -> &str {
        &self.service
    }

    fn is_active(&self) -> bool {
        self.is_active
    }

    fn security(&self) -> Option<&str> {
        self.security()
    }

    fn without_counterpart() -> &'static [&'static str] {
        &[
            "cache_id",
            "connection",
            "content_type",
            "has_rbac",
            "http_accept",
            "is_audit_log_received_active",
            "is_audit_log_sent_active",
            "is_internal",
            "match_slash",
            "ping_method",
            "pool_size",
            "sec_use_rbac",
            "soap_action",
            "soap_version",
            "transport",
        ]
    }
}

/// What Zato writes where there is no security definition.
pub(crate) const NO_SECURITY: [&str; 3] = ["", "zato-no-security", "No security"];

fn yes() -> bool {
    true
}

fn methods<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Method>, D::Error> {
    match OneOrMany::read(deserializer, "an HTTP method, or a list of them")? {
        None => Ok(Vec::new()),
        Some(OneOrMany::One(text)) if text.is_empty() => Ok(Vec::new()),
        Some(texts) => texts.into_vec().iter().map(|text| method(text)).collect(),
    }
}

/// The methods that a channel may have, in the order that an `Allow` header names them.
pub(crate) const METHODS: [Method; 7] =
    [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS];

pub(crate) fn method<E: Error>(text: &str) -> Result<Method, E> {
    let wanted = text.to_ascii_uppercase();
    METHODS.into_iter().find(|method| method.as_str() == wanted).ok_or_else(|| {
        let known: Vec<String> = METHODS.iter().map(ToString::to_string).collect();
        E::custom(format_args!("expected one of {}", known.join(", ")))
    })
}

/// Zato writes an empty text where nobody chose a format.
fn format<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Format, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?.unwrap_or_default();
    if text.is_empty() { Ok(Format::default()) } else { text.parse().map_err(D::Error::custom) }
}

/// Zato writes an empty text for no compression of a channel's own.
fn content_encoding<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<ContentCoding>, D::Error> {
    match Option::<String>::deserialize(deserializer)?.as_deref() {
        None | Some("") => Ok(None),
        Some("gzip") => Ok(Some(ContentCoding::Gzip)),
        Some("zstd") => Ok(Some(ContentCoding::Zstd)),
        Some(_) => Err(D::Error::custom("expected gzip or zstd")),
    }
}

fn header_value<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<HeaderValue>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?.filter(|text| !text.is_empty());
    let value = text.map(HeaderValue::try_from).transpose();
    value.map_err(|_| D::Error::custom("expected the value of a header, such as max-age=60"))
}

/// Zato writes numbers as texts, too, and an empty text where nobody said.
fn minutes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    match Option::<CacheTtl>::deserialize(deserializer) {
        Ok(None) => Ok(None),
        Ok(Some(CacheTtl::Number(minutes))) => Ok(Some(minutes)),
        Ok(Some(CacheTtl::Of(_))) | Err(_) => Err(D::Error::custom("expected a whole number of minutes")),
    }
}

/// Zato writes an empty text where nobody said.
fn date<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Date>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?.filter(|text| !text.is_empty());
    text.map(|text| text.parse()).transpose().map_err(D::Error::custom)
}

fn uri<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Uri>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?.filter(|text| !text.is_empty());
    let uri = text.map(Uri::try_from).transpose();
    uri.map_err(|_| D::Error::custom("expected a path or a URL, such as /api/v2/client"))
}

#[cfg(test)]
mod tests {
    use zato_core::config::{from_node, yaml};

    use super::*;

    fn read(text: &str) -> Result<RestChannelConfig, String> {
        from_node(&yaml::parse("zato.yaml", text).unwrap()).map_err(|fault| fault.to_string())
    }

    #[test]
    fn the_least_entry_has_every_default() {
        let config = read("{name: a, url_path: /a, service: a.b}").unwrap();
        assert!(config.is_active && config.merge_url_params_req);
        assert!(config.method.is_empty() && config.security().is_none());
        assert_eq!(config.data_format, Format::Json);
    }

    #[test]
    fn zatos_own_spellings_are_read() {
        let text =
            "{name: a, url_path: /a, service_name: a.b, sec_def: zato-no-security, method: get, data_format: ''}";
        let config = read(text).unwrap();
        assert_eq!((config.service.as_str(), config.security()), ("a.b", None));
        assert_eq!(config.method, [Method::GET]);
        assert_eq!(read("{name: a, url_path: /a, service: b, method: [GET, post]}").unwrap().method.len(), 2);
        let text = "{name: a, url_path: /a, service: b, content_encoding: '', deprecation_since: 2025-06-30, deprecation_successor: ''}";
        let config = read(text).unwrap();
        assert_eq!((config.content_encoding, config.deprecation_successor), (None, None));
        assert_eq!(config.deprecation_since, "2025-06-30".parse().ok());
    }

    #[test]
    fn what_can_not_be_used_is_told_with_its_place() {
        for (text, said) in [
            (
                "{name: a, urlpath: /a, service: b}",
                "zato.yaml:1:11: unknown key \"urlpath\"; did you mean \"url_path\"?",
            ),
            (
                "{name: a, url_path: /a, service: b, method: BREW}",
                "zato.yaml:1:45: expected one of GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS",
            ),
            (
                "{name: a, url_path: /a, service: b, data_format: yaml}",
                "zato.yaml:1:50: no data format named \"yaml\" (json, xml, soap, csv, form, raw, negotiate)",
            ),
            ("{name: a, url_path: /a, service: b, content_encoding: br}", "zato.yaml:1:55: expected gzip or zstd"),
            (
                "{name: a, url_path: /a, service: b, cache_control: \"a\\nb\"}",
                "zato.yaml:1:52: expected the value of a header, such as max-age=60",
            ),
            (
                "{name: a, url_path: /a, service: b, deprecation_successor: a b}",
                "zato.yaml:1:60: expected a path or a URL, such as /api/v2/client",
            ),
            (
                "{name: a, url_path: /a, service: b, deprecation_sunset: soon}",
                "zato.yaml:1:57: expected a date such as 2030-06-30",
            ),
        ] {
            let fault = read(text).unwrap_err();
            assert!(fault.starts_with(said), "{fault}");
        }
    }
}
