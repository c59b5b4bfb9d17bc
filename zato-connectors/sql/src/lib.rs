//! SQL connections for zato: SQLite, PostgreSQL, MariaDB and MySQL on sqlx.
#![cfg_attr(
    not(all(feature = "sqlite", feature = "postgres", feature = "mysql")),
    allow(
        clippy::unused_async,
        dead_code,
        irrefutable_let_patterns,
        unreachable_code,
        unused,
        reason = "of what the databases share, not every one has a use for everything"
    )
)]

mod attempts;
mod batch;
mod bind;
mod call;
mod client;
mod config;
mod connector;
#[cfg(test)]
#[cfg(all(feature = "testing", feature = "mysql", feature = "postgres"))]
mod contract;
mod engine;
mod error;
mod isolation;
#[cfg(feature = "postgres")]
mod locks;
mod meter;
mod migrations;
#[cfg(feature = "postgres")]
mod notifications;
mod options;
mod params;
mod pool;
mod raw;
mod row;
mod savepoint;
mod statement;
mod stream;
#[cfg(feature = "testing")]
pub mod testing;
mod transaction;
mod value;
mod verbs;

#[cfg(feature = "postgres")]
pub use self::notifications::{Notifications, Notified};
pub use self::{
    client::{Sql, SqlClient},
    config::{Extra, SQL, SqlConfig, SqlEngine, SqlTlsConfig},
    connector::{PreparedSql, SqlConnector},
    error::{SqlError, SqlErrorKind},
    isolation::{Isolation, TransactionOptions},
    migrations::Migrated,
    params::{Parameters, Params},
    pool::Done,
    raw::SqlPool,
    row::{FromRow, Row},
    savepoint::Savepoint,
    stream::Rows,
    transaction::Transaction,
    value::SqlValue,
};
pub use sqlx;
