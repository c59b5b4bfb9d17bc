use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use zato_core::{
    Kind,
    chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Utc},
    model::{Base64, Decimal},
    uuid::Uuid,
};

use super::Peer;
use crate::{Row, SqlValue, engine::Dialect, params};

/// Texts that break out of quotes, comments, encodings and lines.
pub(super) const HOSTILE: [&str; 22] = [
    "'; DROP TABLE t; --",
    "' OR '1'='1",
    "\" OR \"\"=\"",
    "\\'; DROP TABLE t; --",
    "\\",
    "'",
    "''",
    "`; DROP TABLE t; --",
    "/* ",
    " */ --",
    "# ",
    "$1",
    ":a",
    "?",
    "$$ x $$",
    "%s",
    "${HOME}",
    "line\nbreak\r\n\ttab",
    "żółć 漢字 🦀 e\u{301}",
    "\u{202e}txt.exe",
    "",
    " spaces around ",
];

pub(super) async fn ways_of_writing(peer: &Peer) {
    peer.sql.execute("CREATE TABLE t (a INTEGER, b VARCHAR(20))", ()).await.unwrap();
    peer.sql.execute("INSERT INTO t VALUES (?, ?)", (1, "one")).await.unwrap();
    peer.sql.execute("INSERT INTO t VALUES ($1, $2)", (2, "two")).await.unwrap();
    peer.sql.execute("INSERT INTO t VALUES (:a, :b)", params! { b: "three", a: 3 }).await.unwrap();
    let values: Vec<SqlValue> = vec![4.into(), "four".into()];
    peer.sql.execute("INSERT INTO t VALUES (?, ?) -- :c", values.as_slice()).await.unwrap();
    let twice: Vec<(i64, String)> =
        peer.sql.all("SELECT a, b FROM t WHERE a > :x AND a <= :x + 2 ORDER BY a", params! { x: 1 }).await.unwrap();
    assert_eq!(twice, [(2, "two".to_owned()), (3, "three".to_owned())]);
    let reversed: String = peer.sql.scalar("SELECT b FROM t WHERE a = $2 AND b <> $1", ("x", 4)).await.unwrap();
    assert_eq!(reversed, "four");
}

pub(super) async fn hostile_texts(peer: &Peer) {
    let column = peer.each("TEXT", "TEXT", "TEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin");
    peer.sql.execute(&format!("CREATE TABLE t (id INTEGER, a {column})"), ()).await.unwrap();
    #[derive(Serialize)]
    struct Entry {
        id: i64,
        a: &'static str,
    }
    for (id, a) in (0_i64..).zip(HOSTILE) {
        peer.sql.execute("INSERT INTO t VALUES (?, ?)", (3 * id, a)).await.unwrap();
        peer.sql.execute("INSERT INTO t VALUES (:id, :a)", params! { id: 3 * id + 1, a }).await.unwrap();
        peer.sql.execute("INSERT INTO t VALUES (:id, :a)", &Entry { id: 3 * id + 2, a }).await.unwrap();
        let found: Vec<i64> = peer.sql.all("SELECT id FROM t WHERE a = $1 ORDER BY id", (a,)).await.unwrap();
        assert!(found.ends_with(&[3 * id, 3 * id + 1, 3 * id + 2]), "{a:?} is found by itself: {found:?}");
    }
    let back: Vec<String> = peer.sql.all("SELECT a FROM t ORDER BY id", ()).await.unwrap();
    let expected: Vec<_> = HOSTILE.into_iter().flat_map(|text| [text; 3]).collect();
    assert_eq!(back, expected);
    let bytes: Vec<u8> = (0..=255).collect();
    let column = peer.each("BLOB", "BYTEA", "BLOB");
    peer.sql.execute(&format!("CREATE TABLE b (a {column})"), ()).await.unwrap();
    peer.sql.execute("INSERT INTO b VALUES (?)", (&bytes,)).await.unwrap();
    assert_eq!(peer.sql.scalar::<Base64>("SELECT a FROM b", ()).await.unwrap(), Base64::from(bytes));
}

