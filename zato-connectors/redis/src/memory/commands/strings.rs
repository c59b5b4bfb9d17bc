//! Strings, and numbers in them.

use super::super::{
    command::{Call, Command},
    keyspace::{Data, Text},
    number,
    reply::{Fault, Reply, Result},
};

/// The longest string (`proto-max-bulk-len`).
const LONGEST: usize = 512 << 20;

pub(super) const COMMANDS: &[Command] = &[
    Command::new("get", 2, get),
    Command::grows("set", -3, set),
    Command::grows("setnx", 3, set_if_absent),
    Command::grows("setex", 4, |call| set_expiring(call, 1000)),
    Command::grows("psetex", 4, |call| set_expiring(call, 1)),
    Command::grows("getset", 3, get_and_set),
    Command::writes("getdel", 2, get_and_delete),
    Command::writes("getex", -2, get_and_expire),
    Command::new("mget", -2, get_many),
    Command::grows("mset", -3, set_many),
    Command::grows("msetnx", -3, set_many_if_absent),
    Command::grows("append", 3, append),
    Command::new("strlen", 2, length),
    Command::grows("incr", 2, |call| increment(call, 1)),
    Command::grows("decr", 2, |call| increment(call, -1)),
    Command::grows("incrby", 3, |call| {
        let by = increment_of(call)?;
        increment(call, by)
    }),
    Command::grows("decrby", 3, decrement_by),
    Command::grows("incrbyfloat", 3, increment_by_float),
    Command::new("getrange", 4, get_range),
    Command::new("substr", 4, get_range),
    Command::grows("setrange", 4, set_range),
];

fn get(call: &mut Call<'_>) -> Result {
    let key = call.next()?;
    Ok(Reply::bulk_or_nil(call.db().get::<Text>(key)?.cloned()))
}

/// What becomes of the time that a key has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expiry {
    None,
    Keep,
    At(i64),
}

/// Reads when a key ends: the option's name was taken.
fn expiry(call: &mut Call<'_>, option: &str) -> Result<Expiry> {
    let amount = call.int()?;
    let (unit, base) = match option {
        "ex" => (1000, call.now()),
        "px" => (1, call.now()),
        "exat" => (1000, 0),
        _ => (1, 0),
    };
    if amount <= 0 {
        return Err(call.invalid_expire_time());
    }
    let at = amount.checked_mul(unit).and_then(|millis| millis.checked_add(base));
    at.map(Expiry::At).ok_or_else(|| call.invalid_expire_time())
}

/// Puts a string under a key; one that ends before now is gone.
fn put(call: &mut Call<'_>, key: &[u8], value: &[u8], expiry: Expiry) {
    let now = call.now();
    let kept = call.db().entry(key).and_then(|entry| entry.expires);
    let expires = match expiry {
        Expiry::None => None,
        Expiry::Keep => kept,
        Expiry::At(at) => Some(at),
    };
    if expires.is_some_and(|at| at <= now) {
        call.db().remove(key);
    } else {
        call.db().set(key, Data::Text(value.to_vec()), expires);
    }
}

fn set(call: &mut Call<'_>) -> Result {
    let (key, value) = (call.next()?, call.next()?);
    let (mut expiry_wanted, mut is_getting) = (Expiry::None, false);
    let mut only_if_present = None;
    while let Some(option) = call.option() {
        match option.as_str() {
            "nx" if only_if_present != Some(true) => only_if_present = Some(false),
            "xx" if only_if_present != Some(false) => only_if_present = Some(true),
            "get" => is_getting = true,
            "keepttl" if matches!(expiry_wanted, Expiry::None | Expiry::Keep) => expiry_wanted = Expiry::Keep,
            "ex" | "px" | "exat" | "pxat" if expiry_wanted == Expiry::None && !call.rest.is_empty() => {
                expiry_wanted = expiry(call, &option)?;
            }
            _ => return Err(Fault::SYNTAX),
        }
    }
    let is_there = call.db().entry(key).is_some();
    let before = if is_getting { call.db().get::<Text>(key)?.cloned() } else { None };
    let is_set = only_if_present.is_none_or(|wanted| wanted == is_there);
    if is_set {
        put(call, key, value, expiry_wanted);
    }
    Ok(match (is_getting, is_set) {
        (true, _) => Reply::bulk_or_nil(before),
        (false, true) => Reply::Ok,
        (false, false) => Reply::Nil,
    })
}

fn set_if_absent(call: &mut Call<'_>) -> Result {
    let (key, value) = (call.next()?, call.next()?);
    let is_there = call.db().entry(key).is_some();
    if !is_there {
        put(call, key, value, Expiry::None);
    }
    Ok(Reply::flag(!is_there))
}

fn set_expiring(call: &mut Call<'_>, unit: i64) -> Result {
    let key = call.next()?;
    let expiry = expiry(call, if unit == 1000 { "ex" } else { "px" })?;
    let value = call.next()?;
    put(call, key, value, expiry);
    Ok(Reply::Ok)
}

fn get_and_set(call: &mut Call<'_>) -> Result {
    let (key, value) = (call.next()?, call.next()?);
    let before = call.db().get::<Text>(key)?.cloned();
    put(call, key, value, Expiry::None);
    Ok(Reply::bulk_or_nil(before))
}

fn get_and_delete(call: &mut Call<'_>) -> Result {
    let key = call.next()?;
    let before = call.db().get::<Text>(key)?.cloned();
    if before.is_some() {
        call.db().remove(key);
    }
    Ok(Reply::bulk_or_nil(before))
}

