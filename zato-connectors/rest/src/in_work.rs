//! A request in work on a connection of ours, from its head to the last byte of its reply.
//!
//! The connection is only known to be idle when nothing of a reply waits to be sent any more, so the mark of the request
//! goes along with the bytes: from the service's future to the reply's body, and from there to its last piece, which
//! hyper drops when the socket has taken it. Nothing is allocated for that.

use std::{
    io::IoSlice,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::{Buf, Bytes};
use http_body::{Body as HttpBody, Frame, SizeHint};
use zato_core::BoxError;

use crate::{activity::Phase, body::Body, connection::Shared};

/// A request in work, or a piece of its reply; the connection counts it until it is dropped.
pub(crate) struct InWork {
    pub(crate) shared: Arc<Shared>,
    phase: Phase,
    /// Whether the connection takes no request after this one.
    pub(crate) is_last: bool,
}

impl InWork {
    pub(crate) fn begin(shared: &Arc<Shared>) -> Self {
        let before = shared.activity.begin();
        let is_last = before.saturating_add(1) >= u64::from(shared.max_requests);
        if is_last {
            shared.activity.spend();
        }
        Self { shared: Arc::clone(shared), phase: Phase::Serving, is_last }
    }

    fn turn_to(&mut self, phase: Phase) {
        if self.phase != phase {
            self.shared.activity.change(self.phase, phase);
            self.phase = phase;
        }
    }

    /// Marks another piece of the same reply.
    fn another(&self) -> Self {
        self.shared.activity.begin_replying();
        Self { shared: Arc::clone(&self.shared), phase: Phase::Replying, is_last: self.is_last }
    }
}

impl Drop for InWork {
    fn drop(&mut self) {
        self.shared.activity.end(self.phase);
    }
}

/// The body of a reply on its way to a client.
pub(crate) struct Outgoing {
    body: Body,
    /// Taken by the last piece.
    in_work: Option<InWork>,
}

impl Outgoing {
    pub(crate) fn new(body: Body, mut in_work: InWork) -> Self {
        in_work.turn_to(Phase::Replying);
        Self { body, in_work: Some(in_work) }
    }
}

impl HttpBody for Outgoing {
    type Data = Piece;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Piece>, BoxError>>> {
        let Self { body, in_work } = self.get_mut();
        let polled = Pin::new(&mut *body).poll_frame(cx);
        // A body that has nothing to give yet isn't the client's fault.
        if let Some(in_work) = in_work {
            in_work.turn_to(if polled.is_pending() { Phase::Serving } else { Phase::Replying });
        }
        polled.map_ok(|frame| {
            frame.map_data(|bytes| {
                let is_last = body.is_end_stream();
                let in_work = if is_last { in_work.take() } else { in_work.as_ref().map(InWork::another) };
                Piece { bytes, in_work }
            })
        })
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A piece of a reply, which tells the connection how much of it the client took.
pub(crate) struct Piece {
    bytes: Bytes,
    in_work: Option<InWork>,
}

impl Buf for Piece {
    fn remaining(&self) -> usize {
        self.bytes.remaining()
    }

    fn chunk(&self) -> &[u8] {
        self.bytes.chunk()
    }

    fn chunks_vectored<'a>(&'a self, pieces: &mut [IoSlice<'a>]) -> usize {
        self.bytes.chunks_vectored(pieces)
    }

    fn advance(&mut self, count: usize) {
        self.bytes.advance(count);
        if let Some(in_work) = &self.in_work {
            in_work.shared.activity.took(count);
        }
    }
}
