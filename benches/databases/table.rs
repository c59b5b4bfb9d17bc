//! The table that is read: the one of `pgbench`, of which SQLite gets a copy.

use sqlx::{Connection as _, Executor as _, SqliteConnection, sqlite::SqliteConnectOptions};

use crate::Result;

/// How many rows there are.
pub(crate) const ROWS: u32 = 100_000;

/// How many connections a pool has. Two processors have no more to do for sixty-four.
pub(crate) const CONNECTIONS: u32 = 8;

/// What reads one row. SQLite takes `$1` too.
pub(crate) const ONE: &str = "SELECT aid, bid, abalance, filler FROM pgbench_accounts WHERE aid = $1";

/// What reads as many rows as are asked for.
pub(crate) const MANY: &str = "SELECT aid, bid, abalance, filler FROM pgbench_accounts ORDER BY aid LIMIT $1";

/// Which row a piece of work asks for: another one each time, all over the table.
pub(crate) fn aid(piece: u32) -> i32 {
    // A prime, so that all of them have their turn; what remains is below the number of rows.
    i32::try_from(u64::from(piece) * 7919 % u64::from(ROWS)).unwrap_or_default() + 1
}

/// The file that a URL such as `sqlite:/tmp/bench.db` speaks of.
pub(crate) fn file(url: &str) -> Option<&str> {
    url.strip_prefix("sqlite:")
}

/// Fills a file of SQLite. The table of PostgreSQL is made by `pgbench --initialize`.
pub(crate) async fn prepare(url: &str) -> Result<()> {
    let Some(file) = file(url) else { return Ok(()) };
    let options = SqliteConnectOptions::new().filename(file).create_if_missing(true);
    let mut connection = SqliteConnection::connect_with(&options).await?;
    let fill = format!(
        "CREATE TABLE pgbench_accounts (aid INTEGER PRIMARY KEY, bid INTEGER NOT NULL, abalance INTEGER NOT NULL, \
         filler TEXT NOT NULL); \
         WITH RECURSIVE number(aid) AS (SELECT 1 UNION ALL SELECT aid + 1 FROM number WHERE aid < {ROWS}) \
         INSERT INTO pgbench_accounts SELECT aid, 1, 0, '{:84}' FROM number;",
        ""
    );
    connection.execute(sqlx::raw_sql(sqlx::AssertSqlSafe(fill))).await?;
    Ok(connection.close().await?)
}
