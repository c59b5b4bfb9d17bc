use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

/// What the broker has sent to somebody who has not looked yet, and how it ended.
///
/// It has no limit, as a library's has none: a broker's prefetch is what limits it.
#[derive(Debug)]
pub(super) struct Mailbox<T, E> {
    inner: Mutex<Inner<T, E>>,
    arrived: Notify,
}

#[derive(Debug)]
struct Inner<T, E> {
    items: VecDeque<T>,
    end: Option<E>,
}

impl<T, E> Default for Mailbox<T, E> {
    fn default() -> Self {
        Self { inner: Mutex::new(Inner { items: VecDeque::new(), end: None }), arrived: Notify::new() }
    }
}

impl<T, E: Clone> Mailbox<T, E> {
    pub(super) fn push(&self, item: T) {
        self.lock().items.push_back(item);
        self.arrived.notify_one();
    }

    /// Lets nothing follow what is in it; the first end counts.
    pub(super) fn end(&self, end: E) {
        self.lock().end.get_or_insert(end);
        self.arrived.notify_one();
    }

    /// Takes what comes next, or the end, again and again.
    ///
    /// # Cancel safety
    ///
    /// Nothing is taken unless it is returned.
    pub(super) async fn next(&self) -> Result<T, E> {
        loop {
            {
                let mut inner = self.lock();
                if let Some(item) = inner.items.pop_front() {
                    return Ok(item);
                }
                if let Some(end) = &inner.end {
                    return Err(end.clone());
                }
            }
            self.arrived.notified().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner<T, E>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
