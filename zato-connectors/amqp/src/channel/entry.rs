//! From an entry of the section to what a consumer does, checked as far as no broker has to be asked.

use std::sync::Arc;

use zato_core::{
    ambient::Ambient,
    channel::{
        ChannelConfig, Inlet, Plan, Shape,
        broker::{Entry, Policies},
    },
    config::{ConfigFault, ConfigFaults, Origin, ServerConfig},
    message::ChannelInfo,
};

use crate::{
    config::{AckMode, AmqpChannelConfig, Arguments, DEFINITION, DeadLetterConfig},
    definition::AmqpDefinition,
};

/// What a consumer is made of.
pub(super) struct Consuming {
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

/// Works out what an entry means.
///
/// # Errors
///
/// Everything that is wrong with it.
pub(super) fn read(
    config: &AmqpChannelConfig,
    origin: &Origin,
    plan: &Plan<'_, AmqpChannelConfig>,
) -> Result<Entry<Consuming>, ConfigFaults> {
    let mut faults = ConfigFaults::new();
    let mut fault = |key: &str, words: &str| {
        faults.push(ConfigFault::at(origin, format!("the {key} of the channel \"{}\": {words}", config.name)));
    };
    for (key, words) in config.contradictions() {
        fault(key, &words);
    }
    if let Some(words) = config.csv.fault() {
        fault("csv", &words);
    }
    let is_inactive = plan.definitions.is_inactive(DEFINITION.name, &config.definition);
    let definition = (!is_inactive).then(|| plan.definitions.get::<AmqpDefinition>(&config.definition, origin));
    let definition = definition.and_then(|found| found.map_err(|fault| faults.push(fault)).ok());
    faults.into_result(())?;
    let (Some(definition), true) = (definition, config.is_active()) else {
        return Ok(Entry::Inactive);
    };
    if plan.definitions.is_unfaked(DEFINITION.name, &config.definition) {
        return Ok(Entry::Unfaked);
    }
    // A service that is not there was refused before.
    let Some(inlet) = plan.inlets.inlet(&config.service) else { return Ok(Entry::Inactive) };
    Ok(Entry::Consuming(Consuming::of(config, plan.server, inlet, definition, plan.ambient.clone())))
}

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
