//! The section as data: what was written, checked as far as one entry can be checked by itself.

mod engine;
mod extra;
mod tls;

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};
use zato_core::{
    config::{Duration, FilePath, Secret, SectionName},
    connection::ConnectionConfig,
};

pub use self::{engine::SqlEngine, extra::Extra, tls::SqlTlsConfig};

/// The section that connections stand in.
pub const SQL: SectionName = SectionName { name: "sql", aliases: &["outconn_sql"] };

/// One entry of `sql`: which database, and how many connections to it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct SqlConfig {
    /// What services refer to it by.
    pub name: String,
    /// An inactive connection refuses every call.
    #[serde(default = "yes")]
    pub is_active: bool,
    /// Which database it is: `sqlite`, `postgresql`, `mysql` or `mariadb`. Zato's `postgresql+pg8000` and `mysql+pymysql` are
    /// known, too.
    #[serde(alias = "type")]
    pub engine: SqlEngine,
    /// The database's host; `localhost` unless given. A path that begins with `/` is the folder or file of a Unix socket.
    #[serde(default, deserialize_with = "text")]
    pub host: Option<String>,
    /// The database's port; 5432 for PostgreSQL and 3306 for MariaDB and MySQL unless given.
    #[serde(default)]
    pub port: Option<u16>,
    /// The database; for SQLite a file, relative to the folder that the program runs in and made if it is not there, or
    /// `:memory:`.
    #[serde(default, alias = "path", alias = "database", deserialize_with = "text")]
    pub db_name: Option<String>,
    /// Who connects.
    #[serde(default, alias = "user", deserialize_with = "text")]
    pub username: Option<String>,
    /// The password.
    #[serde(default)]
    pub password: Option<Secret>,
    /// How many connections there are at the most. Who wants one more waits for `acquire_timeout`.
    #[serde(default = "five")]
    pub pool_size: u32,
    /// How many connections are kept open though nobody uses them.
    #[serde(default)]
    pub min_connections: u32,
    /// How long a call waits for a connection when all are in use.
    #[serde(default = "five_seconds")]
    pub acquire_timeout: Duration,
    /// How long it may take until the database has accepted a connection.
    #[serde(default = "five_seconds")]
    pub connect_timeout: Duration,
    /// A connection that nobody has used for this long is closed; `0` keeps it.
    #[serde(default = "ten_minutes")]
    pub idle_timeout: Duration,
    /// A connection that was made this long ago is closed after its use; `0` keeps it. Unless given half an hour, and ten
    /// minutes for MariaDB and MySQL.
    #[serde(default)]
    pub max_lifetime: Option<Duration>,
    /// A connection that nobody has used for this long is asked for a sign of life before it is used. Asking each time
    /// would take as long as a short statement.
    #[serde(default = "thirty_seconds")]
    pub test_after: Duration,
    /// How long a statement may take, on the server, too; of a stream each row, and on the server all of them. `0` for no limit.
    #[serde(default = "thirty_seconds", alias = "timeout")]
    pub statement_timeout: Duration,
    /// How many prepared statements each connection keeps; `0` for none, as some proxies want it. Of PostgreSQL one at least:
    /// what type a parameter has is told of prepared statements only.
    #[serde(default = "hundred")]
    pub statement_cache: usize,
    /// Whether the database refuses whatever would change something.
    #[serde(default)]
    pub read_only: bool,
    /// The name that PostgreSQL shows to operators; that of the connection unless given.
    #[serde(default, deserialize_with = "text")]
    pub application_name: Option<String>,
    /// A statement that takes longer is warned about; its text is in the log at the level debug. `0` warns about none.
    #[serde(default = "one_second", alias = "slow_query")]
    pub slow_statement: Duration,
    /// How often the database is asked for a sign of life while nobody calls it; `0` for never.
    #[serde(default = "thirty_seconds")]
    pub ping_interval: Duration,
    /// Whether TLS is spoken: `true` or `false`; unless given if the database offers it, and then its certificate is not
    /// checked, so that anybody in between can have it not offered, or be the database. If that is on another machine and
    /// has a password, the log warns of it once.
    #[serde(default)]
    pub ssl: Option<bool>,
    /// Whether the database's certificate is checked; so it is as soon as `ssl` or `tls` is given, and `true` has TLS
    /// spoken. Without that anybody in between can read and change everything.
    #[serde(default, alias = "ssl_verify")]
    pub tls_verify: Option<bool>,
    /// Whom we trust beside the authorities of the operating system, and which certificate we present; needs the feature
    /// `tls`, and has TLS spoken.
    #[serde(default)]
    pub tls: Option<SqlTlsConfig>,
    /// The same as `tls.ca`, as Zato calls it.
    #[serde(default)]
    pub ssl_ca_file: Option<FilePath>,
    /// The same as `tls.certificate`, as Zato calls it.
    #[serde(default)]
    pub ssl_cert_file: Option<FilePath>,
    /// The same as `tls.key`, as Zato calls it.
    #[serde(default)]
    pub ssl_key_file: Option<FilePath>,
    /// A folder of migrations, with files such as `0001_create_customer.sql`: those that the database has not are applied
    /// before the connection counts as up, also if it is read-only otherwise. A relative name starts from the folder of
    /// the configuration file.
    #[serde(default)]
    pub migrations: Option<FilePath>,
    /// What else the library is told: lines of `key=value`, or a map. For SQLite these are pragmas, for PostgreSQL the
    /// parameters of a session, for MariaDB and MySQL its variables. Whatever they say, a session is in UTC and UTF-8, and
    /// one of MariaDB and MySQL has `STRICT_ALL_TABLES` in its `sql_mode`, and `NO_BACKSLASH_ESCAPES` not.
    #[serde(default)]
    pub extra: Extra,
}

