//! Lists, and waiting for their elements.

use super::super::{
    command::{Call, Command, timeout},
    keyspace::List,
    number,
    reply::{Fault, Reply, Result},
};

/// An end of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Left,
    Right,
}

use End::{Left, Right};

pub(super) const COMMANDS: &[Command] = &[
    Command::grows("lpush", -3, |call| push(call, Left, false)),
    Command::grows("rpush", -3, |call| push(call, Right, false)),
    Command::grows("lpushx", -3, |call| push(call, Left, true)),
    Command::grows("rpushx", -3, |call| push(call, Right, true)),
    Command::writes("lpop", -2, |call| pop(call, Left)),
    Command::writes("rpop", -2, |call| pop(call, Right)),
    Command::new("llen", 2, length),
    Command::new("lrange", 4, range),
    Command::new("lindex", 3, index),
    Command::grows("lset", 4, set),
    Command::grows("linsert", 5, insert),
    Command::writes("lrem", 4, remove),
    Command::writes("ltrim", 4, trim),
    Command::grows("lmove", 5, shift),
    Command::grows("rpoplpush", 3, shift_right_to_left),
    Command::writes("blpop", -3, |call| pop_or_wait(call, Left)),
    Command::writes("brpop", -3, |call| pop_or_wait(call, Right)),
    Command::grows("blmove", 6, shift_or_wait),
    Command::grows("brpoplpush", 4, shift_right_to_left_or_wait),
    Command::new("lpos", -3, position),
];

fn end(call: &mut Call<'_>) -> Result<End> {
    match call.option().as_deref() {
        Some("left") => Ok(Left),
        Some("right") => Ok(Right),
        _ => Err(Fault::SYNTAX),
    }
}

fn add(list: &mut List, end: End, element: Vec<u8>) {
    match end {
        Left => list.push_front(element),
        Right => list.push_back(element),
    }
}

fn take(call: &mut Call<'_>, key: &[u8], end: End) -> Result<Option<Vec<u8>>> {
    let Some(list) = call.db().get_mut::<List>(key)? else { return Ok(None) };
    let element = match end {
        Left => list.pop_front(),
        Right => list.pop_back(),
    };
    call.db().touch(key);
    Ok(element)
}

fn push(call: &mut Call<'_>, end: End, only_if_present: bool) -> Result {
    let key = call.next()?;
    if call.db().get::<List>(key)?.is_none() && only_if_present {
        return Ok(Reply::Int(0));
    }
    let elements = call.take_rest();
    let list = call.db().get_or_new::<List>(key)?;
    for element in elements {
        add(list, end, element.clone());
    }
    let length = list.len();
    call.db().touch(key);
    Ok(Reply::len(length))
}

fn pop(call: &mut Call<'_>, end: End) -> Result {
    if call.words.len() > 3 {
        return Err(Fault::arity(call.name));
    }
    let key = call.next()?;
    if call.rest.is_empty() {
        return Ok(Reply::bulk_or_nil(take(call, key, end)?));
    }
    let count = call.int().ok().filter(|count| *count >= 0);
    let count = count.ok_or_else(|| Fault::new("ERR value is out of range, must be positive"))?;
    let length = call.db().get::<List>(key)?.map(List::len);
    let Some(length) = length else { return Ok(Reply::NilArray) };
    let mut taken = Vec::new();
    for _ in 0..number::len(count).min(length) {
        taken.extend(take(call, key, end)?);
    }
    Ok(Reply::bulks(taken))
}

fn list(call: &mut Call<'_>) -> Result<List> {
    let key = call.next()?;
    Ok(call.db().get::<List>(key)?.cloned().unwrap_or_default())
}

fn length(call: &mut Call<'_>) -> Result {
    Ok(Reply::len(list(call)?.len()))
}

fn range(call: &mut Call<'_>) -> Result {
    let (key, start, stop) = (call.next()?, call.int()?, call.int()?);
    let Some(list) = call.db().get::<List>(key)? else { return Ok(Reply::Array(Vec::new())) };
    let range = number::span(start, stop, list.len());
    Ok(Reply::bulks(list.range(range).cloned()))
}

/// Returns the place of an index; a negative one counts from the end.
fn place(index: i64, length: usize) -> Option<usize> {
    let index = if index < 0 { index.checked_add(number::int(length))? } else { index };
    usize::try_from(index).ok().filter(|index| *index < length)
}

fn index(call: &mut Call<'_>) -> Result {
    let (key, index) = (call.next()?, call.next()?);
    let Some(list) = call.db().get::<List>(key)? else { return Ok(Reply::Nil) };
    let index = number::parse_int(index)?;
    Ok(Reply::bulk_or_nil(place(index, list.len()).and_then(|index| list.get(index)).cloned()))
}

fn set(call: &mut Call<'_>) -> Result {
    let (key, index, element) = (call.next()?, call.next()?, call.next()?);
    let Some(list) = call.db().get_mut::<List>(key)? else { return Err(Fault::NO_SUCH_KEY) };
    let place = place(number::parse_int(index)?, list.len());
    let slot = place.and_then(|index| list.get_mut(index)).ok_or(Fault::INDEX)?;
    *slot = element.to_vec();
    call.db().touch(key);
    Ok(Reply::Ok)
}

fn insert(call: &mut Call<'_>) -> Result {
    let key = call.next()?;
    let offset = match call.option().as_deref() {
        Some("before") => 0,
        Some("after") => 1,
        _ => return Err(Fault::SYNTAX),
    };
    let (pivot, element) = (call.next()?, call.next()?);
    let Some(list) = call.db().get_mut::<List>(key)? else { return Ok(Reply::Int(0)) };
    let Some(place) = list.iter().position(|it| it == pivot) else { return Ok(Reply::Int(-1)) };
    list.insert(place + offset, element.to_vec());
    let length = list.len();
    call.db().touch(key);
    Ok(Reply::len(length))
}

