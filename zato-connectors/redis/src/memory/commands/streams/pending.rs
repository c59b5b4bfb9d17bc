//! What was delivered and not acknowledged.

use std::collections::BTreeMap;

use super::{
    super::super::{
        command::Call,
        number,
        reply::{Fault, Reply, Result},
    },
    Group, group_mut,
    id::StreamId,
    stream_mut,
};

pub(super) fn acknowledge(call: &mut Call<'_>) -> Result {
    let (key, group) = (call.next()?, call.next()?);
    let ids = call.take_rest();
    let found = stream_mut(call, key)?.and_then(|stream| stream.groups.get_mut(group));
    let Some(group) = found else { return Ok(Reply::Int(0)) };
    let ids: Result<Vec<StreamId>> = ids.iter().map(|id| StreamId::parse(id, 0)).collect();
    let acknowledged = ids?.iter().filter(|id| group.pending.remove(id).is_some()).count();
    if acknowledged > 0 {
        call.db().touch(key);
    }
    Ok(Reply::len(acknowledged))
}

pub(super) fn pending(call: &mut Call<'_>) -> Result {
    let (key, group) = (call.next()?, call.next()?);
    if call.rest.is_empty() {
        return Ok(summary(group_mut(call, key, group)?.1));
    }
    let mut least = 0;
    if call.rest.len() >= 5 && call.take("idle") {
        least = call.int()?;
    }
    if call.rest.len() < 3 {
        return Err(Fault::SYNTAX);
    }
    let (start, end, count) = (call.next()?, call.next()?, number::len(call.int()?));
    let (start, end) = (StreamId::parse_start(start)?, StreamId::parse_end(end)?);
    let (consumer, now) = (call.next_if_any(), call.now());
    let (_, group) = group_mut(call, key, group)?;
    if start > end {
        return Ok(Reply::Array(Vec::new()));
    }
    let fitting = group.pending.range(start..=end).filter(|(_, pending)| {
        consumer.is_none_or(|consumer| pending.consumer == consumer) && now - pending.delivered >= least
    });
    let listed = fitting.take(count).map(|(id, pending)| {
        let idle = (now - pending.delivered).max(0);
        let consumer = Reply::bulk(pending.consumer.as_slice());
        Reply::Array(vec![id.reply(), consumer, Reply::Int(idle), Reply::Int(pending.count)])
    });
    Ok(Reply::Array(listed.collect()))
}

fn summary(group: &Group) -> Reply {
    let ids = group.pending.keys();
    let (Some(first), Some(last)) = (ids.clone().next(), ids.clone().next_back()) else {
        return Reply::Array(vec![Reply::Int(0), Reply::Nil, Reply::Nil, Reply::NilArray]);
    };
    let mut counts: BTreeMap<&Vec<u8>, usize> = BTreeMap::new();
    for pending in group.pending.values() {
        *counts.entry(&pending.consumer).or_default() += 1;
    }
    let counts = counts
        .into_iter()
        .map(|(consumer, count)| Reply::Array(vec![Reply::bulk(consumer.as_slice()), Reply::bulk(count.to_string())]));
    Reply::Array(vec![Reply::len(ids.len()), first.reply(), last.reply(), Reply::Array(counts.collect())])
}
