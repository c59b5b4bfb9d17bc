//! Intervals of scores, and of names.

use super::super::super::{
    number,
    reply::{Fault, Result},
};

/// An interval of scores: `1`, `(1`, `-inf`.
#[derive(Debug)]
pub(super) struct Scores {
    min: Bound,
    max: Bound,
}

#[derive(Debug)]
struct Bound {
    score: f64,
    is_open: bool,
}

impl Scores {
    pub(super) fn parse(min: &[u8], max: &[u8]) -> Result<Self> {
        Ok(Self { min: Bound::parse(min)?, max: Bound::parse(max)? })
    }

    pub(super) fn contains(&self, score: f64) -> bool {
        let is_above = if self.min.is_open { score > self.min.score } else { score >= self.min.score };
        let is_below = if self.max.is_open { score < self.max.score } else { score <= self.max.score };
        is_above && is_below
    }
}

impl Bound {
    fn parse(text: &[u8]) -> Result<Self> {
        let (is_open, text) = text.strip_prefix(b"(").map_or((false, text), |text| (true, text));
        let score = number::parse_float(text).map_err(|_| Fault::new("ERR min or max is not a float"))?;
        Ok(Self { score, is_open })
    }
}

/// An interval of names: `[a`, `(a`, `-`, `+`.
#[derive(Debug)]
pub(super) struct Names<'a> {
    min: Name<'a>,
    max: Name<'a>,
}

#[derive(Debug)]
enum Name<'a> {
    First,
    Last,
    Closed(&'a [u8]),
    Open(&'a [u8]),
}

impl<'a> Names<'a> {
    pub(super) fn parse(min: &'a [u8], max: &'a [u8]) -> Result<Self> {
        Ok(Self { min: Name::parse(min)?, max: Name::parse(max)? })
    }

    pub(super) fn contains(&self, name: &[u8]) -> bool {
        let is_above = match self.min {
            Name::First => true,
            Name::Last => false,
            Name::Closed(min) => name >= min,
            Name::Open(min) => name > min,
        };
        is_above
            && match self.max {
                Name::First => false,
                Name::Last => true,
                Name::Closed(max) => name <= max,
                Name::Open(max) => name < max,
            }
    }
}

impl<'a> Name<'a> {
    fn parse(text: &'a [u8]) -> Result<Self> {
        match text {
            b"-" => Ok(Self::First),
            b"+" => Ok(Self::Last),
            [b'[', name @ ..] => Ok(Self::Closed(name)),
            [b'(', name @ ..] => Ok(Self::Open(name)),
            _ => Err(Fault::new("ERR min or max not valid string range item")),
        }
    }
}