fn remove(call: &mut Call<'_>) -> Result {
    let (key, count, element) = (call.next()?, call.int()?, call.next()?);
    let Some(list) = call.db().get_mut::<List>(key)? else { return Ok(Reply::Int(0)) };
    let most = if count == 0 { usize::MAX } else { usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX) };
    let mut removed = 0;
    let mut keeps = |it: &Vec<u8>| {
        let goes = it == element && removed < most;
        removed += usize::from(goes);
        !goes
    };
    let kept: List = if count < 0 {
        let kept: Vec<_> = std::mem::take(list).into_iter().rev().filter(&mut keeps).collect();
        kept.into_iter().rev().collect()
    } else {
        std::mem::take(list).into_iter().filter(&mut keeps).collect()
    };
    *list = kept;
    if removed > 0 {
        call.db().touch(key);
    }
    Ok(Reply::len(removed))
}

fn trim(call: &mut Call<'_>) -> Result {
    let (key, start, stop) = (call.next()?, call.int()?, call.int()?);
    let Some(list) = call.db().get_mut::<List>(key)? else { return Ok(Reply::Ok) };
    let range = number::span(start, stop, list.len());
    list.truncate(range.end);
    list.drain(..range.start.min(list.len()));
    call.db().touch(key);
    Ok(Reply::Ok)
}

/// Moves an element from one list to another.
fn relocate(call: &mut Call<'_>, from: &[u8], to: &[u8], ends: (End, End)) -> Result<Option<Vec<u8>>> {
    if call.db().get::<List>(from)?.is_none() {
        return Ok(None);
    }
    call.db().get::<List>(to)?;
    let Some(element) = take(call, from, ends.0)? else { return Ok(None) };
    add(call.db().get_or_new::<List>(to)?, ends.1, element.clone());
    call.db().touch(to);
    Ok(Some(element))
}

fn shift(call: &mut Call<'_>) -> Result {
    let (from, to) = (call.next()?, call.next()?);
    let ends = (end(call)?, end(call)?);
    relocate(call, from, to, ends).map(Reply::bulk_or_nil)
}

fn shift_right_to_left(call: &mut Call<'_>) -> Result {
    let (from, to) = (call.next()?, call.next()?);
    relocate(call, from, to, (Right, Left)).map(Reply::bulk_or_nil)
}

fn pop_or_wait(call: &mut Call<'_>, end: End) -> Result {
    let timeout = call.timeout_at_end()?;
    for key in call.take_rest() {
        if let Some(element) = take(call, key, end)? {
            return Ok(Reply::bulks([key.clone(), element]));
        }
    }
    call.wait(None, timeout, Reply::NilArray)
}

/// Waits; what waited for nothing gets another answer than what may not wait.
fn wait_for_element(call: &Call<'_>, timeout: i64) -> Result {
    if call.may_wait { call.wait(None, timeout, Reply::NilArray) } else { Ok(Reply::Nil) }
}

fn shift_or_wait(call: &mut Call<'_>) -> Result {
    let (from, to) = (call.next()?, call.next()?);
    let ends = (end(call)?, end(call)?);
    let timeout = timeout(call.next()?)?;
    match relocate(call, from, to, ends)? {
        Some(element) => Ok(Reply::Bulk(element)),
        None => wait_for_element(call, timeout),
    }
}

fn shift_right_to_left_or_wait(call: &mut Call<'_>) -> Result {
    let (from, to) = (call.next()?, call.next()?);
    let timeout = timeout(call.next()?)?;
    match relocate(call, from, to, (Right, Left))? {
        Some(element) => Ok(Reply::Bulk(element)),
        None => wait_for_element(call, timeout),
    }
}

fn position(call: &mut Call<'_>) -> Result {
    let (key, element) = (call.next()?, call.next()?);
    let (mut rank, mut count, mut most) = (1, None, 0);
    while let Some(option) = call.option() {
        if call.rest.is_empty() {
            return Err(Fault::SYNTAX);
        }
        match option.as_str() {
            "rank" => {
                rank = call.int()?;
                if rank == 0 {
                    return Err(Fault::new(
                        "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use \
                         negative to start from the end of the list",
                    ));
                }
            }
            "count" => count = Some(number::len(positive(call, "COUNT")?)),
            "maxlen" => most = number::len(positive(call, "MAXLEN")?),
            _ => return Err(Fault::SYNTAX),
        }
    }
    let nothing = if count.is_some() { Reply::Array(Vec::new()) } else { Reply::Nil };
    let Some(list) = call.db().get::<List>(key)? else { return Ok(nothing) };
    let most = if most == 0 { list.len() } else { most };
    let mut places: Vec<usize> = (0..list.len()).collect();
    if rank < 0 {
        places.reverse();
    }
    let skipped = usize::try_from(rank.unsigned_abs() - 1).unwrap_or(usize::MAX);
    let fitting = places.into_iter().take(most).filter(|place| list.get(*place).is_some_and(|it| it == element));
    let mut found = fitting.skip(skipped).map(Reply::len);
    Ok(match count {
        None => found.next().unwrap_or(Reply::Nil),
        Some(0) => Reply::Array(found.collect()),
        Some(count) => Reply::Array(found.take(count).collect()),
    })
}

fn positive(call: &mut Call<'_>, option: &str) -> Result<i64> {
    let negative = || Fault::new(format!("ERR {option} can't be negative"));
    call.int().ok().filter(|number| *number >= 0).ok_or_else(negative)
}
