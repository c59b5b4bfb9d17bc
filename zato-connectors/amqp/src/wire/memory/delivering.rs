use std::sync::Arc;

use super::{
    Id,
    dead_letter::Dead,
    declare::check_access,
    queue::{self, Queue},
    refusal,
    routing::REPLY_TO,
    state::{Consumer, Outbox, State, Unsettled},
};
use crate::wire::{Code, Delivered, Result, Scope, Subscription, WireError};

/// Somebody who has begun to consume.
#[derive(Debug)]
pub(super) struct Subscribed {
    pub(super) id: Id,
    pub(super) tag: String,
    pub(super) outbox: Arc<Outbox>,
}

impl State {
    pub(super) fn consume(&mut self, connection: Id, channel: Id, wanted: &Subscription) -> Result<Subscribed> {
        let is_reused = |consumer: &Consumer| consumer.channel == channel && consumer.tag == wanted.consumer_tag;
        if self.consumers.values().any(is_reused) {
            return Err(WireError {
                scope: Scope::Connection,
                code: Some(Code::NotAllowed),
                message: format!("NOT_ALLOWED - attempt to reuse consumer tag '{}'", wanted.consumer_tag),
            });
        }
        let prefetch = self.session(channel)?.prefetch;
        if wanted.queue == REPLY_TO {
            self.check_reply_consumer(channel, wanted)?;
        } else {
            self.check_consumable(connection, wanted)?;
        }
        let id = self.next_id();
        let tag = match wanted.consumer_tag.as_str() {
            "" => format!("amq.ctag-{id}"),
            tag => tag.to_owned(),
        };
        let outbox = Arc::<Outbox>::default();
        let consumer = Consumer {
            tag: tag.clone(),
            channel,
            queue: wanted.queue.clone(),
            prefetch,
            unsettled: 0,
            is_unacknowledged: wanted.is_unacknowledged,
            is_exclusive: wanted.is_exclusive,
            outbox: Arc::clone(&outbox),
        };
        self.consumers.insert(id, consumer);
        if wanted.queue == REPLY_TO {
            let name = format!("{REPLY_TO}.{id}");
            self.session(channel)?.reply_name = Some(name.clone());
            self.replies.insert(name, id);
        }
        if let Some(queue) = self.queues.get_mut(&wanted.queue) {
            queue.consumers.push_back(id);
        }
        self.deliver(&wanted.queue);
        Ok(Subscribed { id, tag, outbox })
    }

    fn check_consumable(&self, connection: Id, wanted: &Subscription) -> Result<()> {
        let queue = self.queue(&wanted.queue)?;
        check_access(queue, Some(connection))?;
        let is_taken = |id: &Id| self.consumers.get(id).is_some_and(|other| other.is_exclusive || wanted.is_exclusive);
        if queue.consumers.iter().any(is_taken) {
            return Err(refusal(403, &format!("queue '{}' in vhost '/' in exclusive use", wanted.queue)));
        }
        Ok(())
    }

    fn check_reply_consumer(&self, channel: Id, wanted: &Subscription) -> Result<()> {
        if !wanted.is_unacknowledged {
            return Err(refusal(406, "reply consumer cannot acknowledge"));
        }
        if self.consumers.values().any(|other| other.channel == channel && other.queue == REPLY_TO) {
            return Err(refusal(406, "reply consumer already set"));
        }
        Ok(())
    }

    /// Ends a subscription, if it is there.
    pub(super) fn cancel(&mut self, id: Id) {
        if let Some(queue) = self.remove_consumer(id, None) {
            self.delete_if_unused(&queue);
        }
    }

    /// Ends the subscription of a channel that has this tag.
    pub(super) fn cancel_tag(&mut self, channel: Id, tag: &str) {
        let found = self.consumers.iter().find(|(_, consumer)| consumer.channel == channel && consumer.tag == tag);
        if let Some((&id, _)) = found {
            self.cancel(id);
        }
    }

    /// Gives a queue's consumers what they have room for, in turns.
    pub(super) fn deliver(&mut self, name: &str) {
        if self.faults.is_paused {
            return;
        }
        while let Some(queue) = self.queues.get_mut(name) {
            let has_room = |id: &Id| self.consumers.get(id).is_some_and(Consumer::has_room);
            let Some(next) = queue.consumers.iter().position(has_room) else { return };
            let Some((place, message)) = queue.take() else { return };
            let Some(id) = queue.consumers.remove(next) else { return };
            queue.consumers.push_back(id);
            let Some(consumer) = self.consumers.get_mut(&id) else { return };
            let Some(session) = self.channels.get_mut(&consumer.channel) else { return };
            session.last_tag += 1;
            let tag = session.last_tag;
            consumer.outbox.push(Delivered {
                tag,
                exchange: message.exchange.clone(),
                routing_key: message.routing_key.clone(),
                is_redelivered: message.is_redelivered,
                properties: queue::delivered_properties(&message),
                body: message.body.clone(),
            });
            if !consumer.is_unacknowledged {
                consumer.unsettled += 1;
                let unsettled = Unsettled { queue: name.to_owned(), consumer: id, place, message };
                session.unsettled.insert(tag, unsettled);
            }
        }
    }

    pub(super) fn settle(&mut self, channel: Id, tag: u64, how: Settling) -> Result<()> {
        let unsettled = self.session(channel)?.unsettled.remove(&tag);
        let Some(unsettled) = unsettled else {
            return Err(refusal(406, &format!("unknown delivery tag {tag}")));
        };
        if let Some(consumer) = self.consumers.get_mut(&unsettled.consumer) {
            consumer.unsettled -= 1;
        }
        let queue = unsettled.queue.clone();
        match how {
            Settling::Ack => {}
            Settling::Requeue => self.give_back(unsettled),
            Settling::Reject => {
                let dead = self.queues.get(&queue).and_then(|queue| Dead::of(queue, unsettled.message, "rejected"));
                self.bury(dead.into_iter().collect());
            }
        }
        self.deliver(&queue);
        Ok(())
    }

    /// Puts a message back to where it was in its queue, unless it came back too often.
    pub(super) fn give_back(&mut self, unsettled: Unsettled) {
        let Unsettled { queue: name, place, mut message, .. } = unsettled;
        let Some(queue) = self.queues.get_mut(&name) else { return };
        message.is_redelivered = true;
        if queue.rules.is_quorum {
            message.returns += 1;
            if is_too_often(queue, message.returns) {
                let dead = Dead::of(queue, message, "delivery_limit");
                self.bury(dead.into_iter().collect());
                return;
            }
        }
        queue.put_back(place, message);
        self.rescheduled.notify_one();
    }
}

/// How a message is settled.
#[derive(Clone, Copy, Debug)]
pub(super) enum Settling {
    Ack,
    Requeue,
    Reject,
}

fn is_too_often(queue: &Queue, returns: i64) -> bool {
    queue.rules.delivery_limit.is_some_and(|limit| returns > limit)
}
