//! How a stream is cut to size.

use super::{
    super::super::{
        command::Call,
        number,
        reply::{Fault, Result},
    },
    Stream,
    id::StreamId,
};

/// How many entries go together where they need not go exactly (`stream-node-max-entries`).
const NODE: usize = 100;

/// What a stream is cut to.
#[derive(Clone, Copy, Debug)]
pub(super) enum Size {
    /// So many entries.
    Length(usize),
    /// The entries from this one on.
    From(StreamId),
}

/// How a stream is cut to size.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trim {
    size: Size,
    /// Whether a bit more may stay.
    is_about: bool,
    /// How many go at most; 0 is as many as need be.
    limit: usize,
}

impl Trim {
    /// Reads how to cut, whose first word was taken already: `MAXLEN ~ 1000 LIMIT 100`.
    pub(super) fn read(call: &mut Call<'_>, option: &str) -> Result<Self> {
        let is_about = call.take("~");
        if !is_about {
            call.take("=");
        }
        let size = if option == "maxlen" {
            let length = call.int()?;
            if length < 0 {
                return Err(Fault::new("ERR The MAXLEN argument must be >= 0."));
            }
            Size::Length(number::len(length))
        } else {
            Size::From(StreamId::parse(call.next()?, 0)?)
        };
        let mut limit = if is_about { 100 * NODE } else { 0 };
        if call.take("limit") {
            let given = call.int()?;
            if given < 0 {
                return Err(Fault::new("ERR The LIMIT argument must be >= 0."));
            }
            if !is_about {
                return Err(Fault::new("ERR syntax error, LIMIT cannot be used without the special ~ option"));
            }
            limit = number::len(given);
        }
        Ok(Self { size, is_about, limit })
    }

    /// Cuts, and returns how many entries went.
    pub(super) fn apply(self, stream: &mut Stream) -> usize {
        let exact = match self.size {
            Size::Length(length) => stream.entries.len().saturating_sub(length),
            Size::From(id) => stream.entries.range(..id).count(),
        };
        let removed = if self.is_about { self.about(exact, stream.entries.len()) } else { exact };
        for _ in 0..removed {
            stream.entries.pop_first();
        }
        removed
    }

    /// Returns how many entries go if they go by the hundred alone.
    fn about(self, exact: usize, length: usize) -> usize {
        let mut removed = 0;
        loop {
            let node = NODE.min(length - removed);
            let is_over_limit = self.limit > 0 && removed + node > self.limit;
            if node == 0 || removed + node > exact || is_over_limit {
                return removed;
            }
            removed += node;
        }
    }
}
