//! Tells every connection of a listener to come to an end.

use std::{
    future::poll_fn,
    pin::{Pin, pin},
    sync::{
        OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    task::Context,
    time::Duration,
};

use tokio::{sync::Notify, time};

/// A word that is given once and stays.
#[derive(Default)]
pub(crate) struct Stop {
    is_told: AtomicBool,
    /// How long who is idle may go on; there before the word is given.
    grace: OnceLock<Duration>,
    notify: Notify,
}

impl Stop {
    /// Gives the word, and says how long who is idle may go on.
    pub(crate) fn tell(&self, grace: Duration) {
        // Given twice, the first counts.
        let _ = self.grace.set(grace);
        self.is_told.store(true, Ordering::Release);
        self.notify.notify_waiters();
    }

    pub(crate) fn is_told(&self) -> bool {
        self.is_told.load(Ordering::Acquire)
    }

    /// Waits for the word.
    async fn told(&self) {
        let mut notified = pin!(self.notify.notified());
        // Listening comes before looking, so that a word between the two is not missed.
        notified.as_mut().enable();
        if !self.is_told() {
            notified.await;
        }
    }

    /// Waits for the word, and as long as who is idle may go on.
    async fn over(&self) {
        self.told().await;
        time::sleep(self.grace.get().copied().unwrap_or_default()).await;
    }

    /// Waits for the first that a client says; `None` if the word was given and it has said nothing in the time after.
    pub(crate) async fn first<T>(&self, said: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            said = said => Some(said),
            () = self.over() => None,
        }
    }

    /// Runs a connection to its end, and shuts it down once: when the word is given and a request is in work, when the
    /// time after that is over, or when the connection is spent.
    ///
    /// An idle connection of HTTP/1 can't be shut down at once without losing what the client is sending meanwhile, since
    /// nobody tells it before (RFC 9112 §9.6). So it stays open for a while, and the next reply says that it was the last.
    ///
    /// The connection is polled several times for each request, and looking at two flags is all that this adds to it: the
    /// first poll leaves the task's waker with the notification, and a task of tokio's has the same waker for all its life.
    pub(crate) async fn during<C: Future>(
        &self,
        mut connection: Pin<&mut C>,
        is_in_work: impl Fn() -> bool,
        is_spent: impl Fn() -> bool,
        shut_down: impl Fn(Pin<&mut C>),
    ) -> C::Output {
        let mut told = pin!(self.told());
        let (mut is_listening, mut is_shut_down, mut over) = (false, false, None);
        poll_fn(|cx| {
            if !is_listening || (!is_shut_down && over.is_none() && self.is_told()) {
                is_listening = true;
                if told.as_mut().poll(cx).is_ready() {
                    if is_in_work() {
                        is_shut_down = true;
                        shut_down(connection.as_mut());
                    } else {
                        over = Some(Box::pin(self.over()));
                    }
                }
            }
            // Before the shutting down: it reads what there is, and a request that is there is not idle.
            let ended = connection.as_mut().poll(cx);
            if ended.is_pending() && !is_shut_down && (is_spent() || is_over(&mut over, cx)) {
                (is_shut_down, over) = (true, None);
                shut_down(connection.as_mut());
                return connection.as_mut().poll(cx);
            }
            ended
        })
        .await
    }
}

/// Whether a wait was begun and has ended.
fn is_over<F: Future>(wait: &mut Option<Pin<Box<F>>>, cx: &mut Context<'_>) -> bool {
    wait.as_mut().is_some_and(|wait| wait.as_mut().poll(cx).is_ready())
}
