//! Parts of a stream.

use super::{
    super::super::{
        command::Call,
        number,
        reply::{Fault, Reply, Result},
    },
    entry,
    id::StreamId,
    stream,
};

pub(super) fn length(call: &mut Call<'_>) -> Result {
    let key = call.next()?;
    Ok(Reply::len(stream(call, key)?.map_or(0, |stream| stream.entries.len())))
}

pub(super) fn range(call: &mut Call<'_>, is_reverse: bool) -> Result {
    let (key, first, second) = (call.next()?, call.next()?, call.next()?);
    let (start, end) = if is_reverse { (second, first) } else { (first, second) };
    let (start, end) = (StreamId::parse_start(start)?, StreamId::parse_end(end)?);
    let mut count = None;
    while let Some(option) = call.option() {
        if option != "count" || call.rest.is_empty() {
            return Err(Fault::SYNTAX);
        }
        count = Some(number::len(call.int()?));
    }
    let Some(stream) = stream(call, key)? else { return Ok(Reply::Array(Vec::new())) };
    if count == Some(0) {
        return Ok(Reply::NilArray);
    }
    if start > end {
        return Ok(Reply::Array(Vec::new()));
    }
    let count = count.unwrap_or(usize::MAX);
    let entries = stream.entries.range(start..=end).map(|(id, fields)| entry(*id, Some(fields)));
    Ok(Reply::Array(if is_reverse { entries.rev().take(count).collect() } else { entries.take(count).collect() }))
}
