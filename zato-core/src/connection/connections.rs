use std::{any::Any, collections::BTreeMap, fmt, pin::Pin, sync::Arc, time::Duration};

use tokio::{sync::Mutex, task::JoinHandle, time};

use super::{ConnectionStatus, Connector, Handle, Offer, Slot, State};
use crate::{
    ambient::Ambient,
    config::listing,
    error::{Error, Result},
    metrics::Exposition,
};

type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Every connection of a generation of the configuration, by section and name.
///
/// A clone shares the connections; the task of one ends at the latest with the last clone that has it.
#[derive(Clone, Default)]
pub struct Connections(BTreeMap<(&'static str, String), Arc<Supervised>>);

/// A connection and the task that supervises it.
pub struct Supervised {
    connection: Arc<dyn AnyConnection>,
    task: Mutex<Supervision>,
}

enum Supervision {
    /// Not begun: the configuration that it belongs to may still be refused.
    Waiting(BoxFuture<'static, ()>),
    Running(Task),
    /// There is nothing to supervise, or it was closed.
    None,
}

/// A task that ends with its owner.
struct Task(JoinHandle<()>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Supervised {
    /// Takes a connection that is not connected yet; nothing happens until [`Supervised::begin`].
    ///
    /// Unless `ping_interval` is `None`, the other side is asked for a sign of life that often.
    #[must_use]
    pub fn new<C: Connector>(
        name: &str,
        prepared: C::Prepared,
        ping_interval: Option<Duration>,
        ambient: Ambient,
    ) -> Self {
        let slot = Slot::<C>::connecting(name, ambient);
        let supervised = Arc::clone(&slot);
        let task: BoxFuture<'static, ()> =
            Box::pin(async move { supervised.supervise(&prepared, ping_interval).await });
        Self { connection: slot, task: Mutex::new(Supervision::Waiting(task)) }
    }

    /// Stands for a connection that is configured as inactive: it is never connected.
    #[must_use]
    pub fn inactive<C: Connector>(name: &str, ambient: Ambient) -> Self {
        Self { connection: Slot::<C>::never(name, ambient, State::Inactive), task: Mutex::new(Supervision::None) }
    }

    /// Stands for a connection that nobody put a fake in the place of, in an app that makes no other.
    #[must_use]
    pub fn unfaked<C: Connector>(name: &str, ambient: Ambient) -> Self {
        Self { connection: Slot::<C>::never(name, ambient, State::Unfaked), task: Mutex::new(Supervision::None) }
    }

    /// Returns the connection itself.
    #[must_use]
    pub fn connection(&self) -> Arc<dyn AnyConnection> {
        Arc::clone(&self.connection)
    }

    /// Starts to connect, if that was not begun before.
    pub async fn begin(&self) {
        let mut supervision = self.task.lock().await;
        match std::mem::replace(&mut *supervision, Supervision::None) {
            Supervision::Waiting(task) => {
                #[expect(clippy::disallowed_methods, reason = "the handle is kept and aborted on drop")]
                let task = tokio::spawn(task);
                *supervision = Supervision::Running(Task(task));
            }
            other => *supervision = other,
        }
    }

    /// Waits until the first attempt to connect has ended, one way or the other.
    ///
    /// # Cancel safety
    ///
    /// May be dropped at any time.
    pub async fn tried(&self) {
        self.connection.tried().await;
    }

    /// Closes the connection, and waits until that is done or the time is over.
    ///
    /// # Cancel safety
    ///
    /// When dropped, the connection is closed without a goodbye.
    pub async fn close(&self, within: Duration) {
        self.connection.close();
        let supervision = std::mem::replace(&mut *self.task.lock().await, Supervision::None);
        if let Supervision::Running(mut task) = supervision {
            let _ = time::timeout(within, &mut task.0).await;
        }
    }
}

impl fmt::Debug for Supervised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.connection.state(), f)
    }
}

/// A connection of whatever technology.
pub trait AnyConnection: Send + Sync + 'static {
    /// Returns how the connection stands.
    fn state(&self) -> Arc<State>;

    /// Returns how often it was connected anew, and how many attempts have failed; see [`Slot::counts`].
    fn counts(&self) -> (u64, u64);

    /// Asks the other side for a sign of life and returns how long that took; see [`Slot::ping`].
    fn ping(&self) -> BoxFuture<'_, Result<Duration>>;

    /// Waits until the first attempt to connect has ended; see [`Slot::tried`].
    fn tried(&self) -> BoxFuture<'_, ()>;

    /// Adds what the connection counts to the metrics of the app.
    fn metrics(&self, exposition: &mut Exposition);

    /// Closes the connection for good.
    fn close(&self);

    /// Offers what it can be to others; see [`Connector::offer`].
    fn offer(self: Arc<Self>, offer: &mut Offer<'_>);

    /// Returns it as what it is.
    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync>;
}

impl<C: Connector> AnyConnection for Slot<C> {
    fn state(&self) -> Arc<State> {
        Self::state(self)
    }

    fn counts(&self) -> (u64, u64) {
        Self::counts(self)
    }

    fn ping(&self) -> BoxFuture<'_, Result<Duration>> {
        Box::pin(Self::ping(self))
    }

    fn tried(&self) -> BoxFuture<'_, ()> {
        Box::pin(Self::tried(self))
    }

    fn metrics(&self, exposition: &mut Exposition) {
        Self::metrics(self, exposition);
    }

    fn close(&self) {
        Self::close(self);
    }

    fn offer(self: Arc<Self>, offer: &mut Offer<'_>) {
        C::offer(&self, offer);
    }

    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync> {
        self
    }
}

