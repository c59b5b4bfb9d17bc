//! What a call leaves behind on its connection, for the next who gets it: nothing.

use std::time::{Duration, Instant};

use zato_core::{Kind, connection::Handle as _};

use super::{Peer, failing::slow};
use crate::{Row, Sql, engine::Dialect, pool::Beginning};

/// A handle with one connection, so that the next call gets that of the last.
async fn of_one(peer: &Peer) -> Sql {
    peer.another("pool_size: 1, min_connections: 0").await.unwrap_or_else(|| peer.sql.clone())
}

fn idle(sql: &Sql) -> usize {
    sql.slot().client().unwrap().pool.counts().1
}

async fn all_is_well(sql: &Sql) {
    let begun = Instant::now();
    for number in 0..10 {
        assert_eq!(sql.scalar::<i64>("SELECT ? + 0", (number,)).await.unwrap(), number);
    }
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}

pub(super) async fn streams_that_take_too_long(peer: &Peer) {
    let sql = of_one(peer).await;
    let mut rows = sql.with_timeout(Duration::from_millis(200)).stream::<i64>(slow(peer), ()).await.unwrap();
    let error = rows.next().await.unwrap_err();
    assert_eq!(error.kind(), Kind::Timeout, "{error:?}");
    all_is_well(&sql).await;
}

const MILLION: &str = "SELECT a.i FROM n a, n b, n c, n d";

async fn million(sql: &Sql) {
    sql.execute("CREATE TABLE n (i BIGINT)", ()).await.unwrap();
    sql.execute_batch("INSERT INTO n VALUES (?)", (0..32).map(|i| (i,))).await.unwrap();
}

/// What is in memory is there as long as anybody has it, whatever becomes of connections.
async fn tables_are_there(sql: &Sql) {
    assert_eq!(sql.scalar::<i64>("SELECT count(*) FROM n", ()).await.unwrap(), 32);
}

/// Has something go wrong until its connection is kept: on a machine that is busy even few rows may take longer than anybody
/// reads past.
async fn kept_after(sql: &Sql, mut goes_wrong: impl AsyncFnMut()) {
    for _ in 0..20 {
        goes_wrong().await;
        if idle(sql) == 1 {
            return;
        }
    }
    panic!("the connection is never kept");
}

pub(super) async fn more_rows_than_asked_for(peer: &Peer) {
    let sql = of_one(peer).await;
    million(&sql).await;
    // Few are read past.
    kept_after(&sql, async || {
        let error = sql.optional::<i64>("SELECT i FROM n", ()).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Internal);
    })
    .await;
    assert_eq!(sql.optional::<i64>(MILLION, ()).await.unwrap_err().kind(), Kind::Internal);
    assert_eq!(idle(&sql), 0);
    all_is_well(&sql).await;
    tables_are_there(&sql).await;
}

pub(super) async fn rows_that_do_not_fit(peer: &Peer) {
    let sql = of_one(peer).await;
    million(&sql).await;
    kept_after(&sql, async || assert!(sql.all::<String>("SELECT i FROM n", ()).await.is_err())).await;
    let error = sql.all::<String>(MILLION, ()).await.unwrap_err();
    assert_eq!(idle(&sql), 0, "{error:?}");
    all_is_well(&sql).await;
    let error = sql.stream::<String>(MILLION, ()).await.unwrap().next().await.unwrap_err();
    assert_eq!(idle(&sql), 0, "{error:?}");
    all_is_well(&sql).await;
    tables_are_there(&sql).await;
}

pub(super) async fn limits_of_one_call(peer: &Peer) {
    let asked = match peer.dialect {
        Dialect::Sqlite => return,
        Dialect::Postgres => "SELECT current_setting('statement_timeout')",
        Dialect::MySql => "SELECT CAST(@@max_statement_time AS CHAR)",
    };
    let sql = of_one(peer).await;
    let usual: String = sql.scalar(asked, ()).await.unwrap();
    let patient = sql.with_timeout(Duration::from_secs(3_600));
    for wrong in ["SELECT nonsense FROM nowhere", "SELECT 'a'"] {
        assert!(patient.stream::<i64>(wrong, ()).await.unwrap().next().await.is_err());
        assert_eq!(sql.scalar::<String>(asked, ()).await.unwrap(), usual, "{wrong}");
        assert!(patient.scalar::<i64>(wrong, ()).await.is_err());
        assert_eq!(sql.scalar::<String>(asked, ()).await.unwrap(), usual, "{wrong}");
    }
    let mut rows = patient.stream::<i64>("SELECT 1", ()).await.unwrap();
    assert_eq!((rows.next().await.unwrap(), rows.next().await.unwrap()), (Some(1), None));
    drop(rows);
    assert_eq!(idle(&sql), 1);
    assert_eq!(sql.scalar::<String>(asked, ()).await.unwrap(), usual);
}

