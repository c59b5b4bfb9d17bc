use http::Method;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de::Error};
use zato_core::{
    channel::ChannelConfig,
    config::{ByteSize, Duration, OneOrMany, RateLimitRule},
    format::soap::Version,
    message::{CsvOptions, Format, ParamsPriority, UrlParams, XmlOptions},
};

use crate::config::{FormConfig, NO_SECURITY, RestChannelConfig};

/// What a body may have unless a channel says otherwise, as Zato has it: envelopes are larger than what they carry.
const MAX_BODY_SIZE: ByteSize = ByteSize(10 * 1024 * 1024);

/// One entry of `channel_soap`: which service answers which operation at which path.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct SoapChannelConfig {
    /// What logs and other sections refer to it by.
    pub name: String,
    /// An inactive channel is as if it were not there.
    #[serde(default = "yes")]
    pub is_active: bool,
    /// The path, as that of a REST channel; several channels may have the same, each with its operation.
    pub url_path: String,
    /// The service that answers.
    #[serde(alias = "service_name")]
    pub service: String,
    /// What a request for it says in `SOAPAction`, or in SOAP 1.2 in the parameter `action` of its `Content-Type`. Of
    /// channels with one path, the one whose action a request has answers; without it, the body's element decides.
    #[serde(default, deserialize_with = "text")]
    pub soap_action: Option<String>,
    /// The versions that are taken, `"1.1"`, `"1.2"` or a list of them; both unless given.
    #[serde(default, deserialize_with = "versions")]
    #[schemars(schema_with = "versions_schema")]
    pub soap_version: Vec<Version>,
    /// The name of the element that the body of a request has. Unless given, it is the service's name in one word, as
    /// `ClientGet` is of `client.get`, and a channel that has its path for itself takes any.
    #[serde(default, deserialize_with = "text")]
    pub operation: Option<String>,
    /// The namespace of that element and of its reply; any is taken, and answered in, unless given.
    #[serde(default, deserialize_with = "text")]
    pub namespace: Option<String>,
    /// Header blocks that the service sees to itself, although a request says that they must be understood: each the URI
    /// of a namespace, or `{namespace}name`.
    #[serde(default, deserialize_with = "texts")]
    #[schemars(with = "Option<OneOrMany>")]
    pub understood_headers: Vec<String>,
    /// The security definition that callers must satisfy; everybody may call unless given.
    #[serde(default, alias = "sec_def", alias = "security_name")]
    pub security: Option<String>,
    /// How long the service may take; `server.request_timeout` unless given.
    #[serde(default)]
    pub timeout: Option<Duration>,
    /// How large an envelope may be.
    #[serde(default = "max_body_size")]
    pub max_body_size: ByteSize,
    /// Whether a parameter of the path or the query string, or the body counts where both give a value.
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
}

/// What a SOAP channel has beside what every HTTP channel has.
#[derive(Clone, Debug)]
pub(crate) struct SoapOptions {
    pub(crate) action: Option<String>,
    /// Not empty.
    pub(crate) versions: Vec<Version>,
    pub(crate) operation: Option<String>,
    pub(crate) namespace: Option<String>,
    pub(crate) understood: Vec<String>,
}

impl SoapChannelConfig {
    pub(crate) fn into_parts(self) -> (RestChannelConfig, SoapOptions) {
        let mut versions = self.soap_version;
        if versions.is_empty() {
            versions = Version::ALL.to_vec();
        }
        let soap = SoapOptions {
            action: self.soap_action,
            versions,
            operation: self.operation,
            namespace: self.namespace,
            understood: self.understood_headers,
        };
        let mut xml = XmlOptions::default();
        xml.namespace.clone_from(&soap.namespace);
        let http = RestChannelConfig {
            name: self.name,
            is_active: self.is_active,
            url_path: self.url_path,
            service: self.service,
            // SOAP 1.1 §6, SOAP 1.2 part 2 §7.5: what is asked for comes in a body.
            method: vec![Method::POST],
            data_format: Format::Soap,
            xml,
            csv: CsvOptions::default(),
            form: FormConfig::default(),
            security: self.security,
            timeout: self.timeout,
            max_body_size: Some(self.max_body_size),
            params_pri: self.params_pri,
            url_params_pri: self.url_params_pri,
            merge_url_params_req: self.merge_url_params_req,
            max_concurrent_requests: self.max_concurrent_requests,
            max_queued_requests: self.max_queued_requests,
            rate_limiting: self.rate_limiting,
            compression: None,
            content_encoding: None,
            cors: None,
            cache_control: None,
            etag: false,
            response_cache: None,
            cache_type: None,
            cache_name: None,
            cache_expiry: None,
            is_deprecated: false,
            deprecation_since: None,
            deprecation_sunset: None,
            deprecation_successor: None,
        };
        (http, soap)
    }
}

