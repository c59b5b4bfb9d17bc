//! What every database does alike: each test runs against SQLite in memory and in a file, PostgreSQL and MariaDB.

mod batching;
mod binding;
mod failing;
mod handing_on;
mod isolating;
mod migrating;
mod pooling;
mod reading;
mod settling;
mod supervising;
mod telling;
mod transacting;

use std::{
    collections::BTreeSet,
    io::{self, Write as _},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use percent_encoding::percent_decode_str;
use zato_core::{
    ambient::Ambient,
    config::{Files, from_node, yaml},
    connection::{Connector as _, Definitions, Handle as _, Setup, Slot},
};

use crate::{PreparedSql, Sql, SqlConfig, SqlConnector, engine::Dialect};

/// Where the servers are that may be used; set by `cargo xtask test`.
const POSTGRES: &str = "ZATO_TEST_POSTGRES_URL";
const MARIADB: &str = "ZATO_TEST_MARIADB_URL";

/// How long something may take that has to happen.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs every behaviour against each database.
macro_rules! contract {
    ($($room:ident: $($name:ident),+;)+) => {
        contract!(@each in_memory; $($room: $($name),+;)+);
        contract!(@each in_a_file; $($room: $($name),+;)+);
        contract!(@each postgres; $($room: $($name),+;)+);
        contract!(@each mariadb; $($room: $($name),+;)+);
    };
    (@each $database:ident; $($room:ident: $($name:ident),+;)+) => {
        mod $database {
            $($(
                #[tokio::test]
                async fn $name() {
                    if let Some(peer) = super::Peer::$database().await {
                        tokio::time::timeout(super::PATIENCE, super::$room::$name(&peer)).await.expect("it ends in time");
                        peer.clean_up().await;
                    }
                }
            )+)+
        }
    };
}

contract! {
    binding: hostile_texts_in_documents, hostile_texts_in_arrays, what_was_done, ways_of_writing, hostile_texts, every_type_comes_back, models_as_parameters, wrong_parameters, script, decimals_are_numbers,
        moments_are_in_their_order;
    reading: columns_of_one_name, negative_times, models, rows, single_values, numbers_fit_or_are_refused, nulls, json, moments, what_does_not_fit_is_named,
        number_of_rows, streams, streams_of_many;
    settling: what_does_not_fit_is_refused, backslashes_are_what_they_are;
    transacting: kept_and_undone, dropped, failed_inside, given_up_inside;
    batching: batches;
    telling: notifications, locks, locks_of_many, locks_are_renewed, locks_are_lost;
    isolating: savepoints, read_only_transactions, isolation_is_what_was_asked_for, closures_are_kept_or_undone,
        deadlocks_are_done_again, what_was_undone_is_over, serialisation_failures_are_done_again;
    migrating: applied_once_and_undone, faults_are_named, two_programs_at_once, by_configuration;
    failing: constraints, mistakes, slow_statements, abandoned_statements, changed_tables;
    pooling: signs_of_life, pools_of_sqlx, many_callers, exhausted, read_only, nothing_is_left_behind;
    handing_on: renamed_columns, beginnings_that_fail, streams_that_take_too_long, more_rows_than_asked_for, rows_that_do_not_fit, limits_of_one_call,
        limits_of_scripts, transactions_by_hand_are_refused, sessions_that_were_changed, scripts_that_fail,
        tables_in_transactions, nothing_at_all, changed_tables_of_streams, changed_tables_in_transactions, few_statements_kept;
    supervising: silent_connections, silent_from_the_beginning, no_place_for_one_more, gone_and_back, broken_connections, silent_servers;
}

/// A database to try, with a place of its own in it.
struct Peer {
    dialect: Dialect,
    sql: Sql,
    /// The entry that leads there, without the pool.
    entry: String,
    /// Undoes what was made for it.
    clean_up: Option<(Sql, String)>,
    _folder: Option<tempfile::TempDir>,
}

/// Works out what an entry means.
fn prepare(entry: &str) -> PreparedSql {
    let node = yaml::parse("contract.yaml", &format!("{{{entry}}}")).expect("an entry");
    let config: SqlConfig = from_node(&node).unwrap_or_else(|fault| panic!("{fault}"));
    let (definitions, files, ambient) = (Definitions::default(), Files::in_folder("."), Ambient::default());
    let setup =
        Setup { config, node: &node, security: None, definitions: &definitions, files: &files, ambient: &ambient };
    SqlConnector::prepare(setup).unwrap_or_else(|faults| panic!("{faults}"))
}

/// Makes a handle of an entry.
async fn connect(entry: &str) -> Sql {
    let prepared = prepare(entry);
    let client = SqlConnector::connect(&prepared).await.unwrap_or_else(|error| panic!("{error:?}"));
    Sql::from_slot(Slot::up("contract", client))
}

/// Takes a URL such as `postgres://user:password@host:port/database` for an entry.
fn entry_of(variable: &str, engine: &str) -> Option<String> {
    static LEFT_OUT: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    let Ok(url) = std::env::var(variable) else {
        // Past the test harness, which keeps what a test that passes prints to itself.
        if LEFT_OUT.lock().unwrap_or_else(PoisonError::into_inner).insert(engine.to_owned()) {
            let words = format!("{variable} is not set; `cargo xtask test` starts a server and sets it");
            let _ = writeln!(io::stderr(), "LEFT OUT: all that {engine} and SQLite have to do alike: {words}");
        }
        return None;
    };
    let (_, rest) = url.split_once("://").expect("a URL");
    let (user, place) = rest.rsplit_once('@').expect("a URL with a user");
    let (username, password) = user.split_once(':').expect("a URL with a password");
    let (address, database) = place.split_once('/').expect("a URL with a database");
    let (host, port) = address.rsplit_once(':').expect("a URL with a port");
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    Some(format!(
        "name: contract, engine: {engine}, host: '{host}', port: {port}, db_name: '{database}', username: '{}', \
         password: '{}'",
        decoded(username),
        decoded(password)
    ))
}

impl Peer {
    #[expect(clippy::unused_async, reason = "the others have to wait for theirs")]
    async fn in_memory() -> Option<Self> {
        let sql = Sql::sqlite_in_memory();
        Some(Self { dialect: Dialect::Sqlite, sql, entry: String::new(), clean_up: None, _folder: None })
    }

    async fn in_a_file() -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("contract.db");
        let entry = format!("name: contract, engine: sqlite, db_name: '{}'", path.display());
        let sql = connect(&entry).await;
        Some(Self { dialect: Dialect::Sqlite, sql, entry, clean_up: None, _folder: Some(folder) })
    }

    async fn postgres() -> Option<Self> {
        let entry = entry_of(POSTGRES, "postgresql")?;
        let admin = connect(&entry).await;
        let schema = format!("zato_{:x}", Ambient::default().random());
        admin.execute(&format!("CREATE SCHEMA {schema}"), ()).await.expect("a schema");
        let entry = format!("{entry}, extra: 'search_path={schema}'");
        let sql = connect(&entry).await;
        let clean_up = Some((admin, format!("DROP SCHEMA {schema} CASCADE")));
        Some(Self { dialect: Dialect::Postgres, sql, entry, clean_up, _folder: None })
    }

    async fn mariadb() -> Option<Self> {
        let entry = entry_of(MARIADB, "mariadb")?;
        let admin = connect(&entry).await;
        let database = format!("zato_{:x}", Ambient::default().random());
        admin.execute(&format!("CREATE DATABASE {database} CHARACTER SET utf8mb4"), ()).await.expect("a database");
        let (start, rest) = entry.split_once("db_name: '").expect("the name of a database");
        let (_, end) = rest.split_once('\'').expect("its end");
        let entry = format!("{start}db_name: '{database}'{end}");
        let sql = connect(&entry).await;
        Some(Self {
            dialect: Dialect::MySql,
            sql,
            entry,
            clean_up: Some((admin, format!("DROP DATABASE {database}"))),
            _folder: None,
        })
    }

    /// Makes another handle that leads there, with further keys; none for what is in memory.
    async fn another(&self, keys: &str) -> Option<Sql> {
        if self.entry.is_empty() { None } else { Some(connect(&format!("{}, {keys}", self.entry)).await) }
    }

    /// Takes the text that is meant for the database.
    fn each<'t>(&self, sqlite: &'t str, postgres: &'t str, mysql: &'t str) -> &'t str {
        match self.dialect {
            Dialect::Sqlite => sqlite,
            Dialect::Postgres => postgres,
            Dialect::MySql => mysql,
        }
    }

    async fn clean_up(self) {
        if let Some((admin, statement)) = &self.clean_up {
            drop(self.sql);
            let _ = admin.with_timeout(PATIENCE).execute(statement, ()).await;
        }
    }
}
