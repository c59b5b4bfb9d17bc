//! Whether anything happens on a connection.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use hyper::rt::{Read, ReadBufCursor, Write};
use tokio::{task::AbortHandle, time::Instant};
use tracing::debug;

/// What happens on a connection, counted by it and read by the listener.
#[derive(Default)]
pub(crate) struct Activity {
    /// Requests that were begun or ended, and pieces of replies that the client took.
    changes: AtomicU64,
    /// Requests in work.
    in_work: AtomicU64,
    /// Replies that go out in pieces.
    streaming: AtomicU64,
    /// Whether a piece of a reply waits for the client to take it.
    is_blocked: AtomicBool,
}

impl Activity {
    fn wrote<T>(&self, written: &Poll<T>) {
        self.is_blocked.store(written.is_pending(), Ordering::Relaxed);
        if written.is_ready() {
            self.changes.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn begin(&self) {
        self.changes.fetch_add(1, Ordering::Relaxed);
        self.in_work.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn is_in_work(&self) -> bool {
        self.in_work.load(Ordering::Relaxed) > 0
    }

    pub(crate) fn end(&self) {
        self.changes.fetch_add(1, Ordering::Relaxed);
        self.in_work.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A reply that goes out in pieces.
///
/// While its service has the next piece still to make, the request is in work, however long that takes. While the piece
/// waits for the client, it is not: one that takes nothing is quiet, over HTTP/2, too, where the connection has room.
pub(crate) struct Streaming {
    activity: Arc<Activity>,
    is_in_work: bool,
}

impl Streaming {
    pub(crate) fn begin(activity: &Arc<Activity>) -> Self {
        activity.streaming.fetch_add(1, Ordering::Relaxed);
        Self { activity: Arc::clone(activity), is_in_work: false }
    }

    /// Notes that a piece was asked for, and whether it has still to be made.
    pub(crate) fn note(&mut self, is_in_work: bool) {
        match (std::mem::replace(&mut self.is_in_work, is_in_work), is_in_work) {
            (false, true) => self.activity.begin(),
            (true, false) => self.activity.end(),
            (false, false) => {
                self.activity.changes.fetch_add(1, Ordering::Relaxed);
            }
            (true, true) => {}
        }
    }
}

impl Drop for Streaming {
    fn drop(&mut self) {
        self.note(false);
        self.activity.streaming.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The bytes of a connection. Those that go out count as something happening, so that a client which takes a long reply
/// in slowly is not taken for a quiet one; those that come in don't, or headers could come a byte at a time forever.
pub(crate) struct Counted<T> {
    io: T,
    /// Bytes that were read to learn which protocol is spoken, and that come first.
    start: Bytes,
    activity: Arc<Activity>,
}

impl<T> Counted<T> {
    pub(crate) fn new(io: T, start: Bytes, activity: Arc<Activity>) -> Self {
        Self { io, start, activity }
    }
}

impl<T: Read + Unpin> Read for Counted<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, mut buf: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        if !self.start.is_empty() {
            let length = self.start.len().min(buf.remaining());
            buf.put_slice(&self.start.split_to(length));
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl<T: Write + Unpin> Write for Counted<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(cx, bytes);
        self.activity.wrote(&written);
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write_vectored(cx, pieces);
        self.activity.wrote(&written);
        written
    }
}

/// A connection as its listener sees it, which ends those that nothing happens on: a client that sends nothing, or
/// its headers too slowly, or doesn't read.
///
/// hyper has a timer for headers, but sets it anew with each request, at the price of an allocation and of a place in
/// the timer wheel; one look at all connections now and then costs a request two additions.
pub(crate) struct Watched {
    activity: Arc<Activity>,
    changes: u64,
    quiet_since: Instant,
    connection: AbortHandle,
}

impl Watched {
    pub(crate) fn new(activity: Arc<Activity>, connection: AbortHandle) -> Self {
        Self { activity, changes: 0, quiet_since: Instant::now(), connection }
    }

    /// Returns whether the connection may stay while the listener goes: one that nobody waits at is ended soon, one
    /// whose reply the client takes in slowly is not.
    pub(crate) fn may_finish(&mut self, patience: Duration, quiet: Duration) -> bool {
        let is_blocked =
            self.activity.is_blocked.load(Ordering::Relaxed) || self.activity.streaming.load(Ordering::Relaxed) > 0;
        self.may_stay(if is_blocked { patience } else { patience.min(quiet) })
    }

    /// Returns whether the connection is still there, ending it if it has been quiet for too long.
    pub(crate) fn may_stay(&mut self, patience: Duration) -> bool {
        let changes = self.activity.changes.load(Ordering::Relaxed);
        if changes != self.changes || self.activity.in_work.load(Ordering::Relaxed) > 0 {
            self.changes = changes;
            self.quiet_since = Instant::now();
        } else if self.quiet_since.elapsed() >= patience {
            debug!("a connection was quiet for too long and is ended");
            self.connection.abort();
            return false;
        }
        !self.connection.is_finished()
    }
}
