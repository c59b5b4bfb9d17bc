use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame};
use zato_core::{
    BoxError,
    config::{CompressionLevel, ContentCoding},
};

use super::codec::Encoder;
use crate::body::Body;

/// How much is compressed in one go, which takes a millisecond or less. After that others get their turn.
const TURN: usize = 64 * 1024;

/// Compresses a body: at once if it is short, and else while it is sent. One that is a stream stays one.
pub(super) fn encode(coding: ContentCoding, level: CompressionLevel, body: &mut Body) -> io::Result<()> {
    let length = body.size_hint().exact();
    let mut encoder = Encoder::new(coding, level, length)?;
    if let Some(bytes) = body.bytes().filter(|bytes| bytes.len() <= TURN) {
        encoder.write(bytes)?;
        encoder.finish()?;
        *body = Body::from(encoder.take());
        return Ok(());
    }
    let plain = std::mem::take(body);
    *body = Body::stream(Encoded { plain, rest: Bytes::new(), encoder, worked: 0, state: State::Flushed });
    Ok(())
}

/// A body that is compressed while it is read.
struct Encoded {
    plain: Body,
    /// What was read and is not compressed yet.
    rest: Bytes,
    encoder: Encoder,
    /// How much was compressed in this turn.
    worked: usize,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Something went into the encoder that may not have come out.
    Written,
    /// Everything that went in has come out.
    Flushed,
    /// The end went in.
    Over,
}

impl Encoded {
    /// Compresses the next part of what was read.
    fn step(&mut self) -> io::Result<()> {
        let part = self.rest.split_to(self.rest.len().min(TURN));
        self.worked += part.len();
        self.state = State::Written;
        self.encoder.write(&part)
    }

    /// Reads on, or lets out what is in the encoder while there is nothing to read, so that a reply that comes slowly
    /// is not held back.
    fn read_on(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        match Pin::new(&mut self.plain).poll_frame(cx) {
            // A reply has no trailers: nothing announces them.
            Poll::Ready(Some(frame)) => self.rest = frame?.into_data().unwrap_or_default(),
            Poll::Ready(None) => {
                self.encoder.finish()?;
                self.state = State::Over;
            }
            Poll::Pending if self.state == State::Written => {
                self.encoder.flush()?;
                self.state = State::Flushed;
            }
            Poll::Pending => return Poll::Pending,
        }
        Poll::Ready(Ok(()))
    }
}

impl HttpBody for Encoded {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        loop {
            if this.state == State::Over {
                return Poll::Ready(None);
            }
            if this.worked >= TURN {
                this.worked = 0;
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            if this.rest.is_empty() {
                ready!(this.read_on(cx))?;
            } else {
                this.step()?;
            }
            let out = this.encoder.take();
            if !out.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(out))));
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.state == State::Over
    }
}
