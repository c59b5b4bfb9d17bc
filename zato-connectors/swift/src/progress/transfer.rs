use std::{
    collections::VecDeque,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;
use tracing::info;

use super::{Listener, Progress};

/// No more often than this is somebody told.
const TELL: Duration = Duration::from_millis(200);

/// How often a transfer that lasts is logged.
const LOG: Duration = Duration::from_secs(10);

/// What the rate is worked out over.
const WINDOW: Duration = Duration::from_secs(5);

/// An object on its way there or here. A clone is the same transfer.
#[derive(Clone)]
pub(crate) struct Transfer(Arc<Mutex<State>>);

/// What the log says of a transfer.
#[derive(Debug)]
pub(crate) struct Subject {
    /// `sent` or `read`.
    pub(crate) direction: &'static str,
    pub(crate) connection: String,
    pub(crate) container: String,
    pub(crate) object: String,
}

struct State {
    subject: Subject,
    total: Option<u64>,
    begun: Instant,
    /// What was there without being moved.
    given: u64,
    moved: u64,
    /// What had been moved when, in the order of time; the first is no younger than the window.
    samples: VecDeque<(Instant, u64)>,
    told: Instant,
    logged: Instant,
    is_logged: bool,
    listener: Option<Listener>,
}

/// What one request moves of a transfer. Moved once more it counts once. A clone is the same one.
#[derive(Clone)]
pub(crate) struct Leg {
    transfer: Transfer,
    furthest: Arc<AtomicU64>,
}

impl Transfer {
    pub(crate) fn new(subject: Subject, total: Option<u64>, listener: Option<Listener>) -> Self {
        let begun = Instant::now();
        let state = State {
            subject,
            total,
            begun,
            given: 0,
            moved: 0,
            samples: VecDeque::new(),
            told: begun,
            logged: begun,
            is_logged: false,
            listener,
        };
        Self(Arc::new(Mutex::new(state)))
    }

    /// Begins what one request moves.
    pub(crate) fn leg(&self) -> Leg {
        Leg { transfer: self.clone(), furthest: Arc::default() }
    }

    /// Notes what has been moved.
    pub(crate) fn moved(&self, bytes: u64) {
        self.lock().moved(bytes);
    }

    /// Notes what need not be moved, as it is there already.
    pub(crate) fn given(&self, bytes: u64) {
        let mut state = self.lock();
        state.given += bytes;
        state.tell();
    }

    /// Notes that all of it has arrived.
    pub(crate) fn done(&self) {
        self.lock().done();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Leg {
    /// Notes how far the request has got, from its beginning.
    pub(crate) fn reached(&self, position: u64) {
        let before = self.furthest.fetch_max(position, Ordering::Relaxed);
        if position > before {
            self.transfer.moved(position - before);
        }
    }
}

impl State {
    fn moved(&mut self, bytes: u64) {
        self.moved += bytes;
        self.tell();
    }

    fn tell(&mut self) {
        let now = Instant::now();
        if now - self.told < TELL {
            return;
        }
        self.told = now;
        self.sample(now);
        let progress = self.progress(now);
        if now - self.logged >= LOG {
            (self.logged, self.is_logged) = (now, true);
            self.log(&progress, "object on its way");
        }
        if let Some(listener) = &mut self.listener {
            listener(&progress);
        }
    }

    fn done(&mut self) {
        let now = Instant::now();
        let progress = self.progress(now);
        if self.is_logged {
            self.log(&progress, "object has arrived");
        }
        if let Some(mut listener) = self.listener.take() {
            listener(&progress);
        }
    }

    fn sample(&mut self, now: Instant) {
        self.samples.push_back((now, self.moved));
        while self.samples.get(1).is_some_and(|(when, _)| now - *when >= WINDOW) {
            self.samples.pop_front();
        }
    }

    fn progress(&self, now: Instant) -> Progress {
        // In the beginning the window reaches back to it.
        let is_young = now - self.begun <= WINDOW;
        let oldest = self.samples.front().copied().filter(|_| !is_young);
        let (since, before) = oldest.unwrap_or((self.begun, 0));
        let seconds = (now - since).as_secs_f64();
        let rate = if seconds > 0.0 { (self.moved - before) as f64 / seconds } else { 0.0 };
        Progress { bytes: self.given + self.moved, total: self.total, elapsed: now - self.begun, rate }
    }

    fn log(&self, progress: &Progress, words: &'static str) {
        let Subject { direction, connection, container, object } = &self.subject;
        let remaining = progress.remaining().map(|left| left.as_secs());
        let elapsed_ms = u64::try_from(progress.elapsed.as_millis()).unwrap_or(u64::MAX);
        let (bytes, total, rate) = (progress.bytes, progress.total, progress.rate.round());
        info!(connection, container, object, direction, bytes, total, rate, remaining, elapsed_ms, "{words}");
    }
}

impl fmt::Debug for Transfer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transfer").field("subject", &self.lock().subject).finish_non_exhaustive()
    }
}

impl fmt::Debug for Leg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Leg").field("furthest", &self.furthest).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use tokio::time;

    use super::*;
    use crate::progress::listener;

    type Heard = Arc<Mutex<Vec<Progress>>>;

    fn transfer(total: Option<u64>) -> (Transfer, Heard) {
        let heard = Heard::default();
        let hears = Arc::clone(&heard);
        let text = |text: &str| text.to_owned();
        let subject = Subject { direction: "sent", connection: text("a"), container: text("b"), object: text("c") };
        (Transfer::new(subject, total, listener(move |progress| hears.lock().unwrap().push(progress.clone()))), heard)
    }

    #[tokio::test(start_paused = true)]
    async fn somebody_is_told_five_times_a_second_and_at_the_end() {
        let (transfer, heard) = transfer(Some(1000));
        for _ in 0..100 {
            time::advance(Duration::from_millis(10)).await;
            transfer.moved(10);
        }
        transfer.done();
        let heard = heard.lock().unwrap();
        let bytes: Vec<_> = heard.iter().map(|progress| progress.bytes).collect();
        assert_eq!(bytes, [200, 400, 600, 800, 1000, 1000]);
        assert!(heard.iter().all(|progress| (progress.rate() - 1000.0).abs() < 1e-6), "{heard:?}");
        assert_eq!(heard[0].remaining(), Some(Duration::from_millis(800)));
        assert_eq!((heard[5].remaining(), heard[5].elapsed), (Some(Duration::ZERO), Duration::from_secs(1)));
    }

    #[tokio::test(start_paused = true)]
    async fn the_rate_is_that_of_the_last_seconds() {
        let (transfer, heard) = transfer(None);
        for second in 0..30_u64 {
            time::advance(Duration::from_secs(1)).await;
            transfer.moved(if second < 20 { 100 } else { 10 });
        }
        let heard = heard.lock().unwrap();
        assert!((heard[18].rate() - 100.0).abs() < 1e-6 && (heard[29].rate() - 10.0).abs() < 1e-6, "{heard:?}");
        assert_eq!(heard[29].remaining(), None, "nobody knows how much there is");
    }

    #[tokio::test(start_paused = true)]
    async fn what_goes_twice_counts_once_and_what_is_there_does_not_speed_it_up() {
        let (transfer, heard) = transfer(Some(300));
        let leg = transfer.leg();
        leg.reached(60);
        leg.reached(30);
        leg.reached(100);
        transfer.given(100);
        time::advance(Duration::from_secs(1)).await;
        transfer.leg().reached(0);
        transfer.done();
        let heard = heard.lock().unwrap();
        assert_eq!((heard.len(), heard[0].bytes), (1, 200));
        assert_eq!(heard[0].remaining(), Some(Duration::from_secs(1)));
        assert_eq!(Progress { bytes: 0, total: Some(1), elapsed: Duration::ZERO, rate: 0.0 }.remaining(), None);
    }
}