impl ConnectionConfig for SqlConfig {
    fn name(&self) -> &str {
        &self.name
    }

    fn is_active(&self) -> bool {
        self.is_active
    }

    fn ping_interval(&self) -> Option<std::time::Duration> {
        Some(self.ping_interval.0).filter(|interval| !interval.is_zero() && self.engine != SqlEngine::Sqlite)
    }

    fn without_counterpart() -> &'static [&'static str] {
        &["audit_log", "engine_display_name", "fs_sql_config"]
    }
}

/// A key, whether it is wrong, and what is wrong with it.
type Fault = (&'static str, bool, &'static str);

impl SqlConfig {
    fn has_files_of_zatos(&self) -> bool {
        [&self.ssl_ca_file, &self.ssl_cert_file, &self.ssl_key_file].into_iter().any(Option::is_some)
    }

    /// Returns with which files TLS is spoken, if there are any, whatever they are called.
    pub(crate) fn tls_files(&self) -> Option<Cow<'_, SqlTlsConfig>> {
        if !self.has_files_of_zatos() {
            return self.tls.as_ref().map(Cow::Borrowed);
        }
        Some(Cow::Owned(SqlTlsConfig {
            ca: self.ssl_ca_file.iter().cloned().collect(),
            certificate: self.ssl_cert_file.clone(),
            key: self.ssl_key_file.clone(),
        }))
    }

    /// Returns what can't be meant, by key.
    pub(crate) fn contradictions(&self) -> Vec<(&'static str, &'static str)> {
        let is_sqlite = self.engine == SqlEngine::Sqlite;
        let of_server = "SQLite is a file and has no such thing; leave it out";
        let files = if self.tls.is_some() { "tls" } else { "ssl_ca_file" };
        let of_session = self.extra.contradiction(self.engine);
        let faults: [Fault; 17] = [
            ("engine", !self.engine.is_built_in(), self.engine.feature_words()),
            ("host", is_sqlite && self.host.is_some(), of_server),
            ("port", is_sqlite && self.port.is_some(), of_server),
            ("username", is_sqlite && self.username.is_some(), of_server),
            ("ssl", is_sqlite && self.ssl == Some(true), of_server),
            (files, is_sqlite && self.tls_files().is_some(), of_server),
            (
                "tls",
                self.tls.is_some() && self.has_files_of_zatos(),
                "the files stand in ssl_ca_file, ssl_cert_file or ssl_key_file, too; leave out one or the other",
            ),
            (
                "db_name",
                self.db_name.is_none(),
                "nobody says which database; for SQLite give a file, or :memory: for one that is gone with the program",
            ),
            ("port", self.port == Some(0), "no database has the port 0"),
            (
                "pool_size",
                self.pool_size == 0,
                "without a connection no call can be made; is_active: false switches it off",
            ),
            ("pool_size", self.pool_size > 10_000, "more than 10000 connections are too many for one process"),
            ("min_connections", self.min_connections > self.pool_size, "that is more than pool_size"),
            (
                "acquire_timeout",
                self.acquire_timeout.is_zero(),
                "no connection is had in no time; give it some, such as 5s",
            ),
            (
                "connect_timeout",
                self.connect_timeout.is_zero(),
                "nothing connects in no time; give it some, such as 5s",
            ),
            (
                files,
                self.tls_files().is_some() && self.ssl == Some(false),
                "ssl: false says that no TLS is spoken; leave out one",
            ),
            (
                "statement_cache",
                self.statement_cache == 0 && self.engine == SqlEngine::Postgres,
                "PostgreSQL tells of prepared statements only which types their parameters have; leave it out, and have a \
                 proxy keep them (max_prepared_statements of PgBouncer)",
            ),
            ("extra", of_session.is_some(), of_session.unwrap_or_default()),
        ];
        faults.into_iter().filter(|fault| fault.1).map(|(key, _, words)| (key, words)).collect()
    }
}

