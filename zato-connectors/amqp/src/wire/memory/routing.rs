use std::{
    collections::{BTreeSet, VecDeque},
    time::Duration,
};

use ::lapin::{BasicProperties, types::FieldTable};
use tokio::time::Instant;

use super::{
    Id,
    dead_letter::{self, Dead},
    declare::no_exchange,
    exchange::Target,
    queue::{self, Message, Overflow},
    refusal,
    state::{Session, State},
};
use crate::wire::{Delivered, Publication, Result, Returned};

/// The queue that is none: what answers to it goes straight to who consumes it (RabbitMQ's "direct reply-to").
pub(super) const REPLY_TO: &str = "amq.rabbitmq.reply-to";

/// What came of a message that was published.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) is_taken: bool,
    pub(super) returned: Option<Returned>,
    pub(super) is_confirmed: bool,
}

impl State {
    pub(super) fn publish(&mut self, channel: Id, publication: Publication) -> Result<Outcome> {
        let Publication { exchange, routing_key, is_mandatory, properties, body } = publication;
        self.check_publishable(&exchange)?;
        let own_ttl = queue::own_ttl(&properties)?;
        let properties = self.answered_by_name(channel, properties)?;
        let is_confirmed = self.channels.get(&channel).is_some_and(|session| session.is_confirming);
        if self.faults.nacks > 0 {
            self.faults.nacks -= 1;
            return Ok(Outcome { is_taken: false, returned: None, is_confirmed });
        }
        let message_id = properties.message_id().as_ref().map(ToString::to_string);
        let message =
            Message { exchange, routing_key, properties, body, is_redelivered: false, returns: 0, expires_at: None };
        self.answer(&message);
        let targets = self.route(&message.exchange, &message.routing_key, message.properties.headers().as_ref());
        let is_routed = !targets.is_empty();
        let is_taken = self.put(targets, &message, own_ttl);
        let is_returned = is_mandatory && !is_routed;
        let returned = is_returned.then(|| Returned { message_id, reason: "NO_ROUTE".to_owned() });
        Ok(Outcome { is_taken, returned, is_confirmed })
    }

    fn check_publishable(&self, exchange: &str) -> Result<()> {
        if exchange.is_empty() {
            return Ok(());
        }
        let known = self.exchanges.get(exchange).ok_or_else(|| no_exchange(exchange))?;
        if known.declared.is_internal {
            return Err(refusal(403, &format!("cannot publish to internal exchange '{exchange}' in vhost '/'")));
        }
        Ok(())
    }

    /// Puts the name in, under which answers find who asks.
    fn answered_by_name(&self, channel: Id, properties: BasicProperties) -> Result<BasicProperties> {
        if properties.reply_to().as_ref().is_none_or(|reply_to| reply_to.as_str() != REPLY_TO) {
            return Ok(properties);
        }
        let name = self.channels.get(&channel).and_then(|session: &Session| session.reply_name.clone());
        let name = name.ok_or_else(|| refusal(406, "fast reply consumer does not exist"))?;
        Ok(properties.with_reply_to(name.into()))
    }

    /// Hands an answer to who waits for it, if it is one. No queue is bound for it, so that a mandatory one comes back
    /// nonetheless.
    fn answer(&mut self, message: &Message) {
        if !message.exchange.is_empty() {
            return;
        }
        let consumer = self.replies.get(&message.routing_key).and_then(|id| self.consumers.get(id));
        let Some(consumer) = consumer else { return };
        let Some(session) = self.channels.get(&consumer.channel) else { return };
        consumer.outbox.push(Delivered {
            // They don't count.
            tag: session.last_tag + 1,
            exchange: String::new(),
            routing_key: message.routing_key.clone(),
            is_redelivered: false,
            properties: message.properties.clone(),
            body: message.body.clone(),
        });
    }

