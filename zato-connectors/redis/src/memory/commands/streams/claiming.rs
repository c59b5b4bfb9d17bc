//! Taking over what another consumer has got and not acknowledged.

use std::collections::BTreeMap;

use super::{
    super::super::{
        command::Call,
        number,
        reply::{Fault, Reply, Result},
    },
    Fields, Group, Pending, entry, group_mut,
    id::StreamId,
};

/// How many are taken at once unless told otherwise.
const COUNT: usize = 100;

/// How an entry is taken over.
#[derive(Debug)]
struct Claim<'a> {
    consumer: &'a [u8],
    /// How long it has to lie there, in milliseconds.
    least_idle: i64,
    /// When it counts as delivered.
    delivered: i64,
    /// How often it counts as delivered, unless once more.
    count: Option<i64>,
    /// Whether one that was delivered to nobody is taken, too.
    is_forced: bool,
    /// Whether ids alone are answered, and the delivery isn't counted.
    is_id_alone: bool,
}

impl Claim<'_> {
    /// Takes an entry over if it may be.
    fn take(&self, group: &mut Group, id: StreamId, fields: &Fields, now: i64) -> Option<Reply> {
        let owner = group.pending.get(&id);
        if owner.is_none() && !self.is_forced {
            return None;
        }
        if owner.is_some_and(|pending| self.least_idle > 0 && now - pending.delivered < self.least_idle) {
            return None;
        }
        let before = owner.map_or(1, |pending| pending.count);
        let count = self.count.unwrap_or(before.saturating_add(i64::from(!self.is_id_alone)));
        group.hear_of(self.consumer, now);
        group.pending.insert(id, Pending { consumer: self.consumer.to_vec(), delivered: self.delivered, count });
        Some(if self.is_id_alone { id.reply() } else { entry(id, Some(fields)) })
    }
}

fn least_idle(call: &mut Call<'_>) -> Result<i64> {
    let name = call.name.to_ascii_uppercase();
    let idle = call.int().map_err(|_| Fault::new(format!("ERR Invalid min-idle-time argument for {name}")))?;
    Ok(idle.max(0))
}

pub(super) fn claim(call: &mut Call<'_>) -> Result {
    let (key, group, consumer) = (call.next()?, call.next()?, call.next()?);
    group_mut(call, key, group)?;
    let least_idle = least_idle(call)?;
    let mut ids = Vec::new();
    while let Some(id) = call.rest.first().and_then(|word| StreamId::parse(word, 0).ok()) {
        call.next()?;
        ids.push(id);
    }
    let now = call.now();
    let mut claim = Claim { consumer, least_idle, delivered: now, count: None, is_forced: false, is_id_alone: false };
    let last = options(call, &mut claim)?;
    let (entries, group) = group_mut(call, key, group)?;
    group.last = group.last.max(last);
    let mut claimed = Vec::new();
    for id in ids {
        match entries.get(&id) {
            Some(fields) => claimed.extend(claim.take(group, id, fields, now)),
            None => drop(group.pending.remove(&id)),
        }
    }
    call.db().touch(key);
    Ok(Reply::Array(claimed))
}

/// Reads the options of a claim; returns what the group is to have read at least.
fn options(call: &mut Call<'_>, claim: &mut Claim<'_>) -> Result<StreamId> {
    let (now, mut last) = (call.now(), StreamId::MIN);
    while let Some(word) = call.next_if_any() {
        let option = super::super::super::command::lower(word);
        let invalid = || Fault::new(format!("ERR Invalid {} option argument for XCLAIM", option.to_ascii_uppercase()));
        match option.as_str() {
            "force" => claim.is_forced = true,
            "justid" => claim.is_id_alone = true,
            "idle" if !call.rest.is_empty() => claim.delivered = now.saturating_sub(call.int().map_err(|_| invalid())?),
            "time" if !call.rest.is_empty() => claim.delivered = call.int().map_err(|_| invalid())?,
            "retrycount" if !call.rest.is_empty() => claim.count = Some(call.int().map_err(|_| invalid())?),
            "lastid" if !call.rest.is_empty() => last = StreamId::parse(call.next()?, 0)?,
            _ => {
                let word = String::from_utf8_lossy(word);
                return Err(Fault::new(format!("ERR Unrecognized XCLAIM option '{word}'")));
            }
        }
    }
    // What would have been delivered before time began, or later than now, is delivered now.
    if claim.delivered < 0 || claim.delivered > now {
        claim.delivered = now;
    }
    Ok(last)
}

pub(super) fn claim_oldest(call: &mut Call<'_>) -> Result {
    let (key, group, consumer) = (call.next()?, call.next()?, call.next()?);
    let least_idle = least_idle(call)?;
    let start = StreamId::parse_start(call.next()?)?;
    let (mut count, mut is_id_alone) = (COUNT, false);
    while let Some(option) = call.option() {
        match option.as_str() {
            "count" if !call.rest.is_empty() => {
                let given = call.int().ok().filter(|count| *count > 0);
                count = number::len(given.ok_or_else(|| Fault::new("ERR COUNT must be > 0"))?);
            }
            "justid" => is_id_alone = true,
            _ => return Err(Fault::SYNTAX),
        }
    }
    let now = call.now();
    let claim = Claim { consumer, least_idle, delivered: now, count: None, is_forced: false, is_id_alone };
    let (entries, group) = group_mut(call, key, group)?;
    let (next, claimed, gone) = take_oldest(group, entries, &claim, (start, count), now);
    call.db().touch(key);
    Ok(Reply::Array(vec![next.reply(), Reply::Array(claimed), Reply::Array(gone)]))
}

/// Takes over as many as are wanted, looking at ten times as many; returns where to go on, what was taken, and what is gone.
fn take_oldest(
    group: &mut Group,
    entries: &BTreeMap<StreamId, Fields>,
    claim: &Claim<'_>,
    (start, count): (StreamId, usize),
    now: i64,
) -> (StreamId, Vec<Reply>, Vec<Reply>) {
    let ids: Vec<StreamId> = group.pending.range(start..).map(|(id, _)| *id).collect();
    let (mut claimed, mut gone) = (Vec::new(), Vec::new());
    let mut looked_at = 0;
    for id in &ids {
        if looked_at == count.saturating_mul(10) || claimed.len() + gone.len() == count {
            break;
        }
        looked_at += 1;
        if let Some(fields) = entries.get(id) {
            claimed.extend(claim.take(group, *id, fields, now));
        } else {
            group.pending.remove(id);
            gone.push(id.reply());
        }
    }
    (ids.get(looked_at).copied().unwrap_or_default(), claimed, gone)
}
