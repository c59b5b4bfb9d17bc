use std::{
    collections::BTreeMap,
    fmt,
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use tokio::{task::JoinSet, time::timeout};
use tokio_util::sync::CancellationToken;

use super::{Meter, Meters, Shift};
use crate::{
    config::SectionName,
    connection::{ConnectionStatus, State},
    metrics::Exposition,
};

/// How long consumers may take to end when the time for a stop is over.
const GOODBYE: Duration = Duration::from_secs(1);

/// What takes in the messages of one entry of a section, by a task of its own.
pub trait Consumer: fmt::Debug + Send + Sync + 'static {
    /// What an entry means.
    type Terms: Send + 'static;

    /// Makes one that takes over from `before`, if there was one of this name: its places, above all.
    fn new(name: &str, terms: Self::Terms, before: Option<&Self>, meter: Arc<Meter>) -> Self;

    /// Returns whether it can go on under these terms.
    fn fits(&self, terms: &Self::Terms) -> bool;

    /// Has messages that come from now on served by terms that it fits; those in work are finished as they were begun.
    fn switch(&self, terms: Self::Terms);

    /// Consumes until it is to leave, beginning anew whatever happens, and then finishes what is in work, or ends when that
    /// is cut. `after` is cancelled when the one that it takes over from takes in no more.
    fn run(self: Arc<Self>, after: Option<CancellationToken>) -> impl Future<Output = ()> + Send;

    /// Returns its shift, which says when it is to take in no more messages, and when what is in work is cut.
    fn shift(&self) -> &Shift;

    /// Waits until it consumes, was tried in vain once, or is to leave.
    ///
    /// # Cancel safety
    ///
    /// May be dropped at any time.
    fn tried(&self) -> impl Future<Output = ()> + Send;

    /// Returns how it stands.
    fn state(&self) -> State;
}

/// What an entry of a section is to be.
#[derive(Debug)]
#[non_exhaustive]
pub enum Entry<T> {
    /// It consumes nothing: it is inactive, or what it stands over is.
    Inactive,
    /// It consumes nothing: what it stands over leads to a real server, in a test.
    Unfaked,
    /// It consumes by these terms.
    Consuming(T),
}

/// The consumers of a section: those that a configuration has left as they are go on, and whoever is replaced or gone
/// finishes what it has in work.
#[derive(Debug)]
pub struct Consumers<C: Consumer> {
    section: &'static str,
    meters: Meters,
    running: Mutex<Running<C>>,
}

/// An entry with its consumer, and what that counts.
type Kept<C> = Entry<(Arc<C>, Arc<Meter>)>;

#[derive(Debug)]
struct Running<C> {
    entries: BTreeMap<String, Kept<C>>,
    /// Those that take in no more, or are about to, and finish what is in work.
    leaving: Vec<(String, Weak<C>)>,
    tasks: JoinSet<()>,
    is_stopped: bool,
}

impl<C: Consumer> Consumers<C> {
    /// Makes the consumers of a section, of which there are none yet.
    #[must_use]
    pub fn of(section: SectionName) -> Self {
        let (entries, leaving, tasks) = (BTreeMap::new(), Vec::new(), JoinSet::new());
        let running = Mutex::new(Running { entries, leaving, tasks, is_stopped: false });
        Self { section: section.name, meters: Meters::of(section.name), running }
    }

    /// Makes the entries, by name, what they are to be from now on; all others leave.
    ///
    /// # Panics
    ///
    /// Outside of a runtime of tokio's.
    pub fn switch(&self, wanted: impl IntoIterator<Item = (String, Entry<C::Terms>)>) {
        let mut running = self.lock();
        if running.is_stopped {
            return;
        }
        while running.tasks.try_join_next().is_some() {}
        let mut before = std::mem::take(&mut running.entries);
        for (name, wanted) in wanted {
            let before = before.remove(&name);
            running.switch(name, wanted, before, &self.meters);
        }
        for (name, gone) in before {
            running.leave(&name, gone);
        }
    }

    /// Waits until each consumes, or was tried in vain once.
    ///
    /// # Cancel safety
    ///
    /// May be dropped at any time.
    pub async fn tried(&self) {
        let consumers = self.lock().consumers();
        for (_, consumer) in consumers {
            consumer.tried().await;
        }
    }

