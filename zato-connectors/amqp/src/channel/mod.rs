//! Channels: queues that are consumed into services.
//!
//! A `Shared` stands for each entry, and a task of its own for each of those: it holds the connection of its definition and
//! subscribes on a channel of its own, a `Session`, from which each message is handed to a `Work`. What a work decides, it
//! does by its session, and by the `Outbox` for what has to be published.

mod answer;
mod consumer;
mod copies;
mod decision;
mod entry;
mod headers;
mod intake;
mod meter;
mod outbox;
mod places;
mod replying;
mod session;
mod settling;
#[cfg(test)]
#[cfg(feature = "testing")]
mod tests;
mod work;

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use tokio::{task::JoinSet, time::timeout};
use tokio_util::sync::CancellationToken;
use zato_core::{
    channel::{Channel, ChannelSection, Plan},
    config::{ConfigFaults, SectionName},
    connection::{ConnectionStatus, State},
    error::Result,
    metrics::Exposition,
};

pub(crate) use self::headers::{ATTEMPT, EXCHANGE, ROUTING_KEY};
use self::{
    consumer::Shared,
    entry::{Kind, Wanted},
    meter::Meters,
    places::Places,
};
use crate::config::{AmqpChannelConfig, CHANNEL, DEFINITION};

/// How long channels of the broker's may take to be closed when the time for a stop is over.
const GOODBYE: Duration = Duration::from_secs(1);

/// AMQP channels: every queue in `channel_amqp`, each consumed by a task of its own.
///
/// ```
/// use zato_amqp::{AmqpChannels, AmqpDefinition};
/// use zato_core::app::App;
///
/// let app = App::new("bank").definition::<AmqpDefinition>().channel(AmqpChannels::new());
/// ```
#[derive(Default)]
pub struct AmqpChannels {
    meters: Meters,
    running: Mutex<Running>,
}

#[derive(Default)]
struct Running {
    entries: BTreeMap<String, Entry>,
    /// Those that have left their queue, or are about to, and finish what is in work.
    leaving: Vec<Weak<Shared>>,
    tasks: JoinSet<()>,
    is_stopped: bool,
}

enum Entry {
    Inactive,
    Unfaked,
    Consuming(Arc<Shared>),
}

/// What the entries are to be from now on.
pub struct PreparedChannels(Vec<Wanted>);

impl AmqpChannels {
    /// Makes channels that consume nothing until a configuration is applied.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Running {
    fn consumers(&self) -> Vec<Arc<Shared>> {
        let consumers = self.entries.values().filter_map(|entry| match entry {
            Entry::Consuming(shared) => Some(Arc::clone(shared)),
            Entry::Inactive | Entry::Unfaked => None,
        });
        consumers.collect()
    }

    /// Makes an entry what it is to be from now on.
    fn switch(&mut self, wanted: Wanted, before: Option<Entry>, meters: &Meters) {
        let Wanted { name, kind } = wanted;
        let entry = match (kind, before) {
            (Kind::Consuming(consuming), Some(Entry::Consuming(shared))) if shared.fits(&consuming) => {
                shared.switch(consuming.route);
                Entry::Consuming(shared)
            }
            (Kind::Consuming(consuming), before) => {
                let places = match &before {
                    Some(Entry::Consuming(before)) => before.places(consuming.terms.places),
                    _ => Places::new(consuming.terms.places),
                };
                let after = before.and_then(|before| self.leave(before));
                let shared = Shared::new(&name, *consuming, meters.of(&name), places);
                self.tasks.spawn(Arc::clone(&shared).run(after));
                Entry::Consuming(shared)
            }
            (kind, before) => {
                before.and_then(|before| self.leave(before));
                if matches!(kind, Kind::Unfaked) { Entry::Unfaked } else { Entry::Inactive }
            }
        };
        self.entries.insert(name, entry);
    }

    /// Has a consumer leave its queue, and returns what tells when it has; what is in work is finished.
    fn leave(&mut self, entry: Entry) -> Option<CancellationToken> {
        let Entry::Consuming(shared) = entry else { return None };
        self.leaving.retain(|shared| shared.strong_count() > 0);
        self.leaving.push(Arc::downgrade(&shared));
        Some(shared.leave())
    }
}

impl Channel for AmqpChannels {
    const DEFINITION: Option<SectionName> = Some(DEFINITION);

    type Config = AmqpChannelConfig;
    type Prepared = PreparedChannels;

    fn sections() -> Vec<ChannelSection<AmqpChannelConfig>> {
        vec![ChannelSection::of::<AmqpChannelConfig>(CHANNEL)]
    }

    async fn prepare(&self, plan: Plan<'_, AmqpChannelConfig>) -> Result<PreparedChannels, ConfigFaults> {
        let (mut faults, mut wanted) = (ConfigFaults::new(), Vec::new());
        for (config, origin) in plan.entries {
            match entry::read(config, origin, &plan) {
                Ok(entry) => wanted.push(entry),
                Err(found) => faults.extend(found),
            }
        }
        faults.into_result(PreparedChannels(wanted))
    }

    fn activate(&self, prepared: PreparedChannels) {
        let mut running = self.lock();
        if running.is_stopped {
            return;
        }
        while running.tasks.try_join_next().is_some() {}
        let mut before = std::mem::take(&mut running.entries);
        for wanted in prepared.0 {
            let entry = before.remove(&wanted.name);
            running.switch(wanted, entry, &self.meters);
        }
        for gone in before.into_values() {
            running.leave(gone);
        }
    }

    async fn tried(&self) {
        let consumers = self.lock().consumers();
        for shared in consumers {
            shared.tried().await;
        }
    }

    async fn stop(&self, within: Duration) -> Vec<String> {
        let (consumers, mut tasks) = {
            let mut running = self.lock();
            running.is_stopped = true;
            let mut consumers = running.consumers();
            running.entries.clear();
            consumers.extend(std::mem::take(&mut running.leaving).into_iter().filter_map(|shared| shared.upgrade()));
            (consumers, std::mem::take(&mut running.tasks))
        };
        for shared in &consumers {
            shared.leave();
        }
        if timeout(within, ended(&mut tasks)).await.is_ok() {
            return Vec::new();
        }
        let mut cut = Vec::new();
        for shared in &consumers {
            let left = shared.works.len();
            if left > 0 {
                cut.push(format!("{left} messages of the channel \"{}\", which come again", shared.name));
            }
            shared.cut.cancel();
        }
        let _ = timeout(GOODBYE, ended(&mut tasks)).await;
        tasks.shutdown().await;
        cut
    }

    fn metrics(&self, exposition: &mut Exposition) {
        self.meters.write(exposition);
    }

    fn statuses(&self) -> Vec<ConnectionStatus> {
        let running = self.lock();
        let statuses = running.entries.iter().map(|(name, entry)| {
            let (state, (losses, failures)) = match entry {
                Entry::Inactive => (State::Inactive, (0, 0)),
                Entry::Unfaked => (State::Unfaked, (0, 0)),
                Entry::Consuming(shared) => (shared.state(), shared.meter.counts()),
            };
            ConnectionStatus::new(CHANNEL.name, name, Arc::new(state)).with_counts(losses, failures)
        });
        statuses.collect()
    }

    fn addresses(&self) -> Vec<String> {
        Vec::new()
    }
}

async fn ended(tasks: &mut JoinSet<()>) {
    while tasks.join_next().await.is_some() {}
}

impl fmt::Debug for AmqpChannels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.lock().consumers()).finish()
    }
}

impl fmt::Debug for PreparedChannels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.iter().map(|wanted| &wanted.name)).finish()
    }
}
