//! A broker in the process itself, for tests: what AMQP 0-9-1 and RabbitMQ 3.10 do, as far as the wire can tell.
//!
//! Whatever happens happens at once, under one lock, when somebody asks for it; what happens after a while is done by one
//! task, on tokio's clock. The contract suite beside it runs against a real RabbitMQ, too, and that one is right.

mod channel;
mod connection;
mod dead_letter;
mod declare;
mod deliveries;
mod delivering;
mod exchange;
mod faults;
mod mailbox;
mod queue;
mod routing;
mod state;
#[cfg(test)]
mod tests;
mod values;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::{
    sync::{Notify, oneshot},
    task::{self, JoinSet},
    time::{self, Instant},
};

use self::state::{Link, State, no_connection};
pub(crate) use self::{channel::Channel, connection::Connection, deliveries::Deliveries, faults::Waiting};
use super::{Code, Event, Result, WireError};

/// A number for what has no name of its own.
type Id = u64;

/// A broker in the process itself. A clone is the same broker.
#[derive(Clone, Debug, Default)]
pub(crate) struct Broker(Arc<Shared>);

/// What the broker and all that is connected to it share.
#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    resumed: Notify,
    /// That something was done, for who waits for all to be done.
    changed: Notify,
    /// The task that does what becomes due; it ends with us.
    clock: Mutex<JoinSet<()>>,
}

/// What is wanted of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Publishing,
    Other,
}

impl Broker {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Connects.
    pub(crate) async fn connect(&self) -> Result<super::Connection> {
        loop {
            let resumed = self.0.resumed.notified();
            if !self.0.lock().faults.is_paused {
                break;
            }
            resumed.await;
        }
        self.0.run_clock();
        let mut state = self.0.lock();
        if state.faults.is_refusing {
            return Err(WireError::connection("connection refused"));
        }
        let (id, link) = (state.next_id(), Link::default());
        let events = Arc::clone(&link.events);
        state.connections.insert(id, link);
        drop(state);
        Ok(super::Connection::Memory(Connection::new(Arc::clone(&self.0), id, events)))
    }
}

impl Shared {
    /// Returns the state as it is by now.
    fn lock(&self) -> MutexGuard<'_, State> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.tick(Instant::now());
        state
    }

    /// Does something to the state.
    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let changed = change(&mut self.lock());
        self.changed.notify_waiters();
        changed
    }

    /// Starts the clock in this runtime, unless it runs.
    fn run_clock(self: &Arc<Self>) {
        let mut clock = self.clock.lock().unwrap_or_else(PoisonError::into_inner);
        while clock.try_join_next().is_some() {}
        if clock.is_empty() {
            let rescheduled = Arc::clone(&self.lock().rescheduled);
            clock.spawn(keep_time(Arc::downgrade(self), rescheduled));
        }
    }

    /// Has something done that nobody waits for.
    fn post(&self, connection: Id, work: impl FnOnce(&mut State) + Send + 'static) -> Result<()> {
        self.change(|state| {
            if state.holds_back(connection, Kind::Other)? {
                state.hold(connection, Box::new(|state| state.map_or((), work)));
            } else {
                work(state);
            }
            Ok(())
        })
    }

    /// Has something done for a connection: now, or when whatever keeps the broker from answering is over.
    async fn ask<T: Send + 'static>(
        &self,
        connection: Id,
        kind: Kind,
        work: impl FnOnce(&mut State) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let asked = self.change(|state| {
            if !state.holds_back(connection, kind)? {
                return work(state).map(Asked::Done);
            }
            let (answer, waiting) = oneshot::channel();
            let request = move |state: std::result::Result<&mut State, &WireError>| {
                // Who asked may have given up; what was asked for is done nonetheless, as by a real broker.
                let _ = answer.send(state.map_err(Clone::clone).and_then(work));
            };
            state.hold(connection, Box::new(request));
            Ok(Asked::Waiting(waiting))
        });
        match asked? {
            Asked::Done(answer) => Ok(answer),
            // Without tokio's budget, as a library does without: whoever looks whether it is there shall see it.
            Asked::Waiting(waiting) => task::unconstrained(waiting).await.unwrap_or_else(|_| Err(no_connection())),
        }
    }
}

/// What became of something that was asked for.
enum Asked<T> {
    Done(T),
    Waiting(oneshot::Receiver<Result<T>>),
}

/// Does what becomes due for as long as there is a broker.
async fn keep_time(shared: Weak<Shared>, rescheduled: Arc<Notify>) {
    while let Some(broker) = shared.upgrade() {
        let deadline = broker.change(|state| state.deadline());
        drop(broker);
        match deadline {
            Some(at) => drop(time::timeout_at(at, rescheduled.notified()).await),
            None => rescheduled.notified().await,
        }
    }
}

impl State {
    fn deadline(&self) -> Option<Instant> {
        if self.faults.is_paused {
            return None;
        }
        self.queues.values().filter_map(queue::Queue::deadline).min()
    }

    /// Returns whether a connection has to wait with what it asks for.
    ///
    /// A broker that takes no messages stops reading from who publishes, whatever else is asked for there.
    fn holds_back(&mut self, connection: Id, kind: Kind) -> Result<bool> {
        let link = self.connections.get_mut(&connection).ok_or_else(no_connection)?;
        if kind == Kind::Publishing
            && !link.is_blocked
            && let Some(reason) = &self.faults.blocked
        {
            link.is_blocked = true;
            link.events.push(Event::Blocked(reason.clone()));
        }
        Ok(self.faults.is_paused || link.is_blocked)
    }

    fn hold(&mut self, connection: Id, request: state::Request) {
        if let Some(link) = self.connections.get_mut(&connection) {
            link.inbox.push_back(request);
        }
    }

    /// Does what connections that don't have to wait any more had asked for meanwhile.
    fn catch_up(&mut self) {
        let connections: Vec<Id> = self.connections.keys().copied().collect();
        for id in connections {
            while let Some(link) = self.connections.get_mut(&id).filter(|link| !link.is_blocked) {
                let Some(request) = link.inbox.pop_front() else { break };
                request(Ok(self));
            }
        }
        let queues: Vec<String> = self.queues.keys().cloned().collect();
        for queue in queues {
            self.deliver(&queue);
        }
        self.rescheduled.notify_one();
    }
}

/// Returns a fault as RabbitMQ words it; it ends the channel.
fn refusal(code: u16, text: &str) -> WireError {
    let name = match code {
        403 => "ACCESS_REFUSED",
        404 => "NOT_FOUND",
        405 => "RESOURCE_LOCKED",
        _ => "PRECONDITION_FAILED",
    };
    WireError::channel(Code::from(code), format!("{name} - {text}"))
}
