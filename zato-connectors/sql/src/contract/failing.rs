use std::time::{Duration, Instant};

use zato_core::{Error, Kind, Retry};

use super::Peer;
use crate::{Row, Sql, SqlError, SqlErrorKind, engine::Dialect};

fn found(error: &Error) -> SqlErrorKind {
    error.find::<SqlError>().unwrap_or_else(|| panic!("{error:?}")).kind()
}

pub(super) async fn constraints(peer: &Peer) {
    let engine = peer.each("", "", " ENGINE=InnoDB");
    let script = format!(
        "CREATE TABLE parent (id INTEGER PRIMARY KEY){engine}; \
         CREATE TABLE child (id INTEGER NOT NULL, email VARCHAR(50), parent INTEGER, amount INTEGER, \
         CONSTRAINT child_email UNIQUE (email), CONSTRAINT child_amount CHECK (amount > 0), \
         CONSTRAINT child_parent FOREIGN KEY (parent) REFERENCES parent (id)){engine}; \
         INSERT INTO parent VALUES (1); INSERT INTO child VALUES (1, 'ann@example.com', 1, 5)"
    );
    peer.sql.script(&script).await.unwrap();
    let insert = "INSERT INTO child VALUES (?, ?, ?, ?)";
    for (values, kind, of_ours) in [
        ((Some(2), "ann@example.com", 1, 5), SqlErrorKind::UniqueViolation, Kind::Conflict),
        ((Some(2), "bob@example.com", 9, 5), SqlErrorKind::ForeignKeyViolation, Kind::Conflict),
        ((Some(2), "bob@example.com", 1, 0), SqlErrorKind::CheckViolation, Kind::Conflict),
        ((None, "bob@example.com", 1, 5), SqlErrorKind::NotNullViolation, Kind::Internal),
    ] {
        let error = peer.sql.execute(insert, values).await.unwrap_err();
        assert_eq!((found(&error), error.kind(), error.retry()), (kind, of_ours, Retry::Never), "{error:?}");
        assert!(!error.report().to_string().contains("@example.com"), "{error:?}");
        assert!(!error.public_message().contains("child"), "{}", error.public_message());
    }
    let error = peer.sql.execute(insert, (2, "ann@example.com", 1, 5)).await.unwrap_err();
    let constraint = error.find::<SqlError>().unwrap().constraint().unwrap().to_owned();
    assert!(constraint.contains("email"), "{constraint}");
    assert!(
        peer.sql
            .execute("DELETE FROM parent", ())
            .await
            .is_err_and(|error| found(&error) == SqlErrorKind::ForeignKeyViolation)
    );
}

pub(super) async fn mistakes(peer: &Peer) {
    for (sql, kind) in [("SELEC 1", SqlErrorKind::Syntax), ("SELECT * FROM nowhere", SqlErrorKind::UndefinedTable)] {
        let error = peer.sql.all::<Row>(sql, ()).await.unwrap_err();
        assert_eq!((found(&error), error.kind()), (kind, Kind::Internal), "{error:?}");
        assert_eq!(error.public_message(), "an error has occurred");
    }
    if peer.dialect == Dialect::Sqlite {
        let error = peer.sql.scalar::<i64>("SELECT $limit", ()).await.unwrap_err();
        assert!(error.message().contains("write it as :name"), "{error}");
    }
    if peer.dialect == Dialect::MySql {
        // The server finds a parameter that nobody here has found.
        let quotes = peer.another("pool_size: 1, extra: {sql_mode: ANSI_QUOTES}").await.unwrap();
        let error = quotes.scalar::<i64>(r#"SELECT 1 AS "\", ? AS "b", 2 AS "c""#, ()).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Internal, "{error:?}");
    }
    peer.sql.execute("CREATE TABLE t (a INTEGER)", ()).await.unwrap();
    let error = peer.sql.all::<Row>("SELECT b FROM t", ()).await.unwrap_err();
    assert_eq!(found(&error), SqlErrorKind::UndefinedColumn);
    // None of them has hurt the connection.
    let client = zato_core::connection::Handle::slot(&peer.sql).client().unwrap();
    assert_eq!(client.pool.counts(), (0, 1));
}

/// A statement that would run for a minute.
pub(super) fn slow(peer: &Peer) -> &'static str {
    match peer.dialect {
        Dialect::Sqlite => "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n",
        Dialect::Postgres => "SELECT count(pg_sleep(60))",
        Dialect::MySql => "SELECT SLEEP(60)",
    }
}

