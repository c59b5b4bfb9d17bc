use std::time::Duration;

use tokio::time::{self, Instant};
use tracing::{debug, warn};
use zato_core::{Error, Result};

use super::place::Place;

/// How long operations may take, and how they are told of.
#[derive(Debug)]
pub(crate) struct Limits {
    pub(crate) connection: String,
    /// `None` where requests have limits of their own, with further attempts between.
    pub(crate) patience: Option<Duration>,
    pub(crate) slow: Duration,
}

impl Limits {
    /// Does something within its time, and says of what it fails with where it was.
    pub(crate) async fn keep<T>(
        &self,
        verb: &'static str,
        place: Place<'_>,
        work: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let begun = Instant::now();
        let done = match self.patience {
            Some(patience) => time::timeout(patience, work).await.unwrap_or_else(|_| Err(late())),
            None => work.await,
        };
        self.told(verb, place, begun.elapsed());
        done.map_err(|error| self.about(place, error))
    }

    /// Does one step of something that may take longer as a whole.
    pub(crate) async fn step<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        match self.patience {
            Some(patience) => time::timeout(patience, work).await.unwrap_or_else(|_| Err(late())),
            None => work.await,
        }
    }

    pub(crate) fn told(&self, verb: &'static str, place: Place<'_>, elapsed: Duration) {
        let (connection, Place { container, name: object }) = (&self.connection, place);
        let elapsed_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        if !self.slow.is_zero() && elapsed >= self.slow {
            warn!(connection, verb, container, object, elapsed_ms, "slow operation of an object storage");
        } else {
            debug!(connection, verb, container, object, elapsed_ms, "asked an object storage");
        }
    }

    pub(crate) fn about(&self, place: Place<'_>, error: Error) -> Error {
        let is_said = |key: &str| error.context().any(|(known, _)| known == key);
        let (connection, container, object) = (is_said("connection"), is_said("container"), is_said("object"));
        let error = if connection { error } else { error.with("connection", &self.connection) };
        let error = if container { error } else { error.with("container", place.container) };
        if object || place.name.is_empty() { error } else { error.with("object", place.name) }
    }
}

#[cold]
fn late() -> Error {
    Error::timeout("the object storage took too long")
}

#[cfg(test)]
mod tests {
    use zato_core::Kind;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_takes_too_long_is_given_up_and_said_where() {
        let patience = Some(Duration::from_secs(30));
        let limits = Limits { connection: "Invoices".to_owned(), patience, slow: Duration::from_secs(2) };
        let place = Place { container: "CRM", name: "Invoice" };
        let begun = Instant::now();
        let error = limits.keep("get", place, std::future::pending::<Result<()>>()).await.unwrap_err();
        assert_eq!((error.kind(), begun.elapsed().as_secs()), (Kind::Timeout, 30));
        let said: Vec<_> = limits.about(place, error).context().map(|(key, value)| format!("{key}={value}")).collect();
        assert_eq!(said, ["connection=Invoices", "container=CRM", "object=Invoice"]);
        assert!(limits.step(async { Ok(()) }).await.is_ok());
    }
}
