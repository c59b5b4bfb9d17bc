//! A request's body that its service reads piece by piece.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use futures_core::Stream;
use http_body::Body as HttpBody;
use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep};
use zato_core::{BoxError, Error, Result, message::ByteStream};

use crate::{
    body::{bytes_of, late, too_large},
    refusal::Refusal,
};

/// Up to here a body is read whole although its service takes a stream: that costs less, and a body that is too slow or
/// breaks off is refused before the service is asked.
const SMALL: u64 = 64 * 1024;

/// Whether a body is known to be small before it is read.
pub(crate) fn is_small(body: &impl HttpBody) -> bool {
    body.is_end_stream() || body.size_hint().upper().is_some_and(|most| most <= SMALL)
}

/// Makes a stream of a body, and what tells how far it was read.
///
/// The stream fails with [`TooLarge`](zato_core::Kind::TooLarge) as soon as the limit is passed, with
/// [`Timeout`](zato_core::Kind::Timeout) if it is asked for a piece and none comes for as long as patience lasts, and
/// with [`InvalidInput`](zato_core::Kind::InvalidInput) if the client breaks off.
///
/// # Errors
///
/// [`TooLarge`](zato_core::Kind::TooLarge) if the body is announced to be.
pub(crate) fn stream<B>(body: B, limit: usize, patience: Duration) -> Result<(ByteStream, Arc<Progress>)>
where
    B: HttpBody<Error: Into<BoxError>> + Send + 'static,
{
    let size = body.size_hint();
    if size.lower() > u64::try_from(limit).unwrap_or(u64::MAX) {
        return Err(too_large(limit));
    }
    let progress = Arc::<Progress>::default();
    let reading = Reading(Arc::clone(&progress));
    let stream = ByteStream::new(Upload { body, limit, read: 0, patience, silence: None, is_silent: false, reading });
    Ok((if let Some(length) = size.exact() { stream.with_length(length) } else { stream }, progress))
}

/// How far a body was read.
#[derive(Default)]
pub(crate) struct Progress(AtomicU8);

/// There may be more.
const COMING: u8 = 0;
/// All of it was read.
const READ: u8 = 1;
/// Nobody will read the rest.
const LEFT: u8 = 2;
/// Nothing came for too long.
const LATE: u8 = 3;

impl Progress {
    /// Whether a part of the body stays unread, so that the connection can't be used for another request.
    pub(crate) fn is_left(&self) -> bool {
        matches!(self.0.load(Ordering::Acquire), LEFT | LATE)
    }

    /// Makes the answer to what a service failed with, which may well be the body's own fault.
    pub(crate) fn refusal(&self, error: Error) -> Refusal {
        if self.0.load(Ordering::Acquire) == LATE { Refusal::of_body(error) } else { Refusal::of(error) }
    }
}

/// The reader's end of a [`Progress`]; dropped before the end, it leaves the rest.
struct Reading(Arc<Progress>);

impl Reading {
    fn end(&self, how: u8) {
        // The first end is the one that counts.
        let _ = self.0.0.compare_exchange(COMING, how, Ordering::AcqRel, Ordering::Acquire);
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.end(LEFT);
    }
}

pin_project! {
    struct Upload<B> {
        #[pin]
        body: B,
        limit: usize,
        read: usize,
        patience: Duration,
        // Made when the client is waited for the first time, and set anew each time after that.
        silence: Option<Pin<Box<Sleep>>>,
        is_silent: bool,
        reading: Reading,
    }
}

impl<B> Stream for Upload<B>
where
    B: HttpBody<Error: Into<BoxError>>,
{
    type Item = Result<Bytes>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes>>> {
        let mut this = self.project();
        let Poll::Ready(frame) = this.body.as_mut().poll_frame(cx) else {
            let timer = this.silence.get_or_insert_with(|| Box::pin(sleep(*this.patience)));
            if !std::mem::replace(this.is_silent, true) {
                timer.as_mut().reset(Instant::now() + *this.patience);
            }
            ready!(timer.as_mut().poll(cx));
            this.reading.end(LATE);
            return Poll::Ready(Some(Err(late())));
        };
        // Only the time that the service waits for the client counts, never the time that the client waits for it.
        *this.is_silent = false;
        let Some(frame) = frame else {
            this.reading.end(READ);
            return Poll::Ready(None);
        };
        let piece = bytes_of(frame).inspect_err(|_| this.reading.end(LEFT))?;
        *this.read = this.read.saturating_add(piece.len());
        if *this.read > *this.limit {
            this.reading.end(LEFT);
            return Poll::Ready(Some(Err(too_large(*this.limit))));
        }
        if this.body.is_end_stream() {
            this.reading.end(READ);
        }
        Poll::Ready(Some(Ok(piece)))
    }
}
