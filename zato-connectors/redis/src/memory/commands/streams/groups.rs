//! Groups: making them, and letting them go.

use super::{
    super::{
        super::{
            command::{Call, lower},
            keyspace::Data,
            reply::{Fault, Reply, Result},
        },
        connection::unknown_subcommand,
    },
    Group, Stream,
    id::StreamId,
    stream, stream_mut,
};

pub(super) fn group(call: &mut Call<'_>) -> Result {
    let word = call.next()?;
    let subcommand = lower(word);
    let (fewest, most) = match subcommand.as_str() {
        "create" | "setid" => (3, usize::MAX),
        "destroy" => (2, 2),
        "createconsumer" | "delconsumer" => (3, 3),
        _ => return Err(unknown_subcommand(call, word)),
    };
    if call.rest.len() < fewest || call.rest.len() > most {
        return Err(Fault::arity(&format!("xgroup|{subcommand}")));
    }
    let (key, group) = (call.next()?, call.next()?);
    match subcommand.as_str() {
        "create" => create(call, key, group, word),
        "setid" => set_id(call, key, group, word),
        "destroy" => destroy(call, key, group),
        "createconsumer" => create_consumer(call, key, group),
        _ => delete_consumer(call, key, group),
    }
}

fn no_key() -> Fault {
    Fault::new(
        "ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM option \
         to create an empty stream automatically.",
    )
}

fn existing<'c>(call: &'c mut Call<'_>, key: &[u8], group: &[u8]) -> Result<&'c mut Group> {
    let stream = stream_mut(call, key)?.ok_or_else(no_key)?;
    stream.groups.get_mut(group).ok_or_else(|| no_group(key, group))
}

pub(super) fn no_group(key: &[u8], group: &[u8]) -> Fault {
    let (key, group) = (String::from_utf8_lossy(key), String::from_utf8_lossy(group));
    Fault::new(format!("NOGROUP No such consumer group '{group}' for key name '{key}'"))
}

/// Reads the options after the id: whether the stream is made, and how many entries were read.
fn options(call: &mut Call<'_>, word: &[u8], may_make: bool) -> Result<(bool, Option<i64>)> {
    let (mut is_made, mut read) = (false, None);
    while let Some(option) = call.option() {
        match option.as_str() {
            "mkstream" if may_make => is_made = true,
            "entriesread" if !call.rest.is_empty() => {
                let given = call.int()?;
                if given < -1 {
                    return Err(Fault::new("ERR value for ENTRIESREAD must be positive or -1"));
                }
                read = (given >= 0).then_some(given);
            }
            _ => {
                let word = String::from_utf8_lossy(word);
                let what =
                    format!("ERR unknown subcommand or wrong number of arguments for '{word}'. Try XGROUP HELP.");
                return Err(Fault::new(what));
            }
        }
    }
    Ok((is_made, read))
}

fn position(text: &[u8], stream: Option<&Stream>) -> Result<StreamId> {
    if text == b"$" { Ok(stream.map(|stream| stream.last).unwrap_or_default()) } else { StreamId::parse(text, 0) }
}

fn create(call: &mut Call<'_>, key: &[u8], group: &[u8], word: &[u8]) -> Result {
    let id = call.next()?;
    let (is_made, read) = options(call, word, true)?;
    let found = stream(call, key)?;
    if found.is_none() && !is_made {
        return Err(no_key());
    }
    let last = position(id, found)?;
    if found.is_none() {
        call.db().set(key, Data::Stream(Box::default()), None);
    }
    let stream = stream_mut(call, key)?.ok_or_else(no_key)?;
    if stream.groups.contains_key(group) {
        return Err(Fault::new("BUSYGROUP Consumer Group name already exists"));
    }
    stream.groups.insert(group.to_vec(), Group { last, read, ..Group::default() });
    call.db().touch(key);
    Ok(Reply::Ok)
}

fn set_id(call: &mut Call<'_>, key: &[u8], group: &[u8], word: &[u8]) -> Result {
    let id = call.next()?;
    let (_, read) = options(call, word, false)?;
    existing(call, key, group)?;
    let last = position(id, stream(call, key)?)?;
    let found = existing(call, key, group)?;
    found.last = last;
    found.read = read;
    call.db().touch(key);
    Ok(Reply::Ok)
}

fn destroy(call: &mut Call<'_>, key: &[u8], group: &[u8]) -> Result {
    let stream = stream_mut(call, key)?.ok_or_else(no_key)?;
    let was_there = stream.groups.remove(group).is_some();
    if was_there {
        call.db().touch(key);
    }
    Ok(Reply::flag(was_there))
}

fn create_consumer(call: &mut Call<'_>, key: &[u8], group: &[u8]) -> Result {
    let (consumer, now) = (call.next()?, call.now());
    let group = existing(call, key, group)?;
    let is_new = !group.consumers.contains_key(consumer);
    if is_new {
        group.hear_of(consumer, now);
        call.db().touch(key);
    }
    Ok(Reply::flag(is_new))
}

fn delete_consumer(call: &mut Call<'_>, key: &[u8], group: &[u8]) -> Result {
    let consumer = call.next()?;
    let group = existing(call, key, group)?;
    let ids: Vec<StreamId> = group.pending_of(consumer).collect();
    for id in &ids {
        group.pending.remove(id);
    }
    if group.consumers.remove(consumer).is_some() {
        call.db().touch(key);
    }
    Ok(Reply::len(ids.len()))
}
