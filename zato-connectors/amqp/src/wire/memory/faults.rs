//! What tests do to a broker, and what they see of it.

use ::lapin::{BasicProperties, types::FieldTable};
use bytes::Bytes;

use super::{
    Broker, Id,
    exchange::Target,
    queue::{Message, is_persistent},
    state::State,
};
use crate::wire::{self, Code, Event, Result, Scope, WireError};

/// A message that waits in a queue.
#[derive(Clone, Debug)]
pub(crate) struct Waiting {
    pub(crate) exchange: String,
    pub(crate) routing_key: String,
    pub(crate) is_redelivered: bool,
    pub(crate) properties: BasicProperties,
    pub(crate) body: Bytes,
}

/// How a broker says that it has closed a connection.
fn forced(reason: &str) -> WireError {
    let message = format!("CONNECTION_FORCED - {reason}");
    WireError { scope: Scope::Connection, code: Some(Code::ConnectionForced), message }
}

impl Broker {
    /// Closes every connection, as an operator does.
    pub(crate) fn close_connections(&self, reason: &str) {
        self.0.change(|state| state.end_connections(&forced(reason)));
    }

    /// Closes every channel and no connection, as it does when it has waited too long for a settlement.
    #[cfg(test)]
    pub(crate) fn close_channels(&self, reason: &str) {
        self.0.change(|state| {
            let channels: Vec<Id> = state.channels.keys().copied().collect();
            for channel in channels {
                state.end_channel(channel, Some(&super::refusal(406, reason)));
            }
        });
    }

    /// Lets nobody connect from now on, or everybody again.
    pub(crate) fn refuse_connections(&self, is_refusing: bool) {
        self.0.lock().faults.is_refusing = is_refusing;
    }

    /// Stops and starts again, with what lasts: durable exchanges and queues, and persistent messages in them.
    pub(crate) fn restart(&self) {
        self.0.change(|state| {
            state.end_connections(&forced("broker forced connection closure with reason 'shutdown'"));
            state.forget_transients();
        });
    }

    /// Takes no messages from now on. A connection is told when it publishes next, and held up with that message.
    pub(crate) fn block(&self, reason: &str) {
        self.0.lock().faults.blocked = Some(reason.to_owned());
    }

    /// Takes messages again.
    pub(crate) fn unblock(&self) {
        self.0.change(|state| {
            state.faults.blocked = None;
            for link in state.connections.values_mut().filter(|link| link.is_blocked) {
                link.is_blocked = false;
                link.events.push(Event::Unblocked);
            }
            if !state.faults.is_paused {
                state.catch_up();
            }
        });
    }

    /// Answers nothing from now on, and delivers nothing, as if its process had been stopped.
    pub(crate) fn pause(&self) {
        self.0.lock().faults.is_paused = true;
    }

    /// Answers again, and first what was asked for meanwhile.
    pub(crate) fn resume(&self) {
        self.0.change(|state| {
            state.faults.is_paused = false;
            state.catch_up();
        });
        self.0.resumed.notify_waiters();
    }

    /// Ends the subscriptions of a queue, as a broker does whose queue has moved.
    pub(crate) fn cancel_consumers(&self, queue: &str) {
        self.0.change(|state| {
            for id in state.consumers_of(queue) {
                state.remove_consumer(id, None);
            }
        });
    }

    /// Deletes a queue with all that is in it, and returns whether it was there.
    pub(crate) fn delete_queue(&self, queue: &str) -> bool {
        self.0.change(|state| state.delete_queue(queue))
    }

    /// Does not take the next messages, and says so.
    pub(crate) fn nack_next(&self, count: usize) {
        self.0.lock().faults.nacks = count;
    }

    /// Confirms messages in batches, and hands what comes back to any of the batch, as lapin does.
    #[cfg(test)]
    pub(crate) fn shuffle_returns(&self, shuffles: bool) {
        self.0.lock().faults.shuffles = shuffles;
    }

    pub(crate) fn declare_queue(&self, queue: &wire::Queue) -> Result<()> {
        self.0.lock().declare_queue(None, queue).map(drop)
    }

    pub(crate) fn declare_exchange(&self, exchange: &wire::Exchange) -> Result<()> {
        self.0.lock().declare_exchange(exchange)
    }

    pub(crate) fn bind_queue(&self, queue: &str, exchange: &str, key: &str, arguments: &FieldTable) -> Result<()> {
        self.0.lock().bind(None, Target::Queue(queue.to_owned()), exchange, key, arguments)
    }

    pub(crate) fn bind_exchange(&self, to: &str, from: &str, key: &str, arguments: &FieldTable) -> Result<()> {
        self.0.lock().bind(None, Target::Exchange(to.to_owned()), from, key, arguments)
    }

