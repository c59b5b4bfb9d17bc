//! Going through what there is, a piece at a time, while it changes.
//!
//! Everything has a place by its hash, and a cursor is the last place that was seen: what is there all the time is seen,
//! whatever comes and goes meanwhile.

use super::super::{
    command::{Call, lower},
    glob, number,
    reply::{Fault, Reply, Result},
};

/// How many are looked at unless told otherwise.
const COUNT: usize = 10;

/// How many are given at once, whatever is asked for, as Redis does with what it keeps as one packed list.
pub(super) const PACKED: usize = 128;

/// What is asked for.
pub(super) struct Scan<'a> {
    cursor: u64,
    pattern: Option<&'a [u8]>,
    count: usize,
    type_name: Option<String>,
}

impl<'a> Scan<'a> {
    /// Reads the cursor.
    pub(super) fn cursor(call: &mut Call<'a>) -> Result<u64> {
        let word = call.next()?;
        std::str::from_utf8(word)
            .ok()
            .and_then(|word| word.parse().ok())
            .ok_or_else(|| Fault::new("ERR invalid cursor"))
    }

    /// Reads what follows the cursor.
    pub(super) fn options(call: &mut Call<'a>, cursor: u64, takes_type: bool) -> Result<Self> {
        let mut scan = Self { cursor, pattern: None, count: COUNT, type_name: None };
        while let Some(option) = call.option() {
            match option.as_str() {
                "match" => scan.pattern = Some(call.next()?),
                "count" => {
                    let count = call.int()?;
                    if count < 1 {
                        return Err(Fault::SYNTAX);
                    }
                    scan.count = number::len(count);
                }
                "type" if takes_type => scan.type_name = Some(lower(call.next()?)),
                _ => return Err(Fault::SYNTAX),
            }
        }
        Ok(scan)
    }

    /// Returns the names of this piece, and the cursor of the next; 0 is the end.
    pub(super) fn page<'n>(&self, names: impl Iterator<Item = &'n Vec<u8>>, is_all: bool) -> (u64, Vec<&'n Vec<u8>>) {
        let mut ahead: Vec<(u64, &Vec<u8>)> =
            names.map(|name| (place(name), name)).filter(|(place, _)| *place > self.cursor).collect();
        ahead.sort_unstable();
        let count = if is_all { ahead.len() } else { self.count };
        let mut cursor = 0;
        if let Some((last, _)) = count.checked_sub(1).and_then(|last| ahead.get(last)).copied() {
            // Those in the same place go together.
            let end = ahead.partition_point(|(place, _)| *place <= last);
            if end < ahead.len() {
                cursor = last;
            }
            ahead.truncate(end);
        }
        let fitting = ahead.into_iter().map(|(_, name)| name);
        (cursor, fitting.filter(|name| self.pattern.is_none_or(|pattern| glob::matches(pattern, name))).collect())
    }
}

/// Returns the place of a name: FNV-1a, in 48 bits so that every client can count so far, and never 0.
fn place(name: &[u8]) -> u64 {
    let hash = name
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    ((hash >> 16) ^ (hash & 0xffff)).max(1)
}

/// Answers with a piece.
pub(super) fn answer(cursor: u64, items: Vec<Reply>) -> Reply {
    Reply::Array(vec![Reply::bulk(cursor.to_string()), Reply::Array(items)])
}

/// `SCAN`.
pub(super) fn keys(call: &mut Call<'_>) -> Result {
    let cursor = Scan::cursor(call)?;
    let scan = Scan::options(call, cursor, true)?;
    let database = call.db();
    let (cursor, keys) = scan.page(database.iter().map(|(key, _)| key), false);
    let is_of_type = |key: &&Vec<u8>| {
        let type_name = database.entry(key).map(|entry| entry.data.type_name());
        scan.type_name.as_deref().is_none_or(|wanted| type_name == Some(wanted))
    };
    let found = keys.into_iter().filter(is_of_type).map(|key| Reply::bulk(key.as_slice())).collect();
    Ok(answer(cursor, found))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn what_is_there_all_the_time_is_seen_whatever_goes_meanwhile() {
        let mut names: BTreeSet<Vec<u8>> = (0..500).map(|index: u32| index.to_string().into_bytes()).collect();
        let (mut scan, mut seen) = (Scan { cursor: 0, pattern: None, count: 7, type_name: None }, BTreeSet::new());
        loop {
            let (cursor, page) = scan.page(names.iter(), false);
            let page: Vec<Vec<u8>> = page.into_iter().cloned().collect();
            for name in page {
                names.remove(&name);
                assert!(seen.insert(name));
            }
            if cursor == 0 {
                break;
            }
            scan.cursor = cursor;
        }
        assert_eq!(seen.len(), 500);
    }
}
