use super::records::byte;
use crate::message::{CsvOptions, CsvQuoting};

/// Leaves spaces out that follow a delimiter, before anything else is read: behind them a quote would be a character like
/// any other.
pub(super) struct Spaces {
    delimiter: u8,
    quote: Option<u8>,
    escape: Option<u8>,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// At the beginning of a value.
    Before,
    Within,
    Quoted,
    /// Behind an escape in a quote.
    Escaped,
    /// Behind a quote that ends its value, or is the first of two.
    Closing,
}

impl Spaces {
    pub(super) fn new(options: &CsvOptions) -> Self {
        Self {
            delimiter: byte(options.delimiter()),
            quote: (options.quoting() != CsvQuoting::None).then(|| byte(options.quote_char)),
            escape: options.escape_char.map(byte),
            state: State::Before,
        }
    }

    /// Copies input without such spaces.
    pub(super) fn without(&mut self, input: &[u8]) -> Vec<u8> {
        let mut output = Vec::with_capacity(input.len());
        for byte in input.iter().copied() {
            if self.state == State::Before && byte == b' ' && self.delimiter != b' ' {
                continue;
            }
            output.push(byte);
            let is_quote = Some(byte) == self.quote;
            self.state = match self.state {
                // A byte order mark, before which nothing has begun.
                State::Before if matches!(byte, 0xef | 0xbb | 0xbf) => State::Before,
                State::Before | State::Closing if is_quote => State::Quoted,
                State::Quoted if is_quote => State::Closing,
                State::Quoted if Some(byte) == self.escape => State::Escaped,
                State::Quoted | State::Escaped => State::Quoted,
                _ if byte == self.delimiter || byte == b'\n' || byte == b'\r' => State::Before,
                _ => State::Within,
            };
        }
        output
    }
}
