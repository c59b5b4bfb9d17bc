//! In the place of kept replies, where this was built without: nobody has any.

use std::sync::Arc;

use zato_core::{
    Result,
    channel::Plan,
    config::{ConfigFault, Origin},
    message::{Message, Reply},
};

use crate::{
    config::{HttpChannelConfig, RestChannelConfig},
    edge::Edge,
    meter::Meter,
    table::Route,
};

/// What no channel has.
pub(crate) enum ResponseCache {}

impl ResponseCache {
    pub(crate) fn of(
        config: &RestChannelConfig,
        origin: &Origin,
        _: &Plan<'_, HttpChannelConfig>,
        _: &Edge,
        _: &Arc<Meter>,
    ) -> Result<Option<Self>, ConfigFault> {
        let of_zato = config.cache_type.as_deref().is_some_and(|name| !name.is_empty());
        if config.response_cache.is_none() && !of_zato {
            return Ok(None);
        }
        let remedy = "needs the feature \"cache\" of zato: add it in Cargo.toml";
        Err(ConfigFault::at(origin, format!("the channel \"{}\" has response_cache, which {remedy}", config.name)))
    }

    #[expect(clippy::unused_async, reason = "the signature of where it does something")]
    pub(crate) async fn answer(&self, _: &Route, _: Message) -> Result<Reply> {
        match *self {}
    }
}
