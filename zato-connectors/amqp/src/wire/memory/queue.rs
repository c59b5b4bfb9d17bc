use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use ::lapin::{
    BasicProperties,
    types::{AMQPValue, ShortString},
};
use bytes::Bytes;
use tokio::time::Instant;

use super::{Id, refusal, values};
use crate::wire::{self, Result};

/// A message in a queue, or with a consumer.
#[derive(Clone, Debug)]
pub(super) struct Message {
    pub(super) exchange: String,
    pub(super) routing_key: String,
    pub(super) properties: BasicProperties,
    pub(super) body: Bytes,
    pub(super) is_redelivered: bool,
    /// How often it came back, which queues of the type `quorum` count.
    pub(super) returns: i64,
    pub(super) expires_at: Option<Instant>,
}

/// Where a message stands in its queue, and where it goes back to: the highest priority first, given as what it lacks.
pub(super) type Place = (u8, u64);

/// A queue.
#[derive(Debug)]
pub(super) struct Queue {
    pub(super) declared: wire::Queue,
    pub(super) rules: Rules,
    /// The connection that uses it alone.
    pub(super) owner: Option<Id>,
    pub(super) ready: BTreeMap<Place, Message>,
    pub(super) bytes: usize,
    /// Whoever is next comes first.
    pub(super) consumers: VecDeque<Id>,
    /// Since when nobody has used it.
    pub(super) idle_since: Instant,
    last: u64,
}

/// What a queue's arguments say.
#[derive(Clone, Debug, Default)]
pub(super) struct Rules {
    pub(super) is_quorum: bool,
    pub(super) ttl: Option<Duration>,
    pub(super) expires: Option<Duration>,
    max_length: Option<usize>,
    max_bytes: Option<usize>,
    pub(super) overflow: Overflow,
    pub(super) dead_letters: Option<DeadLetters>,
    max_priority: u8,
    pub(super) delivery_limit: Option<i64>,
}

/// What happens when a queue is full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Overflow {
    #[default]
    DropHead,
    Reject,
    RejectToDeadLetters,
}

/// Where a queue's dead letters go.
#[derive(Clone, Debug)]
pub(super) struct DeadLetters {
    pub(super) exchange: String,
    pub(super) key: Option<String>,
}

/// What `quorum` queues know of the arguments of `classic` ones.
const CLASSIC_ALONE: [&str; 1] = ["x-max-priority"];

impl Rules {
    pub(super) fn read(queue: &wire::Queue) -> Result<Self> {
        let (name, arguments) = (queue.name.as_str(), &queue.arguments);
        let is_quorum = values::text(arguments, "x-queue-type").is_some_and(|kind| kind == "quorum");
        if is_quorum {
            check_quorum(queue)?;
        }
        let text = |key: &str| match arguments.inner().get(key) {
            None => Ok(None),
            Some(value) => {
                let text = values::text(arguments, key);
                text.map(Some)
                    .ok_or_else(|| unfit(key, name, &format!("{{unacceptable_type,{}}}", values::type_of(value))))
            }
        };
        let number = |key: &str| whole(queue, key, 0, i64::MAX);
        let millis = |key: &str, least: i64| -> Result<Option<Duration>> {
            Ok(whole(queue, key, least, LONGEST)?.map(|millis| Duration::from_millis(millis.unsigned_abs())))
        };
        let size = |key: &str| -> Result<Option<usize>> { Ok(number(key)?.and_then(|size| size.try_into().ok())) };
        let dead_letters = dead_letters(queue, text("x-dead-letter-routing-key")?)?;
        let overflow = match text("x-overflow")?.as_deref() {
            None | Some("drop-head") => Overflow::DropHead,
            Some("reject-publish") => Overflow::Reject,
            Some("reject-publish-dlx") => Overflow::RejectToDeadLetters,
            Some(_) => return Err(unfit("x-overflow", name, "invalid_overflow")),
        };
        Ok(Self {
            is_quorum,
            ttl: millis("x-message-ttl", 0)?,
            expires: millis("x-expires", 1)?,
            max_length: size("x-max-length")?,
            max_bytes: size("x-max-length-bytes")?,
            overflow,
            dead_letters,
            max_priority: number("x-max-priority")?.and_then(|most| most.try_into().ok()).unwrap_or(0),
            delivery_limit: number("x-delivery-limit")?.filter(|_| is_quorum),
        })
    }
}

