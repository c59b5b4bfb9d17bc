//! Members that go, and waiting for some to come.

use super::{
    super::super::{
        command::Call,
        number,
        reply::{Fault, Reply, Result},
    },
    Sorted,
    interval::{Names, Scores},
};

pub(super) fn remove(call: &mut Call<'_>) -> Result {
    let key = call.next()?;
    let members = call.take_rest();
    remove_all(call, key, |_| members.to_vec())
}

/// Removes the members that are chosen, and answers how many there were.
fn remove_all(call: &mut Call<'_>, key: &[u8], choose: impl FnOnce(&Sorted) -> Vec<Vec<u8>>) -> Result {
    let Some(sorted) = call.db().get_mut::<Sorted>(key)? else { return Ok(Reply::Int(0)) };
    let chosen = choose(sorted);
    let removed = chosen.iter().filter(|member| sorted.remove(member)).count();
    if removed > 0 {
        call.db().touch(key);
    }
    Ok(Reply::len(removed))
}

fn names<'a>(found: impl Iterator<Item = (&'a Vec<u8>, f64)>) -> Vec<Vec<u8>> {
    found.map(|(name, _)| name.clone()).collect()
}

pub(super) fn remove_by_rank(call: &mut Call<'_>) -> Result {
    let (key, start, stop) = (call.next()?, call.int()?, call.int()?);
    remove_all(call, key, |sorted| {
        let part = number::span(start, stop, sorted.len());
        names(sorted.iter().skip(part.start).take(part.len()))
    })
}

pub(super) fn remove_by_score(call: &mut Call<'_>) -> Result {
    let (key, min, max) = (call.next()?, call.next()?, call.next()?);
    let scores = Scores::parse(min, max)?;
    remove_all(call, key, |sorted| names(sorted.iter().filter(|(_, score)| scores.contains(*score))))
}

pub(super) fn remove_by_name(call: &mut Call<'_>) -> Result {
    let (key, min, max) = (call.next()?, call.next()?, call.next()?);
    let interval = Names::parse(min, max)?;
    remove_all(call, key, |sorted| names(sorted.iter().filter(|(name, _)| interval.contains(name))))
}

fn take(call: &mut Call<'_>, key: &[u8], count: usize, is_last: bool) -> Result<Vec<(Vec<u8>, f64)>> {
    let Some(sorted) = call.db().get_mut::<Sorted>(key)? else { return Ok(Vec::new()) };
    let own = |(name, score): (&Vec<u8>, f64)| (name.clone(), score);
    let taken: Vec<_> = if is_last {
        sorted.iter().rev().take(count).map(own).collect()
    } else {
        sorted.iter().take(count).map(own).collect()
    };
    for (name, _) in &taken {
        sorted.remove(name);
    }
    if !taken.is_empty() {
        call.db().touch(key);
    }
    Ok(taken)
}

pub(super) fn pop(call: &mut Call<'_>, is_last: bool) -> Result {
    if call.words.len() > 3 {
        return Err(Fault::SYNTAX);
    }
    let key = call.next()?;
    let count = match call.next_if_any() {
        None => None,
        Some(count) => {
            let count = number::parse_int(count).ok().filter(|count| *count >= 0);
            Some(number::len(count.ok_or_else(|| Fault::new("ERR value is out of range, must be positive"))?))
        }
    };
    let taken = take(call, key, count.unwrap_or(1), is_last)?;
    let pairs = taken.into_iter().map(|(name, score)| (Reply::Bulk(name), Reply::Double(score)));
    // One that is popped alone is no pair among pairs, not even in RESP3.
    Ok(match count {
        None => Reply::Array(pairs.flat_map(|(name, score)| [name, score]).collect()),
        Some(_) => Reply::Pairs(pairs.collect()),
    })
}

pub(super) fn pop_or_wait(call: &mut Call<'_>, is_last: bool) -> Result {
    let timeout = call.timeout_at_end()?;
    for key in call.take_rest() {
        if let Some((name, score)) = take(call, key, 1, is_last)?.pop() {
            return Ok(Reply::Array(vec![Reply::bulk(key.as_slice()), Reply::Bulk(name), Reply::Double(score)]));
        }
    }
    call.wait(None, timeout, Reply::NilArray)
}
