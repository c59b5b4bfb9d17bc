//! What is declared, and what RabbitMQ says if it is there already and otherwise.

use ::lapin::types::{AMQPValue, FieldTable};
use tokio::time::Instant;

use super::{
    Id,
    exchange::{Binding, Exchange, Kind, Target},
    queue::{Queue, Rules},
    refusal,
    state::State,
    values,
};
use crate::wire::{self, Code, QueueState, Result, Scope, WireError};

/// What RabbitMQ compares of a queue's arguments.
const QUEUE_ARGUMENTS: [&str; 15] = [
    "x-dead-letter-exchange",
    "x-dead-letter-routing-key",
    "x-dead-letter-strategy",
    "x-delivery-limit",
    "x-expires",
    "x-max-in-memory-bytes",
    "x-max-in-memory-length",
    "x-max-length",
    "x-max-length-bytes",
    "x-max-priority",
    "x-message-ttl",
    "x-overflow",
    "x-queue-mode",
    "x-queue-type",
    "x-single-active-consumer",
];

impl State {
    pub(super) fn declare_exchange(&mut self, wanted: &wire::Exchange) -> Result<()> {
        let kind = Kind::named(&wanted.kind).ok_or_else(|| WireError {
            scope: Scope::Connection,
            code: Some(Code::from(503)),
            message: format!("COMMAND_INVALID - unknown exchange type '{}'", wanted.kind),
        })?;
        if wanted.name.is_empty() {
            return Err(refusal(403, "operation not permitted on the default exchange"));
        }
        if let Some(Exchange { declared, .. }) = self.exchanges.get(&wanted.name) {
            return check_same_exchange(wanted, declared);
        }
        if wanted.name.starts_with("amq.") {
            return Err(refusal(403, &format!("exchange name '{}' contains reserved prefix 'amq.*'", wanted.name)));
        }
        self.exchanges.insert(wanted.name.clone(), Exchange::new(wanted.clone(), kind));
        Ok(())
    }

    pub(super) fn check_exchange(&self, name: &str) -> Result<()> {
        if name.is_empty() {
            return Err(refusal(403, "operation not permitted on the default exchange"));
        }
        self.exchanges.get(name).map(drop).ok_or_else(|| no_exchange(name))
    }

    pub(super) fn declare_queue(&mut self, connection: Option<Id>, wanted: &wire::Queue) -> Result<QueueState> {
        if let Some(queue) = self.queues.get_mut(&wanted.name) {
            check_access(queue, connection)?;
            check_same_queue(wanted, &queue.declared)?;
            queue.idle_since = Instant::now();
            return Ok(self.queue_state(&wanted.name));
        }
        if wanted.name.starts_with("amq.") {
            return Err(refusal(403, &format!("queue name '{}' contains reserved prefix 'amq.*'", wanted.name)));
        }
        let mut wanted = wanted.clone();
        if wanted.name.is_empty() {
            wanted.name = format!("amq.gen-{}", self.next_id());
        }
        let rules = Rules::read(&wanted)?;
        let (name, owner) = (wanted.name.clone(), connection.filter(|_| wanted.is_exclusive));
        self.queues.insert(name.clone(), Queue::new(wanted, rules, owner));
        self.rescheduled.notify_one();
        Ok(self.queue_state(&name))
    }

    pub(super) fn check_queue(&self, connection: Id, name: &str) -> Result<QueueState> {
        if self.replies.contains_key(name) {
            return Ok(QueueState { messages: 0, consumers: 1 });
        }
        check_access(self.queue(name)?, Some(connection))?;
        Ok(self.queue_state(name))
    }

    fn queue_state(&self, name: &str) -> QueueState {
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        self.queues.get(name).map_or(QueueState { messages: 0, consumers: 0 }, |queue| QueueState {
            messages: count(queue.ready.len()),
            consumers: count(queue.consumers.len()),
        })
    }

    pub(super) fn queue(&self, name: &str) -> Result<&Queue> {
        self.queues.get(name).ok_or_else(|| refusal(404, &format!("no queue '{name}' in vhost '/'")))
    }

