use futures_util::{StreamExt, TryStreamExt};
use serde::Deserialize;
use zato_core::{
    Kind,
    chrono::{DateTime, NaiveDateTime, NaiveTime, Utc},
    model::Decimal,
};

use super::Peer;
use crate::{Row, engine::Dialect};

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Customer {
    customer_id: i64,
    #[serde(alias = "title")]
    name: String,
    phone: Option<String>,
}

pub(super) async fn models(peer: &Peer) {
    let quote = peer.each("\"", "\"", "`");
    let sql = format!("SELECT 1 AS {quote}customerId{quote}, 'Ann' AS title, NULL AS phone, 5 AS surplus");
    let ann: Customer = peer.sql.one(&sql, ()).await.unwrap();
    assert_eq!(ann, Customer { customer_id: 1, name: "Ann".to_owned(), phone: None });
    #[derive(Debug, PartialEq, Deserialize)]
    struct Flat {
        #[serde(flatten)]
        inner: Inner,
    }
    #[derive(Debug, PartialEq, Deserialize)]
    struct Inner {
        amount: Decimal,
        name: String,
    }
    let amount = peer.each("'1.10'", "1.10::numeric", "CAST('1.10' AS DECIMAL(10, 2))");
    let flat: Flat = peer.sql.one(&format!("SELECT {amount} AS amount, 'x' AS name"), ()).await.unwrap();
    assert_eq!(flat.inner, Inner { amount: "1.10".parse().unwrap(), name: "x".to_owned() });
}