fn dead_letters(queue: &wire::Queue, key: Option<String>) -> Result<Option<DeadLetters>> {
    const EXCHANGE: &str = "x-dead-letter-exchange";
    let name = &queue.name;
    match queue.arguments.inner().get(EXCHANGE) {
        Some(value) => {
            let exchange = values::text(&queue.arguments, EXCHANGE).ok_or_else(|| {
                let kind = values::type_of(value);
                refusal(406, &format!("invalid type '{kind}' for arg '{EXCHANGE}' in queue '{name}' in vhost '/'"))
            })?;
            Ok(Some(DeadLetters { exchange, key }))
        }
        None if key.is_some() => Err(unfit("x-dead-letter-routing-key", name, "routing_key_but_no_dlx_defined")),
        None => Ok(None),
    }
}

/// The longest time that RabbitMQ takes, ten years, in milliseconds.
const LONGEST: i64 = 10 * 365 * 24 * 60 * 60 * 1000;

fn check_quorum(queue: &wire::Queue) -> Result<()> {
    let has = [
        (!queue.is_durable, "non-durable"),
        (queue.is_exclusive, "exclusive-owner"),
        (queue.is_auto_delete, "auto-delete"),
    ];
    for (is_unfit, property) in has {
        if is_unfit {
            return Err(refusal(
                406,
                &format!("invalid property '{property}' for queue '{}' in vhost '/'", queue.name),
            ));
        }
    }
    for key in CLASSIC_ALONE {
        if queue.arguments.contains_key(key) {
            let of = format!("for queue '{}' in vhost '/' of queue type rabbit_quorum_queue", queue.name);
            return Err(refusal(406, &format!("invalid arg '{key}' {of}")));
        }
    }
    Ok(())
}

fn whole(queue: &wire::Queue, key: &str, least: i64, most: i64) -> Result<Option<i64>> {
    let Some(value) = queue.arguments.inner().get(key) else { return Ok(None) };
    let fault = match values::integer(value) {
        Some(number) if number > most => format!("{{value_too_large,{number}}}"),
        Some(number) if number >= least => return Ok(Some(number)),
        Some(0) => "{value_zero,0}".to_owned(),
        Some(number) => format!("{{value_negative,{number}}}"),
        None => format!("\"expected integer, got {}\"", values::type_of(value)),
    };
    Err(unfit(key, &queue.name, &fault))
}

fn unfit(key: &str, queue: &str, fault: &str) -> wire::WireError {
    refusal(406, &format!("invalid arg '{key}' for queue '{queue}' in vhost '/': {fault}"))
}

impl Queue {
    pub(super) fn new(declared: wire::Queue, rules: Rules, owner: Option<Id>) -> Self {
        Self {
            declared,
            rules,
            owner,
            ready: BTreeMap::new(),
            bytes: 0,
            consumers: VecDeque::new(),
            idle_since: Instant::now(),
            last: 0,
        }
    }

    /// Whether it takes no message more, and says so to who publishes.
    pub(super) fn is_closed_to(&self, body: usize) -> bool {
        self.rules.overflow != Overflow::DropHead
            && (self.rules.max_length.is_some_and(|most| self.ready.len() >= most)
                || self.rules.max_bytes.is_some_and(|most| self.bytes + body > most))
    }

