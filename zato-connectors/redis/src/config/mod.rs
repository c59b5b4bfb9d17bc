//! The section as data: what was written, checked as far as one entry can be checked by itself.

mod address;
mod channel;
mod outgoing;

use serde::{Deserialize, Deserializer};
use zato_core::config::SectionName;

pub(crate) use self::address::{Address, Node, Place};
pub use self::{
    channel::{RedisChannelConfig, StreamStart},
    outgoing::{Protocol, RedisConfig},
};

/// The section that connections stand in.
pub const OUTGOING: SectionName = SectionName { name: "outgoing_redis", aliases: &["outconn_redis"] };

/// The section that streams which are consumed into services stand in.
pub const CHANNEL: SectionName = SectionName { name: "channel_redis", aliases: &[] };

fn yes() -> bool {
    true
}

/// Zato writes an empty text where nobody chose.
fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.filter(|text| !text.is_empty()))
}