/// Every type that there is, in a model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Every {
    id: i64,
    truth: bool,
    small: i16,
    large: i64,
    half: f64,
    amount: Decimal,
    name: String,
    photo: Base64,
    day: NaiveDate,
    hour: NaiveTime,
    at: NaiveDateTime,
    moment: DateTime<Utc>,
    key: Uuid,
    tags: Tags,
    absent: Option<String>,
    kind: Shade,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Tags {
    a: Vec<i64>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Shade {
    Dark,
    Light,
}

fn every(id: i64) -> Every {
    let moment = DateTime::parse_from_rfc3339("2026-02-28T23:59:59.123456Z").unwrap().to_utc();
    Every {
        id,
        truth: id % 2 == 0,
        small: i16::MIN,
        large: i64::MAX,
        half: 0.1,
        // SQLite has no more digits.
        amount: "-12345678901.5678".parse().unwrap(),
        name: "O'Neill".to_owned(),
        photo: Base64::from(vec![0, 0xff, b'\'']),
        day: moment.date_naive(),
        hour: NaiveTime::from_hms_micro_opt(1, 2, 3, 456_789).unwrap(),
        at: moment.naive_utc(),
        moment,
        key: Uuid::from_u128(0x1234_5678_9abc_def0_1234_5678_9abc_def0),
        tags: Tags { a: vec![1, 2] },
        absent: None,
        kind: if id == 1 { Shade::Dark } else { Shade::Light },
    }
}

async fn table_of_every(peer: &Peer) {
    let create = peer.each(
        "CREATE TABLE t (id INTEGER, truth BOOLEAN, small SMALLINT, large BIGINT, half REAL, amount TEXT, name TEXT, \
         photo BLOB, day DATE, hour TIME, at DATETIME, moment DATETIME, key TEXT, tags TEXT, absent TEXT, kind TEXT)",
        "CREATE TABLE t (id INTEGER, truth BOOLEAN, small SMALLINT, large BIGINT, half DOUBLE PRECISION, \
         amount NUMERIC(30, 4), name TEXT, photo BYTEA, day DATE, hour TIME, at TIMESTAMP, moment TIMESTAMPTZ, key UUID, \
         tags JSONB, absent TEXT, kind TEXT)",
        "CREATE TABLE t (id INTEGER, truth BOOLEAN, small SMALLINT, large BIGINT, half DOUBLE, amount DECIMAL(30, 4), \
         name TEXT, photo BLOB, day DATE, hour TIME(6), at DATETIME(6), moment TIMESTAMP(6) NULL, `key` CHAR(36), tags JSON, \
         absent TEXT, kind TEXT)",
    );
    peer.sql.execute(create, ()).await.unwrap();
}

const INSERT: &str = "INSERT INTO t VALUES (:id, :truth, :small, :large, :half, :amount, :name, :photo, :day, :hour, :at, \
                      :moment, :key, :tags, :absent, :kind)";

pub(super) async fn every_type_comes_back(peer: &Peer) {
    table_of_every(peer).await;
    let Every { id, truth, small, large, half, amount, name, photo, day, hour, at, moment, key, tags, .. } = every(1);
    let given = params! {
        id, truth, small, large, half, amount, name, photo, day, hour, at, moment, key, tags: SqlValue::json(&tags).unwrap(), absent: None::<String>,
        kind: "dark",
    };
    peer.sql.execute(INSERT, given).await.unwrap();
    assert_eq!(peer.sql.one::<Every>("SELECT * FROM t", ()).await.unwrap(), every(1));
    let row: Row = peer.sql.one("SELECT * FROM t", ()).await.unwrap();
    let json: serde_json::Value = serde_json::to_value(&row).unwrap();
    let mut expected = serde_json::to_value(every(1)).unwrap();
    if peer.dialect != Dialect::Postgres {
        // There the document is a text like any other.
        expected["tags"] = json["tags"].clone();
    }
    if peer.dialect == Dialect::Sqlite {
        // It has one type for what has a time zone and what has none.
        expected["moment"] = expected["at"].clone();
    }
    assert_eq!(json, expected);
}

pub(super) async fn models_as_parameters(peer: &Peer) {
    table_of_every(peer).await;
    for id in 1..=3 {
        assert_eq!(peer.sql.execute(INSERT, &every(id)).await.unwrap().rows_affected(), 1);
    }
    let back: Vec<Every> = peer.sql.all("SELECT * FROM t ORDER BY id", ()).await.unwrap();
    assert_eq!(back, [every(1), every(2), every(3)]);
    // A model may have more than the statement wants.
    let found: i64 = peer.sql.scalar("SELECT id FROM t WHERE id = :id AND name = :name", &every(2)).await.unwrap();
    assert_eq!(found, 2);
}

pub(super) async fn wrong_parameters(peer: &Peer) {
    let error = peer.sql.scalar::<i64>("SELECT :a + :b", params! { a: 1 }).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Internal);
    assert!(error.message().contains(":b"), "{error}");
    let error = peer.sql.scalar::<i64>("SELECT 1", (1,)).await.unwrap_err();
    assert_eq!(error.message(), "the statement has no parameters and 1 was given");
    peer.sql.execute("CREATE TABLE t (a SMALLINT)", ()).await.unwrap();
    let error = peer.sql.execute("INSERT INTO t VALUES (:a)", params! { a: vec![1_i64] }).await.unwrap_err();
    assert!(error.message().contains("the parameter :a can't be given to the database"), "{error}");
    assert_eq!(peer.sql.scalar::<i64>("SELECT count(*) FROM t", ()).await.unwrap(), 0);
}

