use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

use tokio::sync::{Notify, oneshot};

use super::{
    Id,
    exchange::{Exchange, Target},
    mailbox::Mailbox,
    queue::{Message, Place, Queue},
};
use crate::wire::{Confirmed, Delivered, Event, Returned, Scope, WireError};

/// Everything that the broker knows.
#[derive(Debug)]
pub(super) struct State {
    pub(super) exchanges: BTreeMap<String, Exchange>,
    pub(super) queues: BTreeMap<String, Queue>,
    pub(super) connections: BTreeMap<Id, Link>,
    pub(super) channels: BTreeMap<Id, Session>,
    pub(super) consumers: BTreeMap<Id, Consumer>,
    /// Who waits for answers without a queue, by the name that they are answered under.
    pub(super) replies: BTreeMap<String, Id>,
    pub(super) faults: Faults,
    /// Tells the clock that something happens earlier than it thought.
    pub(super) rescheduled: Arc<Notify>,
    last_id: Id,
}

/// What a test has asked for.
#[derive(Debug, Default)]
pub(super) struct Faults {
    pub(super) is_refusing: bool,
    pub(super) is_paused: bool,
    pub(super) blocked: Option<String>,
    pub(super) nacks: usize,
    pub(super) shuffles: bool,
}

/// What is asked for while nothing is answered; it is done, or told why the connection has ended.
pub(super) type Request = Box<dyn FnOnce(Result<&mut State, &WireError>) + Send>;

/// A connection.
#[derive(Default)]
pub(super) struct Link {
    pub(super) events: Arc<Mailbox<Event, WireError>>,
    pub(super) is_blocked: bool,
    pub(super) inbox: VecDeque<Request>,
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { is_blocked, inbox, .. } = self;
        let waiting = inbox.len();
        f.debug_struct("Link").field("is_blocked", is_blocked).field("waiting", &waiting).finish_non_exhaustive()
    }
}

/// A channel.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) connection: Id,
    pub(super) is_confirming: bool,
    /// What holds for consumers that start from now on.
    pub(super) prefetch: u16,
    pub(super) last_tag: u64,
    pub(super) unsettled: BTreeMap<u64, Unsettled>,
    /// What answers to it are published under.
    pub(super) reply_name: Option<String>,
    pub(super) batch: Batch,
}

/// Confirmations that are told at once.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) confirms: Vec<(oneshot::Sender<Result<Confirmed, WireError>>, bool)>,
    pub(super) returned: VecDeque<Returned>,
}

/// A message that was delivered and not settled.
#[derive(Debug)]
pub(super) struct Unsettled {
    pub(super) queue: String,
    pub(super) consumer: Id,
    pub(super) place: Place,
    pub(super) message: Message,
}

pub(super) type Outbox = Mailbox<Delivered, Option<WireError>>;

/// Somebody who consumes a queue.
#[derive(Debug)]
pub(super) struct Consumer {
    pub(super) tag: String,
    pub(super) channel: Id,
    pub(super) queue: String,
    pub(super) prefetch: u16,
    pub(super) unsettled: usize,
    pub(super) is_unacknowledged: bool,
    pub(super) is_exclusive: bool,
    pub(super) outbox: Arc<Outbox>,
}

impl Consumer {
    pub(super) fn has_room(&self) -> bool {
        self.is_unacknowledged || self.prefetch == 0 || self.unsettled < usize::from(self.prefetch)
    }
}

impl Default for State {
    fn default() -> Self {
        let exchanges = Exchange::predeclared().map(|exchange| (exchange.declared.name.clone(), exchange));
        Self {
            exchanges: exchanges.collect(),
            queues: BTreeMap::new(),
            connections: BTreeMap::new(),
            channels: BTreeMap::new(),
            consumers: BTreeMap::new(),
            replies: BTreeMap::new(),
            faults: Faults::default(),
            rescheduled: Arc::default(),
            last_id: 0,
        }
    }
}

/// A channel is told of as closed, whether or not its connection is.
pub(super) fn no_channel() -> WireError {
    WireError { scope: Scope::Channel, code: None, message: "the channel to the broker is closed".to_owned() }
}

pub(super) fn no_connection() -> WireError {
    WireError::connection("the connection to the broker is closed")
}

impl State {
    pub(super) fn next_id(&mut self) -> Id {
        self.last_id += 1;
        self.last_id
    }

    /// Returns a channel that can be used.
    pub(super) fn session(&mut self, channel: Id) -> Result<&mut Session, WireError> {
        self.channels.get_mut(&channel).ok_or_else(no_channel)
    }