pub(super) async fn rows(peer: &Peer) {
    peer.sql
        .execute("CREATE TABLE t (z INTEGER, a VARCHAR(10), truth BOOLEAN, half DOUBLE PRECISION)", ())
        .await
        .unwrap();
    peer.sql.execute("INSERT INTO t VALUES (?, ?, ?, ?)", (7, "x", true, 0.5)).await.unwrap();
    let rows: Vec<Row> = peer.sql.all("SELECT * FROM t", ()).await.unwrap();
    assert_eq!(serde_json::to_string(&rows).unwrap(), r#"[{"z":7,"a":"x","truth":true,"half":0.5}]"#);
    let row = &rows[0];
    assert_eq!((row.get::<u8>("z").unwrap(), row.get_at::<String>(1).unwrap()), (7, "x".to_owned()));
    assert_eq!(row.read::<(i64, String, bool, f64)>().unwrap(), (7, "x".to_owned(), true, 0.5));
    assert_eq!(row.get::<i64>("b").unwrap_err().message(), "the result has no column \"b\"; it has z, a, truth, half");
}

pub(super) async fn single_values(peer: &Peer) {
    assert_eq!(peer.sql.scalar::<i64>("SELECT 5", ()).await.unwrap(), 5);
    assert_eq!(peer.sql.scalar::<String>("SELECT 'x'", ()).await.unwrap(), "x");
    let amount = peer.each("SELECT '2.50'", "SELECT 2.50", "SELECT CAST(2.50 AS DECIMAL(5, 2))");
    assert_eq!(peer.sql.scalar::<Decimal>(amount, ()).await.unwrap().to_string(), "2.50");
    assert_eq!(peer.sql.scalar::<Option<i64>>("SELECT NULL", ()).await.unwrap(), None);
    assert_eq!(peer.sql.optional::<Option<i64>>("SELECT NULL", ()).await.unwrap(), Some(None));
    assert_eq!(peer.sql.all::<Option<i64>>("SELECT 1 UNION ALL SELECT NULL", ()).await.unwrap(), [Some(1), None]);
    assert_eq!(peer.sql.optional::<i64>("SELECT 1 WHERE 1 = 0", ()).await.unwrap(), None);
}

pub(super) async fn numbers_fit_or_are_refused(peer: &Peer) {
    peer.sql.execute("CREATE TABLE t (a BIGINT, half DOUBLE PRECISION)", ()).await.unwrap();
    peer.sql.execute("INSERT INTO t VALUES (?, ?)", (300, 0.1)).await.unwrap();
    let error = peer.sql.scalar::<u8>("SELECT a FROM t", ()).await.unwrap_err();
    assert!(error.message().contains("the column a ("), "{error}");
    assert!(error.message().contains("expected u8, got an integer that is none"), "{error}");
    assert!(peer.sql.scalar::<i64>("SELECT half FROM t", ()).await.is_err());
    assert!(peer.sql.scalar::<bool>("SELECT a FROM t", ()).await.is_err());
    assert!(peer.sql.scalar::<String>("SELECT a FROM t", ()).await.is_err());
    assert_eq!(peer.sql.scalar::<f64>("SELECT half FROM t", ()).await.unwrap().to_string(), "0.1");
    // A sum of integers is a decimal number to some.
    assert_eq!(peer.sql.scalar::<i64>("SELECT sum(a) FROM t", ()).await.unwrap(), 300);
}

pub(super) async fn nulls(peer: &Peer) {
    let error = peer.sql.scalar::<i64>("SELECT NULL AS a", ()).await.unwrap_err();
    assert!(error.message().contains("expected i64, got NULL; make the field an Option"), "{error}");
    peer.sql.execute("CREATE TABLE t (a INTEGER, b VARCHAR(10))", ()).await.unwrap();
    peer.sql.execute("INSERT INTO t VALUES (?, ?)", (None::<i64>, None::<String>)).await.unwrap();
    assert_eq!(peer.sql.one::<(Option<i64>, Option<String>)>("SELECT * FROM t", ()).await.unwrap(), (None, None));
}

pub(super) async fn json(peer: &Peer) {
    #[derive(Debug, PartialEq, Deserialize)]
    struct Order {
        lines: Vec<Line>,
    }
    #[derive(Debug, PartialEq, Deserialize)]
    struct Line {
        product: String,
    }
    let column = peer.each("TEXT", "JSONB", "JSON");
    peer.sql.execute(&format!("CREATE TABLE t (a {column})"), ()).await.unwrap();
    let document = serde_json::json!([{"product": "bolt's"}]);
    peer.sql.execute("INSERT INTO t VALUES (?)", (&document,)).await.unwrap();
    let order: Order = peer
        .sql
        .one(
            "SELECT a AS lines FROM t"
                .replace("lines", &format!("{q}lines{q}", q = peer.each("\"", "\"", "`")))
                .as_str(),
            (),
        )
        .await
        .unwrap();
    assert_eq!(order, Order { lines: vec![Line { product: "bolt's".to_owned() }] });
    if peer.dialect == Dialect::Postgres {
        assert_eq!(peer.sql.scalar::<serde_json::Value>("SELECT a FROM t", ()).await.unwrap(), document);
        let found =
            peer.sql.scalar::<i64>("SELECT count(*) FROM t WHERE a -> 0 ?? :key", crate::params! { key: "product" });
        assert_eq!(found.await.unwrap(), 1);
    }
    if peer.dialect == Dialect::Postgres {
        // As it stands there, in the text of the row's JSON, too.
        let exact = r#"SELECT '{"b": 12345678901234567.89, "a": [1.10]}'::json AS a"#;
        let row: Row = peer.sql.one(exact, ()).await.unwrap();
        let json = serde_json::to_string(&row).unwrap();
        assert_eq!(json, r#"{"a":{"b": 12345678901234567.89, "a": [1.10]}}"#);
    }
    let error = peer.sql.one::<(Vec<i64>,)>("SELECT a FROM t", ()).await.unwrap_err();
    assert!(error.message().contains("its JSON doesn't fit at line 1"), "{error}");
    assert!(!error.report().to_string().contains("bolt"), "{error:?}");
}

pub(super) async fn moments(peer: &Peer) {
    // As the database itself writes them.
    let now: DateTime<Utc> = peer.sql.scalar("SELECT CURRENT_TIMESTAMP", ()).await.unwrap();
    assert!((Utc::now() - now).num_minutes().abs() < 5, "{now}");
    let cast = peer.each(
        "SELECT '2026-01-02 03:04:05'",
        "SELECT TIMESTAMP '2026-01-02 03:04:05'",
        "SELECT CAST('2026-01-02 03:04:05' AS DATETIME)",
    );
    let at: NaiveDateTime = peer.sql.scalar(cast, ()).await.unwrap();
    assert_eq!(at.to_string(), "2026-01-02 03:04:05");
    // What has no time zone is in UTC, which is that of the connection.
    assert_eq!(peer.sql.scalar::<DateTime<Utc>>(cast, ()).await.unwrap(), at.and_utc());
}

pub(super) async fn what_does_not_fit_is_named(peer: &Peer) {
    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "it is never made")]
    struct Wants {
        id: i64,
        missing: String,
    }
    let error = peer.sql.one::<Wants>("SELECT 1 AS id, 's3cret' AS other", ()).await.unwrap_err();
    let words = "a row doesn't fit what was asked for: the result has no column \"missing\"; it has id, other";
    assert_eq!((error.kind(), error.message()), (Kind::Internal, words));
    let error = peer.sql.one::<Wants>("SELECT 's3cret' AS id, 'x' AS missing", ()).await.unwrap_err();
    assert!(
        error.message().contains("the column id (") && error.message().contains("expected i64, got a text"),
        "{error}"
    );
    assert!(!error.report().to_string().contains("s3cret"));
    assert_eq!(error.public_message(), "an error has occurred");
}

