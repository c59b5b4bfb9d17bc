use std::{fmt, time::Duration};

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use super::{BrokerConfig, Consumer, Consumers, Entry};
use crate::{
    channel::{Channel, ChannelConfig, ChannelSection, Inlet, Plan},
    config::{ConfigFault, ConfigFaults, Origin, SectionName},
    connection::{ConnectionStatus, Definitions},
    error::Result,
    metrics::Exposition,
};

/// A channel that has a [`Consumer`] of its own for each entry of its section. Who says what an entry stands over, and what it
/// means to a consumer, is a [`Channel`] with that.
pub trait BrokerChannel: Send + Sync + 'static {
    /// One entry of its section.
    type Config: BrokerConfig + DeserializeOwned + JsonSchema;

    /// What an entry stands over: the handle of a connection, or a definition.
    type Over;

    /// What an entry has running.
    type Consumer: Consumer;

    /// The section that its entries stand in.
    const SECTION: SectionName;

    /// What its consumers take in, such as `messages`, in words for the log.
    const TAKEN: &'static str;

    /// Returns the consumers of its entries.
    fn consumers(&self) -> &Consumers<Self::Consumer>;

    /// Finds what an entry stands over, by its name.
    ///
    /// # Errors
    ///
    /// There is none of that name.
    fn find(definitions: &Definitions, name: &str, origin: &Origin) -> Result<Self::Over, ConfigFault>;

    /// Works out what an active entry means, in which nothing is wrong.
    fn terms(
        &self,
        config: &Self::Config,
        over: Self::Over,
        inlet: Inlet,
        plan: &Plan<'_, Self::Config>,
    ) -> TermsOf<Self>;
}

/// What an entry means to the consumer of a channel.
pub type TermsOf<C> = <<C as BrokerChannel>::Consumer as Consumer>::Terms;

/// What the entries of a section are to be from now on, by name.
pub struct Prepared<T>(pub Vec<(String, Entry<T>)>);

impl<C: BrokerChannel> Channel for C {
    type Config = C::Config;
    type Prepared = Prepared<TermsOf<C>>;

    fn sections() -> Vec<ChannelSection<C::Config>> {
        vec![ChannelSection::of::<C::Config>(C::SECTION)]
    }

    async fn prepare(&self, plan: Plan<'_, C::Config>) -> Result<Self::Prepared, ConfigFaults> {
        let (mut faults, mut wanted) = (ConfigFaults::new(), Vec::new());
        for (config, origin) in plan.entries {
            match read(self, config, origin, &plan) {
                Ok(entry) => wanted.push((config.name().to_owned(), entry)),
                Err(found) => faults.extend(found),
            }
        }
        faults.into_result(Prepared(wanted))
    }

    fn activate(&self, prepared: Self::Prepared) {
        self.consumers().switch(prepared.0);
    }

    async fn tried(&self) {
        self.consumers().tried().await;
    }

    async fn stop(&self, within: Duration) -> Vec<String> {
        self.consumers().stop(within, C::TAKEN).await
    }

    fn metrics(&self, exposition: &mut Exposition) {
        self.consumers().metrics(exposition);
    }

    fn statuses(&self) -> Vec<ConnectionStatus> {
        self.consumers().statuses()
    }

    fn addresses(&self) -> Vec<String> {
        Vec::new()
    }
}

/// Works out what an entry means, as far as nobody has to be asked. Fails with everything that is wrong with it.
fn read<C: BrokerChannel>(
    channel: &C,
    config: &C::Config,
    origin: &Origin,
    plan: &Plan<'_, C::Config>,
) -> Result<Entry<TermsOf<C>>, ConfigFaults> {
    let name = config.name();
    let contradictions = config.contradictions().into_iter();
    let mut faults: ConfigFaults = contradictions
        .map(|(key, words)| ConfigFault::at(origin, format!("the {key} of the channel \"{name}\": {words}")))
        .collect();
    // All of them stand over something.
    let (section, over) = config.over().unwrap_or_default();
    let is_inactive = plan.definitions.is_inactive(section, over);
    let found = (!is_inactive).then(|| C::find(plan.definitions, over, origin));
    let found = found.and_then(|found| found.map_err(|fault| faults.push(fault)).ok());
    faults.into_result(())?;
    let (Some(found), true) = (found, config.is_active()) else {
        return Ok(Entry::Inactive);
    };
    if plan.definitions.is_unfaked(section, over) {
        return Ok(Entry::Unfaked);
    }
    // A service that is not there was refused before.
    let Some(inlet) = plan.inlets.inlet(config.service()) else { return Ok(Entry::Inactive) };
    Ok(Entry::Consuming(channel.terms(config, found, inlet, plan)))
}

impl<T> fmt::Debug for Prepared<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}
