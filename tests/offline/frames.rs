//! A client that speaks HTTP/2 frame by frame, so that it can say what no client should.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use zato::Running;

use crate::support::{PATIENCE, address};

// The kinds of frames (RFC 9113 §6).
pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;

// Their flags.
pub(crate) const NONE: u8 = 0;
pub(crate) const ACK: u8 = 1;
pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;

// Why a connection ends (RFC 9113 §7).
pub(crate) const NO_ERROR: u32 = 0;
pub(crate) const PROTOCOL_ERROR: u32 = 1;
pub(crate) const ENHANCE_YOUR_CALM: u32 = 11;

/// A setting: the window of a stream.
pub(crate) const INITIAL_WINDOW_SIZE: u16 = 4;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Writes a frame.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a payload is short").to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// The headers of a request, none of them remembered or compressed (RFC 7541 §6).
pub(crate) fn headers(method: &str, path: &str, more: &[(&str, &str)]) -> Vec<u8> {
    let method: &[u8] = match method {
        "GET" => b"\x82",
        "POST" => b"\x83",
        other => panic!("no method {other} here"),
    };
    let mut block = [method, b"\x86\x04", &text(path), b"\x01", &text("test")].concat();
    for (name, value) in more {
        block.extend([b"\x00", &*text(name), &text(value)].concat());
    }
    block
}

/// A text whose length takes one byte, or several.
fn text(text: &str) -> Vec<u8> {
    let mut written = Vec::new();
    if text.len() < 127 {
        written.push(u8::try_from(text.len()).expect("it is less than 127"));
    } else {
        written.push(127);
        let mut rest = text.len() - 127;
        while rest >= 128 {
            written.push(u8::try_from(rest % 128 + 128).expect("it is a byte"));
            rest /= 128;
        }
        written.push(u8::try_from(rest).expect("it is less than 128"));
    }
    written.extend(text.as_bytes());
    written
}

/// `GET` on a stream.
pub(crate) fn get(stream: u32, path: &str) -> Vec<u8> {
    frame(HEADERS, END_STREAM | END_HEADERS, stream, &headers("GET", path, &[]))
}

/// Takes a request back.
pub(crate) fn reset(stream: u32) -> Vec<u8> {
    frame(RST_STREAM, NONE, stream, &8_u32.to_be_bytes())
}

/// A frame that came.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

impl Frame {
    /// The status in the headers of a reply, where it is one that has a number of its own (RFC 7541, appendix A).
    pub(crate) fn status(&self) -> Option<u16> {
        let known = [200, 204, 206, 304, 400, 404, 500];
        let first = self.payload.first().filter(|_| self.kind == HEADERS)?;
        known.get(usize::from(first.checked_sub(0x88)?)).copied()
    }

    /// Why a connection ends.
    pub(crate) fn reason(&self) -> Option<u32> {
        let code = self.payload.get(4..8).filter(|_| self.kind == GOAWAY)?;
        Some(u32::from_be_bytes(code.try_into().expect("they are four bytes")))
    }
}

/// A connection over which frames go as they are.
pub(crate) struct Http2 {
    stream: TcpStream,
}

impl Http2 {
    /// Connects, and says the least that a client says first.
    pub(crate) async fn to(app: &Running) -> Self {
        Self::with(app, &[]).await
    }

    /// Connects with settings.
    pub(crate) async fn with(app: &Running, settings: &[(u16, u32)]) -> Self {
        let stream = TcpStream::connect(address(app)).await.expect("the app listens");
        let mut connection = Self { stream };
        let settings: Vec<u8> =
            settings.iter().flat_map(|(key, value)| [&key.to_be_bytes()[..], &value.to_be_bytes()].concat()).collect();
        connection.send([PREFACE, &frame(SETTINGS, NONE, 0, &settings)].concat()).await;
        connection
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        assert!(self.try_send(bytes).await, "the app takes bytes");
    }

    /// Sends as much as the app takes, and returns whether that was all.
    pub(crate) async fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        timeout(PATIENCE, self.stream.write_all(bytes.as_ref())).await.is_ok_and(|sent| sent.is_ok())
    }

    /// Waits for the next frame; `None` at the end of the connection.
    pub(crate) async fn next(&mut self) -> Option<Frame> {
        let mut head = [0; 9];
        timeout(PATIENCE, self.stream.read_exact(&mut head)).await.expect("a frame in time").ok()?;
        let [a, b, c, kind, flags, stream @ ..] = head;
        let mut payload = vec![0; usize::try_from(u32::from_be_bytes([0, a, b, c])).expect("it is short")];
        timeout(PATIENCE, self.stream.read_exact(&mut payload)).await.expect("a payload in time").ok()?;
        Some(Frame { kind, flags, stream: u32::from_be_bytes(stream), payload })
    }

    /// Waits for a frame that is wanted, and returns it; `None` if the connection ends without one.
    pub(crate) async fn find(&mut self, is_wanted: impl Fn(&Frame) -> bool) -> Option<Frame> {
        while let Some(frame) = self.next().await {
            if is_wanted(&frame) {
                return Some(frame);
            }
        }
        None
    }

    /// Waits for the status of a reply.
    pub(crate) async fn status(&mut self, stream: u32) -> Option<u16> {
        self.find(|frame| frame.kind == HEADERS && frame.stream == stream).await?.status()
    }

    /// Waits until the app ends the connection, and returns why it did; `None` if it didn't say.
    pub(crate) async fn reason(&mut self) -> Option<u32> {
        let mut reason = None;
        while let Some(frame) = self.next().await {
            reason = frame.reason().or(reason);
        }
        reason
    }
}
