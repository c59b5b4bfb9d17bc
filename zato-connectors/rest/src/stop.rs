//! Tells every connection of a listener to come to an end.

use std::{
    future::poll_fn,
    pin::{Pin, pin},
    sync::atomic::{AtomicBool, Ordering},
};

use tokio::sync::Notify;

/// A word that is given once and stays.
#[derive(Default)]
pub(crate) struct Stop {
    is_told: AtomicBool,
    notify: Notify,
}

impl Stop {
    /// Gives the word.
    pub(crate) fn tell(&self) {
        self.is_told.store(true, Ordering::Release);
        self.notify.notify_waiters();
    }

    /// Waits for the word.
    pub(crate) async fn told(&self) {
        let mut notified = pin!(self.notify.notified());
        // Listening comes before looking, so that a word between the two is not missed.
        notified.as_mut().enable();
        if !self.is_told.load(Ordering::Acquire) {
            notified.await;
        }
    }

    /// Runs a connection to its end, and shuts it down once when the word is given.
    ///
    /// The connection is polled several times for each request, and looking at a flag is all that this adds to it: the
    /// first poll leaves the task's waker with the notification, and a task of tokio's has the same waker for all its life.
    pub(crate) async fn during<C: Future>(
        &self,
        mut connection: Pin<&mut C>,
        shut_down: impl Fn(Pin<&mut C>),
    ) -> C::Output {
        let mut told = pin!(self.told());
        let (mut is_listening, mut is_shut_down) = (false, false);
        poll_fn(|cx| {
            if !is_listening || (!is_shut_down && self.is_told.load(Ordering::Acquire)) {
                is_listening = true;
                if told.as_mut().poll(cx).is_ready() {
                    is_shut_down = true;
                    shut_down(connection.as_mut());
                }
            }
            connection.as_mut().poll(cx)
        })
        .await
    }
}
