//! What there is to know of a stream, its groups, and who reads for them.

use super::{
    super::{
        super::{
            command::{Call, lower},
            reply::{Fault, Reply, Result},
        },
        connection::unknown_subcommand,
    },
    Group, Stream, entry,
    groups::no_group,
    stream,
};

pub(super) fn info(call: &mut Call<'_>) -> Result {
    let word = call.next()?;
    let now = call.now();
    match (lower(word).as_str(), call.rest) {
        ("stream", [key]) => Ok(about_stream(stream(call, key)?.ok_or(Fault::NO_SUCH_KEY)?)),
        ("groups", [key]) => {
            let stream = stream(call, key)?.ok_or(Fault::NO_SUCH_KEY)?;
            let groups = stream.groups.iter().map(|(name, group)| about_group(stream, name, group));
            Ok(Reply::Array(groups.collect()))
        }
        ("consumers", [key, group]) => {
            let stream = stream(call, key)?.ok_or(Fault::NO_SUCH_KEY)?;
            let found = stream.groups.get(group).ok_or_else(|| no_group(key, group))?;
            Ok(about_consumers(found, now))
        }
        ("stream", [_, option, ..]) if lower(option) == "full" => {
            Err(Fault::new("ERR the redis in memory does not know XINFO STREAM FULL"))
        }
        ("stream", [_, _, ..]) => Err(Fault::SYNTAX),
        (subcommand @ ("stream" | "groups" | "consumers"), _) => Err(Fault::arity(&format!("xinfo|{subcommand}"))),
        _ => Err(unknown_subcommand(call, word)),
    }
}

fn map(pairs: impl IntoIterator<Item = (&'static str, Reply)>) -> Reply {
    Reply::Map(pairs.into_iter().map(|(key, value)| (Reply::bulk(key), value)).collect())
}

fn about_stream(stream: &Stream) -> Reply {
    let ends = [stream.entries.first_key_value(), stream.entries.last_key_value()];
    let [first, last] = ends.map(|end| end.map_or(Reply::Nil, |(id, fields)| entry(*id, Some(fields))));
    let has_any = i64::from(!stream.entries.is_empty());
    map([
        ("length", Reply::len(stream.entries.len())),
        // Of how it is kept: as with a stream that is small.
        ("radix-tree-keys", Reply::Int(has_any)),
        ("radix-tree-nodes", Reply::Int(1 + has_any)),
        ("last-generated-id", stream.last.reply()),
        ("max-deleted-entry-id", stream.last_deleted.reply()),
        ("entries-added", Reply::Int(stream.added)),
        ("recorded-first-entry-id", stream.first().reply()),
        ("groups", Reply::len(stream.groups.len())),
        ("first-entry", first),
        ("last-entry", last),
    ])
}

fn about_group(stream: &Stream, name: &[u8], group: &Group) -> Reply {
    let read = match group.read {
        Some(read) if !stream.has_gaps_from(group.last) => Some(read),
        _ => stream.count_up_to(group.last),
    };
    let lag = if stream.added == 0 { Some(0) } else { read.map(|read| stream.added.saturating_sub(read)) };
    map([
        ("name", Reply::bulk(name)),
        ("consumers", Reply::len(group.consumers.len())),
        ("pending", Reply::len(group.pending.len())),
        ("last-delivered-id", group.last.reply()),
        ("entries-read", group.read.map_or(Reply::Nil, Reply::Int)),
        ("lag", lag.map_or(Reply::Nil, Reply::Int)),
    ])
}

fn about_consumers(group: &Group, now: i64) -> Reply {
    let consumers = group.consumers.iter().map(|(name, consumer)| {
        map([
            ("name", Reply::bulk(name.as_slice())),
            ("pending", Reply::len(group.pending_of(name).count())),
            ("idle", Reply::Int((now - consumer.seen).max(0))),
        ])
    });
    Reply::Array(consumers.collect())
}
