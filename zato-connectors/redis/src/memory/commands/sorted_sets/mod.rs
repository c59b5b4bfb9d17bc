//! Sorted sets: members in the order of their scores.

mod adding;
mod interval;
mod ranges;
mod removing;

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
};

use super::{
    super::{
        command::{Call, Command},
        number,
        reply::{Reply, Result},
    },
    scan::{self, PACKED, Scan},
};

pub(super) const COMMANDS: &[Command] = &[
    Command::grows("zadd", -4, adding::add),
    Command::grows("zincrby", 4, adding::increment),
    Command::new("zcard", 2, |call| Ok(Reply::len(all(call)?.len()))),
    Command::new("zscore", 3, score),
    Command::new("zmscore", -3, scores),
    Command::new("zrank", 3, |call| rank(call, false)),
    Command::new("zrevrank", 3, |call| rank(call, true)),
    Command::new("zcount", 4, ranges::count),
    Command::new("zlexcount", 4, ranges::count_by_name),
    Command::new("zrange", -4, ranges::range),
    Command::new("zrevrange", -4, |call| ranges::by_index(call, true)),
    Command::new("zrangebyscore", -4, |call| ranges::by_score(call, false)),
    Command::new("zrevrangebyscore", -4, |call| ranges::by_score(call, true)),
    Command::new("zrangebylex", -4, |call| ranges::by_name(call, false)),
    Command::new("zrevrangebylex", -4, |call| ranges::by_name(call, true)),
    Command::writes("zrem", -3, removing::remove),
    Command::writes("zremrangebyrank", 4, removing::remove_by_rank),
    Command::writes("zremrangebyscore", 4, removing::remove_by_score),
    Command::writes("zremrangebylex", 4, removing::remove_by_name),
    Command::writes("zpopmin", -2, |call| removing::pop(call, false)),
    Command::writes("zpopmax", -2, |call| removing::pop(call, true)),
    Command::writes("bzpopmin", -3, |call| removing::pop_or_wait(call, false)),
    Command::writes("bzpopmax", -3, |call| removing::pop_or_wait(call, true)),
    Command::new("zscan", -3, scan_members),
];

/// Members in the order of their scores, and of their names where these are the same.
#[derive(Clone, Debug, Default)]
pub(in super::super) struct Sorted {
    scores: BTreeMap<Vec<u8>, f64>,
    order: BTreeSet<(Score, Vec<u8>)>,
}

/// A score, which is never NaN, as something with an order.
#[derive(Clone, Copy, Debug)]
struct Score(f64);

impl Ord for Score {
    fn cmp(&self, other: &Self) -> Ordering {
        // Not `total_cmp`: -0 and 0 are the same score.
        self.0.partial_cmp(&other.0).unwrap_or(Ordering::Equal)
    }
}

impl PartialOrd for Score {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Score {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Score {}

impl Sorted {
    pub(in super::super) fn is_empty(&self) -> bool {
        self.scores.is_empty()
    }

    fn len(&self) -> usize {
        self.scores.len()
    }

    fn score(&self, member: &[u8]) -> Option<f64> {
        self.scores.get(member).copied()
    }

    fn insert(&mut self, member: &[u8], score: f64) {
        self.remove(member);
        self.scores.insert(member.to_vec(), score);
        self.order.insert((Score(score), member.to_vec()));
    }

    fn remove(&mut self, member: &[u8]) -> bool {
        let Some(score) = self.scores.remove(member) else { return false };
        self.order.remove(&(Score(score), member.to_vec()))
    }

    /// Returns all in order.
    fn iter(&self) -> impl DoubleEndedIterator<Item = (&Vec<u8>, f64)> {
        self.order.iter().map(|(score, member)| (member, score.0))
    }
}

fn all(call: &mut Call<'_>) -> Result<Sorted> {
    let key = call.next()?;
    Ok(call.db().get::<Sorted>(key)?.cloned().unwrap_or_default())
}

fn score(call: &mut Call<'_>) -> Result {
    let (key, member) = (call.next()?, call.next()?);
    let score = call.db().get::<Sorted>(key)?.and_then(|sorted| sorted.score(member));
    Ok(score.map_or(Reply::Nil, Reply::Double))
}

fn scores(call: &mut Call<'_>) -> Result {
    let sorted = all(call)?;
    let scores = call.take_rest().iter().map(|member| sorted.score(member).map_or(Reply::Nil, Reply::Double));
    Ok(Reply::Array(scores.collect()))
}

fn rank(call: &mut Call<'_>, is_reverse: bool) -> Result {
    let (key, member) = (call.next()?, call.next()?);
    let Some(sorted) = call.db().get::<Sorted>(key)? else { return Ok(Reply::Nil) };
    let rank = sorted.iter().position(|(it, _)| it == member);
    let from_end = |rank| if is_reverse { sorted.len() - 1 - rank } else { rank };
    Ok(rank.map_or(Reply::Nil, |rank| Reply::len(from_end(rank))))
}

fn scan_members(call: &mut Call<'_>) -> Result {
    let key = call.next()?;
    let cursor = Scan::cursor(call)?;
    let scan = Scan::options(call, cursor, false)?;
    let Some(sorted) = call.db().get::<Sorted>(key)? else { return Ok(scan::answer(0, Vec::new())) };
    let (cursor, found) = scan.page(sorted.scores.keys(), sorted.len() <= PACKED);
    // Scores are strings here, in RESP3 too.
    let score = |member| Reply::bulk(number::general(sorted.score(member).unwrap_or_default()));
    let found = found.into_iter().flat_map(|member| [Reply::bulk(member.as_slice()), score(member)]);
    Ok(scan::answer(cursor, found.collect()))
}
