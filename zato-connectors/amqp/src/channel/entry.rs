//! What an entry of the section means to a consumer.

use std::sync::Arc;

use zato_core::{
    ambient::Ambient,
    channel::{Inlet, Shape, broker::Policies},
    config::ServerConfig,
    message::ChannelInfo,
};

use crate::{
    config::{AckMode, AmqpChannelConfig, Arguments, DeadLetterConfig},
    definition::AmqpDefinition,
};

/// What a consumer is made of.
#[derive(Debug)]
pub struct Consuming {
    pub(super) definition: Arc<AmqpDefinition>,
    pub(super) terms: Terms,
    pub(super) route: Route,
    pub(super) ambient: Ambient,
}

/// What a subscription is made with: if nothing of it has changed, it goes on.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Terms {
    /// The name of the definition, for the log.
    pub(super) definition: String,
    pub(super) queue: Arc<str>,
    pub(super) tag_prefix: Option<String>,
    pub(super) is_exclusive: bool,
    pub(super) arguments: Arguments,
    pub(super) prefetch: u16,
    /// How many messages are in work at once.
    pub(super) places: usize,
}

/// What is done with each message: swapped in for those that come next.
#[derive(Debug)]
pub(super) struct Route {
    pub(super) info: Arc<ChannelInfo>,
    pub(super) inlet: Inlet,
    /// Whether replies go to those who ask for them.
    pub(super) gives: bool,
    pub(super) max_message_size: usize,
    pub(super) ack_mode: AckMode,
    pub(super) policies: Policies,
    pub(super) dead_letter: Option<DeadLetterConfig>,
}

/// What a `prefetch_count` of 0 means.
const PREFETCH: u16 = 100;

impl Consuming {
    pub(super) fn of(
        config: &AmqpChannelConfig,
        server: &ServerConfig,
        inlet: Inlet,
        definition: Arc<AmqpDefinition>,
        ambient: Ambient,
    ) -> Self {
        Self { definition, terms: Terms::of(config), route: Route::of(config, server, inlet), ambient }
    }
}

impl Terms {
    fn of(config: &AmqpChannelConfig) -> Self {
        let prefetch = if config.prefetch_count == 0 { PREFETCH } else { config.prefetch_count };
        // What is in work waits to be settled as well: with fewer, places would stay empty.
        let places = u16::try_from(config.pool_size).unwrap_or(u16::MAX);
        Self {
            definition: config.definition.clone(),
            queue: config.queue.as_str().into(),
            tag_prefix: config.consumer_tag_prefix.clone(),
            is_exclusive: config.exclusive,
            arguments: config.arguments.clone(),
            prefetch: prefetch.max(places),
            places: config.pool_size,
        }
    }
}

impl Route {
    fn of(config: &AmqpChannelConfig, server: &ServerConfig, inlet: Inlet) -> Self {
        let mut info = ChannelInfo::new("amqp", config.name.as_str(), config.service.as_str());
        info.format = config.data_format;
        info.options.xml = config.xml.clone();
        info.options.csv = config.csv.clone();
        info.route = Some(config.queue.clone());
        info.broker = Some("rabbitmq");
        info.timeout = config.timeout.unwrap_or(server.request_timeout).0;
        let gives = inlet.served().is_some_and(|served| !matches!(served.output, Shape::Nothing));
        Self {
            info: Arc::new(info),
            inlet,
            gives,
            max_message_size: config.max_message_size.unwrap_or(server.max_body_size).as_usize(),
            ack_mode: config.ack_mode,
            policies: Policies::of(config.policies()),
            dead_letter: config.dead_letter.clone(),
        }
    }
}
