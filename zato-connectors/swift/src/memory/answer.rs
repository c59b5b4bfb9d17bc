//! What is answered, and how it goes out.

use std::{borrow::Cow, collections::VecDeque, fmt};

use bytes::{Bytes, BytesMut};
use futures_util::stream;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header};
use zato_core::{Error, Result, message::ByteStream};

use super::faults::Taken;
use crate::error::{self, SwiftErrorKind};

/// How much of a body goes out at a time, in bytes.
const CHUNK: usize = 64 << 10;

/// What is answered.
#[derive(Debug, Default)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<Piece>,
}

/// A part of a body.
#[derive(Clone, Debug)]
pub(super) enum Piece {
    Data(Bytes),
    /// So many bytes are announced and not there: the connection breaks.
    Lost(u64),
}

/// Why something is not done.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) text: Cow<'static, str>,
}

/// What comes of a request.
pub(super) type Outcome<T = Answer> = Result<T, Refusal>;

impl Answer {
    pub(super) fn new(status: StatusCode) -> Self {
        Self { status, ..Self::default() }
    }

    pub(super) fn json(status: StatusCode, value: &serde_json::Value) -> Self {
        Self::new(status).with("content-type", "application/json; charset=utf-8").containing(value.to_string())
    }

    /// Adds a header; the name is in lower case. A value that no header can have is left out.
    pub(super) fn with(mut self, name: &'static str, value: impl fmt::Display) -> Self {
        if let Ok(value) = HeaderValue::from_bytes(value.to_string().as_bytes()) {
            self.headers.insert(HeaderName::from_static(name), value);
        }
        self
    }

    /// Adds headers as they stand elsewhere.
    pub(super) fn with_all(mut self, headers: &HeaderMap) -> Self {
        self.headers.extend(headers.iter().map(|(name, value)| (name.clone(), value.clone())));
        self
    }

    pub(super) fn containing(mut self, body: impl Into<Bytes>) -> Self {
        self.body = vec![Piece::Data(body.into())];
        self
    }

    /// Turns it into the message that goes out, with what a test wants to go wrong on the way.
    pub(super) fn into_response(mut self, method: &Method, faults: &Taken) -> Response<ByteStream> {
        let has_no_body =
            *method == Method::HEAD || self.status == StatusCode::NO_CONTENT || self.status == StatusCode::NOT_MODIFIED;
        if has_no_body {
            self.body.clear();
        } else {
            let length = self.body.iter().map(Piece::length).sum::<u64>();
            self = self.with("content-length", length);
        }
        if !self.headers.contains_key(header::CONTENT_TYPE) && !has_no_body {
            self = self.with("content-type", "text/html; charset=UTF-8");
        }
        let is_get = *method == Method::GET;
        if let Some(Piece::Data(first)) = self.body.first_mut().filter(|_| is_get && faults.is_corrupt) {
            *first = corrupted(first);
        }
        let body = outgoing(self.body, faults.break_after.filter(|_| is_get));
        let mut response = Response::new(body);
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response
    }
}

impl Refusal {
    pub(super) fn new(status: StatusCode, text: impl Into<Cow<'static, str>>) -> Self {
        Self { status, text: text.into() }
    }

    /// Says the same in Swift's own words: `404 Not Found`.
    pub(super) fn line(&self) -> String {
        line(self.status)
    }
}

impl From<StatusCode> for Refusal {
    fn from(status: StatusCode) -> Self {
        Self::new(status, format!("<html><h1>{}</h1></html>", reason(status)))
    }
}

impl From<Refusal> for Answer {
    fn from(refusal: Refusal) -> Self {
        Self::new(refusal.status).containing(refusal.text.into_owned())
    }
}

impl Piece {
    pub(super) fn length(&self) -> u64 {
        match self {
            Self::Data(bytes) => length(bytes),
            Self::Lost(length) => *length,
        }
    }
}

/// Returns how many bytes there are.
pub(super) fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

/// Returns the line that a status has in the answers of bulk operations.
pub(super) fn line(status: StatusCode) -> String {
    format!("{} {}", status.as_u16(), reason(status))
}

fn reason(status: StatusCode) -> &'static str {
    match status {
        StatusCode::PAYLOAD_TOO_LARGE => "Request Entity Too Large",
        other => other.canonical_reason().unwrap_or("Unknown"),
    }
}

/// Returns the same with one byte another one.
pub(super) fn corrupted(bytes: &Bytes) -> Bytes {
    let mut copy = BytesMut::from(bytes.as_ref());
    if let Some(first) = copy.first_mut() {
        *first ^= 1;
    }
    copy.freeze()
}

/// The error of a connection that ends before all has gone through.
pub(super) fn broken() -> Error {
    error::of_kind(SwiftErrorKind::ConnectionLost, "the connection broke")
}

fn outgoing(pieces: Vec<Piece>, break_after: Option<u64>) -> ByteStream {
    let length = pieces.iter().map(Piece::length).sum();
    ByteStream::new(stream::iter(Chunks { pieces: pieces.into(), left: break_after })).with_length(length)
}

/// The body as it goes out.
struct Chunks {
    pieces: VecDeque<Piece>,
    /// How many bytes go out before the connection breaks.
    left: Option<u64>,
}

impl Chunks {
    fn end(&mut self) -> Option<Result<Bytes>> {
        self.pieces.clear();
        self.left = None;
        Some(Err(broken()))
    }
}

impl Iterator for Chunks {
    type Item = Result<Bytes>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.left == Some(0) {
            return self.end();
        }
        match self.pieces.pop_front() {
            Some(Piece::Data(mut bytes)) => {
                let left = self.left.and_then(|left| usize::try_from(left).ok());
                let rest = bytes.split_off(bytes.len().min(CHUNK).min(left.unwrap_or(CHUNK)));
                if !rest.is_empty() {
                    self.pieces.push_front(Piece::Data(rest));
                }
                self.left = self.left.map(|left| left.saturating_sub(length(&bytes)));
                Some(Ok(bytes))
            }
            Some(Piece::Lost(_)) => self.end(),
            None if self.left.is_some() => self.end(),
            None => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pieces: &[Piece], break_after: Option<u64>) -> (usize, bool) {
        let (mut came, mut is_broken) = (0, false);
        for chunk in (Chunks { pieces: pieces.to_vec().into(), left: break_after }) {
            assert!(!is_broken);
            match chunk {
                Ok(bytes) => came += bytes.len(),
                Err(_) => is_broken = true,
            }
        }
        (came, is_broken)
    }

    #[test]
    fn a_body_breaks_where_it_is_told_to() {
        let data = Piece::Data(Bytes::from(vec![0; CHUNK * 2 + 1]));
        let whole = [data.clone(), Piece::Data(Bytes::from("more"))];
        assert_eq!(read(&whole, None), (CHUNK * 2 + 5, false));
        assert_eq!(read(&whole, Some(0)), (0, true));
        assert_eq!(read(&whole, Some(70_000)), (70_000, true));
        assert_eq!(read(&whole, Some(u64::MAX)), (CHUNK * 2 + 5, true));
        assert_eq!(read(&[data, Piece::Lost(7)], None), (CHUNK * 2 + 1, true));
    }

    #[test]
    fn one_byte_of_what_is_corrupted_differs() {
        assert_eq!(corrupted(&Bytes::from("abc")), "`bc");
        assert_eq!(corrupted(&Bytes::new()), "");
    }
}
