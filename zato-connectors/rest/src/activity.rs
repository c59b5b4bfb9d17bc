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

use crate::limits::Patience;

/// Requests that a service, or the body of a reply that has nothing to give yet, is at work for.
const SERVING: u64 = 1;

/// Replies that wait for the client to take them in.
const REPLYING: u64 = 1 << 20;

/// Requests that were ever begun, modulo 2^24.
const BEGUN: u64 = 1 << 40;

/// How much of a reply a client has to take in for that to count. Less, and a reply could be kept here forever, a byte
/// at a time.
const PROGRESS: u64 = 16 * 1024;

/// What happens on a connection, counted by it and read by the listener.
#[derive(Default)]
pub(crate) struct Activity {
    /// Requests at work, replies that wait, and requests ever begun, in one number: it changes with each request, and
    /// one number takes one instruction to change.
    work: AtomicU64,
    /// Bytes of replies that the client took in, or its machine.
    taken: AtomicU64,
    /// Whether something came since the last request began or ended: part of another one, or what keeps HTTP/2 alive.
    has_input: AtomicBool,
    /// Whether the connection has served as many requests as it may.
    is_spent: AtomicBool,
}

/// What a request is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Serving,
    Replying,
}

impl Phase {
    fn unit(self) -> u64 {
        match self {
            Self::Serving => SERVING,
            Self::Replying => REPLYING,
        }
    }
}

impl Activity {
    /// Begins a request, and returns how many there were before it.
    pub(crate) fn begin(&self) -> u64 {
        self.has_input.store(false, Ordering::Relaxed);
        self.work.fetch_add(BEGUN + SERVING, Ordering::Relaxed) / BEGUN
    }

    /// Begins with another part of a reply, beside those that wait already.
    pub(crate) fn begin_replying(&self) {
        self.work.fetch_add(REPLYING, Ordering::Relaxed);
    }

    pub(crate) fn change(&self, from: Phase, to: Phase) {
        self.work.fetch_add(to.unit().wrapping_sub(from.unit()), Ordering::Relaxed);
    }

    pub(crate) fn end(&self, phase: Phase) {
        self.has_input.store(false, Ordering::Relaxed);
        self.work.fetch_sub(phase.unit(), Ordering::Relaxed);
    }

    /// Notes what the client took in. Only the connection itself calls this, so that nobody else writes in between.
    pub(crate) fn took(&self, bytes: usize) {
        let before = self.taken.load(Ordering::Relaxed);
        self.taken.store(before.wrapping_add(u64::try_from(bytes).unwrap_or(u64::MAX)), Ordering::Relaxed);
    }

    /// Says that the connection is to take no more requests.
    pub(crate) fn spend(&self) {
        self.is_spent.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_spent(&self) -> bool {
        self.is_spent.load(Ordering::Relaxed)
    }

    /// Whether a request is in work, or a part of a reply waits to be taken in.
    pub(crate) fn is_in_work(&self) -> bool {
        !self.work.load(Ordering::Relaxed).is_multiple_of(BEGUN)
    }

    fn look(&self) -> Seen {
        Seen { work: self.work.load(Ordering::Relaxed), has_input: self.has_input.load(Ordering::Relaxed) }
    }
}

/// What a look at a connection shows.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Seen {
    work: u64,
    has_input: bool,
}

impl Seen {
    fn is_serving(self) -> bool {
        self.work & (REPLYING - 1) > 0
    }

    fn is_replying(self) -> bool {
        self.work % BEGUN >= REPLYING
    }

    /// Nothing was begun yet: a connection that is there for nothing is none that a client keeps for its next request.
    fn is_new(self) -> bool {
        self.work == 0
    }
}

/// The bytes of a connection. It is noted that some came in, but not how many: headers could come a byte at a time
/// forever.
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
        let read = Pin::new(&mut self.io).poll_read(cx, buf);
        if read.is_ready() {
            self.activity.has_input.store(true, Ordering::Relaxed);
        }
        read
    }
}

impl<T: Write + Unpin> Write for Counted<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
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
        Pin::new(&mut self.io).poll_write_vectored(cx, pieces)
    }
}

/// A connection as its listener sees it, which ends those that nothing happens on: a client that sends nothing, or
/// its headers too slowly, or doesn't read.
///
/// hyper has a timer for headers, but sets it anew with each request, at the price of an allocation and of a place in
/// the timer wheel; one look at all connections now and then costs a request three additions. That what the client
/// sends or what we answer is no sign of life is on purpose: HTTP/2's pings, and our answers to them, could go on
/// forever. Requests are, and what a client takes in of a reply.
pub(crate) struct Watched {
    activity: Arc<Activity>,
    seen: Seen,
    taken: u64,
    quiet_since: Instant,
    connection: AbortHandle,
}

