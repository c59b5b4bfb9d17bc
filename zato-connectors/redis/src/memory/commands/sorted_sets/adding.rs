//! Members that come in, and scores that change.

use super::{
    super::super::{
        command::Call,
        number,
        reply::{Fault, Reply, Result},
    },
    Sorted,
};

/// What may be changed, as asked for.
#[derive(Default)]
struct Options {
    only_new: bool,
    only_present: bool,
    only_greater: bool,
    only_less: bool,
    counts_changed: bool,
    is_increment: bool,
}

impl Options {
    fn read(call: &mut Call<'_>) -> Result<Self> {
        let mut options = Self::default();
        while let Some(option) = call.peek() {
            match option.as_str() {
                "nx" => options.only_new = true,
                "xx" => options.only_present = true,
                "gt" => options.only_greater = true,
                "lt" => options.only_less = true,
                "ch" => options.counts_changed = true,
                "incr" => options.is_increment = true,
                _ => break,
            }
            call.next()?;
        }
        Ok(options)
    }

    fn check(&self, pairs: usize) -> Result<()> {
        let text = if self.only_new && self.only_present {
            "ERR XX and NX options at the same time are not compatible"
        } else if self.only_new && (self.only_greater || self.only_less) || self.only_greater && self.only_less {
            "ERR GT, LT, and/or NX options at the same time are not compatible"
        } else if self.is_increment && pairs > 1 {
            "ERR INCR option supports a single increment-element pair"
        } else {
            return Ok(());
        };
        Err(Fault::new(text))
    }

    /// Returns the score that a member gets, if it gets one.
    fn score(&self, before: Option<f64>, given: f64) -> Result<Option<f64>> {
        let Some(before) = before else { return Ok((!self.only_present).then_some(given)) };
        if self.only_new {
            return Ok(None);
        }
        let score = if self.is_increment { before + given } else { given };
        if score.is_nan() {
            return Err(Fault::new("ERR resulting score is not a number (NaN)"));
        }
        let is_kept_out = self.only_greater && score <= before || self.only_less && score >= before;
        Ok((!is_kept_out).then_some(score))
    }
}

fn pairs<'a>(call: &mut Call<'a>, options: &Options) -> Result<Vec<(f64, &'a [u8])>> {
    let words = call.take_rest();
    if words.is_empty() || !words.len().is_multiple_of(2) {
        return Err(Fault::SYNTAX);
    }
    options.check(words.len() / 2)?;
    let mut pairs = Vec::new();
    for pair in words.chunks_exact(2) {
        if let [score, member] = pair {
            pairs.push((number::parse_float(score)?, member.as_slice()));
        }
    }
    Ok(pairs)
}

pub(super) fn add(call: &mut Call<'_>) -> Result {
    let key = call.next()?;
    let options = Options::read(call)?;
    let pairs = pairs(call, &options)?;
    let sorted = call.db().get_or_new::<Sorted>(key)?;
    let (mut added, mut changed, mut last) = (0, 0, None);
    let mut outcome = Ok(());
    for (given, member) in pairs {
        let before = sorted.score(member);
        match options.score(before, given) {
            Ok(Some(score)) => {
                sorted.insert(member, score);
                added += usize::from(before.is_none());
                changed += usize::from(before.is_some_and(|before| before != score));
                last = Some(score);
            }
            Ok(None) => {}
            Err(error) => outcome = Err(error),
        }
    }
    if added + changed > 0 {
        call.db().touch(key);
    } else {
        call.db().tidy(key);
    }
    outcome?;
    Ok(match (options.is_increment, options.counts_changed) {
        (true, _) => last.map_or(Reply::Nil, Reply::Double),
        (false, true) => Reply::len(added + changed),
        (false, false) => Reply::len(added),
    })
}

pub(super) fn increment(call: &mut Call<'_>) -> Result {
    let (key, by, member) = (call.next()?, call.float()?, call.next()?);
    let options = Options { is_increment: true, ..Options::default() };
    let before = call.db().get::<Sorted>(key)?.and_then(|sorted| sorted.score(member));
    let Some(score) = options.score(before, by)? else { return Ok(Reply::Nil) };
    call.db().get_or_new::<Sorted>(key)?.insert(member, score);
    call.db().touch(key);
    Ok(Reply::Double(score))
}