pub(super) async fn number_of_rows(peer: &Peer) {
    let error = peer.sql.one::<i64>("SELECT 1 WHERE 1 = 0", ()).await.unwrap_err();
    assert_eq!((error.kind(), error.public_message()), (Kind::NotFound, "not found"));
    let error = peer.sql.one::<i64>("SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3", ()).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Internal);
    assert!(error.message().starts_with("the statement gave several rows"), "{error}");
    // What was not read of it comes up nowhere.
    assert_eq!(peer.sql.one::<i64>("SELECT 9", ()).await.unwrap(), 9);
}

fn numbers(peer: &Peer, upto: i64) -> String {
    let series = peer.each(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :upto) SELECT i FROM n",
        "SELECT i::int8 FROM generate_series(1, :upto::int4) AS n(i)",
        "SELECT seq AS i FROM seq_1_to_UPTO",
    );
    series.replace(":upto", &upto.to_string()).replace("UPTO", &upto.to_string())
}

pub(super) async fn streams(peer: &Peer) {
    let series = numbers(peer, 1_000);
    let all: Vec<i64> = peer.sql.stream::<i64>(&series, ()).await.unwrap().try_collect().await.unwrap();
    assert_eq!((all.len(), all.iter().sum::<i64>()), (1_000, 500_500));
    // One that is left before its end leaves nothing behind.
    let mut rows = peer.sql.stream::<i64>(&series, ()).await.unwrap();
    assert_eq!(rows.next().await.unwrap(), Some(1));
    drop(rows);
    assert_eq!(peer.sql.scalar::<i64>("SELECT 5", ()).await.unwrap(), 5);
    let mut rows = peer.sql.stream::<String>(&series, ()).await.unwrap();
    assert!(StreamExt::next(&mut rows).await.unwrap().is_err());
    assert!(StreamExt::next(&mut rows).await.is_none());
    let mut rows = peer.sql.stream::<i64>("SELECT nonsense FROM nowhere", ()).await.unwrap();
    assert!(rows.next().await.is_err());
}

pub(super) async fn streams_of_many(peer: &Peer) {
    let series = numbers(peer, 20_000);
    let mut rows = peer.sql.stream::<Row>(&series, ()).await.unwrap();
    let mut json = Vec::new();
    while let Some(row) = rows.next().await.unwrap() {
        serde_json::to_writer(&mut json, &row).unwrap();
    }
    assert!(json.ends_with(br#"{"i":20000}"#));
}

pub(super) async fn negative_times(peer: &Peer) {
    if peer.dialect == Dialect::MySql {
        let time = "SELECT CAST('-01:30:00' AS TIME)";
        assert!(peer.sql.scalar::<NaiveTime>(time, ()).await.is_err());
        let time = "SELECT CAST('01:30:00.5' AS TIME(1))";
        let read = peer.sql.scalar::<NaiveTime>(time, ()).await.unwrap();
        assert_eq!(read.to_string(), "01:30:00.500");
    }
}

pub(super) async fn columns_of_one_name(peer: &Peer) {
    let row: Row = peer.sql.one("SELECT 1 AS id, 'x' AS name, 2 AS id", ()).await.unwrap();
    let words = "two columns of the result are called id, and readers would find one of them; name one with AS";
    assert_eq!(serde_json::to_string(&row).unwrap_err().to_string(), words);
    assert!(row.read::<serde_json::Value>().unwrap_err().message().contains(words));
    type Texts = std::collections::BTreeMap<String, serde_json::Value>;
    assert!(row.read::<Texts>().unwrap_err().message().contains(words));
    assert_eq!(row.get_at::<i64>(2).unwrap(), 2);
    // A model that has nothing to do with them is read.
    #[derive(Debug, PartialEq, Deserialize)]
    struct Named {
        name: String,
    }
    assert_eq!(row.read::<Named>().unwrap(), Named { name: "x".to_owned() });
}