    /// Has all of them leave, and what is in work finished within this time. Returns what was cut, in words of which `what`
    /// is one, such as `messages`.
    pub async fn stop(&self, within: Duration, what: &str) -> Vec<String> {
        let (consumers, mut tasks) = {
            let mut running = self.lock();
            running.is_stopped = true;
            let mut consumers = running.consumers();
            running.entries.clear();
            let leaving = std::mem::take(&mut running.leaving).into_iter();
            consumers.extend(leaving.filter_map(|(name, consumer)| Some((name, consumer.upgrade()?))));
            (consumers, std::mem::take(&mut running.tasks))
        };
        for (_, consumer) in &consumers {
            consumer.shift().stop.cancel();
        }
        if timeout(within, ended(&mut tasks)).await.is_ok() {
            return Vec::new();
        }
        let mut cut = Vec::new();
        for (name, consumer) in &consumers {
            let left = consumer.shift().in_work();
            if left > 0 {
                cut.push(format!("{left} {what} of the channel \"{name}\", which come again"));
            }
            consumer.shift().cut.cancel();
        }
        let _ = timeout(GOODBYE, ended(&mut tasks)).await;
        tasks.shutdown().await;
        cut
    }

    /// Writes down what is counted of each.
    pub fn metrics(&self, exposition: &mut Exposition) {
        self.meters.write(exposition);
    }

    /// Returns how each entry stands.
    #[must_use]
    pub fn statuses(&self) -> Vec<ConnectionStatus> {
        let running = self.lock();
        let statuses = running.entries.iter().map(|(name, entry)| {
            let (state, (losses, failures)) = match entry {
                Entry::Inactive => (State::Inactive, (0, 0)),
                Entry::Unfaked => (State::Unfaked, (0, 0)),
                Entry::Consuming((consumer, meter)) => (consumer.state(), meter.counts()),
            };
            ConnectionStatus::new(self.section, name, Arc::new(state)).with_counts(losses, failures)
        });
        statuses.collect()
    }

    fn lock(&self) -> MutexGuard<'_, Running<C>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<C: Consumer> Running<C> {
    fn consumers(&self) -> Vec<(String, Arc<C>)> {
        let consumers = self.entries.iter().filter_map(|(name, entry)| match entry {
            Entry::Consuming((consumer, _)) => Some((name.clone(), Arc::clone(consumer))),
            Entry::Inactive | Entry::Unfaked => None,
        });
        consumers.collect()
    }

    fn switch(&mut self, name: String, wanted: Entry<C::Terms>, before: Option<Kept<C>>, meters: &Meters) {
        let entry = match (wanted, before) {
            (Entry::Consuming(terms), Some(Entry::Consuming((consumer, meter)))) if consumer.fits(&terms) => {
                consumer.switch(terms);
                Entry::Consuming((consumer, meter))
            }
            (Entry::Consuming(terms), before) => {
                let meter = meters.meter(&name);
                let predecessor = match &before {
                    Some(Entry::Consuming((consumer, _))) => Some(&**consumer),
                    _ => None,
                };
                let consumer = Arc::new(C::new(&name, terms, predecessor, Arc::clone(&meter)));
                let after = before.and_then(|before| self.leave(&name, before));
                self.tasks.spawn(Arc::clone(&consumer).run(after));
                Entry::Consuming((consumer, meter))
            }
            (Entry::Unfaked, before) => {
                before.and_then(|before| self.leave(&name, before));
                Entry::Unfaked
            }
            (Entry::Inactive, before) => {
                before.and_then(|before| self.leave(&name, before));
                Entry::Inactive
            }
        };
        self.entries.insert(name, entry);
    }

    /// Has a consumer leave, and returns what tells when it has.
    fn leave(&mut self, name: &str, entry: Kept<C>) -> Option<CancellationToken> {
        let Entry::Consuming((consumer, _)) = entry else { return None };
        self.leaving.retain(|(_, consumer)| consumer.strong_count() > 0);
        self.leaving.push((name.to_owned(), Arc::downgrade(&consumer)));
        consumer.shift().stop.cancel();
        Some(consumer.shift().left.clone())
    }
}

async fn ended(tasks: &mut JoinSet<()>) {
    while tasks.join_next().await.is_some() {}
}
