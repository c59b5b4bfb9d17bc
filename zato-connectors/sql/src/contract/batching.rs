use zato_core::Kind;

use super::Peer;
use crate::params;

#[derive(Clone, serde::Serialize)]
struct Row {
    a: i64,
    b: Option<String>,
}

pub(super) async fn batches(peer: &Peer) {
    peer.sql.execute("CREATE TABLE t (a INTEGER PRIMARY KEY, b VARCHAR(100))", ()).await.unwrap();
    let rows: Vec<Row> = (0..777).map(|a| Row { a, b: (a % 3 > 0).then(|| format!("'{a}'; -- \\")) }).collect();
    let done = peer.sql.execute_batch("INSERT INTO t (b, a) VALUES (:b, :a)", &rows).await.unwrap();
    assert_eq!(done.rows_affected(), 777);
    let texts: Vec<Option<String>> = peer.sql.all("SELECT b FROM t ORDER BY a", ()).await.unwrap();
    assert!(texts.iter().zip(&rows).all(|(text, row)| *text == row.b));

    // One after the other.
    let updates = (0..100).map(|a| params! { a, b: "new" });
    let done = peer.sql.execute_batch("UPDATE t SET b = :b WHERE a = :a", updates).await.unwrap();
    assert_eq!(done.rows_affected(), 100);

    // All or nothing.
    let error = peer.sql.execute_batch("INSERT INTO t VALUES (?, ?)", [(1_000, "x"), (1_001, "x"), (5, "x")]).await;
    assert_eq!(error.unwrap_err().kind(), Kind::Conflict);
    assert_eq!(peer.sql.scalar::<i64>("SELECT count(*) FROM t", ()).await.unwrap(), 777);
    let none: [(i64, &str); 0] = [];
    assert_eq!(peer.sql.execute_batch("INSERT INTO t VALUES (?, ?)", none).await.unwrap().rows_affected(), 0);
}
