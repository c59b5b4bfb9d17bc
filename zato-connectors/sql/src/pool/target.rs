//! Where connections lead to, and what each is told when it is made.

#[cfg(feature = "sqlite")]
use std::sync::Arc;
use std::{fmt, time::Duration};

#[cfg(feature = "mysql")]
use sqlx::Row as _;
use sqlx::{ConnectOptions as _, Executor as _};

use tokio::time;

use super::connection::Connection;
#[cfg(feature = "mysql")]
use super::origin::Origin;
#[cfg(feature = "sqlite")]
use super::{connection::KnownTables, interrupt::Interrupt};

/// Where connections lead to.
#[derive(Clone, Debug)]
pub(crate) enum Target {
    #[cfg(feature = "sqlite")]
    Sqlite(sqlx::sqlite::SqliteConnectOptions),
    #[cfg(feature = "postgres")]
    Postgres(sqlx::postgres::PgConnectOptions),
    #[cfg(feature = "mysql")]
    MySql(sqlx::mysql::MySqlConnectOptions),
}

/// What a session is told.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) statement_timeout: Option<Duration>,
    pub(crate) is_read_only: bool,
    /// Variables of MariaDB and MySQL; the others are told when they are connected.
    pub(crate) variables: Vec<(String, String)>,
    /// Keeps a database there, if it is in memory, while its connections come and go.
    #[cfg(feature = "sqlite")]
    pub(crate) anchor: Option<Arc<crate::options::Anchor>>,
}

/// How often PostgreSQL looks whether whoever asked is still there.
#[cfg(feature = "postgres")]
const LOOKS_AFTER_CLIENT: &str = "SET client_connection_check_interval = '500ms'";

impl Target {
    /// Makes a connection.
    pub(crate) async fn connect(&self, session: &Session) -> Result<Connection, sqlx::Error> {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(options) => {
                if let Some(anchor) = &session.anchor {
                    anchor.hold(options).await?;
                }
                let mut connection = options.connect().await?;
                let interrupt = Arc::new(Interrupt::default());
                let watched = Arc::clone(&interrupt);
                // Some tenths of a millisecond between two looks.
                connection.lock_handle().await?.set_progress_handler(10_000, move || watched.may_go_on());
                Ok(Connection::Sqlite(Box::new(connection), interrupt, KnownTables::default()))
            }
            #[cfg(feature = "postgres")]
            Self::Postgres(options) => {
                let mut connection = options.connect().await?;
                session.begin_postgres(&mut connection).await?;
                Ok(Connection::Postgres(Box::new(connection)))
            }
            #[cfg(feature = "mysql")]
            Self::MySql(options) => {
                let mut connection = options.connect().await?;
                let is_mariadb = session.begin_mysql(&mut connection).await?;
                let origin = Origin::of(&mut connection).await?;
                Ok(Connection::MySql { connection: Box::new(connection), origin, is_mariadb })
            }
            #[cfg(not(any(feature = "sqlite", feature = "postgres", feature = "mysql")))]
            _ => Err(sqlx::Error::Configuration("there is no database in this program".into())),
        }
    }

    /// Makes a connection, or says that it takes too long.
    pub(crate) async fn connect_within(&self, limit: Duration, session: &Session) -> Result<Connection, sqlx::Error> {
        time::timeout(limit, self.connect(session)).await.unwrap_or_else(|_| {
            Err(sqlx::Error::Io(std::io::Error::new(std::io::ErrorKind::TimedOut, crate::error::NOT_IN_TIME)))
        })
    }

    /// Whether it is in a file, which is waited for while somebody else has it.
    pub(crate) fn is_file(&self) -> bool {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(_) => true,
            #[cfg(any(feature = "postgres", feature = "mysql", not(feature = "sqlite")))]
            _ => false,
        }
    }
}

/// For those who keep the program: the place, and the user, without a secret.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(options) => write!(f, "the sqlite database \"{}\"", options.get_filename().display()),
            #[cfg(feature = "postgres")]
            Self::Postgres(options) => {
                write!(f, "the postgresql database \"{}\" at ", options.get_database().unwrap_or_default())?;
                match options.get_socket() {
                    Some(socket) => write!(f, "{}", socket.display())?,
                    None => write!(f, "{}:{}", options.get_host(), options.get_port())?,
                }
                write!(f, " as \"{}\"", options.get_username())
            }
            #[cfg(feature = "mysql")]
            Self::MySql(options) => {
                write!(f, "the mysql database \"{}\" at ", options.get_database().unwrap_or_default())?;
                match options.get_socket() {
                    Some(socket) => write!(f, "{}", socket.display())?,
                    None => write!(f, "{}:{}", options.get_host(), options.get_port())?,
                }
                write!(f, " as \"{}\"", options.get_username())
            }
            #[cfg(not(any(feature = "sqlite", feature = "postgres", feature = "mysql")))]
            _ => f.write_str("a database"),
        }
    }
}

