//! Keys, whatever they hold: whether they are there, until when, and their names.

use super::{
    super::{
        command::{Call, Command, lower},
        glob,
        keyspace::Database,
        number,
        reply::{Fault, Reply, Result},
    },
    connection::{database, unknown_subcommand},
    scan,
};

pub(super) const COMMANDS: &[Command] = &[
    Command::writes("del", -2, delete),
    Command::writes("unlink", -2, delete),
    Command::new("exists", -2, count),
    Command::new("touch", -2, count),
    Command::new("type", 2, type_of),
    Command::writes("expire", -3, |call| expire(call, 1000, false)),
    Command::writes("pexpire", -3, |call| expire(call, 1, false)),
    Command::writes("expireat", -3, |call| expire(call, 1000, true)),
    Command::writes("pexpireat", -3, |call| expire(call, 1, true)),
    Command::new("ttl", 2, |call| time_left(call, |at, now| (at - now).saturating_add(500) / 1000)),
    Command::new("pttl", 2, |call| time_left(call, |at, now| at - now)),
    Command::new("expiretime", 2, |call| time_left(call, |at, _| at.saturating_add(500) / 1000)),
    Command::new("pexpiretime", 2, |call| time_left(call, |at, _| at)),
    Command::writes("persist", 2, persist),
    Command::writes("rename", 3, rename),
    Command::writes("renamenx", 3, rename_if_absent),
    Command::new("keys", 2, keys),
    Command::new("scan", -2, scan::keys),
    Command::new("randomkey", 1, random),
    Command::grows("copy", -3, copy),
    Command::new("object", -2, object),
    Command::writes("move", 3, move_to),
];

fn delete(call: &mut Call<'_>) -> Result {
    let removed = call.take_rest().iter().filter(|key| call.db().remove(key).is_some()).count();
    Ok(Reply::len(removed))
}

fn count(call: &mut Call<'_>) -> Result {
    let there = call.take_rest().iter().filter(|key| call.db().entry(key).is_some()).count();
    Ok(Reply::len(there))
}

fn type_of(call: &mut Call<'_>) -> Result {
    let key = call.next()?;
    Ok(Reply::Simple(call.db().entry(key).map_or("none", |entry| entry.data.type_name()).into()))
}

/// When a time is set, as asked for.
#[derive(Default)]
struct Condition {
    only_without: bool,
    only_with: bool,
    only_later: bool,
    only_earlier: bool,
}

fn condition(call: &mut Call<'_>) -> Result<Condition> {
    let mut condition = Condition::default();
    while let Some(word) = call.next_if_any() {
        match lower(word).as_str() {
            "nx" => condition.only_without = true,
            "xx" => condition.only_with = true,
            "gt" => condition.only_later = true,
            "lt" => condition.only_earlier = true,
            _ => return Err(Fault::new(format!("ERR Unsupported option {}", String::from_utf8_lossy(word)))),
        }
    }
    if condition.only_without && (condition.only_with || condition.only_later || condition.only_earlier) {
        return Err(Fault::new("ERR NX and XX, GT or LT options at the same time are not compatible"));
    }
    if condition.only_later && condition.only_earlier {
        return Err(Fault::new("ERR GT and LT options at the same time are not compatible"));
    }
    Ok(condition)
}

impl Condition {
    /// Tells whether a time may be set in place of the one that is there. None is later than any.
    fn allows(&self, before: Option<i64>, at: i64) -> bool {
        !(self.only_without && before.is_some()
            || self.only_with && before.is_none()
            || self.only_later && before.is_none_or(|before| at <= before)
            || self.only_earlier && before.is_some_and(|before| at >= before))
    }
}

fn expire(call: &mut Call<'_>, unit: i64, is_absolute: bool) -> Result {
    let (key, amount) = (call.next()?, call.int()?);
    let condition = condition(call)?;
    let base = if is_absolute { 0 } else { call.now() };
    let at = amount.checked_mul(unit).and_then(|millis| millis.checked_add(base));
    let at = at.ok_or_else(|| call.invalid_expire_time())?;
    let Some(entry) = call.db().entry(key) else { return Ok(Reply::Int(0)) };
    if !condition.allows(entry.expires, at) {
        return Ok(Reply::Int(0));
    }
    if at <= call.now() {
        call.db().remove(key);
    } else {
        call.db().expire(key, Some(at));
    }
    Ok(Reply::Int(1))
}