pub(super) async fn script(peer: &Peer) {
    let done =
        peer.sql.script("CREATE TABLE t (a INTEGER); INSERT INTO t VALUES (1), (2); INSERT INTO t VALUES (3);").await;
    assert_eq!(done.unwrap().rows_affected(), 3);
    assert!(peer.sql.script("INSERT INTO t VALUES (4); SELECT nonsense FROM nowhere").await.is_err());
    assert!(peer.sql.scalar::<i64>("SELECT count(*) FROM t", ()).await.unwrap() >= 3);
}

pub(super) async fn decimals_are_numbers(peer: &Peer) {
    peer.sql.execute("CREATE TABLE t (id INTEGER, amount DECIMAL(20, 2))", ()).await.unwrap();
    for amount in ["9.50", "100", "2.25"] {
        let amount: Decimal = amount.parse().unwrap();
        peer.sql.execute("INSERT INTO t VALUES (1, :amount)", params! { amount }).await.unwrap();
    }
    for (least, expected) in [("111.75", 1), ("111.76", 0), ("9", 1), ("-1", 1), ("1000", 0)] {
        let least: Decimal = least.parse().unwrap();
        let sql = "SELECT count(*) FROM (SELECT id FROM t GROUP BY id HAVING sum(amount) >= :least) AS found";
        assert_eq!(peer.sql.scalar::<i64>(sql, params! { least }).await.unwrap(), expected, "{least}");
    }
    let long: Decimal = "12345678901234.5678".parse().unwrap();
    let inserted = peer.sql.execute("INSERT INTO t VALUES (2, :long)", params! { long }).await;
    if peer.dialect == Dialect::Sqlite {
        let error = inserted.unwrap_err();
        assert!(error.message().contains("the parameter :long") && error.message().contains("as a text"), "{error}");
    }
}