fn yes() -> bool {
    true
}

fn five() -> u32 {
    5
}

fn hundred() -> usize {
    100
}

fn one_second() -> Duration {
    Duration::from_secs(1)
}

fn five_seconds() -> Duration {
    Duration::from_secs(5)
}

fn thirty_seconds() -> Duration {
    Duration::from_secs(30)
}

fn ten_minutes() -> Duration {
    Duration::from_secs(600)
}

/// Zato writes an empty text where nobody chose.
fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.filter(|text| !text.is_empty()))
}

#[cfg(test)]
mod tests {
    use zato_core::config::{from_node, yaml};

    use super::*;

    fn parsed(text: &str) -> SqlConfig {
        from_node(&yaml::parse("zato.yaml", text).unwrap()).unwrap()
    }

    #[test]
    fn an_entry_of_zatos_is_read() {
        let config = parsed(
            "{name: Billing, type: postgresql, host: zato.io, port: 35432, db_name: billing, username: t, password: demo, \
             pool_size: 5, extra: 'search_path=a,b'}",
        );
        assert_eq!((config.engine, config.port, config.pool_size), (SqlEngine::Postgres, Some(35_432), 5));
        assert_eq!(config.extra.pairs(), [("search_path".to_owned(), "a,b".to_owned())]);
        assert!(!format!("{config:?}").contains("demo"));
        assert_eq!(parsed("{name: a, engine: mysql+pymysql, db_name: b}").engine, SqlEngine::MySql);
    }

    #[test]
    fn files_of_tls_are_the_same_by_either_name() {
        let ours = "name: a, engine: mysql, db_name: b";
        let zatos = format!("{{{ours}, ssl_ca_file: a.pem, ssl_cert_file: b.pem, ssl_key_file: b.key}}");
        let (zatos, tls) =
            (parsed(&zatos), parsed(&format!("{{{ours}, tls: {{ca: [a.pem], certificate: b.pem, key: b.key}}}}")));
        let names = |config: &SqlConfig| {
            let files = config.tls_files().unwrap().into_owned();
            let all = files.ca.iter().chain(&files.certificate).chain(&files.key);
            all.map(|file| file.as_path().display().to_string()).collect::<Vec<_>>()
        };
        assert_eq!(names(&zatos), ["a.pem", "b.pem", "b.key"]);
        assert_eq!(names(&zatos), names(&tls));
        assert!(zatos.contradictions().is_empty());
    }

    #[test]
    fn what_can_not_be_meant_is_found() {
        let faults = |text: &str| parsed(text).contradictions().into_iter().map(|(key, _)| key).collect::<Vec<_>>();
        assert_eq!(
            faults("{name: a, engine: sqlite, host: b, port: 1, username: c}"),
            ["host", "port", "username", "db_name"]
        );
        assert_eq!(
            faults("{name: a, engine: sqlite, db_name: b, pool_size: 0, min_connections: 1, acquire_timeout: 0}"),
            ["pool_size", "min_connections", "acquire_timeout"]
        );
        assert!(faults("{name: a, engine: sqlite, db_name: ':memory:'}").is_empty());
        assert_eq!(faults("{name: a, engine: postgresql, db_name: b, statement_cache: 0}"), ["statement_cache"]);
        assert!(faults("{name: a, engine: mariadb, db_name: b, statement_cache: 0}").is_empty());
        let ours = "name: a, engine: mysql, db_name: b";
        assert_eq!(faults(&format!("{{{ours}, tls: {{ca: [a.pem]}}, ssl_ca_file: a.pem}}")), ["tls"]);
        assert_eq!(faults(&format!("{{{ours}, ssl: false, ssl_ca_file: a.pem}}")), ["ssl_ca_file"]);
        assert_eq!(faults("{name: a, engine: sqlite, db_name: b, ssl_ca_file: a.pem}"), ["ssl_ca_file"]);
        for extra in [
            "engine: mysql, db_name: b, extra: {time_zone: Europe/Warsaw}",
            "engine: mariadb, db_name: b, extra: 'sql_mode=ANSI,no_backslash_escapes'",
            "engine: mariadb, db_name: b, extra: {Character_Set_Client: latin1}",
            "engine: mariadb, db_name: b, extra: {collation_connection: latin1_swedish_ci}",
            "engine: postgresql, db_name: b, extra: {TimeZone: Europe/Warsaw}",
            "engine: postgresql, db_name: b, extra: {standard_conforming_strings: 'off'}",
        ] {
            assert_eq!(faults(&format!("{{name: a, {extra}}}")), ["extra"], "{extra}");
        }
        assert!(faults("{name: a, engine: mysql, db_name: b, extra: {sql_mode: ANSI}}").is_empty());
        assert!(faults("{name: a, engine: mysql, db_name: b, extra: {collation_connection: utf8mb4_bin}}").is_empty());
    }
}
