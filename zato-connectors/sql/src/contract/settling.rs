//! What a session is, whatever the server and the entry say: what is written is what is read.

use sqlx::{ConnectOptions as _, Executor as _};
use zato_core::{connection::Handle as _, uuid::Uuid};

use super::Peer;
use crate::{SqlError, SqlErrorKind, engine::Dialect, params, pool::Target};

pub(super) async fn what_does_not_fit_is_refused(peer: &Peer) {
    if peer.dialect != Dialect::MySql {
        return;
    }
    let lax = peer.another("pool_size: 1, extra: {sql_mode: ANSI_QUOTES}").await.unwrap();
    let create = "CREATE TABLE t (a VARCHAR(3), b TINYINT, c BINARY(16)) ENGINE=MyISAM";
    lax.execute(create, ()).await.unwrap();
    let key = Uuid::from_u128(7);
    for (column, inserted) in [
        ("a", lax.execute("INSERT INTO t (a) VALUES (:a), ('b')", params! { a: "long" }).await),
        ("b", lax.execute("INSERT INTO t (b) VALUES (:b)", params! { b: 300 }).await),
        ("c", lax.execute("INSERT INTO t (c) VALUES (:c)", params! { c: key }).await),
    ] {
        let error = inserted.expect_err(column);
        assert_eq!(
            error.find::<SqlError>().map(SqlError::kind),
            Some(SqlErrorKind::InvalidValue),
            "{column}: {error:?}"
        );
    }
    // What was said is there, too.
    assert_eq!(lax.scalar::<i64>("SELECT count(*) AS \"a b\" FROM t", ()).await.unwrap(), 0);
}

/// Whatever the server has by itself.
pub(super) async fn backslashes_are_what_they_are(peer: &Peer) {
    let client = peer.sql.slot().client().unwrap();
    let session = &client.pool.session;
    let unsettled = |sql: &'static str| sqlx::raw_sql(sqlx::SqlStr::from_static(sql));
    match &client.pool.target {
        Target::Sqlite(_) => {}
        Target::Postgres(options) => {
            let mut connection = options.connect().await.unwrap();
            connection.execute(unsettled("SET standard_conforming_strings = off")).await.unwrap();
            session.begin_postgres(&mut connection).await.unwrap();
            let (read,): (String,) = sqlx::query_as(r"SELECT 'a\'").fetch_one(&mut connection).await.unwrap();
            assert_eq!(read, r"a\");
        }
        Target::MySql(options) => {
            let mut connection = options.connect().await.unwrap();
            connection.execute(unsettled("SET sql_mode = 'NO_BACKSLASH_ESCAPES,ANSI_QUOTES'")).await.unwrap();
            session.begin_mysql(&mut connection).await.unwrap();
            let (read,): (String,) = sqlx::query_as(r"SELECT 'a\'b'").fetch_one(&mut connection).await.unwrap();
            assert_eq!(read, "a'b");
            let (mode,): (String,) = sqlx::query_as("SELECT @@sql_mode").fetch_one(&mut connection).await.unwrap();
            assert_eq!(mode, "ANSI_QUOTES,STRICT_ALL_TABLES");
        }
    }
}
