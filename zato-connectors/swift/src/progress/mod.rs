//! How far a transfer has got, for whoever wants to know and for the log.

mod transfer;

use std::time::Duration;

pub(crate) use self::transfer::{Leg, Subject, Transfer};

/// How far a transfer has got.
///
/// # Examples
///
/// ```
/// # use zato_core::Result;
/// # use zato_swift::Swift;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// # let fake = Swift::fake().await;
/// # let storage = fake.swift();
/// # storage.container("reports").create().await?;
/// let put = storage.object("reports", "2026.csv").put("id,amount\n");
/// put.progress(|progress| {
///     let left = progress.remaining().map_or(0, |left| left.as_secs());
///     println!("{} of {:?} bytes, {:.0} a second, {left} s left", progress.bytes, progress.total, progress.rate());
/// })
/// .await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Progress {
    /// How many bytes have gone through. What is sent, or read, a second time after a fault counts once.
    pub bytes: u64,
    /// How many there are in all, if that is known.
    pub total: Option<u64>,
    /// How long it has taken so far.
    pub elapsed: Duration,
    rate: f64,
}

impl Progress {
    /// Returns how many bytes a second went through in the last five seconds.
    #[must_use]
    pub fn rate(&self) -> f64 {
        self.rate
    }

    /// Returns how long it takes at this rate until all has gone through; `None` if nobody knows how much there is, or nothing
    /// moves.
    #[must_use]
    pub fn remaining(&self) -> Option<Duration> {
        let left = self.total?.saturating_sub(self.bytes);
        match left {
            0 => Some(Duration::ZERO),
            left => Duration::try_from_secs_f64(left as f64 / self.rate).ok(),
        }
    }
}

/// Who is told.
pub(crate) type Listener = Box<dyn FnMut(&Progress) + Send>;

/// Makes somebody who is told of what they gave.
pub(crate) fn listener(listener: impl FnMut(&Progress) + Send + 'static) -> Option<Listener> {
    Some(Box::new(listener))
}
