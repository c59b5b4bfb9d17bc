//! Signs of life of an exchange: a transfer may take as long as it likes, as long as something moves.

use std::{
    future::Future,
    pin::{Pin, pin},
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use futures_core::Stream;
use tokio::time::{self, Instant, Sleep};
use zato_core::{Result, bytes::Bytes, message::ByteStream};

use crate::error::{self, SwiftErrorKind};

/// When the last piece was taken.
#[derive(Clone, Debug)]
pub(crate) struct Pulse(Arc<Mutex<Instant>>);

impl Pulse {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(Instant::now())))
    }

    /// Notes that something has moved.
    pub(crate) fn beat(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    fn last(&self) -> Instant {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits for something as long as its pulse is no older than `patience`.
pub(crate) async fn while_alive<F: Future>(work: F, pulse: &Pulse, patience: Duration) -> Result<F::Output> {
    let mut work = pin!(work);
    loop {
        let due = pulse.last() + patience;
        tokio::select! {
            biased;
            done = &mut work => return Ok(done),
            () = time::sleep_until(due) => {
                if pulse.last() + patience <= Instant::now() {
                    return Err(late());
                }
            }
        }
    }
}

#[cold]
fn late() -> zato_core::Error {
    error::of_kind(SwiftErrorKind::Timeout, "nothing moved within the connection's timeout")
}

/// Has each piece of a stream come within `patience`.
pub(crate) fn patient(stream: ByteStream, patience: Duration) -> ByteStream {
    let length = stream.length();
    let patient = ByteStream::new(Patient { stream, patience, timer: Box::pin(time::sleep(patience)) });
    match length {
        Some(length) => patient.with_length(length),
        None => patient,
    }
}

struct Patient {
    stream: ByteStream,
    patience: Duration,
    timer: Pin<Box<Sleep>>,
}

impl Stream for Patient {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes>>> {
        let this = &mut *self;
        if let Poll::Ready(piece) = Pin::new(&mut this.stream).poll_next(cx) {
            this.timer.as_mut().reset(Instant::now() + this.patience);
            return Poll::Ready(piece);
        }
        this.timer.as_mut().poll(cx).map(|()| Some(Err(late())))
    }
}

#[cfg(test)]
mod tests {
    use zato_core::Kind;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_moves_may_take_long_and_what_stands_still_may_not() {
        let (pulse, patience) = (Pulse::new(), Duration::from_secs(30));
        let moving = async {
            for _ in 0..10 {
                time::sleep(Duration::from_secs(29)).await;
                pulse.beat();
            }
            7
        };
        assert_eq!(while_alive(moving, &pulse, patience).await.unwrap(), 7);
        let begun = Instant::now();
        let still = while_alive(std::future::pending::<()>(), &Pulse::new(), patience).await.unwrap_err();
        assert_eq!((still.kind(), begun.elapsed().as_secs()), (Kind::Timeout, 30));
    }

    #[tokio::test(start_paused = true)]
    async fn each_piece_of_an_answer_has_its_time() {
        let pieces = futures_util::stream::unfold(0_u64, |number| async move {
            time::sleep(Duration::from_secs(number * 10)).await;
            Some((Ok(Bytes::from_static(b"piece")), number + 1))
        });
        let mut stream = patient(ByteStream::new(pieces), Duration::from_secs(25));
        for _ in 0..3 {
            assert!(stream.chunk().await.unwrap().is_some());
        }
        assert_eq!(stream.chunk().await.unwrap_err().kind(), Kind::Timeout);
    }
}
