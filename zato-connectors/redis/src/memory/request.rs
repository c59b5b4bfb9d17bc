//! Commands as they come in: arrays of strings, or words on a line.

use std::{borrow::Cow, str};

/// The most words of a command, as in Redis (`PROTO_MAX_MULTIBULK`).
const MOST_WORDS: i64 = 1024 * 1024;

/// The longest word of a command, in bytes (`proto-max-bulk-len`).
const LONGEST_WORD: i64 = 512 << 20;

/// The longest line, in bytes (`PROTO_INLINE_MAX_SIZE`).
const LONGEST_LINE: usize = 64 << 10;

/// A command, and how many bytes it took; none if it has not come in whole.
type Parsed = Result<Option<(Vec<Vec<u8>>, usize)>, Cow<'static, str>>;

/// Reads the first command.
pub(super) fn parse(input: &[u8]) -> Parsed {
    if input.is_empty() {
        return Ok(None);
    }
    let mut reader = Reader { rest: input };
    let words = if input.starts_with(b"*") { reader.array()? } else { reader.words()? };
    Ok(words.map(|words| (words, input.len() - reader.rest.len())))
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn array(&mut self) -> Result<Option<Vec<Vec<u8>>>, Cow<'static, str>> {
        let Some(line) = self.line()? else { return Ok(None) };
        let count = line.strip_prefix(b"*").and_then(number).filter(|count| *count <= MOST_WORDS);
        let count = count.ok_or("ERR Protocol error: invalid multibulk length")?;
        let mut words = Vec::new();
        for _ in 0..count {
            let Some(word) = self.word()? else { return Ok(None) };
            words.push(word);
        }
        Ok(Some(words))
    }

    fn word(&mut self) -> Result<Option<Vec<u8>>, Cow<'static, str>> {
        let Some(line) = self.line()? else { return Ok(None) };
        let Some(length) = line.strip_prefix(b"$") else {
            let got = line.first().map_or(' ', |byte| char::from(*byte));
            return Err(format!("ERR Protocol error: expected '$', got '{got}'").into());
        };
        let length = number(length).filter(|length| (0..=LONGEST_WORD).contains(length));
        let length = length.ok_or("ERR Protocol error: invalid bulk length")?;
        let length = usize::try_from(length).unwrap_or_default();
        let Some((word, rest)) = self.rest.split_at_checked(length) else { return Ok(None) };
        let Some(rest) = rest.get(2..) else { return Ok(None) };
        self.rest = rest;
        Ok(Some(word.to_vec()))
    }

    fn words(&mut self) -> Result<Option<Vec<Vec<u8>>>, Cow<'static, str>> {
        let Some(line) = self.line()? else { return Ok(None) };
        let words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        Ok(Some(words.map(<[u8]>::to_vec).collect()))
    }

    fn line(&mut self) -> Result<Option<&'a [u8]>, Cow<'static, str>> {
        let Some(end) = self.rest.iter().take(LONGEST_LINE).position(|byte| *byte == b'\n') else {
            let is_too_long = self.rest.len() >= LONGEST_LINE;
            return if is_too_long { Err("ERR Protocol error: too big inline request".into()) } else { Ok(None) };
        };
        let (line, rest) = self.rest.split_at(end);
        self.rest = rest.get(1..).unwrap_or_default();
        Ok(Some(line.strip_suffix(b"\r").unwrap_or(line)))
    }
}

fn number(digits: &[u8]) -> Option<i64> {
    str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_come_in_whole_or_in_pieces() {
        let command = b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n";
        for cut in 0..command.len() {
            assert_eq!(parse(&command[..cut]), Ok(None), "{cut}");
        }
        let words = vec![b"GET".to_vec(), b"k".to_vec()];
        assert_eq!(parse(command), Ok(Some((words, command.len()))));
    }

    #[test]
    fn lines_are_commands_too() {
        assert_eq!(parse(b"PING  hello\r\nrest"), Ok(Some((vec![b"PING".to_vec(), b"hello".to_vec()], 13))));
    }

    #[test]
    fn what_is_no_command_is_refused() {
        for bytes in [&b"*x\r\n"[..], b"*1\r\n:1\r\n", b"*1\r\n$-5\r\n", b"*9999999\r\n", &[b'a'; LONGEST_LINE]] {
            assert!(parse(bytes).is_err(), "{}", String::from_utf8_lossy(bytes));
        }
    }
}