impl ChannelConfig for SoapChannelConfig {
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
        self.security.as_deref().filter(|name| !NO_SECURITY.contains(name))
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
            "match_slash",
            "method",
            "ping_method",
            "pool_size",
            "sec_use_rbac",
            "serialization_type",
            "transport",
            "use_mtom",
        ]
    }
}

fn yes() -> bool {
    true
}

fn max_body_size() -> ByteSize {
    MAX_BODY_SIZE
}

/// Zato writes an empty text where nobody said.
fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.filter(|text| !text.is_empty()))
}

fn texts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let texts = OneOrMany::read(deserializer, "a namespace, {namespace}name, or a list of them")?;
    Ok(texts.map(OneOrMany::into_vec).unwrap_or_default())
}

fn versions<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Version>, D::Error> {
    let texts = OneOrMany::read(deserializer, "\"1.1\", \"1.2\", or a list of them")?.map(OneOrMany::into_vec);
    let texts = texts.unwrap_or_default().into_iter().filter(|text| !text.is_empty());
    let mut versions: Vec<Version> =
        texts.map(|text| text.parse().map_err(D::Error::custom)).collect::<Result<_, _>>()?;
    versions.sort_unstable();
    versions.dedup();
    Ok(versions)
}

fn versions_schema(_: &mut SchemaGenerator) -> Schema {
    let version = json_schema!({"enum": ["1.1", "1.2"]});
    json_schema!({"anyOf": [version, {"type": "array", "items": version}]})
}

#[cfg(test)]
mod tests {
    use zato_core::config::{from_node, yaml};

    use super::*;

    fn read(text: &str) -> Result<SoapChannelConfig, String> {
        from_node(&yaml::parse("zato.yaml", text).unwrap()).map_err(|fault| fault.to_string())
    }

    #[test]
    fn the_least_entry_has_every_default() {
        let (http, soap) = read("{name: a, url_path: /a, service: a.b}").unwrap().into_parts();
        assert!(http.is_active && http.merge_url_params_req && http.security().is_none());
        assert_eq!((http.data_format, http.max_body_size), (Format::Soap, Some(MAX_BODY_SIZE)));
        assert_eq!((soap.action, soap.versions), (None, vec![Version::V11, Version::V12]));
    }

    #[test]
    fn zatos_own_spellings_are_read() {
        let text = "{name: s1, service_name: demo.ping, url_path: /soap1, soap_action: urn:x:1, soap_version: '1.1'}";
        let config = read(text).unwrap();
        assert_eq!((config.soap_action.as_deref(), config.soap_version), (Some("urn:x:1"), vec![Version::V11]));
        let text =
            "{name: a, url_path: /a, service: b, soap_action: '', soap_version: [1.2, 1.1], security: No security}";
        let config = read(text).unwrap();
        assert_eq!((config.soap_action.as_deref(), ChannelConfig::security(&config)), (None, None));
        assert_eq!(config.soap_version, [Version::V11, Version::V12]);
    }

    #[test]
    fn what_can_not_be_used_is_told_with_its_place() {
        for (text, said) in [
            (
                "{name: a, url_path: /a, service: b, soap_version: '1.3'}",
                "zato.yaml:1:51: no version \"1.3\" of SOAP (1.1, 1.2)",
            ),
            (
                "{name: a, url_path: /a, service: b, soapaction: x}",
                "zato.yaml:1:37: unknown key \"soapaction\"; did you mean \"soap_action\"?",
            ),
        ] {
            let fault = read(text).unwrap_err();
            assert!(fault.starts_with(said), "{fault}");
        }
    }
}
