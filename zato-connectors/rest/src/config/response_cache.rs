use std::{borrow::Cow, fmt};

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{
    Deserialize, Deserializer,
    de::{Error, Unexpected, Visitor},
};
use zato_core::config::{ByteSize, Duration};

/// How a channel keeps its replies, to give them again without asking its service: its key `response_cache`.
///
/// ```
/// use zato_rest::{ResponseCacheConfig, TtlUnit};
///
/// let config: ResponseCacheConfig = serde_json::from_str(r#"{"ttl": 10, "ttl_unit": "seconds"}"#).unwrap();
/// assert!(config.is_enabled && !config.is_shared_across_callers);
/// assert_eq!((config.ttl().unwrap().as_secs(), config.ttl_unit), (10, TtlUnit::Seconds));
/// ```
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ResponseCacheConfig {
    /// Whether replies are kept.
    pub is_enabled: bool,
    /// The `cache` that they are kept in; the one that has `is_default` unless given, or, if there is none, a cache of the
    /// listener's own, of 64 MiB.
    pub cache: Option<String>,
    /// For how long a reply is given again: a duration such as `90s`, or a number of `ttl_unit`.
    pub ttl: CacheTtl,
    /// What a number in `ttl` counts.
    pub ttl_unit: TtlUnit,
    /// Headers of requests that replies depend on, such as `Accept-Language`. A reply that says by `Vary` that it depends on
    /// another one is not kept.
    pub vary_by_headers: Vec<String>,
    /// Parameters of query strings that replies don't depend on.
    pub ignored_query_parameters: Vec<String>,
    /// Whether replies depend on the bodies of requests. Requests of every method are answered out of the cache then, not
    /// those of `GET` and `HEAD` alone: for services that read and never change anything.
    pub include_body_in_key: bool,
    /// Whether a caller is given what another one was answered. Otherwise each has replies of its own, told apart by the
    /// security definition and the user name, or, without one, by `Authorization` and `Cookie`.
    pub is_shared_across_callers: bool,
    /// How long a reply may be that is kept.
    pub max_body_size: ByteSize,
    /// Whether a reply is kept only once the same has been asked for before, so that what is asked for once takes no room.
    pub cache_on_second_request: bool,
    /// Whether replies get an `ETag` out of their bytes, unless the service sets one, so that a caller who has them gets 304.
    pub needs_etag: bool,
    /// How long a request waits for the answer of the service to another one that asks for the same, before it asks itself.
    pub coalesce_timeout: Duration,
}

impl Default for ResponseCacheConfig {
    fn default() -> Self {
        Self {
            is_enabled: true,
            cache: None,
            ttl: CacheTtl::Number(5),
            ttl_unit: TtlUnit::Minutes,
            vary_by_headers: Vec::new(),
            ignored_query_parameters: Vec::new(),
            include_body_in_key: false,
            is_shared_across_callers: false,
            max_body_size: ByteSize(1_000_000),
            cache_on_second_request: true,
            needs_etag: false,
            coalesce_timeout: Duration::from_secs(15),
        }
    }
}

impl ResponseCacheConfig {
    /// Returns for how long a reply is given again; `None` if that is more than there is.
    #[must_use]
    pub fn ttl(&self) -> Option<std::time::Duration> {
        match self.ttl {
            CacheTtl::Of(time) => Some(*time),
            CacheTtl::Number(number) => number.checked_mul(self.ttl_unit.seconds()).map(std::time::Duration::from_secs),
        }
    }
}

/// A time to live, as it is written.
///
/// ```
/// use zato_rest::CacheTtl;
///
/// assert_eq!(serde_json::from_str::<CacheTtl>("5").unwrap(), CacheTtl::Number(5));
/// assert!(matches!(serde_json::from_str::<CacheTtl>("\"90s\"").unwrap(), CacheTtl::Of(time) if time.as_secs() == 90));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CacheTtl {
    /// A number, of the unit that stands beside it.
    Number(u64),
    /// A duration with a unit of its own.
    Of(Duration),
}

/// What a number in `ttl` counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum TtlUnit {
    /// Seconds.
    #[serde(alias = "second")]
    Seconds,
    /// Minutes, as in Zato.
    #[default]
    #[serde(alias = "minute")]
    Minutes,
    /// Hours.
    #[serde(alias = "hour")]
    Hours,
    /// Days.
    #[serde(alias = "day")]
    Days,
}

impl TtlUnit {
    fn seconds(self) -> u64 {
        match self {
            Self::Seconds => 1,
            Self::Minutes => 60,
            Self::Hours => 3600,
            Self::Days => 86_400,
        }
    }
}

impl<'de> Deserialize<'de> for CacheTtl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TtlVisitor)
    }
}

struct TtlVisitor;

impl Visitor<'_> for TtlVisitor {
    type Value = CacheTtl;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a duration such as 90s, or a number of ttl_unit")
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<CacheTtl, E> {
        Ok(CacheTtl::Number(number))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<CacheTtl, E> {
        u64::try_from(number).map(CacheTtl::Number).map_err(|_| E::invalid_value(Unexpected::Signed(number), &self))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<CacheTtl, E> {
        let number = text.trim().parse().map(CacheTtl::Number);
        number.or_else(|_| text.parse().map(CacheTtl::Of)).map_err(|_| E::invalid_value(Unexpected::Str(text), &self))
    }
}

impl JsonSchema for CacheTtl {
    fn schema_name() -> Cow<'static, str> {
        "CacheTtl".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Duration::json_schema(generator)
    }

    fn inline_schema() -> bool {
        true
    }
}
