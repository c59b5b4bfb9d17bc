#[cfg(any(test, feature = "testing"))]
use std::sync::{Arc, OnceLock};
use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::sync::oneshot;

use crate::error::{Error, Result};

/// A message of a broker that its service settles itself: `#[delivery] delivery: Delivery`.
///
/// Every verb takes it by value, so that nothing is settled twice, and returns when the broker has heard of it. One that is
/// dropped is settled by the channel, when the service has returned: as the channel is configured if that was an error, and
/// otherwise it comes again, since nobody knows whether it was dealt with.
///
/// ```
/// use zato_core::{Result, channel::{Delivery, Settlement}, testing};
///
/// async fn take(payload: &str, delivery: Delivery) -> Result<()> {
///     match payload {
///         "order" => delivery.ack().await,
///         _ => delivery.dead_letter("not an order").await,
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// let (delivery, settled) = testing::delivery();
/// take("greeting", delivery).await?;
/// assert_eq!(settled.settlement(), Some(&Settlement::DeadLetter { reason: "not an order".to_owned() }));
/// # Ok(())
/// # }
/// ```
#[must_use = "a delivery that is dropped is settled when its service returns"]
pub struct Delivery(To);

/// Who hears how a delivery is settled.
enum To {
    Channel(oneshot::Sender<(Settlement, Answer)>),
    /// A test, which has no broker to wait for.
    #[cfg(any(test, feature = "testing"))]
    Test(Arc<OnceLock<Settlement>>),
}

/// How a message of a broker is settled.
///
/// ```
/// use zato_core::channel::Settlement;
///
/// assert_ne!(Settlement::Ack, Settlement::Requeue { after: None });
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Settlement {
    /// It is done with.
    Ack,
    /// It comes again.
    Requeue {
        /// Not before this time has passed; at once, if there is none.
        after: Option<Duration>,
    },
    /// The broker does with it what it is configured to do with messages that nobody wants.
    Reject,
    /// It is put where somebody looks at it.
    DeadLetter {
        /// Why, for whoever does.
        reason: String,
    },
}

impl Delivery {
    /// Makes a delivery, and what tells its channel how the service settles it.
    ///
    /// ```
    /// use zato_core::channel::{Delivery, Settlement};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let (delivery, settling) = Delivery::pair();
    /// let channel = async {
    ///     let (settlement, answer) = settling.await.expect("the service settles it");
    ///     assert_eq!(settlement, Settlement::Ack);
    ///     answer.send(Ok(())); // when the broker has it
    /// };
    /// let (acked, ()) = tokio::join!(delivery.ack(), channel);
    /// assert!(acked.is_ok());
    /// # }
    /// ```
    pub fn pair() -> (Self, Settling) {
        let (sender, receiver) = oneshot::channel();
        (Self(To::Channel(sender)), Settling(receiver))
    }

    /// Makes a delivery that is settled as soon as somebody says how.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn of_test(settled: Arc<OnceLock<Settlement>>) -> Self {
        Self(To::Test(settled))
    }

    /// Acknowledges the message: it is done with.
    ///
    /// # Errors
    ///
    /// [`Unavailable`](crate::Kind::Unavailable) if the broker can't be told, since its connection is gone: the message
    /// comes again. Otherwise what the broker says.
    ///
    /// # Cancel safety
    ///
    /// When dropped before it was polled, nothing is settled, as if the delivery had been dropped. From then on the channel
    /// settles the message, and only the answer is lost.
    pub async fn ack(self) -> Result<()> {
        self.settle(Settlement::Ack).await
    }

    /// Gives the message back, to come again at once: here or to another consumer.
    ///
    /// # Errors
    ///
    /// As [`Delivery::ack`].
    ///
    /// # Cancel safety
    ///
    /// As [`Delivery::ack`].
    pub async fn requeue(self) -> Result<()> {
        self.settle(Settlement::Requeue { after: None }).await
    }

    /// Gives the message back, to come again after some time, a day at the most.
    ///
    /// # Errors
    ///
    /// As [`Delivery::ack`].
    ///
    /// # Cancel safety
    ///
    /// As [`Delivery::ack`].
    pub async fn requeue_after(self, delay: Duration) -> Result<()> {
        self.settle(Settlement::Requeue { after: Some(delay) }).await
    }

    /// Refuses the message: the broker does with it what it is configured to do with messages that nobody wants, which is
    /// to forget them unless it has a place for them.
    ///
    /// # Errors
    ///
    /// As [`Delivery::ack`].
    ///
    /// # Cancel safety
    ///
    /// As [`Delivery::ack`].
    pub async fn reject(self) -> Result<()> {
        self.settle(Settlement::Reject).await
    }

    /// Puts the message where somebody looks at it, with the reason.
    ///
    /// # Errors
    ///
    /// As [`Delivery::ack`].
    ///
    /// # Cancel safety
    ///
    /// As [`Delivery::ack`].
    pub async fn dead_letter(self, reason: impl Into<String>) -> Result<()> {
        self.settle(Settlement::DeadLetter { reason: reason.into() }).await
    }

    async fn settle(self, settlement: Settlement) -> Result<()> {
        let gone = || Error::unavailable("the broker can't be told how a message is settled; it will come again");
        match self.0 {
            To::Channel(channel) => {
                let (answer, answered) = oneshot::channel();
                channel.send((settlement, Answer(answer))).map_err(|_| gone())?;
                answered.await.map_err(|_| gone())?
            }
            #[cfg(any(test, feature = "testing"))]
            To::Test(settled) => {
                let _ = settled.set(settlement);
                Ok(())
            }
        }
    }
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Delivery")
    }
}