impl Watched {
    pub(crate) fn new(activity: Arc<Activity>, connection: AbortHandle) -> Self {
        let seen = activity.look();
        Self { activity, seen, taken: 0, quiet_since: Instant::now(), connection }
    }

    /// Returns whether the connection may stay while the listener goes: one that nobody waits at is ended soon, one
    /// whose reply the client takes in slowly is not.
    pub(crate) fn may_finish(&mut self, patience: Patience, quiet: Duration) -> bool {
        let Patience { header, idle, write } = patience;
        self.may_stay(Patience { header: header.min(quiet), idle: idle.min(quiet), write })
    }

    /// Returns whether the connection is still there, ending it if it has been quiet for too long.
    pub(crate) fn may_stay(&mut self, patience: Patience) -> bool {
        let (seen, taken) = (self.activity.look(), self.activity.taken.load(Ordering::Relaxed));
        let has_progress = taken.wrapping_sub(self.taken) >= PROGRESS;
        if seen != self.seen || seen.is_serving() || has_progress {
            (self.seen, self.taken) = (seen, taken);
            self.quiet_since = Instant::now();
        } else if self.quiet_since.elapsed() >= Self::patience(seen, patience) {
            debug!("a connection was quiet for too long and is ended");
            self.connection.abort();
            return false;
        }
        !self.connection.is_finished()
    }

    fn patience(seen: Seen, patience: Patience) -> Duration {
        if seen.is_replying() {
            patience.write
        } else if seen.has_input || seen.is_new() {
            patience.header
        } else {
            patience.idle
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time;

    use super::*;

    const PATIENCE: Patience =
        Patience { header: Duration::from_secs(10), idle: Duration::from_secs(20), write: Duration::from_secs(30) };

    /// A connection that does what a test makes it do.
    struct Fake {
        activity: Arc<Activity>,
        watched: Watched,
        _task: tokio::task::JoinSet<()>,
    }

    impl Fake {
        fn new() -> Self {
            let (activity, mut task) = (Arc::<Activity>::default(), tokio::task::JoinSet::new());
            let watched = Watched::new(Arc::clone(&activity), task.spawn(std::future::pending()));
            Self { activity, watched, _task: task }
        }

        /// Looks once a second, doing something before each look, and returns after how many it was ended.
        async fn seconds(&mut self, mut each: impl FnMut(&Activity)) -> u64 {
            for second in 1..=100 {
                time::advance(Duration::from_secs(1)).await;
                each(&self.activity);
                if !self.watched.may_stay(PATIENCE) {
                    return second;
                }
            }
            u64::MAX
        }
    }

    fn came(activity: &Activity) {
        activity.has_input.store(true, Ordering::Relaxed);
    }

    #[tokio::test(start_paused = true)]
    async fn each_phase_has_a_patience_of_its_own() {
        assert_eq!(Fake::new().seconds(|_| {}).await, 10, "nothing came");

        let mut idle = Fake::new();
        idle.activity.begin();
        idle.activity.end(Phase::Serving);
        assert_eq!(idle.seconds(|_| {}).await, 21, "one look to see the request, then it is idle");

        let mut replying = Fake::new();
        replying.activity.begin();
        replying.activity.change(Phase::Serving, Phase::Replying);
        assert_eq!(replying.seconds(|_| {}).await, 31);

        let mut serving = Fake::new();
        serving.activity.begin();
        assert_eq!(serving.seconds(|_| {}).await, u64::MAX, "a service has a timeout of its own");
    }

    #[tokio::test(start_paused = true)]
    async fn bytes_that_are_no_request_keep_nothing_alive() {
        assert_eq!(Fake::new().seconds(came).await, 11, "a byte at a time");
        let mut idle = Fake::new();
        idle.activity.begin();
        idle.activity.end(Phase::Serving);
        assert_eq!(idle.seconds(came).await, 11, "pings");
    }

    #[tokio::test(start_paused = true)]
    async fn a_reply_goes_on_while_enough_of_it_is_taken() {
        for (bytes, seconds) in [(16 * 1024, u64::MAX), (600, u64::MAX), (500, 31)] {
            let mut slow = Fake::new();
            slow.activity.begin();
            slow.activity.change(Phase::Serving, Phase::Replying);
            assert_eq!(slow.seconds(|activity| activity.took(bytes)).await, seconds, "{bytes} bytes a second");
        }
    }
}
