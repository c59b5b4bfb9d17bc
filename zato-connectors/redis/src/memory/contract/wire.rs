//! One connection, byte by byte, and answers as they are written in conversations.

use std::time::Duration;

use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    time,
};

/// How long something may take that has to happen.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is read from and written to.
trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// One connection.
pub(super) struct Wire {
    stream: Box<dyn Duplex>,
    input: Vec<u8>,
}

impl Wire {
    pub(super) fn new(stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) -> Self {
        Self { stream: Box::new(stream), input: Vec::new() }
    }

    pub(super) async fn ask(&mut self, words: &[Vec<u8>]) {
        let mut command = format!("*{}\r\n", words.len()).into_bytes();
        for word in words {
            command.extend(format!("${}\r\n", word.len()).into_bytes());
            command.extend(word);
            command.extend(b"\r\n");
        }
        self.stream.write_all(&command).await.expect("written");
    }

    /// Returns the next answer as it is written in conversations.
    pub(super) async fn answer(&mut self) -> String {
        loop {
            if let Some((answer, rest)) = read(&self.input) {
                self.input = rest.to_vec();
                return answer;
            }
            let read = time::timeout(PATIENCE, self.stream.read_buf(&mut self.input)).await;
            let count = read.expect("an answer in time").expect("an answer");
            assert!(count > 0, "the connection has ended");
        }
    }
}

/// Reads one answer if it has come in whole; returns it and the rest.
fn read(input: &[u8]) -> Option<(String, &[u8])> {
    let end = input.windows(2).position(|bytes| bytes == b"\r\n")?;
    let line = String::from_utf8_lossy(&input[..end]).into_owned();
    let rest = &input[end + 2..];
    let (mark, content) = line.split_at(1);
    match (mark, content) {
        ("_", _) => Some(("_".to_owned(), rest)),
        ("$", "-1") => Some(("nil".to_owned(), rest)),
        ("*", "-1") => Some(("nil-array".to_owned(), rest)),
        ("$", length) => {
            let (bytes, rest) = rest.split_at_checked(length.parse().expect("a length"))?;
            Some((quoted(bytes), rest.get(2..)?))
        }
        ("*" | "~" | ">", count) => {
            let (items, rest) = read_many(rest, count.parse().expect("a count"))?;
            let mark = if mark == "*" { "" } else { mark };
            Some((format!("{mark}[{}]", items.join(", ")), rest))
        }
        ("%", count) => {
            let (items, rest) = read_many(rest, 2 * count.parse::<usize>().expect("a count"))?;
            let pairs: Vec<String> = items.chunks(2).map(|pair| pair.join(": ")).collect();
            Some((format!("{{{}}}", pairs.join(", ")), rest))
        }
        _ => Some((line, rest)),
    }
}

fn read_many(mut rest: &[u8], count: usize) -> Option<(Vec<String>, &[u8])> {
    let mut items = Vec::new();
    for _ in 0..count {
        let (item, after) = read(rest)?;
        items.push(item);
        rest = after;
    }
    Some((items, rest))
}

fn quoted(bytes: &[u8]) -> String {
    let mut text = String::from("\"");
    for byte in bytes {
        match byte {
            b'"' | b'\\' => text.extend(['\\', char::from(*byte)]),
            b' '..=b'~' => text.push(char::from(*byte)),
            _ => text.push_str(&format!("\\x{byte:02x}")),
        }
    }
    text.push('"');
    text
}