fn time_left(call: &mut Call<'_>, left: fn(i64, i64) -> i64) -> Result {
    let (key, now) = (call.next()?, call.now());
    Ok(Reply::Int(match call.db().entry(key).map(|entry| entry.expires) {
        None => -2,
        Some(None) => -1,
        Some(Some(at)) => left(at, now),
    }))
}

fn persist(call: &mut Call<'_>) -> Result {
    let key = call.next()?;
    let had_time = call.db().entry(key).is_some_and(|entry| entry.expires.is_some());
    if had_time {
        call.db().expire(key, None);
    }
    Ok(Reply::flag(had_time))
}

fn rename(call: &mut Call<'_>) -> Result {
    let (from, to) = (call.next()?, call.next()?);
    if call.db().entry(from).is_none() {
        return Err(Fault::NO_SUCH_KEY);
    }
    relocate(call.db(), from, to);
    Ok(Reply::Ok)
}

fn relocate(database: &mut Database, from: &[u8], to: &[u8]) {
    if from != to
        && let Some(entry) = database.remove(from)
    {
        database.set(to, entry.data, entry.expires);
    }
}

fn rename_if_absent(call: &mut Call<'_>) -> Result {
    let (from, to) = (call.next()?, call.next()?);
    if call.db().entry(from).is_none() {
        return Err(Fault::NO_SUCH_KEY);
    }
    if call.db().entry(to).is_some() {
        return Ok(Reply::Int(0));
    }
    relocate(call.db(), from, to);
    Ok(Reply::Int(1))
}

fn keys(call: &mut Call<'_>) -> Result {
    let pattern = call.next()?;
    let fitting = call.db().iter().map(|(key, _)| key).filter(|key| glob::matches(pattern, key));
    Ok(Reply::bulks(fitting.cloned()))
}

/// Answers the first key: as random as any.
fn random(call: &mut Call<'_>) -> Result {
    let first = call.db().iter().next().map(|(key, _)| key.clone());
    Ok(Reply::bulk_or_nil(first))
}

fn copy(call: &mut Call<'_>) -> Result {
    let (from, to) = (call.next()?, call.next()?);
    let (mut into, mut is_replacing) = (call.database, false);
    while let Some(option) = call.option() {
        match option.as_str() {
            "replace" => is_replacing = true,
            "db" if !call.rest.is_empty() => into = database(call.int()?)?,
            _ => return Err(Fault::SYNTAX),
        }
    }
    if into == call.database && from == to {
        return Err(Fault::new("ERR source and destination objects are the same"));
    }
    let Some(entry) = call.db().entry(from).cloned() else { return Ok(Reply::Int(0)) };
    let target = call.server.database(into);
    if target.entry(to).is_some() && !is_replacing {
        return Ok(Reply::Int(0));
    }
    target.set(to, entry.data, entry.expires);
    Ok(Reply::Int(1))
}

fn move_to(call: &mut Call<'_>) -> Result {
    let (key, index) = (call.next()?, database(call.int()?)?);
    if index == call.database {
        return Err(Fault::new("ERR source and destination objects are the same"));
    }
    if call.db().entry(key).is_none() || call.server.database(index).entry(key).is_some() {
        return Ok(Reply::Int(0));
    }
    if let Some(entry) = call.db().remove(key) {
        call.server.database(index).set(key, entry.data, entry.expires);
    }
    Ok(Reply::Int(1))
}

/// The one subcommand that says the same on both: how often something is referred to.
fn object(call: &mut Call<'_>) -> Result {
    let word = call.next()?;
    match (lower(word).as_str(), call.rest) {
        ("refcount", [key]) if call.db().entry(key).is_some() => Ok(Reply::Int(1)),
        ("idletime", [key]) if call.db().entry(key).is_some() => Ok(Reply::Int(number::int(0))),
        ("refcount" | "idletime", [_]) => Ok(Reply::Nil),
        _ => Err(unknown_subcommand(call, word)),
    }
}
