//! The sections as data: what was written, checked as far as one entry can be checked by itself.

mod channel;
mod custom;
pub(crate) mod defaults;
mod outgoing;

use serde::{Deserialize, Deserializer};
use zato_core::config::{Secret, SectionName};

pub use self::{
    channel::{AfterSuccess, SwiftChannelConfig},
    outgoing::{AuthVersion, Interface, SwiftConfig},
};
pub(crate) use self::{custom::CustomOptions, outgoing::parsed};

/// The section that connections to Swift stand in.
pub const OUTGOING: SectionName = SectionName { name: "outgoing_swift", aliases: &["cloud_openstack_swift"] };

/// The section that containers which are polled for services stand in.
pub const CHANNEL: SectionName = SectionName { name: "channel_swift", aliases: &[] };

pub(crate) fn yes() -> bool {
    true
}

/// Zato writes an empty text where nobody chose.
pub(crate) fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.filter(|text| !text.is_empty()))
}

/// The same of what is not to be seen.
pub(crate) fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Secret>, D::Error> {
    Ok(Option::<Secret>::deserialize(deserializer)?.filter(|secret| !secret.is_empty()))
}