impl Session {
    /// Tells PostgreSQL how a session is to be.
    #[cfg(feature = "postgres")]
    pub(crate) async fn begin_postgres(&self, connection: &mut sqlx::PgConnection) -> Result<(), sqlx::Error> {
        // In texts of statements a backslash is one: parameters are looked for behind their ends.
        let mut told = format!(
            "SET statement_timeout = {}; SET standard_conforming_strings = on",
            milliseconds(self.statement_timeout)
        );
        if self.is_read_only {
            told.push_str("; SET default_transaction_read_only = on");
        }
        connection.execute(sqlx::raw_sql(sqlx::AssertSqlSafe(told))).await?;
        // There since PostgreSQL 14, and not on every system.
        let _ = connection.execute(sqlx::raw_sql(LOOKS_AFTER_CLIENT)).await;
        Ok(())
    }

    /// Tells MariaDB or MySQL how a session is to be, and returns whether it is MariaDB.
    #[cfg(feature = "mysql")]
    pub(crate) async fn begin_mysql(&self, connection: &mut sqlx::MySqlConnection) -> Result<bool, sqlx::Error> {
        let version = connection.fetch_one(sqlx::raw_sql(sqlx::SqlStr::from_static("SELECT VERSION()"))).await?;
        let is_mariadb = version.try_get::<&str, _>(0)?.contains("MariaDB");
        let told = self.of_mysql(is_mariadb).join("; ");
        connection.execute(sqlx::raw_sql(sqlx::AssertSqlSafe(told))).await?;
        Ok(is_mariadb)
    }

    #[cfg(feature = "mysql")]
    fn of_mysql(&self, is_mariadb: bool) -> Vec<String> {
        // First, since the values below are written with backslashes.
        let mut statements = vec![MYSQL_MODE.to_owned(), mysql_timeout(self.statement_timeout, is_mariadb)];
        if self.is_read_only {
            statements.push("SET SESSION TRANSACTION READ ONLY".to_owned());
        }
        for (key, value) in &self.variables {
            // Of the keys it is known that they are names.
            let value = value.replace('\\', "\\\\").replace('\'', "\\'");
            let is_number = value.bytes().all(|byte| byte.is_ascii_digit()) && !value.is_empty();
            statements.push(if is_number {
                format!("SET SESSION {key} = {value}")
            } else {
                format!("SET SESSION {key} = '{value}'")
            });
        }
        if self.variables.iter().any(|(key, _)| key.eq_ignore_ascii_case("sql_mode")) {
            statements.push(MYSQL_MODE.to_owned());
        }
        statements
    }
}

/// Has MariaDB and MySQL refuse what doesn't fit, in place of cutting it (MySQL 8 §7.1.11, strict SQL mode), and take
/// backslashes in texts of statements for what they are taken for where parameters are looked for.
#[cfg(feature = "mysql")]
const MYSQL_MODE: &str = "SET SESSION sql_mode = \
                          CONCAT(REPLACE(@@SESSION.sql_mode, 'NO_BACKSLASH_ESCAPES', ''), ',STRICT_ALL_TABLES')";

/// MariaDB counts seconds, and MySQL milliseconds of SELECT alone.
#[cfg(feature = "mysql")]
pub(crate) fn mysql_timeout(limit: Option<Duration>, is_mariadb: bool) -> String {
    if is_mariadb {
        format!("SET SESSION max_statement_time = {}", limit.unwrap_or_default().as_secs_f64())
    } else {
        format!("SET SESSION max_execution_time = {}", milliseconds(limit))
    }
}

/// What 0 means to all of them is that there is no limit, so that a limit is never shorter than a millisecond.
#[cfg(any(feature = "mysql", feature = "postgres"))]
pub(crate) fn milliseconds(limit: Option<Duration>) -> u64 {
    limit.map_or(0, |limit| {
        u64::try_from(limit.as_millis()).unwrap_or(u64::MAX).clamp(1, i32::MAX.unsigned_abs().into())
    })
}
