//! Entries that come and go.

use super::{
    super::super::{
        command::Call,
        reply::{Fault, Reply, Result},
    },
    Fields, Stream,
    id::StreamId,
    options::Trim,
    stream, stream_mut,
};

/// The id that an entry is to get.
enum Wanted {
    Any,
    At(u64),
    Exactly(StreamId),
}

impl Wanted {
    fn parse(text: &[u8]) -> Result<Self> {
        if text == b"*" {
            return Ok(Self::Any);
        }
        if let Some(millis) = StreamId::parse_millis(text) {
            return Ok(Self::At(millis));
        }
        let id = StreamId::parse(text, 0)?;
        if id == StreamId::MIN {
            return Err(Fault::new("ERR The ID specified in XADD must be greater than 0-0"));
        }
        Ok(Self::Exactly(id))
    }

    /// Returns the id that the next entry of a stream gets.
    fn resolve(&self, last: StreamId, now: i64) -> Result<StreamId> {
        let after_last = last
            .next()
            .ok_or_else(|| Fault::new("ERR The stream has exhausted the last possible ID, unable to add more items"))?;
        let now = StreamId { millis: u64::try_from(now).unwrap_or(0), sequence: 0 };
        let id = match *self {
            Self::Any => now.max(after_last),
            Self::At(millis) if millis == last.millis => after_last,
            Self::At(millis) => StreamId { millis, sequence: 0 },
            Self::Exactly(id) => id,
        };
        let is_in_time = !matches!(self, Self::At(millis) if id.millis != *millis);
        if id > last && is_in_time {
            return Ok(id);
        }
        Err(Fault::new("ERR The ID specified in XADD is equal or smaller than the target stream top item"))
    }
}

pub(super) fn add(call: &mut Call<'_>) -> Result {
    let key = call.next()?;
    let (mut trim, mut only_if_present) = (None, false);
    let wanted = loop {
        match call.peek().as_deref() {
            Some("nomkstream") => {
                call.next()?;
                only_if_present = true;
            }
            Some(option @ ("maxlen" | "minid")) => {
                call.next()?;
                trim = Some(Trim::read(call, option)?);
            }
            _ => break Wanted::parse(call.next()?)?,
        }
    };
    let fields: Fields = call.take_rest().to_vec();
    if fields.is_empty() || !fields.len().is_multiple_of(2) {
        return Err(Fault::arity(call.name));
    }
    let last = match stream(call, key)? {
        Some(stream) => stream.last,
        None if only_if_present => return Ok(Reply::Nil),
        None => StreamId::MIN,
    };
    let id = wanted.resolve(last, call.now())?;
    let stream = call.db().get_or_new::<Box<Stream>>(key)?;
    stream.entries.insert(id, fields);
    stream.last = id;
    stream.added = stream.added.saturating_add(1);
    if let Some(trim) = trim {
        trim.apply(stream);
    }
    call.db().touch(key);
    Ok(id.reply())
}

pub(super) fn delete(call: &mut Call<'_>) -> Result {
    let key = call.next()?;
    if stream(call, key)?.is_none() {
        return Ok(Reply::Int(0));
    }
    let ids: Result<Vec<StreamId>> = call.take_rest().iter().map(|id| StreamId::parse(id, 0)).collect();
    let (ids, mut removed) = (ids?, 0);
    let Some(stream) = stream_mut(call, key)? else { return Ok(Reply::Int(0)) };
    for id in ids {
        if stream.entries.remove(&id).is_some() {
            stream.last_deleted = stream.last_deleted.max(id);
            removed += 1;
        }
    }
    if removed > 0 {
        call.db().touch(key);
    }
    Ok(Reply::Int(removed))
}

pub(super) fn trim(call: &mut Call<'_>) -> Result {
    let key = call.next()?;
    let trim = match call.option().as_deref() {
        Some(option @ ("maxlen" | "minid")) => Trim::read(call, option)?,
        _ => return Err(Fault::SYNTAX),
    };
    call.end()?;
    let Some(stream) = stream_mut(call, key)? else { return Ok(Reply::Int(0)) };
    let removed = trim.apply(stream);
    if removed > 0 {
        call.db().touch(key);
    }
    Ok(Reply::len(removed))
}

pub(super) fn set_id(call: &mut Call<'_>) -> Result {
    let (key, id) = (call.next()?, StreamId::parse(call.next()?, 0)?);
    let (mut added, mut last_deleted) = (None, None);
    while let Some(option) = call.option() {
        match option.as_str() {
            "entriesadded" => {
                let given = call.int()?;
                if given < 0 {
                    return Err(Fault::new("ERR entries_added must be positive"));
                }
                added = Some(given);
            }
            "maxdeletedid" => {
                let given = StreamId::parse(call.next()?, 0)?;
                if id < given {
                    let text = "ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id";
                    return Err(Fault::new(text));
                }
                last_deleted = Some(given);
            }
            _ => return Err(Fault::SYNTAX),
        }
    }
    let stream = stream_mut(call, key)?.ok_or(Fault::NO_SUCH_KEY)?;
    check_id(stream, id, added)?;
    stream.last = id;
    stream.added = added.unwrap_or(stream.added);
    stream.last_deleted = last_deleted.unwrap_or(stream.last_deleted);
    call.db().touch(key);
    Ok(Reply::Ok)
}

/// Refuses an id or a count that what is there contradicts.
fn check_id(stream: &Stream, id: StreamId, added: Option<i64>) -> Result<()> {
    if stream.entries.keys().next_back().is_some_and(|top| id < *top) {
        return Err(Fault::new("ERR The ID specified in XSETID is smaller than the target stream top item"));
    }
    let length = i64::try_from(stream.entries.len()).unwrap_or(i64::MAX);
    if !stream.entries.is_empty() && added.is_some_and(|added| added < length) {
        let text = "ERR The entries_added specified in XSETID is smaller than the target stream length";
        return Err(Fault::new(text));
    }
    Ok(())
}