    /// Puts a message at the end, behind others of its priority.
    pub(super) fn append(&mut self, mut message: Message, own_ttl: Option<Duration>) {
        let ttl = match (self.rules.ttl, own_ttl) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        // What lasts beyond the end of time lasts forever.
        message.expires_at = ttl.and_then(|ttl| Instant::now().checked_add(ttl));
        message.is_redelivered = false;
        message.returns = 0;
        let priority = message.properties.priority().unwrap_or(0).min(self.rules.max_priority);
        self.last += 1;
        self.put_back((u8::MAX - priority, self.last), message);
    }

    /// Puts a message where it has been.
    pub(super) fn put_back(&mut self, place: Place, message: Message) {
        self.bytes += message.body.len();
        self.ready.insert(place, message);
    }

    /// Takes the first message.
    pub(super) fn take(&mut self) -> Option<(Place, Message)> {
        let (place, message) = self.ready.pop_first()?;
        self.bytes -= message.body.len();
        Some((place, message))
    }

    /// Takes the first message if it has been there too long. As with RabbitMQ, one that stands behind others waits for
    /// them.
    pub(super) fn take_expired(&mut self, now: Instant) -> Option<Message> {
        let expires_at = self.ready.first_key_value()?.1.expires_at?;
        if expires_at > now {
            return None;
        }
        self.take().map(|(_, message)| message)
    }

    /// Takes the first message if there are too many.
    pub(super) fn take_excess(&mut self) -> Option<Message> {
        let is_full = self.rules.max_length.is_some_and(|most| self.ready.len() > most)
            || self.rules.max_bytes.is_some_and(|most| self.bytes > most);
        if !is_full {
            return None;
        }
        // Of several priorities, the lowest has to go; of one, the oldest.
        let lowest = self.ready.last_key_value()?.0.0;
        let place = *self.ready.range((lowest, 0)..).next()?.0;
        let message = self.ready.remove(&place)?;
        self.bytes -= message.body.len();
        Some(message)
    }

    /// When something happens to it next by itself.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let expiry = self.ready.first_key_value().and_then(|(_, message)| message.expires_at);
        let end = self.rules.expires.filter(|_| self.consumers.is_empty()).map(|after| self.idle_since + after);
        [expiry, end].into_iter().flatten().min()
    }

    /// Whether it is deleted for not having been used.
    pub(super) fn is_over(&self, now: Instant) -> bool {
        let after = self.rules.expires.filter(|_| self.consumers.is_empty());
        after.is_some_and(|after| self.idle_since + after <= now)
    }
}

/// Whether it comes through a restart.
pub(super) fn is_persistent(message: &Message) -> bool {
    *message.properties.delivery_mode() == Some(2)
}

/// Reads how long a message lasts by its own account.
pub(super) fn own_ttl(properties: &BasicProperties) -> Result<Option<Duration>> {
    let Some(text) = properties.expiration().as_ref().map(ShortString::as_str) else { return Ok(None) };
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let rest = digits.trim_start_matches(|letter: char| letter.is_ascii_digit());
    let number: Option<i64> = text.strip_suffix(rest).and_then(|number| number.parse().ok());
    let fault = match number {
        None => "no_integer".to_owned(),
        Some(_) if !rest.is_empty() => format!("{{leftover_string,\"{rest}\"}}"),
        Some(number) if number < 0 => format!("{{value_negative,{number}}}"),
        Some(number) if number > LONGEST => format!("{{value_too_large,{number}}}"),
        Some(number) => return Ok(Some(Duration::from_millis(number.unsigned_abs()))),
    };
    Err(refusal(406, &format!("invalid expiration '{text}': {fault}")))
}

/// The header by which `quorum` queues tell how often a message came back.
pub(super) const DELIVERY_COUNT: &str = "x-delivery-count";

/// Returns what is delivered with a message.
pub(super) fn delivered_properties(message: &Message) -> BasicProperties {
    if message.returns == 0 {
        return message.properties.clone();
    }
    let mut headers = message.properties.headers().clone().unwrap_or_default();
    headers.insert(DELIVERY_COUNT.into(), AMQPValue::LongLongInt(message.returns));
    message.properties.clone().with_headers(headers)
}