    /// Returns the queues that a message belongs into.
    pub(super) fn route(&self, exchange: &str, key: &str, headers: Option<&FieldTable>) -> BTreeSet<String> {
        let mut queues = BTreeSet::new();
        let mut seen = BTreeSet::new();
        let mut exchanges = VecDeque::from([exchange.to_owned()]);
        while let Some(name) = exchanges.pop_front() {
            if name.is_empty() {
                // Every queue is bound to the default exchange by its name (AMQP 0-9-1 §3.1.3.1).
                queues.extend(self.queues.contains_key(key).then(|| key.to_owned()));
                continue;
            }
            let Some(exchange) = self.exchanges.get(&name) else { continue };
            if !seen.insert(name) {
                continue;
            }
            let mut targets = exchange.targets(key, headers).peekable();
            if targets.peek().is_none() {
                exchanges.extend(exchange.alternate());
            }
            for target in targets {
                match target {
                    Target::Queue(name) => drop(queues.insert(name.clone())),
                    Target::Exchange(name) => exchanges.push_back(name.clone()),
                }
            }
        }
        queues
    }

    /// Puts a message into queues, and returns whether each has taken it.
    pub(super) fn put(&mut self, targets: BTreeSet<String>, message: &Message, own_ttl: Option<Duration>) -> bool {
        let (mut is_taken, mut dead) = (true, Vec::new());
        for name in targets {
            is_taken &= self.put_into(&name, message.clone(), own_ttl, &mut dead);
        }
        self.bury(dead);
        is_taken
    }

    fn put_into(&mut self, name: &str, message: Message, own_ttl: Option<Duration>, dead: &mut Vec<Dead>) -> bool {
        let Some(queue) = self.queues.get_mut(name) else { return true };
        if queue.is_closed_to(message.body.len()) {
            if queue.rules.overflow == Overflow::RejectToDeadLetters {
                dead.extend(Dead::of(queue, message, "maxlen"));
            }
            return false;
        }
        queue.append(message, own_ttl);
        self.deliver(name);
        self.tidy(name, Instant::now(), dead);
        true
    }

    /// Takes out of a queue what has expired, and what is too much.
    pub(super) fn tidy(&mut self, name: &str, now: Instant, dead: &mut Vec<Dead>) {
        let Some(queue) = self.queues.get_mut(name) else { return };
        while let Some(message) = queue.take_expired(now) {
            dead.extend(Dead::of(queue, message, "expired"));
        }
        while let Some(message) = queue.take_excess() {
            dead.extend(Dead::of(queue, message, "maxlen"));
        }
        if queue.deadline().is_some() {
            self.rescheduled.notify_one();
        }
    }

    /// Brings dead letters to where they go, and those that they displace there, too.
    pub(super) fn bury(&mut self, dead: Vec<Dead>) {
        let mut waiting = VecDeque::from(dead);
        while let Some(letter) = waiting.pop_front() {
            let message = dead_letter::marked(&letter);
            let headers = message.properties.headers().as_ref();
            let mut targets = self.route(&message.exchange, &message.routing_key, headers);
            targets.retain(|queue| !dead_letter::is_cycle(queue, &letter, headers));
            let mut dead = Vec::new();
            for name in targets {
                self.put_into(&name, message.clone(), None, &mut dead);
            }
            waiting.extend(dead);
        }
    }

    /// Does what has become due meanwhile.
    pub(super) fn tick(&mut self, now: Instant) {
        if self.faults.is_paused {
            return;
        }
        let due = self.queues.iter().filter(|(_, queue)| queue.deadline().is_some_and(|at| at <= now));
        let due: Vec<String> = due.map(|(name, _)| name.clone()).collect();
        let mut dead = Vec::new();
        for name in due {
            self.tidy(&name, now, &mut dead);
            if self.queues.get(&name).is_some_and(|queue| queue.is_over(now)) {
                self.delete_queue(&name);
            }
        }
        self.bury(dead);
    }
}