impl Connections {
    /// Adds a connection.
    pub fn insert(&mut self, section: &'static str, name: impl Into<String>, connection: Arc<Supervised>) {
        self.0.insert((section, name.into()), connection);
    }

    /// Adds a connection that nobody supervises: a fake.
    pub fn insert_fake<H: Handle>(&mut self, name: &str, handle: &H) {
        let connection = Supervised {
            connection: Arc::<Slot<H::Connector>>::clone(handle.slot()),
            task: Mutex::new(Supervision::None),
        };
        self.insert(H::Connector::SECTION.name, name, Arc::new(connection));
    }

    /// Takes over every connection of another set, in place of those of the same name.
    pub fn extend(&mut self, others: &Self) {
        self.0.extend(others.0.iter().map(|(key, connection)| (key.clone(), Arc::clone(connection))));
    }

    /// Returns a connection of whatever technology.
    #[must_use]
    pub fn any(&self, section: &'static str, name: &str) -> Option<&Arc<dyn AnyConnection>> {
        self.supervised(section, name).map(|one| &one.connection)
    }

    /// Returns a connection with its supervision.
    #[must_use]
    pub fn supervised(&self, section: &'static str, name: &str) -> Option<&Arc<Supervised>> {
        self.0.get(&(section, name.to_owned()))
    }

    /// Returns the handle of a connection.
    ///
    /// # Errors
    ///
    /// [`Config`](crate::Kind::Config), listing what there is, if the section has no connection of that name.
    pub fn get<H: Handle>(&self, name: &str) -> Result<H> {
        let section = H::Connector::SECTION.name;
        let slot = self.any(section, name).and_then(|any| Arc::clone(any).into_any().downcast().ok());
        slot.map(H::from_slot).ok_or_else(|| {
            let known = self.0.keys().filter(|(known, _)| *known == section).map(|(_, name)| name.as_str());
            Error::config(listing(&format!("{section} connection"), name, known))
        })
    }

    /// Returns how every connection stands, by section and name.
    pub fn statuses(&self) -> impl Iterator<Item = ConnectionStatus> {
        self.0.iter().map(|((section, name), connection)| {
            let connection = &connection.connection;
            let (reconnects, failures) = connection.counts();
            ConnectionStatus::new(section, name, connection.state()).with_counts(reconnects, failures)
        })
    }

    /// Returns every connection with its section and name.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &str, &Arc<Supervised>)> {
        self.0.iter().map(|((section, name), connection)| (*section, name.as_str(), connection))
    }
}

impl fmt::Debug for Connections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.statuses()).finish()
    }
}
