//! Hashes: fields and their values.

use super::{
    super::{
        command::{Call, Command},
        keyspace::Hash,
        number,
        reply::{Fault, Reply, Result},
    },
    scan::{self, PACKED, Scan},
};

pub(super) const COMMANDS: &[Command] = &[
    Command::grows("hset", -4, |call| set(call).map(Reply::len)),
    Command::grows("hmset", -4, |call| set(call).map(|_| Reply::Ok)),
    Command::grows("hsetnx", 4, set_if_absent),
    Command::new("hget", 3, get),
    Command::new("hmget", -3, get_many),
    Command::new("hgetall", 2, get_all),
    Command::writes("hdel", -3, delete),
    Command::new("hexists", 3, exists),
    Command::grows("hincrby", 4, increment),
    Command::grows("hincrbyfloat", 4, increment_by_float),
    Command::new("hkeys", 2, |call| Ok(Reply::bulks(all(call)?.into_keys()))),
    Command::new("hvals", 2, |call| Ok(Reply::bulks(all(call)?.into_values()))),
    Command::new("hlen", 2, |call| Ok(Reply::len(all(call)?.len()))),
    Command::new("hstrlen", 3, |call| Ok(Reply::len(field(call)?.map_or(0, |value| value.len())))),
    Command::new("hscan", -3, scan_fields),
    Command::new("hrandfield", 2, |call| Ok(Reply::bulk_or_nil(all(call)?.into_keys().next()))),
];

fn all(call: &mut Call<'_>) -> Result<Hash> {
    let key = call.next()?;
    Ok(call.db().get::<Hash>(key)?.cloned().unwrap_or_default())
}

fn field(call: &mut Call<'_>) -> Result<Option<Vec<u8>>> {
    let (key, field) = (call.next()?, call.next()?);
    Ok(call.db().get::<Hash>(key)?.and_then(|hash| hash.get(field)).cloned())
}

fn set(call: &mut Call<'_>) -> Result<usize> {
    let key = call.next()?;
    let pairs = call.take_rest();
    if !pairs.len().is_multiple_of(2) {
        return Err(Fault::arity(call.name));
    }
    let hash = call.db().get_or_new::<Hash>(key)?;
    let mut added = 0;
    for pair in pairs.chunks_exact(2) {
        if let [field, value] = pair
            && hash.insert(field.clone(), value.clone()).is_none()
        {
            added += 1;
        }
    }
    call.db().touch(key);
    Ok(added)
}

fn set_if_absent(call: &mut Call<'_>) -> Result {
    let (key, field, value) = (call.next()?, call.next()?, call.next()?);
    let hash = call.db().get_or_new::<Hash>(key)?;
    let is_there = hash.contains_key(field);
    if !is_there {
        hash.insert(field.to_vec(), value.to_vec());
        call.db().touch(key);
    }
    Ok(Reply::flag(!is_there))
}

fn get(call: &mut Call<'_>) -> Result {
    field(call).map(Reply::bulk_or_nil)
}

fn get_many(call: &mut Call<'_>) -> Result {
    let hash = all(call)?;
    let values = call.take_rest().iter().map(|field| Reply::bulk_or_nil(hash.get(field).cloned()));
    Ok(Reply::Array(values.collect()))
}

fn get_all(call: &mut Call<'_>) -> Result {
    let pairs = all(call)?.into_iter().map(|(field, value)| (Reply::Bulk(field), Reply::Bulk(value)));
    Ok(Reply::Map(pairs.collect()))
}

fn delete(call: &mut Call<'_>) -> Result {
    let key = call.next()?;
    let fields = call.take_rest();
    let Some(hash) = call.db().get_mut::<Hash>(key)? else { return Ok(Reply::Int(0)) };
    let removed = fields.iter().filter(|field| hash.remove(field.as_slice()).is_some()).count();
    if removed > 0 {
        call.db().touch(key);
    }
    Ok(Reply::len(removed))
}

fn exists(call: &mut Call<'_>) -> Result {
    Ok(Reply::flag(field(call)?.is_some()))
}

fn put(call: &mut Call<'_>, key: &[u8], field: &[u8], value: impl Into<Vec<u8>>) -> Result<()> {
    call.db().get_or_new::<Hash>(key)?.insert(field.to_vec(), value.into());
    call.db().touch(key);
    Ok(())
}

fn increment(call: &mut Call<'_>) -> Result {
    let (key, field, by) = (call.next()?, call.next()?, call.int()?);
    let before = call.db().get::<Hash>(key)?.and_then(|hash| hash.get(field));
    let before = before.map_or(Ok(0), |value| number::parse_int(value));
    let before = before.map_err(|_| Fault::new("ERR hash value is not an integer"))?;
    let after = before.checked_add(by).ok_or(Fault::OVERFLOW)?;
    put(call, key, field, after.to_string())?;
    Ok(Reply::Int(after))
}

fn increment_by_float(call: &mut Call<'_>) -> Result {
    let (key, field, by) = (call.next()?, call.next()?, call.next()?);
    number::parse_float(by)?;
    let before = call.db().get::<Hash>(key)?.and_then(|hash| hash.get(field)).cloned();
    let before = before.unwrap_or_else(|| b"0".to_vec());
    number::parse_float(&before).map_err(|_| Fault::new("ERR hash value is not a float"))?;
    let after = number::add(&before, by)?;
    put(call, key, field, after.clone())?;
    Ok(Reply::bulk(after))
}

fn scan_fields(call: &mut Call<'_>) -> Result {
    let key = call.next()?;
    let cursor = Scan::cursor(call)?;
    let scan = Scan::options(call, cursor, false)?;
    let Some(hash) = call.db().get::<Hash>(key)? else { return Ok(scan::answer(0, Vec::new())) };
    let (cursor, fields) = scan.page(hash.keys(), hash.len() <= PACKED);
    let value = |field| Reply::bulk(hash.get(field).cloned().unwrap_or_default());
    let found = fields.into_iter().flat_map(|field| [Reply::bulk(field.as_slice()), value(field)]);
    Ok(scan::answer(cursor, found.collect()))
}