    /// Binds a target to an exchange.
    pub(super) fn bind(
        &mut self,
        connection: Option<Id>,
        to: Target,
        from: &str,
        key: &str,
        arguments: &FieldTable,
    ) -> Result<()> {
        let is_default = from.is_empty() || to == Target::Exchange(String::new());
        if is_default {
            return Err(refusal(403, "operation not permitted on the default exchange"));
        }
        match &to {
            Target::Queue(name) => check_access(self.queue(name)?, connection)?,
            Target::Exchange(name) => self.check_exchange(name)?,
        }
        let exchange = self.exchanges.get_mut(from).ok_or_else(|| no_exchange(from))?;
        let binding = Binding { to, key: key.to_owned(), arguments: arguments.clone() };
        if !exchange.bindings.contains(&binding) {
            exchange.bindings.push(binding);
        }
        Ok(())
    }
}

pub(super) fn no_exchange(name: &str) -> WireError {
    refusal(404, &format!("no exchange '{name}' in vhost '/'"))
}

/// Refuses a queue that another connection uses alone.
pub(super) fn check_access(queue: &Queue, connection: Option<Id>) -> Result<()> {
    if queue.owner.is_none() || queue.owner == connection {
        return Ok(());
    }
    let name = &queue.declared.name;
    Err(refusal(
        405,
        &format!(
            "cannot obtain exclusive access to locked queue '{name}' in vhost '/'. It could be originally declared on \
             another connection or the exclusive property value does not match that of the original declaration."
        ),
    ))
}

fn check_same_exchange(wanted: &wire::Exchange, current: &wire::Exchange) -> Result<()> {
    let of = format!("for exchange '{}' in vhost '/'", wanted.name);
    differs("type", &of, &wanted.kind, &current.kind)?;
    differs("durable", &of, &wanted.is_durable, &current.is_durable)?;
    differs("auto_delete", &of, &wanted.is_auto_delete, &current.is_auto_delete)?;
    differs("internal", &of, &wanted.is_internal, &current.is_internal)?;
    same_argument("alternate-exchange", &of, &wanted.arguments, &current.arguments)
}

fn check_same_queue(wanted: &wire::Queue, current: &wire::Queue) -> Result<()> {
    let of = format!("for queue '{}' in vhost '/'", wanted.name);
    if wanted.is_exclusive != current.is_exclusive {
        let locked = "cannot obtain exclusive access to locked queue";
        return Err(refusal(
            405,
            &format!(
                "{locked} '{}' in vhost '/'. It could be originally declared on another connection or the exclusive \
                 property value does not match that of the original declaration.",
                wanted.name
            ),
        ));
    }
    differs("durable", &of, &wanted.is_durable, &current.is_durable)?;
    differs("auto_delete", &of, &wanted.is_auto_delete, &current.is_auto_delete)?;
    for key in QUEUE_ARGUMENTS {
        if key != "x-queue-type" || queue_type(wanted) != queue_type(current) {
            same_argument(key, &of, &wanted.arguments, &current.arguments)?;
        }
    }
    Ok(())
}

fn queue_type(queue: &wire::Queue) -> String {
    values::text(&queue.arguments, "x-queue-type").unwrap_or_else(|| "classic".to_owned())
}

fn differs<T: PartialEq + std::fmt::Display>(what: &str, of: &str, wanted: &T, current: &T) -> Result<()> {
    if wanted == current {
        return Ok(());
    }
    Err(refusal(406, &format!("inequivalent arg '{what}' {of}: received '{wanted}' but current is '{current}'")))
}

fn same_argument(key: &str, of: &str, wanted: &FieldTable, current: &FieldTable) -> Result<()> {
    let shown =
        |value: &AMQPValue| format!("the value '{}' of type '{}'", values::shown(value), values::type_of(value));
    let (received, current) = match (wanted.inner().get(key), current.inner().get(key)) {
        (None, None) => return Ok(()),
        (Some(one), Some(other)) if values::is_alike(one, other) => return Ok(()),
        (Some(one), Some(other)) => (format!("'{}'", values::shown(one)), format!("'{}'", values::shown(other))),
        (one, other) => {
            let or_none = |value: Option<&AMQPValue>| value.map_or_else(|| "none".to_owned(), shown);
            (or_none(one), or_none(other))
        }
    };
    Err(refusal(406, &format!("inequivalent arg '{key}' {of}: received {received} but current is {current}")))
}
