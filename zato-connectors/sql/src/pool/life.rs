//! Whether the database is there: signs of life are asked of connections that nobody uses, and of new ones.

use std::{sync::Arc, time::Duration};

use tokio::time::{self, Instant};
use zato_core::{Error, Result};

use super::{Chore, Kept, Pool, TEST};
use crate::error;

/// How long a connection has to be silent at least before others are suspected.
const SILENCE: Duration = Duration::from_millis(200);

/// What a sign of life says that was asked for.
pub(super) enum Sign {
    Given,
    /// The connection is broken or silent, and others may be.
    Missing,
    /// None was waited for long enough to say anything of the others.
    Hurried,
}

/// Asks a connection for a sign of life, so long that another can be made if none comes.
pub(super) async fn sign_of(kept: &mut Kept, until: Instant, acquire_timeout: Duration) -> Sign {
    let patience = TEST.min(until.saturating_duration_since(Instant::now()) / 2);
    match time::timeout(patience, kept.connection.ping()).await {
        Ok(Ok(())) => Sign::Given,
        Err(_) if is_hurried(patience, acquire_timeout) => Sign::Hurried,
        Ok(Err(_)) | Err(_) => Sign::Missing,
    }
}

/// Whether a connection was waited for too briefly: whoever has waited for a place has less time left. Where nobody ever has
/// much, half of it is as good as any.
fn is_hurried(patience: Duration, acquire_timeout: Duration) -> bool {
    patience < SILENCE.min(acquire_timeout / 4)
}

impl Pool {
    /// Notes that a connection broke, by which the others may be broken, too.
    pub(crate) fn suspect(&self) {
        self.shelf().suspected = Some(Instant::now());
        self.suspect.notify_one();
    }

    /// Waits until the database is found to be gone, and says why.
    pub(crate) async fn gone(&self) -> Error {
        loop {
            self.suspect.notified().await;
            if self.idle_answers().await {
                continue;
            }
            match self.try_target().await {
                Ok(()) => {}
                // It may have no place for one more; those that are there work.
                Err(error) if error::shows_presence(&error) => {}
                Err(error) => return error::of_connecting(error, &self.target),
            }
        }
    }

    /// Whether one of the connections that nobody uses gives a sign of life.
    async fn idle_answers(&self) -> bool {
        let Ok(_permit) = Arc::clone(&self.places).try_acquire_owned() else { return false };
        let Some(mut kept) = self.shelf().idle.pop_back() else { return false };
        let is_well = matches!(time::timeout(TEST, kept.connection.ping()).await, Ok(Ok(())));
        let mut shelf = self.shelf();
        if is_well && !shelf.is_closed {
            shelf.idle.push_back(kept);
        }
        is_well
    }

    /// Whether a new connection can be made.
    async fn target_answers(&self) -> Result<()> {
        self.try_target().await.map_err(|error| error::of_connecting(error, &self.target))
    }

    async fn try_target(&self) -> Result<(), sqlx::Error> {
        let connection = self.target.connect_within(self.limits.connect_timeout, &self.session).await?;
        connection.close().await;
        Ok(())
    }

    /// Asks the database for a sign of life, over a connection that nobody uses, or over a new one.
    pub(crate) async fn ping(&self) -> Result<()> {
        // With a place, so that there are never more connections than there may be.
        if let Ok(_permit) = Arc::clone(&self.places).try_acquire_owned() {
            let kept = self.shelf().idle.pop_front();
            if let Some(mut kept) = kept
                && matches!(time::timeout(TEST, kept.connection.ping()).await, Ok(Ok(())))
            {
                self.keep_oldest(kept);
                return Ok(());
            }
        }
        self.target_answers().await
    }

    /// Puts a connection back that nobody has used.
    fn keep_oldest(&self, kept: Kept) {
        let mut shelf = self.shelf();
        if shelf.is_closed {
            drop(shelf);
            self.chore(Chore::Close(kept.connection));
        } else {
            shelf.idle.push_front(kept);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_no_time_left_suspects_nobody() {
        let ms = Duration::from_millis;
        assert!(is_hurried(ms(10), ms(5_000)));
        assert!(!is_hurried(ms(2_000), ms(5_000)));
        // All the time that there ever is.
        assert!(!is_hurried(ms(50), ms(100)));
    }
}