pub(super) async fn limits_of_scripts(peer: &Peer) {
    let wait = match peer.dialect {
        Dialect::Sqlite => return,
        Dialect::Postgres => "SELECT pg_sleep(0.5); SELECT 1",
        Dialect::MySql => "SELECT SLEEP(0.5); SELECT 1",
    };
    let sql = peer.another("pool_size: 1, statement_timeout: 200ms").await.unwrap();
    sql.with_timeout(Duration::from_secs(10)).script(wait).await.unwrap();
    assert_eq!(idle(&sql), 1);
    // MariaDB says of a sleep that was ended that it is over.
    assert!(peer.dialect == Dialect::MySql || sql.script(wait).await.is_err());
}

pub(super) async fn transactions_by_hand_are_refused(peer: &Peer) {
    let sql = of_one(peer).await;
    sql.execute("CREATE TABLE t (a INTEGER)", ()).await.unwrap();
    let script = "BEGIN; INSERT INTO t VALUES (1); INSERT INTO nowhere VALUES (1); COMMIT";
    for error in [
        sql.script(script).await.unwrap_err(),
        sql.execute("/* a */ BEGIN", ()).await.unwrap_err(),
        sql.stream::<i64>("COMMIT", ()).await.unwrap_err(),
    ] {
        assert!(error.message().contains("use Sql::begin"), "{error}");
    }
    let mut tx = sql.begin().await.unwrap();
    tx.execute("INSERT INTO t VALUES (1)", ()).await.unwrap();
    assert!(tx.execute("COMMIT", ()).await.is_err());
    assert!(tx.script("SELECT 1; ROLLBACK").await.is_err());
    tx.rollback().await.unwrap();
    assert_eq!((sql.scalar::<i64>("SELECT count(*) FROM t", ()).await.unwrap(), idle(&sql)), (0, 1));
}

pub(super) async fn sessions_that_were_changed(peer: &Peer) {
    let sql = of_one(peer).await;
    sql.execute("CREATE TABLE t (a INTEGER)", ()).await.unwrap();
    let change = peer.each(
        "PRAGMA query_only = 1",
        "SET default_transaction_read_only = on",
        "SET SESSION TRANSACTION READ ONLY",
    );
    sql.execute(change, ()).await.unwrap();
    assert_eq!(idle(&sql), 0);
    sql.execute("INSERT INTO t VALUES (1)", ()).await.unwrap();
    sql.script(&format!("SELECT 1; {change}")).await.unwrap();
    sql.execute("INSERT INTO t VALUES (1)", ()).await.unwrap();
    if peer.dialect == Dialect::Postgres {
        let mut tx = sql.begin().await.unwrap();
        tx.execute("SET LOCAL search_path = nowhere", ()).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(idle(&sql), 1);
    }
}

pub(super) async fn scripts_that_fail(peer: &Peer) {
    let sql = of_one(peer).await;
    assert!(sql.script("SELECT 1; SELECT nonsense FROM nowhere").await.is_err());
    assert_eq!(idle(&sql), 0);
    all_is_well(&sql).await;
}

pub(super) async fn tables_in_transactions(peer: &Peer) {
    let sql = of_one(peer).await;
    sql.execute("CREATE TABLE t (a INTEGER)", ()).await.unwrap();
    let mut tx = sql.begin().await.unwrap();
    tx.execute("INSERT INTO t VALUES (1)", ()).await.unwrap();
    let altered = tx.execute("ALTER TABLE t ADD COLUMN b INTEGER", ()).await;
    assert_eq!(altered.is_err(), peer.dialect == Dialect::MySql, "{altered:?}");
    tx.execute("CREATE TEMPORARY TABLE passing (a INTEGER)", ()).await.unwrap();
    tx.rollback().await.unwrap();
    assert_eq!(sql.scalar::<i64>("SELECT count(*) FROM t", ()).await.unwrap(), 0);
}

pub(super) async fn nothing_at_all(peer: &Peer) {
    let sql = of_one(peer).await;
    all_is_well(&sql).await;
    assert_eq!(sql.script("-- nothing").await.unwrap().rows_affected(), 0);
    if peer.dialect == Dialect::Sqlite {
        sql.execute("-- nothing", ()).await.unwrap();
    }
    assert_eq!(idle(&sql), 1);
}

