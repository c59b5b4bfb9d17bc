use schemars::JsonSchema;
use serde::Deserialize;

use super::yes;
use crate::config::{Duration, RateLimitRule, Secret};

/// How old or how far ahead `Created` may be, as the profile recommends (UsernameToken Profile 1.1 §3.1, line 165).
const FIVE_MINUTES: Duration = Duration::from_secs(300);

/// A user name and password in the header of a SOAP envelope (WS-Security UsernameToken Profile 1.1).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct WssConfig {
    /// What channels and connections refer to it by.
    pub name: String,
    /// An inactive definition refuses everybody.
    #[serde(default = "yes")]
    pub is_active: bool,
    /// What the header has in it; a user name unless given, and there is nothing else yet.
    #[serde(default)]
    pub mode: Option<WssMode>,
    /// The user name.
    pub username: String,
    /// The password.
    pub password: Secret,
    /// Whether the password itself is refused, and only a digest of it taken; connections send the one or the other.
    #[serde(default)]
    pub use_digest: bool,
    /// Whether a digest is refused that has no nonce or no time in it, and that can therefore be sent again by whoever
    /// has seen it.
    #[serde(default = "yes")]
    pub reject_empty_nonce_creat: bool,
    /// How far the time in a token may be from ours, to either side. For as long its nonce is remembered, so that it is
    /// taken once.
    #[serde(default = "five_minutes")]
    pub reject_expiry_limit: Duration,
    /// How many requests may come in with these credentials; not limited unless given.
    #[serde(default)]
    pub rate_limiting: Vec<RateLimitRule>,
}

/// What a security header has in it to prove who sends a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum WssMode {
    /// A user name, and a password or a digest of it.
    UsernameToken,
}

impl WssConfig {
    /// What Zato has and that has no counterpart here: tokens that are too old are always refused, nonces are remembered
    /// as long as they could be used again, and what a password looks like is said by the token.
    pub(crate) const WITHOUT_COUNTERPART: &'static [&'static str] =
        &["nonce_freshness_time", "password_type", "reject_stale_tokens"];
}

fn five_minutes() -> Duration {
    FIVE_MINUTES
}
