//! What PostgreSQL tells whoever listens: `LISTEN` and `NOTIFY`.

use std::{fmt, time::Duration};

use futures_core::Stream;
use futures_util::{StreamExt, stream::BoxStream};
use sqlx::{
    pool::PoolOptions,
    postgres::{PgListener, PgPool},
};
use tokio::time;
use tracing::warn;
use zato_core::{Error, Result};

use crate::{Sql, error, params};

/// The pauses between two attempts to listen again.
const PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// What is told to whoever listens.
///
/// # Examples
///
/// ```
/// use zato_sql::Notified;
///
/// fn told(notified: &Notified) -> String {
///     match notified {
///         Notified::Notification { channel, payload } => format!("{channel}: {payload}"),
///         Notified::Gap => "something may have been missed; look into the tables".to_owned(),
///     }
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notified {
    /// Somebody has notified a channel.
    Notification {
        /// The channel.
        channel: String,
        /// What was told.
        payload: String,
    },
    /// The connection broke, and listens again: what was told in between is lost, since PostgreSQL keeps nothing.
    Gap,
}

/// What is told on channels, one after the other: a [`Stream`] that does not end. It has a connection of its own, which is made
/// again when it breaks.
///
/// See [`Sql::listen`].
///
/// # Examples
///
/// ```
/// use zato_sql::{Notified, Sql};
///
/// async fn follow(crm: &Sql) -> zato_core::Result<()> {
///     let mut told = crm.listen(["orders"]).await?;
///     while let Notified::Notification { payload, .. } = told.next().await {
///         zato_core::tracing::info!(payload, "an order was changed");
///     }
///     Ok(())
/// }
/// ```
#[must_use = "nothing is heard until it is polled"]
pub struct Notifications(BoxStream<'static, Notified>);

impl Sql {
    /// Listens to channels of PostgreSQL.
    ///
    /// # Errors
    ///
    /// - [`Unavailable`](zato_core::Kind::Unavailable) if the connection is down, or can't be made.
    /// - [`Internal`](zato_core::Kind::Internal) if it is another database than PostgreSQL.
    ///
    /// # Cancel safety
    ///
    /// When dropped, nobody listens.
    pub async fn listen<C: AsRef<str>>(&self, channels: impl IntoIterator<Item = C>) -> Result<Notifications> {
        let client = self.client()?;
        let options = client.pool.target.only_postgres("notifications")?.clone();
        let names: Vec<String> = channels.into_iter().map(|channel| channel.as_ref().to_owned()).collect();
        let pool = PoolOptions::new().max_connections(1).min_connections(0).connect_lazy_with(options);
        let connect = listener(&pool, &names);
        let listener = time::timeout(client.pool.limits.connect_timeout, connect).await;
        let listener =
            listener.map_err(|_| Error::unavailable("the database has not accepted a connection in time"))?;
        let state = Listening { listener: Some(listener?), pool, names, connection: self.name().to_owned() };
        Ok(Notifications(futures_util::stream::unfold(state, Listening::next).boxed()))
    }

    /// Tells something to whoever listens to a channel of PostgreSQL: up to 8000 bytes. To tell it when a transaction is
    /// kept, execute `SELECT pg_notify(:channel, :payload)` in it.
    ///
    /// # Errors
    ///
    /// As [`all`](Self::all); [`Internal`](zato_core::Kind::Internal) if it is another database than PostgreSQL.
    ///
    /// # Cancel safety
    ///
    /// As [`all`](Self::all).
    pub async fn notify(&self, channel: &str, payload: &str) -> Result<()> {
        self.client()?.pool.target.only_postgres("notifications")?;
        self.execute("SELECT pg_notify(:channel, :payload)", params! { channel, payload }).await.map(drop)
    }
}

async fn listener(pool: &PgPool, names: &[String]) -> Result<PgListener> {
    let mut listener = PgListener::connect_with(pool).await.map_err(error::of)?;
    listener.eager_reconnect(false);
    listener.listen_all(names.iter().map(String::as_str)).await.map_err(error::of)?;
    Ok(listener)
}

struct Listening {
    /// `None` when it broke.
    listener: Option<PgListener>,
    pool: PgPool,
    names: Vec<String>,
    connection: String,
}

impl Listening {
    async fn next(mut self) -> Option<(Notified, Self)> {
        if let Some(listener) = &mut self.listener {
            match listener.try_recv().await {
                Ok(Some(told)) => {
                    let (channel, payload) = (told.channel().to_owned(), told.payload().to_owned());
                    return Some((Notified::Notification { channel, payload }, self));
                }
                Ok(None) => warn!(connection = self.connection, "nobody listens: the connection broke"),
                Err(error) => warn!(connection = self.connection, %error, "nobody listens: the connection broke"),
            }
        }
        self.listener = None;
        let mut pause = PAUSE;
        loop {
            match listener(&self.pool, &self.names).await {
                Ok(listener) => {
                    self.listener = Some(listener);
                    return Some((Notified::Gap, self));
                }
                Err(error) => warn!(connection = self.connection, %error, "can't listen again; it is tried further"),
            }
            time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

impl Notifications {
    /// Waits for what is told next.
    ///
    /// # Cancel safety
    ///
    /// May be dropped at any time; nothing is lost.
    pub async fn next(&mut self) -> Notified {
        // The stream does not end; should it, something was missed.
        self.0.next().await.unwrap_or(Notified::Gap)
    }
}

impl Stream for Notifications {
    type Item = Notified;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Notified>> {
        self.0.poll_next_unpin(context)
    }
}

impl fmt::Debug for Notifications {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notifications").finish_non_exhaustive()
    }
}
