//! Where a connection of MariaDB or MySQL is found on its server, by another.

use std::time::Duration;

use tokio::time::Instant;

/// A connection as its server knows it.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    /// Numbers begin anew with the server.
    pub(super) id: u64,
    host: String,
    /// When the connection was there.
    since: Instant,
}

/// The server counts seconds, and asking it takes a while.
const SLACK: Duration = Duration::from_secs(2);

impl Origin {
    /// Asks a connection where it is.
    #[cfg(feature = "mysql")]
    pub(super) async fn of(connection: &mut sqlx::MySqlConnection) -> Result<Self, sqlx::Error> {
        use sqlx::{Executor as _, FromRow as _, SqlStr};

        // Neither is worth preparing.
        let place =
            connection.fetch_one(sqlx::raw_sql(SqlStr::from_static("SELECT CONNECTION_ID(), @@hostname"))).await?;
        let (id, host) = <(u64, String)>::from_row(&place)?;
        Ok(Self { id, host, since: Instant::now() })
    }

    /// Asks a connection for how long its server has been there; none if it doesn't say.
    #[cfg(feature = "mysql")]
    pub(super) async fn uptime(connection: &mut sqlx::MySqlConnection) -> Option<Duration> {
        use sqlx::{Executor as _, FromRow as _, SqlStr};

        let asked = sqlx::raw_sql(SqlStr::from_static("SHOW GLOBAL STATUS LIKE 'Uptime'"));
        let row = connection.fetch_optional(asked).await.ok()??;
        let (_, seconds) = <(String, String)>::from_row(&row).ok()?;
        seconds.parse().ok().map(Duration::from_secs)
    }

    /// Whether a later connection is on the same server, which has not been started anew in between: behind a proxy, or after
    /// a failover, the number is somebody else's.
    pub(super) fn shares_server_with(&self, later: &Self, uptime: Duration, now: Instant) -> bool {
        let age = now.saturating_duration_since(self.since);
        self.host == later.host && uptime.saturating_add(SLACK) >= age
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_that_were_started_anew_are_others() {
        let since = Instant::now();
        let origin = |host: &str| Origin { id: 42, host: host.to_owned(), since };
        let shares = |host: &str, uptime, age| {
            let now = since + Duration::from_secs(age);
            origin("one").shares_server_with(&origin(host), Duration::from_secs(uptime), now)
        };
        assert!(shares("one", 1_030, 30));
        assert!(shares("one", 29, 30));
        assert!(!shares("one", 20, 30));
        assert!(!shares("two", 1_030, 30));
    }
}
