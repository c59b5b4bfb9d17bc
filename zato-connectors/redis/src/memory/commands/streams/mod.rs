//! Streams, and the groups that read them.

mod adding;
mod claiming;
mod groups;
mod id;
mod info;
mod options;
mod pending;
mod ranges;
mod reading;

use std::{borrow::Cow, collections::BTreeMap, ops::Bound};

use self::id::StreamId;
use super::super::{
    command::{Call, Command},
    reply::{Fault, Reply, Result},
    server::{Id, Server},
};

pub(super) const COMMANDS: &[Command] = &[
    Command::grows("xadd", -5, adding::add),
    Command::writes("xdel", -3, adding::delete),
    Command::writes("xtrim", -4, adding::trim),
    Command::grows("xsetid", -3, adding::set_id),
    Command::new("xlen", 2, ranges::length),
    Command::new("xrange", -4, |call| ranges::range(call, false)),
    Command::new("xrevrange", -4, |call| ranges::range(call, true)),
    Command::new("xread", -4, reading::read),
    Command::writes("xreadgroup", -7, reading::read_for_group),
    Command::writes("xgroup", -2, groups::group),
    Command::writes("xack", -4, pending::acknowledge),
    Command::new("xpending", -3, pending::pending),
    Command::writes("xclaim", -6, claiming::claim),
    Command::writes("xautoclaim", -6, claiming::claim_oldest),
    Command::new("xinfo", -2, info::info),
];

/// The field names and values of an entry, in turn.
type Fields = Vec<Vec<u8>>;

/// A stream.
#[derive(Clone, Debug, Default)]
pub(in super::super) struct Stream {
    entries: BTreeMap<StreamId, Fields>,
    /// The largest id that was given so far.
    last: StreamId,
    /// The largest id of what was removed by name.
    last_deleted: StreamId,
    /// How many entries there ever were.
    added: i64,
    groups: BTreeMap<Vec<u8>, Group>,
}

/// A group that reads a stream, each entry once.
#[derive(Clone, Debug, Default)]
struct Group {
    /// The last entry that was delivered to anybody.
    last: StreamId,
    /// How many entries were delivered, unless nobody can know.
    read: Option<i64>,
    /// What was delivered and not acknowledged.
    pending: BTreeMap<StreamId, Pending>,
    consumers: BTreeMap<Vec<u8>, Consumer>,
}

/// An entry that was delivered and not acknowledged.
#[derive(Clone, Debug)]
struct Pending {
    consumer: Vec<u8>,
    /// When it was delivered last, in milliseconds since 1970.
    delivered: i64,
    /// How often it was delivered.
    count: i64,
}

/// Somebody who reads for a group.
#[derive(Clone, Debug)]
struct Consumer {
    /// When it was last heard of, in milliseconds since 1970.
    seen: i64,
}

impl Stream {
    fn first(&self) -> StreamId {
        self.entries.keys().next().copied().unwrap_or_default()
    }

    /// Returns the entries after one.
    fn after(&self, id: StreamId) -> impl Iterator<Item = (StreamId, &Fields)> {
        self.entries.range((Bound::Excluded(id), Bound::Unbounded)).map(|(id, fields)| (*id, fields))
    }

    /// Tells whether entries from this one on were removed by name, so that nobody can count them.
    fn has_gaps_from(&self, id: StreamId) -> bool {
        !self.entries.is_empty()
            && self.last_deleted != StreamId::MIN
            && self.first() <= self.last_deleted
            && id <= self.last_deleted
    }

    /// Returns how many entries there ever were up to one, if that can be known.
    fn count_up_to(&self, id: StreamId) -> Option<i64> {
        let length = i64::try_from(self.entries.len()).unwrap_or(i64::MAX);
        if self.added == 0 {
            return Some(0);
        }
        if id == self.last || self.entries.is_empty() && id < self.last {
            return Some(self.added);
        }
        let is_whole = self.last_deleted == StreamId::MIN || self.last_deleted < self.first();
        if id > self.last || !is_whole || id > self.first() {
            return None;
        }
        Some(self.added - length + i64::from(id == self.first()))
    }
}

impl Group {
    /// Notes that somebody is there; returns whether nobody knew it.
    fn hear_of(&mut self, consumer: &[u8], now: i64) -> bool {
        self.consumers.insert(consumer.to_vec(), Consumer { seen: now }).is_none()
    }

    fn pending_of<'a>(&'a self, consumer: &'a [u8]) -> impl Iterator<Item = StreamId> + 'a {
        self.pending.iter().filter(move |(_, pending)| pending.consumer == consumer).map(|(id, _)| *id)
    }
}

/// Answers with an entry; one that is gone has an id alone.
fn entry(id: StreamId, fields: Option<&Fields>) -> Reply {
    let fields = fields.map_or(Reply::NilArray, |fields| Reply::bulks(fields.iter().cloned()));
    Reply::Array(vec![id.reply(), fields])
}

fn stream<'c>(call: &'c mut Call<'_>, key: &[u8]) -> Result<Option<&'c Stream>> {
    Ok(call.db().get::<Box<Stream>>(key)?.map(|stream| &**stream))
}

fn stream_mut<'c>(call: &'c mut Call<'_>, key: &[u8]) -> Result<Option<&'c mut Stream>> {
    Ok(call.db().get_mut::<Box<Stream>>(key)?.map(|stream| &mut **stream))
}

/// Returns a stream and one of its groups, or the error that most commands have.
fn group_mut<'c>(
    call: &'c mut Call<'_>,
    key: &[u8],
    group: &[u8],
) -> Result<(&'c BTreeMap<StreamId, Fields>, &'c mut Group)> {
    let names = (String::from_utf8_lossy(key).into_owned(), String::from_utf8_lossy(group).into_owned());
    let missing = || Fault::new(format!("NOGROUP No such key '{}' or consumer group '{}'", names.0, names.1));
    let stream = stream_mut(call, key)?.ok_or_else(missing)?;
    let group = stream.groups.get_mut(group).ok_or_else(missing)?;
    Ok((&stream.entries, group))
}

/// Returns the error that ends a wait, if it does: who waits for a group is told when the group is gone.
pub(in super::super) fn error_while_waiting(
    server: &mut Server,
    id: Id,
    words: &[Vec<u8>],
    text: &str,
) -> Option<Cow<'static, str>> {
    if !text.starts_with("NOGROUP") {
        return None;
    }
    let database = server.session(id).database;
    let keys = reading::keys(words);
    let is_key_gone = keys.iter().any(|key| server.database(database).entry(key).is_none());
    Some(if is_key_gone {
        "UNBLOCKED the stream key no longer exists".into()
    } else {
        "NOGROUP the consumer group this client was blocked on no longer exists".into()
    })
}