    pub(super) fn connection_of(&self, channel: Id) -> Option<Id> {
        self.channels.get(&channel).map(|session| session.connection)
    }

    /// Ends what a fault ends, and returns it.
    pub(super) fn failed<T>(&mut self, channel: Id, fault: Result<T, WireError>) -> Result<T, WireError> {
        if let Err(error) = &fault {
            match error.scope {
                Scope::Nothing => {}
                Scope::Channel => self.end_channel(channel, Some(error)),
                Scope::Connection => {
                    if let Some(connection) = self.connection_of(channel) {
                        self.end_connection(connection, error);
                    }
                }
            }
        }
        fault
    }

    /// Ends a channel: nobody consumes by it, and what was not settled goes back.
    pub(super) fn end_channel(&mut self, channel: Id, why: Option<&WireError>) {
        let Some(mut session) = self.channels.remove(&channel) else { return };
        let own = self.consumers.iter().filter(|(_, consumer)| consumer.channel == channel);
        let own: Vec<Id> = own.map(|(id, _)| *id).collect();
        for (teller, _) in session.batch.confirms.drain(..) {
            // Who published may have given up.
            let _ = teller.send(Err(why.cloned().unwrap_or_else(no_channel)));
        }
        let mut queues = BTreeSet::new();
        for consumer in own {
            queues.extend(self.remove_consumer(consumer, why));
        }
        while let Some((_, unsettled)) = session.unsettled.pop_first() {
            queues.insert(unsettled.queue.clone());
            self.give_back(unsettled);
        }
        for queue in queues {
            self.deliver(&queue);
            self.delete_if_unused(&queue);
        }
    }

    /// Takes a consumer from its queue, whose name is returned.
    pub(super) fn remove_consumer(&mut self, id: Id, why: Option<&WireError>) -> Option<String> {
        let consumer = self.consumers.remove(&id)?;
        consumer.outbox.end(why.cloned());
        self.replies.retain(|_, waiting| *waiting != id);
        if let Some(queue) = self.queues.get_mut(&consumer.queue) {
            queue.consumers.retain(|other| *other != id);
            queue.idle_since = tokio::time::Instant::now();
            self.rescheduled.notify_one();
        }
        Some(consumer.queue)
    }

    pub(super) fn end_connection(&mut self, connection: Id, why: &WireError) {
        let Some(link) = self.connections.remove(&connection) else { return };
        link.events.end(why.clone());
        let own = self.channels.iter().filter(|(_, session)| session.connection == connection);
        let own: Vec<Id> = own.map(|(id, _)| *id).collect();
        for channel in own {
            self.end_channel(channel, Some(why));
        }
        for request in link.inbox {
            request(Err(why));
        }
        let exclusive = self.queues.iter().filter(|(_, queue)| queue.owner == Some(connection));
        let exclusive: Vec<String> = exclusive.map(|(name, _)| name.clone()).collect();
        for queue in exclusive {
            self.delete_queue(&queue);
        }
    }

    /// Deletes a queue that is there for its consumers alone.
    pub(super) fn delete_if_unused(&mut self, name: &str) {
        let is_unused = |queue: &Queue| queue.declared.is_auto_delete && queue.consumers.is_empty();
        if self.queues.get(name).is_some_and(is_unused) {
            self.delete_queue(name);
        }
    }

    /// Deletes a queue with all that is in it; its consumers are told.
    pub(super) fn delete_queue(&mut self, name: &str) -> bool {
        let Some(queue) = self.queues.remove(name) else { return false };
        for consumer in queue.consumers {
            self.remove_consumer(consumer, None);
        }
        self.unbind(&Target::Queue(name.to_owned()));
        true
    }

    /// Takes away whatever leads to a target, and exchanges that were there for that alone.
    pub(super) fn unbind(&mut self, target: &Target) {
        let mut gone = VecDeque::from([target.clone()]);
        while let Some(target) = gone.pop_front() {
            let mut over = Vec::new();
            for (name, exchange) in &mut self.exchanges {
                let before = exchange.bindings.len();
                exchange.bindings.retain(|binding| binding.to != target);
                let was_used = before > 0 && exchange.bindings.is_empty() && exchange.bindings.len() < before;
                if was_used && exchange.declared.is_auto_delete {
                    over.push(name.clone());
                }
            }
            for name in over {
                self.exchanges.remove(&name);
                gone.push_back(Target::Exchange(name));
            }
        }
    }
}