pub(super) async fn moments_are_in_their_order(peer: &Peer) {
    let column = peer.each("DATETIME", "TIMESTAMPTZ", "TIMESTAMP(6) NULL");
    peer.sql.execute(&format!("CREATE TABLE t (id INTEGER, moment {column})"), ()).await.unwrap();
    let at = |text: &str| DateTime::parse_from_rfc3339(text).unwrap().to_utc();
    let moments =
        ["2026-01-02T03:04:05Z", "2026-01-02T03:04:05.000001Z", "2026-01-02T03:04:05.5Z", "2026-01-02T03:04:06Z"];
    for (id, moment) in [3_i64, 1, 0, 2].map(|id| (id, moments[usize::try_from(id).unwrap()])) {
        peer.sql.execute("INSERT INTO t VALUES (:id, :moment)", params! { id, moment: at(moment) }).await.unwrap();
    }
    assert_eq!(peer.sql.all::<i64>("SELECT id FROM t ORDER BY moment", ()).await.unwrap(), [0, 1, 2, 3]);
    for (id, moment) in (0_i64..).zip(moments) {
        let before = "SELECT count(*) FROM t WHERE moment < :moment";
        assert_eq!(peer.sql.scalar::<i64>(before, params! { moment: at(moment) }).await.unwrap(), id, "{moment}");
        let same = "SELECT id FROM t WHERE moment = :moment";
        assert_eq!(peer.sql.scalar::<i64>(same, params! { moment: at(moment) }).await.unwrap(), id, "{moment}");
    }
    // What the database writes itself is among them.
    peer.sql.execute("INSERT INTO t VALUES (9, CURRENT_TIMESTAMP)", ()).await.unwrap();
    let now = DateTime::from_timestamp(Utc::now().timestamp(), 0).unwrap();
    for (minutes, expected) in [(-60, 0), (60, 1)] {
        let limit = now + TimeDelta::minutes(minutes);
        let found = peer.sql.scalar::<i64>("SELECT count(*) FROM t WHERE id = 9 AND moment < ?", (limit,));
        assert_eq!(found.await.unwrap(), expected, "{minutes}");
    }
    // As JSON it is ISO 8601 whoever has written it.
    let row: Row = peer.sql.one("SELECT moment FROM t WHERE id = 2", ()).await.unwrap();
    let zone = peer.each("", "Z", "Z");
    assert_eq!(serde_json::to_string(&row).unwrap(), format!(r#"{{"moment":"2026-01-02T03:04:05.500{zone}"}}"#));
    assert_eq!(row.get::<DateTime<Utc>>("moment").unwrap(), at(moments[2]));
    if peer.dialect == Dialect::Sqlite {
        // A text is what stands there, and finds its row again.
        let text = row.get::<String>("moment").unwrap();
        assert_eq!(text, "2026-01-02 03:04:05.500");
        assert_eq!(peer.sql.scalar::<i64>("SELECT id FROM t WHERE moment = ?", (text,)).await.unwrap(), 2);
    }
}

pub(super) async fn what_was_done(peer: &Peer) {
    let id = peer.each("INTEGER PRIMARY KEY", "SERIAL PRIMARY KEY", "INTEGER AUTO_INCREMENT PRIMARY KEY");
    peer.sql.execute(&format!("CREATE TABLE t (id {id}, a INTEGER UNIQUE)"), ()).await.unwrap();
    let first = peer.sql.execute("INSERT INTO t (a) VALUES (7)", ()).await.unwrap();
    let has_ids = peer.dialect != Dialect::Postgres;
    assert_eq!((first.rows_affected(), first.last_insert_id()), (1, has_ids.then_some(1)));
    // Nothing is told of what others have done before.
    for sql in [
        "UPDATE t SET a = 8",
        "DELETE FROM t WHERE a = 9",
        "CREATE TABLE b (a INTEGER)",
        "INSERT INTO b SELECT 1 WHERE 1 = 0",
    ] {
        let done = peer.sql.execute(sql, ()).await.unwrap();
        let changed = u64::from(sql.starts_with("UPDATE"));
        assert_eq!((done.rows_affected(), done.last_insert_id()), (changed, None), "{sql}");
    }
    let done =
        peer.sql.script("INSERT INTO b VALUES (1), (2); CREATE TABLE c (a INTEGER); DELETE FROM b WHERE a = 2").await;
    assert_eq!(done.unwrap().rows_affected(), 3);
}

/// As values and keys of documents, and where the database looks into them.
pub(super) async fn hostile_texts_in_documents(peer: &Peer) {
    let column = peer.each("TEXT", "JSONB", "LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin");
    peer.sql.execute(&format!("CREATE TABLE t (id INTEGER, a {column})"), ()).await.unwrap();
    let by_key: BTreeMap<&str, &str> = HOSTILE.map(|text| (text, text)).into();
    #[derive(Serialize)]
    struct Entry<'t> {
        id: i64,
        a: &'t BTreeMap<&'t str, &'t str>,
    }
    peer.sql.execute("INSERT INTO t VALUES (1, ?)", (SqlValue::json(HOSTILE).unwrap(),)).await.unwrap();
    peer.sql.execute("INSERT INTO t VALUES (:id, :a)", &Entry { id: 2, a: &by_key }).await.unwrap();
    let list = peer.sql.one::<(Vec<String>,)>("SELECT a FROM t WHERE id = 1", ()).await.unwrap();
    assert_eq!(list.0, HOSTILE);
    let read = peer.sql.one::<(BTreeMap<String, String>,)>("SELECT a FROM t WHERE id = 2", ()).await.unwrap();
    assert!(read.0.iter().map(|(key, text)| (key.as_str(), text.as_str())).eq(by_key));
    for (place, text) in (0_i32..).zip(HOSTILE) {
        let at = peer.each(
            "SELECT json_extract(a, '$[' || :place || ']') FROM t WHERE id = 1",
            "SELECT a ->> :place FROM t WHERE id = 1",
            "SELECT JSON_UNQUOTE(JSON_EXTRACT(a, CONCAT('$[', :place, ']'))) FROM t WHERE id = 1",
        );
        let at = if peer.dialect == Dialect::Postgres { at.replace(":place", ":place::int4") } else { at.to_owned() };
        assert_eq!(peer.sql.scalar::<String>(&at, params! { place }).await.unwrap(), text);
        let by_key = peer.each(
            "SELECT value FROM t, json_each(t.a) WHERE t.id = 2 AND key = :text",
            "SELECT a ->> :text::text FROM t WHERE id = 2",
            "SELECT JSON_UNQUOTE(JSON_EXTRACT(a, CONCAT('$.', JSON_QUOTE(:text)))) FROM t WHERE id = 2",
        );
        // MariaDB has no way of writing some of them into a path.
        if peer.dialect != Dialect::MySql || !text.contains(['\\', '"', '\n', '*', ' ']) && !text.is_empty() {
            assert_eq!(peer.sql.scalar::<String>(by_key, params! { text }).await.unwrap(), text, "{text:?}");
        }
    }
    if peer.dialect == Dialect::Postgres {
        let path: Vec<&str> = vec![HOSTILE[0]];
        let found = peer.sql.scalar::<String>("SELECT a #>> :path FROM t WHERE id = 2", params! { path });
        assert_eq!(found.await.unwrap(), HOSTILE[0]);
    }
}

pub(super) async fn hostile_texts_in_arrays(peer: &Peer) {
    if peer.dialect != Dialect::Postgres {
        return;
    }
    peer.sql.execute("CREATE TABLE t (id INTEGER, a TEXT[])", ()).await.unwrap();
    #[derive(Serialize, Deserialize)]
    struct Entry {
        id: i64,
        a: Vec<Option<String>>,
    }
    let all: Vec<Option<String>> = HOSTILE.iter().map(|text| Some((*text).to_owned())).chain([None]).collect();
    peer.sql.execute("INSERT INTO t VALUES (1, ?)", (&all,)).await.unwrap();
    peer.sql.execute("INSERT INTO t VALUES (:id, :a)", &Entry { id: 2, a: all.clone() }).await.unwrap();
    for entry in peer.sql.all::<Entry>("SELECT id, a FROM t ORDER BY id", ()).await.unwrap() {
        assert_eq!(entry.a, all, "{}", entry.id);
    }
    for text in HOSTILE {
        let found = peer.sql.scalar::<i64>("SELECT count(*) FROM t WHERE :text = ANY(a)", params! { text });
        assert_eq!(found.await.unwrap(), 2, "{text:?}");
        let texts = vec![text];
        let found = peer.sql.scalar::<i64>("SELECT count(*) FROM t WHERE a @> :texts", params! { texts });
        assert_eq!(found.await.unwrap(), 2, "{text:?}");
    }
}