    /// Publishes a message by nobody's connection, and returns whether every queue that it belongs into has taken it, of
    /// which there is one at least.
    pub(crate) fn publish(&self, publication: wire::Publication) -> Result<bool> {
        /// A channel that is none.
        const NOBODY: Id = 0;
        let publication = wire::Publication { is_mandatory: true, ..publication };
        let outcome = self.0.lock().publish(NOBODY, publication)?;
        Ok(outcome.is_taken && outcome.returned.is_none())
    }

    /// Returns how many messages wait in a queue; `None` if it is not there.
    pub(crate) fn queue_depth(&self, queue: &str) -> Option<usize> {
        self.0.lock().queues.get(queue).map(|queue| queue.ready.len())
    }

    /// Returns what waits in a queue, in its order.
    pub(crate) fn messages(&self, queue: &str) -> Vec<Waiting> {
        let state = self.0.lock();
        let messages = state.queues.get(queue).into_iter().flat_map(|queue| queue.ready.values());
        messages.cloned().map(Waiting::from).collect()
    }

    /// Returns how many messages of a queue were delivered and not settled.
    pub(crate) fn unsettled(&self, queue: &str) -> usize {
        let state = self.0.lock();
        let unsettled = state.channels.values().flat_map(|session| session.unsettled.values());
        unsettled.filter(|unsettled| unsettled.queue == queue).count()
    }

    /// Returns how many consumers a queue has.
    pub(crate) fn consumers(&self, queue: &str) -> usize {
        self.0.lock().queues.get(queue).map_or(0, |queue| queue.consumers.len())
    }

    /// Returns how many connections there are.
    pub(crate) fn connections(&self) -> usize {
        self.0.lock().connections.len()
    }

    /// Waits until there is nothing to do for anybody.
    pub(crate) async fn settled(&self) {
        loop {
            let changed = self.0.changed.notified();
            if self.is_settled() {
                return;
            }
            changed.await;
        }
    }

    /// Says what there is to do still.
    pub(crate) fn left(&self) -> String {
        let state = self.0.lock();
        let of_queue = |(name, queue): (&String, &super::queue::Queue)| {
            let with_consumers = state.channels.values().flat_map(|session| session.unsettled.values());
            let with_consumers = with_consumers.filter(|unsettled| unsettled.queue == *name).count();
            let (waiting, consumers) = (queue.ready.len(), queue.consumers.len());
            let is_left = with_consumers > 0 || (waiting > 0 && consumers > 0);
            is_left.then(|| format!("\"{name}\" has {waiting} waiting and {with_consumers} with {consumers} consumers"))
        };
        state.queues.iter().filter_map(of_queue).collect::<Vec<_>>().join(", ")
    }

    /// Whether there is nothing to do for anybody: nothing waits for a consumer, and nothing is with one.
    pub(crate) fn is_settled(&self) -> bool {
        let state = self.0.lock();
        state.queues.values().all(|queue| queue.ready.is_empty() || queue.consumers.is_empty())
            && state.channels.values().all(|session| session.unsettled.is_empty())
            && state.connections.values().all(|link| link.inbox.is_empty())
    }
}

impl From<Message> for Waiting {
    fn from(message: Message) -> Self {
        let properties = super::queue::delivered_properties(&message);
        let Message { exchange, routing_key, body, is_redelivered, .. } = message;
        Self { exchange, routing_key, is_redelivered, properties, body }
    }
}

impl State {
    fn end_connections(&mut self, why: &WireError) {
        let connections: Vec<Id> = self.connections.keys().copied().collect();
        for connection in connections {
            self.end_connection(connection, why);
        }
    }

    fn consumers_of(&self, queue: &str) -> Vec<Id> {
        self.queues.get(queue).map(|queue| queue.consumers.iter().copied().collect()).unwrap_or_default()
    }

    /// Loses what a restart loses.
    fn forget_transients(&mut self) {
        let transient = self.queues.iter().filter(|(_, queue)| !queue.declared.is_durable);
        let transient: Vec<String> = transient.map(|(name, _)| name.clone()).collect();
        for queue in transient {
            self.delete_queue(&queue);
        }
        for queue in self.queues.values_mut().filter(|queue| !queue.rules.is_quorum) {
            queue.ready.retain(|_, message| is_persistent(message));
            queue.bytes = queue.ready.values().map(|message| message.body.len()).sum();
        }
        let transient = self.exchanges.values().filter(|exchange| !exchange.declared.is_durable);
        let transient: Vec<String> = transient.map(|exchange| exchange.declared.name.clone()).collect();
        for exchange in transient {
            self.exchanges.remove(&exchange);
            self.unbind(&Target::Exchange(exchange));
        }
    }
}
