//! Reading what comes after an entry, for oneself or for a group, and waiting for it.

use super::{
    super::super::{
        command::{Call, lower},
        number,
        reply::{Fault, Reply, Result},
    },
    Fields, Group, Pending, Stream, entry,
    id::StreamId,
    stream, stream_mut,
};

/// What is asked for, beside the streams.
#[derive(Debug, Default)]
struct Options<'a> {
    count: usize,
    /// How long to wait, in milliseconds; 0 is for ever.
    block: Option<i64>,
    /// The group, and who reads for it.
    group: Option<(&'a [u8], &'a [u8])>,
    is_acknowledged: bool,
}

/// From where a stream is read.
#[derive(Clone, Copy, Debug)]
enum From {
    After(StreamId),
    /// What was delivered to nobody of the group.
    New,
}

impl<'a> Options<'a> {
    /// Reads all up to the streams.
    fn read(call: &mut Call<'a>) -> Result<Self> {
        let is_for_group = call.name == "xreadgroup";
        let name = call.name.to_ascii_uppercase();
        let mut options = Self { count: usize::MAX, ..Self::default() };
        while let Some(option) = call.option() {
            match option.as_str() {
                "count" if !call.rest.is_empty() => {
                    let count = call.int()?;
                    options.count = if count > 0 { number::len(count) } else { usize::MAX };
                }
                "block" if !call.rest.is_empty() => options.block = Some(block(call.next()?)?),
                "group" | "noack" if !is_for_group => {
                    let option = option.to_ascii_uppercase();
                    let text =
                        format!("ERR The {option} option is only supported by XREADGROUP. You called {name} instead.");
                    return Err(Fault::new(text));
                }
                "group" if call.rest.len() >= 2 => options.group = Some((call.next()?, call.next()?)),
                "noack" => options.is_acknowledged = true,
                "streams" if !call.rest.is_empty() => {
                    if is_for_group && options.group.is_none() {
                        return Err(Fault::new("ERR Missing GROUP option for XREADGROUP"));
                    }
                    return Ok(options);
                }
                _ => return Err(Fault::SYNTAX),
            }
        }
        Err(Fault::SYNTAX)
    }
}

fn block(millis: &[u8]) -> Result<i64> {
    let millis = number::parse_int(millis).map_err(|_| Fault::new("ERR timeout is not an integer or out of range"))?;
    if millis < 0 {
        return Err(Fault::new("ERR timeout is negative"));
    }
    Ok(millis)
}

/// Returns the streams that a command is about.
pub(super) fn keys(words: &[Vec<u8>]) -> &[Vec<u8>] {
    let start = words.iter().position(|word| lower(word) == "streams").map_or(words.len(), |index| index + 1);
    let streams = words.get(start..).unwrap_or_default();
    streams.get(..streams.len() / 2).unwrap_or_default()
}

/// Words as they came in.
type Words = [Vec<u8>];

/// Takes the keys of the streams, and from where each is read.
fn halves<'a>(call: &mut Call<'a>) -> Result<(&'a Words, &'a Words)> {
    let words = call.take_rest();
    if words.len().is_multiple_of(2) {
        return Ok(words.split_at(words.len() / 2));
    }
    // Named so for XREADGROUP, too.
    Err(Fault::new("ERR Unbalanced XREAD list of streams: for each stream key an ID or '$' must be specified."))
}

pub(super) fn read(call: &mut Call<'_>) -> Result {
    let options = Options::read(call)?;
    let (keys, ids) = halves(call)?;
    let mut starts = Vec::new();
    for (key, id) in keys.iter().zip(ids) {
        let last = stream(call, key)?.map(|stream| stream.last).unwrap_or_default();
        starts.push(match id.as_slice() {
            b"$" => last,
            b">" => {
                return Err(Fault::new(
                    "ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> \
                     option.",
                ));
            }
            id => StreamId::parse(id, 0)?,
        });
    }
    let mut found = Vec::new();
    for (key, start) in keys.iter().zip(&starts) {
        let Some(stream) = stream(call, key)? else { continue };
        let entries: Vec<Reply> =
            stream.after(*start).take(options.count).map(|(id, fields)| entry(id, Some(fields))).collect();
        if !entries.is_empty() {
            found.push((Reply::bulk(key.as_slice()), Reply::Array(entries)));
        }
    }
    answer(call, found, &options, &starts)
}

