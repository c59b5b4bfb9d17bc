use std::{fs, path::Path};

use tempfile::TempDir;

use super::Peer;
use crate::{Migrated, Sql, SqlError, SqlErrorKind, engine::Dialect};

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for file in files {
        write(folder.path(), *file);
    }
    folder
}

fn write(folder: &Path, (name, text): (&str, &str)) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn names(migrated: &[Migrated]) -> Vec<&str> {
    migrated.iter().map(Migrated::file).collect()
}

const CREATE: (&str, &str) =
    ("0001_create_customer.up.sql", "CREATE TABLE customer (id INTEGER PRIMARY KEY, name VARCHAR(100));");
const DROP: (&str, &str) = ("0001_create_customer.down.sql", "DROP TABLE customer;");
const FILL: (&str, &str) = (
    "0002_fill_customer.up.sql",
    "INSERT INTO customer VALUES (1, 'O''Neill; -- :x ?');\nINSERT INTO customer VALUES (2, 'Ann');",
);
const EMPTY: (&str, &str) = ("0002_fill_customer.down.sql", "DELETE FROM customer;");

async fn count(sql: &Sql) -> i64 {
    sql.scalar("SELECT count(*) FROM customer", ()).await.unwrap()
}

pub(super) async fn applied_once_and_undone(peer: &Peer) {
    let folder = folder(&[CREATE, DROP, FILL, EMPTY]);
    let pending = peer.sql.migrations_pending(folder.path()).await.unwrap();
    assert_eq!(pending, [CREATE.0, FILL.0]);
    let applied = peer.sql.migrate(folder.path()).await.unwrap();
    assert_eq!(names(&applied), [CREATE.0, FILL.0]);
    assert_eq!(count(&peer.sql).await, 2);
    assert_eq!(peer.sql.migrate(folder.path()).await.unwrap(), []);

    // A number between those that were applied, as two who work at the same time leave it, and a column more.
    write(folder.path(), ("0003_add_email.sql", "ALTER TABLE customer ADD COLUMN email VARCHAR(100)"));
    assert_eq!(peer.sql.migrations_pending(folder.path()).await.unwrap(), ["0003_add_email.sql"]);
    assert_eq!(names(&peer.sql.migrate(folder.path()).await.unwrap()), ["0003_add_email.sql"]);
    let email: Option<String> = peer.sql.scalar("SELECT email FROM customer WHERE id = 1", ()).await.unwrap();
    assert_eq!(email, None);

    let error = peer.sql.migrate_down_to(folder.path(), 0).await.unwrap_err();
    assert!(error.message().starts_with("nothing says how the migration 0003_add_email.sql is undone"), "{error}");
    write(folder.path(), ("0003_add_email.down.sql", "ALTER TABLE customer DROP COLUMN email"));
    let undone = peer.sql.migrate_down_to(folder.path(), 1).await.unwrap();
    assert_eq!(names(&undone), ["0003_add_email.down.sql", EMPTY.0]);
    assert_eq!(count(&peer.sql).await, 0);
}

pub(super) async fn faults_are_named(peer: &Peer) {
    let folder =
        folder(&[CREATE, ("0002_b.sql", "INSERT INTO customer VALUES (1, 'a'); INSERT INTO costumer VALUES (2)")]);
    let error = peer.sql.migrate(folder.path()).await.unwrap_err();
    assert!(error.message().starts_with("the migration 0002_b.sql can't be applied: "), "{error}");
    assert!(error.message().contains("costumer"), "{error}");
    assert_eq!(error.find::<SqlError>().map(SqlError::kind), Some(SqlErrorKind::UndefinedTable));
    // What was done of it is undone, and what comes before is kept.
    assert_eq!(count(&peer.sql).await, 0);

    write(folder.path(), ("0002_b.sql", "INSERT INTO customer VALUES (1, 'a')"));
    assert_eq!(names(&peer.sql.migrate(folder.path()).await.unwrap()), ["0002_b.sql"]);
    write(folder.path(), ("0002_b.sql", "INSERT INTO customer VALUES (1, 'b')"));
    let error = peer.sql.migrate(folder.path()).await.unwrap_err();
    assert!(error.message().starts_with("the migration 0002_b.sql was applied, and is another now"), "{error}");
    fs::remove_file(folder.path().join("0002_b.sql")).unwrap();
    assert_eq!(peer.sql.migrate(folder.path()).await.unwrap(), [], "an older program is put back");
    write(folder.path(), ("0003_c.sql", "SELECT 1"));
    let error = peer.sql.migrate(folder.path()).await.unwrap_err();
    assert!(error.message().starts_with("a migration 2 was applied, and is not there any more"), "{error}");
}

pub(super) async fn two_programs_at_once(peer: &Peer) {
    let files: Vec<(String, String)> = (1..=5)
        .map(|number| {
            (
                format!("{number}_t.sql"),
                format!("CREATE TABLE t{number} (a INTEGER); INSERT INTO t{number} VALUES (1);"),
            )
        })
        .collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (&**name, &**text)).collect();
    let folder = folder(&files);
    let Some(other) = peer.another("pool_size: 2").await else { return };
    let (one, two) = tokio::join!(peer.sql.migrate(folder.path()), other.migrate(folder.path()));
    assert_eq!(one.unwrap().len() + two.unwrap().len(), 5);
    assert_eq!(other.scalar::<i64>("SELECT count(*) FROM t5", ()).await.unwrap(), 1);
}

pub(super) async fn by_configuration(peer: &Peer) {
    let own = peer.each("sqlite/0002_b.sql", "postgresql/0002_b.sql", "mysql/0002_b.sql");
    let folder = folder(&[CREATE, (own, "INSERT INTO customer VALUES (1, 'own')")]);
    let keys = format!("migrations: '{}'", folder.path().display());
    let Some(other) = peer.another(&keys).await else { return };
    assert_eq!(other.scalar::<String>("SELECT name FROM customer", ()).await.unwrap(), "own");
    assert_eq!(peer.another(&keys).await.map(|sql| sql.name().to_owned()).as_deref(), Some("contract"));
    assert_eq!(count(&other).await, 1);
    if peer.dialect == Dialect::MySql {
        write(folder.path(), ("3_c.sql", "CREATE TABLE a (a INTEGER); CREATE TABLE customer (a INTEGER)"));
        other.migrate(folder.path()).await.unwrap_err();
        let error = other.migrate(folder.path()).await.unwrap_err();
        assert!(error.message().starts_with("the migration 3_c.sql was applied in part"), "{error}");
    }
}