/// Has every connection prepare `SELECT * FROM t`, and another program change the table.
async fn change_behind_the_back(peer: &Peer) -> Sql {
    let sql = of_one(peer).await;
    sql.execute("CREATE TABLE t (a INTEGER)", ()).await.unwrap();
    sql.execute("INSERT INTO t VALUES (1)", ()).await.unwrap();
    assert_eq!(sql.one::<Row>("SELECT * FROM t", ()).await.unwrap().columns().len(), 1);
    peer.sql.execute("ALTER TABLE t ADD COLUMN b INTEGER", ()).await.unwrap();
    sql
}

/// The number of columns stays the same, and their names don't.
pub(super) async fn renamed_columns(peer: &Peer) {
    let sql = change_behind_the_back(peer).await;
    for (change, expected) in [
        ("ALTER TABLE t RENAME COLUMN a TO z", vec!["z", "b"]),
        ("ALTER TABLE t DROP COLUMN z", vec!["b"]),
        ("ALTER TABLE t ADD COLUMN c INTEGER", vec!["b", "c"]),
    ] {
        peer.sql.execute(change, ()).await.unwrap();
        let row: Row = sql.one("SELECT * FROM t", ()).await.unwrap();
        assert_eq!(row.columns().collect::<Vec<_>>(), expected, "{change}");
    }
}

pub(super) async fn changed_tables_of_streams(peer: &Peer) {
    let sql = change_behind_the_back(peer).await;
    let row = sql.stream::<Row>("SELECT * FROM t", ()).await.unwrap().next().await.unwrap().unwrap();
    assert_eq!(row.columns().len(), 2);
}

pub(super) async fn changed_tables_in_transactions(peer: &Peer) {
    let sql = change_behind_the_back(peer).await;
    let row: Row = sql.transaction(async move |tx| tx.one("SELECT * FROM t", ()).await).await.unwrap();
    assert_eq!(row.columns().len(), 2);
    if peer.dialect == Dialect::MySql {
        return;
    }
    // Of a transaction others hear when it is kept.
    let mut tx = sql.begin().await.unwrap();
    tx.execute("ALTER TABLE t ADD COLUMN c INTEGER", ()).await.unwrap();
    let client = sql.slot().client().unwrap();
    let before = client.pool.tables();
    tx.commit().await.unwrap();
    assert!(peer.dialect == Dialect::Postgres || client.pool.tables() > before);
    assert_eq!(sql.one::<Row>("SELECT * FROM t", ()).await.unwrap().columns().len(), 3);
}

/// Nothing stays prepared on the server beyond what the connection keeps.
pub(super) async fn few_statements_kept(peer: &Peer) {
    let few = peer.each("statement_cache: 0", "statement_cache: 1", "statement_cache: 0");
    let Some(sql) = peer.another(&format!("pool_size: 1, {few}")).await else { return };
    for number in 0..20 {
        let statement = format!("SELECT ? + {number}");
        assert_eq!(sql.scalar::<i64>(&statement, (1,)).await.unwrap(), number + 1);
    }
    let kept = match peer.dialect {
        Dialect::Sqlite => return,
        Dialect::Postgres => "SELECT count(*) FROM pg_prepared_statements",
        Dialect::MySql => {
            "SELECT CAST(variable_value AS SIGNED) FROM information_schema.session_status \
             WHERE variable_name = 'Com_stmt_prepare'"
        }
    };
    let prepared: i64 = sql.scalar(kept, ()).await.unwrap();
    if peer.dialect == Dialect::Postgres {
        assert!(prepared <= 2, "{prepared}");
        return;
    }
    let closed: i64 = sql.scalar(&kept.replace("prepare", "close"), ()).await.unwrap();
    assert!(prepared >= 20 && prepared - closed <= 2, "{prepared} {closed}");
}

/// What the first half of a beginning has said is not left to the next.
pub(super) async fn beginnings_that_fail(peer: &Peer) {
    let sql = of_one(peer).await;
    let (mut lease, _) = sql.lease().await.unwrap();
    let change = peer.each(
        "PRAGMA query_only = 1; NONSENSE",
        "SET default_transaction_read_only = on; NONSENSE",
        "SET SESSION TRANSACTION READ ONLY; NONSENSE",
    );
    let statement = Some(sqlx::SqlSafeStr::into_sql_str(sqlx::AssertSqlSafe(change)));
    assert!(lease.begin(Beginning { statement, ending: None }).await.is_err());
    drop(lease);
    assert_eq!(idle(&sql), 0);
    sql.execute("CREATE TABLE t (a INTEGER)", ()).await.unwrap();
}