fn get_and_expire(call: &mut Call<'_>) -> Result {
    let key = call.next()?;
    let mut wanted = None;
    while let Some(option) = call.option() {
        wanted = match option.as_str() {
            "persist" if wanted.is_none() => Some(Expiry::None),
            "ex" | "px" | "exat" | "pxat" if wanted.is_none() && !call.rest.is_empty() => Some(expiry(call, &option)?),
            _ => return Err(Fault::SYNTAX),
        };
    }
    let value = call.db().get::<Text>(key)?.cloned();
    let now = call.now();
    if value.is_some() {
        match wanted {
            Some(Expiry::At(at)) if at <= now => drop(call.db().remove(key)),
            Some(Expiry::At(at)) => call.db().expire(key, Some(at)),
            Some(Expiry::None) if call.db().entry(key).is_some_and(|entry| entry.expires.is_some()) => {
                call.db().expire(key, None);
            }
            _ => {}
        }
    }
    Ok(Reply::bulk_or_nil(value))
}

fn get_many(call: &mut Call<'_>) -> Result {
    let keys = call.take_rest();
    // What is no string is as good as nothing here.
    let values = keys.iter().map(|key| call.db().get::<Text>(key).ok().flatten().cloned());
    Ok(Reply::Array(values.map(Reply::bulk_or_nil).collect()))
}

fn pairs<'a>(call: &mut Call<'a>) -> Result<Vec<(&'a [u8], &'a [u8])>> {
    let words = call.take_rest();
    if !words.len().is_multiple_of(2) {
        return Err(Fault::arity(call.name));
    }
    Ok(words.chunks_exact(2).filter_map(|pair| Some((pair.first()?.as_slice(), pair.last()?.as_slice()))).collect())
}

fn set_many(call: &mut Call<'_>) -> Result {
    for (key, value) in pairs(call)? {
        put(call, key, value, Expiry::None);
    }
    Ok(Reply::Ok)
}

fn set_many_if_absent(call: &mut Call<'_>) -> Result {
    let pairs = pairs(call)?;
    if pairs.iter().any(|(key, _)| call.db().entry(key).is_some()) {
        return Ok(Reply::Int(0));
    }
    for (key, value) in pairs {
        put(call, key, value, Expiry::None);
    }
    Ok(Reply::Int(1))
}

fn append(call: &mut Call<'_>) -> Result {
    let (key, value) = (call.next()?, call.next()?);
    let text = call.db().get_or_new::<Text>(key)?;
    if text.len() + value.len() > LONGEST {
        return Err(too_long());
    }
    text.extend_from_slice(value);
    let length = text.len();
    call.db().touch(key);
    Ok(Reply::len(length))
}

fn too_long() -> Fault {
    Fault::new("ERR string exceeds maximum allowed size (proto-max-bulk-len)")
}

fn length(call: &mut Call<'_>) -> Result {
    let key = call.next()?;
    Ok(Reply::len(call.db().get::<Text>(key)?.map_or(0, Vec::len)))
}

/// Reads by how much, which comes after the key.
fn increment_of(call: &mut Call<'_>) -> Result<i64> {
    call.rest.get(1).map_or(Err(Fault::SYNTAX), |by| number::parse_int(by))
}

fn decrement_by(call: &mut Call<'_>) -> Result {
    let by = increment_of(call)?;
    let by = by.checked_neg().ok_or_else(|| Fault::new("ERR decrement would overflow"))?;
    increment(call, by)
}

fn increment(call: &mut Call<'_>, by: i64) -> Result {
    let key = call.next()?;
    let before = call.db().get::<Text>(key)?.map_or(Ok(0), |text| number::parse_int(text))?;
    let after = before.checked_add(by).ok_or(Fault::OVERFLOW)?;
    put(call, key, after.to_string().as_bytes(), Expiry::Keep);
    Ok(Reply::Int(after))
}

fn increment_by_float(call: &mut Call<'_>) -> Result {
    let (key, by) = (call.next()?, call.next()?);
    let before = call.db().get::<Text>(key)?.cloned().unwrap_or_else(|| b"0".to_vec());
    let after = number::add(&before, by)?;
    put(call, key, after.as_bytes(), Expiry::Keep);
    Ok(Reply::bulk(after))
}

fn get_range(call: &mut Call<'_>) -> Result {
    let (key, start, stop) = (call.next()?, call.int()?, call.int()?);
    let text = call.db().get::<Text>(key)?;
    let range = text.and_then(|text| text.get(span(start, stop, text.len())));
    Ok(Reply::bulk(range.unwrap_or_default()))
}

/// Returns the part of a string; unlike in a list, an end before the beginning is the beginning.
fn span(start: i64, stop: i64, length: usize) -> std::ops::Range<usize> {
    if start < 0 && stop < 0 && start > stop {
        return 0..0;
    }
    let bounded = if stop < 0 { stop.max(-number::int(length)) } else { stop };
    number::span(start, bounded, length)
}

fn set_range(call: &mut Call<'_>) -> Result {
    let (key, offset, value) = (call.next()?, call.int()?, call.next()?);
    if offset < 0 {
        return Err(Fault::new("ERR offset is out of range"));
    }
    let end = number::len(offset).saturating_add(value.len());
    let length = call.db().get::<Text>(key)?.map_or(0, Vec::len);
    if value.is_empty() {
        return Ok(Reply::len(length));
    }
    if end > LONGEST {
        return Err(too_long());
    }
    let text = call.db().get_or_new::<Text>(key)?;
    if text.len() < end {
        text.resize(end, 0);
    }
    text.splice(number::len(offset)..end, value.iter().copied());
    let length = text.len();
    call.db().touch(key);
    Ok(Reply::len(length))
}
