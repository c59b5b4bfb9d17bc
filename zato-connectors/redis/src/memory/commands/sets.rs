//! Sets.

use super::{
    super::{
        command::{Call, Command},
        keyspace::{Data, Set},
        number,
        reply::{Fault, Reply, Result},
    },
    scan::{self, PACKED, Scan},
};

pub(super) const COMMANDS: &[Command] = &[
    Command::grows("sadd", -3, add),
    Command::writes("srem", -3, remove),
    Command::new("smembers", 2, |call| Ok(members(&all(call)?))),
    Command::new("sismember", 3, is_member),
    Command::new("smismember", -3, are_members),
    Command::new("scard", 2, |call| Ok(Reply::len(all(call)?.len()))),
    Command::writes("spop", -2, pop),
    Command::new("srandmember", -2, random),
    Command::new("sunion", -2, |call| combined(call, union).map(|set| members(&set))),
    Command::new("sinter", -2, |call| combined(call, intersection).map(|set| members(&set))),
    Command::new("sdiff", -2, |call| combined(call, difference).map(|set| members(&set))),
    Command::grows("sunionstore", -3, |call| store(call, union)),
    Command::grows("sinterstore", -3, |call| store(call, intersection)),
    Command::grows("sdiffstore", -3, |call| store(call, difference)),
    Command::writes("smove", 4, relocate),
    Command::new("sscan", -3, scan_members),
];

fn all(call: &mut Call<'_>) -> Result<Set> {
    let key = call.next()?;
    Ok(call.db().get::<Set>(key)?.cloned().unwrap_or_default())
}

fn members(set: &Set) -> Reply {
    Reply::Set(set.iter().map(|member| Reply::bulk(member.as_slice())).collect())
}

fn add(call: &mut Call<'_>) -> Result {
    let key = call.next()?;
    let members = call.take_rest();
    let set = call.db().get_or_new::<Set>(key)?;
    let added = members.iter().filter(|member| set.insert(member.to_vec())).count();
    if added > 0 {
        call.db().touch(key);
    }
    Ok(Reply::len(added))
}

fn remove(call: &mut Call<'_>) -> Result {
    let key = call.next()?;
    let members = call.take_rest();
    let Some(set) = call.db().get_mut::<Set>(key)? else { return Ok(Reply::Int(0)) };
    let removed = members.iter().filter(|member| set.remove(member.as_slice())).count();
    if removed > 0 {
        call.db().touch(key);
    }
    Ok(Reply::len(removed))
}

fn is_member(call: &mut Call<'_>) -> Result {
    let set = all(call)?;
    Ok(Reply::flag(set.contains(call.next()?)))
}

fn are_members(call: &mut Call<'_>) -> Result {
    let set = all(call)?;
    let are = call.take_rest().iter().map(|member| Reply::flag(set.contains(member)));
    Ok(Reply::Array(are.collect()))
}

/// Takes the first members: as random as any.
fn pop(call: &mut Call<'_>) -> Result {
    let key = call.next()?;
    let count = match call.next_if_any() {
        None => None,
        Some(count) => {
            let count = number::parse_int(count).ok().filter(|count| *count >= 0);
            Some(count.ok_or_else(|| Fault::new("ERR value is out of range, must be positive"))?)
        }
    };
    call.end()?;
    let mut taken = Vec::new();
    if let Some(set) = call.db().get_mut::<Set>(key)? {
        for _ in 0..count.map_or(1, number::len).min(set.len()) {
            taken.extend(set.pop_first());
        }
    }
    if !taken.is_empty() {
        call.db().touch(key);
    }
    Ok(match count {
        None => Reply::bulk_or_nil(taken.pop()),
        Some(_) => Reply::Set(taken.into_iter().map(Reply::Bulk).collect()),
    })
}

fn random(call: &mut Call<'_>) -> Result {
    let set = all(call)?;
    let Some(count) = call.next_if_any() else { return Ok(Reply::bulk_or_nil(set.into_iter().next())) };
    call.end()?;
    let count = number::parse_int(count)?;
    if count >= 0 {
        return Ok(Reply::bulks(set.into_iter().take(number::len(count))));
    }
    // A negative count takes members more than once. No more than fit in memory.
    let count = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX).min(1 << 20);
    Ok(Reply::bulks(set.iter().cycle().take(count).cloned()))
}

fn union(mut left: Set, right: &Set) -> Set {
    left.extend(right.iter().cloned());
    left
}

fn intersection(mut left: Set, right: &Set) -> Set {
    left.retain(|member| right.contains(member));
    left
}

fn difference(mut left: Set, right: &Set) -> Set {
    left.retain(|member| !right.contains(member));
    left
}

fn combined(call: &mut Call<'_>, combine: fn(Set, &Set) -> Set) -> Result<Set> {
    let mut combined = all(call)?;
    while !call.rest.is_empty() {
        combined = combine(combined, &all(call)?);
    }
    Ok(combined)
}

fn store(call: &mut Call<'_>, combine: fn(Set, &Set) -> Set) -> Result {
    let key = call.next()?;
    let combined = combined(call, combine)?;
    let length = combined.len();
    call.db().set(key, Data::Set(combined), None);
    Ok(Reply::len(length))
}

fn relocate(call: &mut Call<'_>) -> Result {
    let (from, to, member) = (call.next()?, call.next()?, call.next()?);
    if call.db().get::<Set>(from)?.is_none() {
        return Ok(Reply::Int(0));
    }
    call.db().get::<Set>(to)?;
    let Some(source) = call.db().get_mut::<Set>(from)? else { return Ok(Reply::Int(0)) };
    if from == to {
        return Ok(Reply::flag(source.contains(member)));
    }
    if !source.remove(member) {
        return Ok(Reply::Int(0));
    }
    call.db().touch(from);
    call.db().get_or_new::<Set>(to)?.insert(member.to_vec());
    call.db().touch(to);
    Ok(Reply::Int(1))
}

fn scan_members(call: &mut Call<'_>) -> Result {
    let key = call.next()?;
    let cursor = Scan::cursor(call)?;
    let scan = Scan::options(call, cursor, false)?;
    let Some(set) = call.db().get::<Set>(key)? else { return Ok(scan::answer(0, Vec::new())) };
    let (cursor, found) = scan.page(set.iter(), set.len() <= PACKED);
    Ok(scan::answer(cursor, found.into_iter().map(|member| Reply::bulk(member.as_slice())).collect()))
}