pub(super) async fn slow_statements(peer: &Peer) {
    let begun = Instant::now();
    let error = peer.sql.with_timeout(Duration::from_millis(200)).scalar::<i64>(slow(peer), ()).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Timeout, "{error:?}");
    assert!(begun.elapsed() < Duration::from_secs(10));
    assert_eq!(peer.sql.scalar::<i64>("SELECT 1", ()).await.unwrap(), 1);
    // What is configured is told to the server itself.
    if let Some(strict) = peer.another("statement_timeout: 200ms, pool_size: 1").await {
        let error = strict.scalar::<i64>(slow(peer), ()).await.unwrap_err();
        assert_eq!((error.kind(), found(&error)), (Kind::Timeout, SqlErrorKind::Timeout), "{error:?}");
        assert_eq!(strict.scalar::<i64>("SELECT 1", ()).await.unwrap(), 1);
        // One call may take longer, and the next not again.
        let patient = strict.with_timeout(Duration::from_secs(10));
        let half_a_second = match peer.dialect {
            Dialect::Sqlite => return,
            Dialect::Postgres => "SELECT count(pg_sleep(0.5))",
            Dialect::MySql => "SELECT SLEEP(0.5)",
        };
        patient.scalar::<i64>(half_a_second, ()).await.unwrap();
        assert!(strict.scalar::<i64>(slow(peer), ()).await.is_err());
    }
}

async fn runs_on_server(peer: &Peer, watcher: &Sql) -> bool {
    let sql = match peer.dialect {
        Dialect::Sqlite => return false,
        Dialect::Postgres => "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query = :query",
        Dialect::MySql => "SELECT count(*) FROM information_schema.processlist WHERE info = :query",
    };
    watcher.scalar::<i64>(sql, crate::params! { query: slow(peer) }).await.unwrap() > 0
}

pub(super) async fn abandoned_statements(peer: &Peer) {
    let mut call = Box::pin(peer.sql.scalar::<i64>(slow(peer), ()));
    let watcher = peer.another("pool_size: 1").await;
    if let Some(watcher) = &watcher
        && peer.dialect != Dialect::Sqlite
    {
        while !runs_on_server(peer, watcher).await {
            tokio::select! {
                _ = &mut call => panic!("it goes on for a minute"),
                () = tokio::time::sleep(Duration::from_millis(20)) => {}
            }
        }
    } else {
        let _ = tokio::time::timeout(Duration::from_millis(50), &mut call).await;
    }
    drop(call);
    // The connection is not used again, and another one is there at once.
    let begun = Instant::now();
    assert_eq!(peer.sql.scalar::<i64>("SELECT 1", ()).await.unwrap(), 1);
    assert!(begun.elapsed() < Duration::from_secs(5));
    if let Some(watcher) = &watcher {
        while runs_on_server(peer, watcher).await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    }
}

pub(super) async fn changed_tables(peer: &Peer) {
    peer.sql.execute("CREATE TABLE t (a INTEGER)", ()).await.unwrap();
    peer.sql.execute("INSERT INTO t VALUES (1)", ()).await.unwrap();
    assert_eq!(peer.sql.one::<Row>("SELECT * FROM t", ()).await.unwrap().columns().len(), 1);
    peer.sql.execute("ALTER TABLE t ADD COLUMN b INTEGER", ()).await.unwrap();
    assert_eq!(peer.sql.one::<Row>("SELECT * FROM t", ()).await.unwrap().columns().len(), 2);
}