/// Tells a channel how the service settles a delivery: a future that gives the settlement and where to answer, or `None` if
/// the delivery was dropped.
///
/// # Cancel safety
///
/// When dropped, whoever settles the delivery is told that the channel is gone.
#[derive(Debug)]
#[must_use = "a delivery can't be settled without it"]
pub struct Settling(oneshot::Receiver<(Settlement, Answer)>);

impl Future for Settling {
    type Output = Option<(Settlement, Answer)>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(ready!(Pin::new(&mut self.0).poll(cx)).ok())
    }
}

/// Where a channel says what became of a settlement; when dropped, it says that the connection is gone.
#[derive(Debug)]
#[must_use = "whoever settles waits for the answer"]
pub struct Answer(oneshot::Sender<Result<()>>);

impl Answer {
    /// Says that the broker has the settlement, or why not. Nobody may want to know any more.
    pub fn send(self, answer: Result<()>) {
        let _ = self.0.send(answer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Kind;

    #[tokio::test]
    async fn each_verb_says_its_settlement_and_returns_with_the_answer() {
        async fn settled<F: Future<Output = Result<()>>>(verb: impl FnOnce(Delivery) -> F) -> Settlement {
            let (delivery, settling) = Delivery::pair();
            let channel = async {
                let (settlement, answer) = settling.await.unwrap();
                answer.send(Err(Error::conflict("answered")));
                settlement
            };
            let (result, settlement) = tokio::join!(verb(delivery), channel);
            assert_eq!(result.unwrap_err().message(), "answered");
            settlement
        }
        let second = Duration::from_secs(1);
        assert_eq!(settled(Delivery::ack).await, Settlement::Ack);
        assert_eq!(settled(Delivery::requeue).await, Settlement::Requeue { after: None });
        assert_eq!(settled(|it| it.requeue_after(second)).await, Settlement::Requeue { after: Some(second) });
        assert_eq!(settled(Delivery::reject).await, Settlement::Reject);
        assert_eq!(settled(|it| it.dead_letter("why")).await, Settlement::DeadLetter { reason: "why".to_owned() });
    }

    #[tokio::test]
    async fn a_channel_that_is_gone_is_an_error_before_and_after_it_has_heard() {
        let (delivery, settling) = Delivery::pair();
        drop(settling);
        assert_eq!(delivery.ack().await.unwrap_err().kind(), Kind::Unavailable);
        let (delivery, settling) = Delivery::pair();
        let (result, ()) = tokio::join!(delivery.ack(), async { drop(settling.await.unwrap()) });
        assert_eq!(result.unwrap_err().kind(), Kind::Unavailable);
    }

    #[tokio::test]
    async fn what_is_dropped_is_not_settled() {
        let (delivery, settling) = Delivery::pair();
        drop(delivery);
        assert!(settling.await.is_none());
        let (delivery, settling) = Delivery::pair();
        drop(delivery.ack());
        assert!(settling.await.is_none(), "it was never polled");
    }
}
