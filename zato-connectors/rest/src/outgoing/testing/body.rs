//! The body of a reply, with the faults that bodies have.

use std::{
    collections::VecDeque,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use http_body::{Body, Frame, SizeHint};
use tokio::time::{self, Sleep};
use zato_core::bytes::Bytes;

/// How a body ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum End {
    #[default]
    Whole,
    /// The connection ends before the body does.
    BrokenOff,
    /// Nothing more comes.
    Stalled,
}

/// Pieces that come one by one.
pub(super) struct Pieces {
    left: VecDeque<Bytes>,
    /// What passes between them.
    pause: Duration,
    sleep: Option<Pin<Box<Sleep>>>,
    end: End,
    /// How long the body is said to be.
    length: Option<u64>,
}

impl Pieces {
    pub(super) fn new(pieces: impl IntoIterator<Item = Bytes>, pause: Duration, end: End, length: Option<u64>) -> Self {
        Self { left: pieces.into_iter().collect(), pause, sleep: None, end, length }
    }
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if let Some(sleep) = &mut self.sleep {
            ready!(sleep.as_mut().poll(cx));
            self.sleep = None;
        }
        match (self.left.pop_front(), self.end) {
            (Some(piece), _) => {
                if !self.pause.is_zero() && !self.left.is_empty() {
                    self.sleep = Some(Box::pin(time::sleep(self.pause)));
                }
                Poll::Ready(Some(Ok(Frame::data(piece))))
            }
            (None, End::Whole) => Poll::Ready(None),
            (None, End::BrokenOff) => Poll::Ready(Some(Err(io::ErrorKind::UnexpectedEof.into()))),
            // Whoever waits has a timeout of its own.
            (None, End::Stalled) => Poll::Pending,
        }
    }

    fn size_hint(&self) -> SizeHint {
        self.length.map(SizeHint::with_exact).unwrap_or_default()
    }
}