/// Answers with what was found, or waits. What is waited for is what comes after what is there now.
fn answer(call: &Call<'_>, found: Vec<(Reply, Reply)>, options: &Options<'_>, starts: &[StreamId]) -> Result {
    if !found.is_empty() {
        return Ok(Reply::Streams(found));
    }
    let Some(timeout) = options.block else { return Ok(Reply::NilArray) };
    let mut again = call.words.to_vec();
    let first_id = again.len() - starts.len();
    for (word, start) in again.iter_mut().skip(first_id).zip(starts) {
        *word = start.to_string().into_bytes();
    }
    call.wait(Some(again), timeout, Reply::NilArray)
}

pub(super) fn read_for_group(call: &mut Call<'_>) -> Result {
    let options = Options::read(call)?;
    let (keys, ids) = halves(call)?;
    let Some((group, consumer)) = options.group else { return Err(Fault::SYNTAX) };
    let mut starts = Vec::new();
    for (key, id) in keys.iter().zip(ids) {
        if stream(call, key)?.is_none_or(|stream| !stream.groups.contains_key(group)) {
            let (key, group) = (String::from_utf8_lossy(key), String::from_utf8_lossy(group));
            let text =
                format!("NOGROUP No such key '{key}' or consumer group '{group}' in XREADGROUP with GROUP option");
            return Err(Fault::new(text));
        }
        starts.push(start_for_group(id)?);
    }
    let mut found = Vec::new();
    for (key, start) in keys.iter().zip(starts) {
        let now = call.now();
        let Some(stream) = stream_mut(call, key)? else { continue };
        let entries = match start {
            From::New => new_entries(stream, group, consumer, &options, now),
            From::After(id) => Some(old_entries(stream, group, consumer, (id, options.count), now)),
        };
        if let Some(entries) = entries {
            call.db().touch(key);
            found.push((Reply::bulk(key.as_slice()), Reply::Array(entries)));
        }
    }
    answer(call, found, &options, &[])
}

fn start_for_group(id: &[u8]) -> Result<From> {
    match id {
        b">" => Ok(From::New),
        b"$" => Err(Fault::new(
            "ERR The $ ID is meaningless in the context of XREADGROUP: you want to read the history of this consumer by \
             specifying a proper ID, or use the > ID to get new messages. The $ ID would just return an empty result \
             set.",
        )),
        id => StreamId::parse(id, 0).map(From::After),
    }
}

/// Delivers what nobody of the group has got so far.
fn new_entries(
    stream: &mut Stream,
    group: &[u8],
    consumer: &[u8],
    options: &Options<'_>,
    now: i64,
) -> Option<Vec<Reply>> {
    let last = stream.groups.get(group)?.last;
    let found: Vec<(StreamId, Fields)> =
        stream.after(last).take(options.count).map(|(id, fields)| (id, fields.clone())).collect();
    if found.is_empty() {
        return None;
    }
    // Each entry counts what was read up to it from the state before it, as Redis does.
    for (id, _) in &found {
        let (has_gaps, count) = (stream.has_gaps_from(*id), stream.count_up_to(*id));
        let group = stream.groups.get_mut(group)?;
        group.read = match group.read {
            Some(read) if !has_gaps => Some(read.saturating_add(1)),
            _ => count,
        };
        group.last = *id;
    }
    let group = stream.groups.get_mut(group)?;
    group.hear_of(consumer, now);
    if !options.is_acknowledged {
        for (id, _) in &found {
            group.pending.insert(*id, Pending { consumer: consumer.to_vec(), delivered: now, count: 1 });
        }
    }
    Some(found.iter().map(|(id, fields)| entry(*id, Some(fields))).collect())
}

/// Delivers again what a consumer has got and not acknowledged.
fn old_entries(stream: &mut Stream, group: &[u8], consumer: &[u8], part: (StreamId, usize), now: i64) -> Vec<Reply> {
    let (after, count) = part;
    let entries = &stream.entries;
    let Some(group) = stream.groups.get_mut(group) else { return Vec::new() };
    group.hear_of(consumer, now);
    let ids: Vec<StreamId> = group.pending_of(consumer).filter(|id| *id > after).take(count).collect();
    ids.into_iter().map(|id| deliver_again(group, id, entries.get(&id), now)).collect()
}

fn deliver_again(group: &mut Group, id: StreamId, fields: Option<&Fields>, now: i64) -> Reply {
    if let Some(pending) = group.pending.get_mut(&id)
        && fields.is_some()
    {
        pending.delivered = now;
        pending.count = pending.count.saturating_add(1);
    }
    entry(id, fields)
}
