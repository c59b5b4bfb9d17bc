//! Parts of a sorted set: by place, by score, and by name.

use super::{
    super::super::{
        command::Call,
        number,
        reply::{Fault, Reply, Result},
    },
    Sorted,
    interval::{Names, Scores},
};

/// What is asked for, beside the bounds.
#[derive(Default)]
struct Options {
    by: By,
    is_reverse: bool,
    limit: Option<(i64, i64)>,
    with_scores: bool,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum By {
    #[default]
    Index,
    Score,
    Name,
}

impl Options {
    fn read(call: &mut Call<'_>, mut options: Self, is_free: bool) -> Result<Self> {
        while let Some(option) = call.option() {
            match option.as_str() {
                "withscores" => options.with_scores = true,
                "limit" if call.rest.len() >= 2 => options.limit = Some((call.int()?, call.int()?)),
                "byscore" if is_free => options.by = By::Score,
                "bylex" if is_free => options.by = By::Name,
                "rev" if is_free => options.is_reverse = true,
                _ => return Err(Fault::SYNTAX),
            }
        }
        options.check()?;
        Ok(options)
    }

    fn check(&self) -> Result<()> {
        // A count of -1 is as good as none said.
        if self.limit.is_some_and(|(_, count)| count != -1) && self.by == By::Index {
            let text = "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX";
            return Err(Fault::new(text));
        }
        if self.with_scores && self.by == By::Name {
            return Err(Fault::new("ERR syntax error, WITHSCORES not supported in combination with BYLEX"));
        }
        Ok(())
    }
}

/// The members that fit, whatever they are chosen by.
enum Interval<'a> {
    All,
    Scores(Scores),
    Names(Names<'a>),
}

impl<'a> Interval<'a> {
    fn parse(by: By, min: &'a [u8], max: &'a [u8]) -> Result<Self> {
        match by {
            By::Index => Ok(Self::All),
            By::Score => Scores::parse(min, max).map(Self::Scores),
            By::Name => Names::parse(min, max).map(Self::Names),
        }
    }

    fn contains(&self, name: &[u8], score: f64) -> bool {
        match self {
            Self::All => true,
            Self::Scores(scores) => scores.contains(score),
            Self::Names(names) => names.contains(name),
        }
    }
}

pub(super) fn range(call: &mut Call<'_>) -> Result {
    answer(call, Options::default(), true)
}

pub(super) fn by_index(call: &mut Call<'_>, is_reverse: bool) -> Result {
    answer(call, Options { is_reverse, ..Options::default() }, false)
}

pub(super) fn by_score(call: &mut Call<'_>, is_reverse: bool) -> Result {
    answer(call, Options { by: By::Score, is_reverse, ..Options::default() }, false)
}

pub(super) fn by_name(call: &mut Call<'_>, is_reverse: bool) -> Result {
    answer(call, Options { by: By::Name, is_reverse, ..Options::default() }, false)
}

fn answer(call: &mut Call<'_>, options: Options, is_free: bool) -> Result {
    let (key, start, stop) = (call.next()?, call.next()?, call.next()?);
    let options = Options::read(call, options, is_free)?;
    let (min, max) = if options.is_reverse { (stop, start) } else { (start, stop) };
    let interval = Interval::parse(options.by, min, max)?;
    let indexes = match options.by {
        By::Index => Some((number::parse_int(start)?, number::parse_int(stop)?)),
        By::Score | By::Name => None,
    };
    let Some(sorted) = call.db().get::<Sorted>(key)? else { return Ok(Reply::Array(Vec::new())) };
    let mut found: Vec<(&Vec<u8>, f64)> =
        sorted.iter().filter(|(name, score)| interval.contains(name, *score)).collect();
    if options.is_reverse {
        found.reverse();
    }
    let part = match (indexes, options.limit) {
        (Some((start, stop)), _) => number::span(start, stop, found.len()),
        (None, Some((offset, count))) => limited(offset, count, found.len()),
        (None, None) => 0..found.len(),
    };
    let found = found.get(part).unwrap_or_default().iter();
    if options.with_scores {
        let pairs = found.map(|(name, score)| (Reply::bulk(name.as_slice()), Reply::Double(*score)));
        return Ok(Reply::Pairs(pairs.collect()));
    }
    Ok(Reply::Array(found.map(|(name, _)| Reply::bulk(name.as_slice())).collect()))
}

/// Returns the part after an offset; a negative count takes all, and a negative offset nothing.
fn limited(offset: i64, count: i64, length: usize) -> std::ops::Range<usize> {
    if offset < 0 {
        return 0..0;
    }
    let start = number::len(offset).min(length);
    let end = if count < 0 { length } else { start.saturating_add(number::len(count)).min(length) };
    start..end
}

pub(super) fn count(call: &mut Call<'_>) -> Result {
    let (key, min, max) = (call.next()?, call.next()?, call.next()?);
    let scores = Scores::parse(min, max)?;
    let sorted = call.db().get::<Sorted>(key)?;
    Ok(Reply::len(sorted.map_or(0, |sorted| sorted.iter().filter(|(_, score)| scores.contains(*score)).count())))
}

pub(super) fn count_by_name(call: &mut Call<'_>) -> Result {
    let (key, min, max) = (call.next()?, call.next()?, call.next()?);
    let names = Names::parse(min, max)?;
    let sorted = call.db().get::<Sorted>(key)?;
    Ok(Reply::len(sorted.map_or(0, |sorted| sorted.iter().filter(|(name, _)| names.contains(name)).count())))
}
