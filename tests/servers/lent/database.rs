//! Databases of PostgreSQL and MariaDB.

use std::{io, path::Path, thread};

use tokio::task::spawn_blocking;

use super::{Lent, fresh_name};
use crate::node::{Installation, Kind, MariaDb, Place, Postgres};

/// Whose database it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    Postgres,
    /// Which also stands for MySQL.
    MariaDb,
}

/// A database that is one test's alone.
#[derive(Debug)]
pub(crate) struct Database {
    dialect: Dialect,
    lent: Lent,
    name: String,
}

impl Dialect {
    fn kind(self) -> &'static dyn Kind {
        match self {
            Self::Postgres => &Postgres,
            Self::MariaDb => &MariaDb,
        }
    }

    fn query(self, installation: &Installation, url: &str, sql: &str) -> io::Result<String> {
        match self {
            Self::Postgres => Postgres::query(installation, url, sql),
            Self::MariaDb => MariaDb::query(installation, url, sql),
        }
    }
}

impl Database {
    /// A database of its own on the server that all tests share; see [`Lent::shared`]. Dropping it drops the database.
    pub(crate) async fn shared(dialect: Dialect, test: &str) -> Option<Self> {
        let lent = Lent::shared(dialect.kind(), test).await?;
        let first = Self { dialect, lent: lent.clone(), name: Place::NAME.to_owned() };
        let name = fresh_name('_');
        first.sql(&format!("CREATE DATABASE {name}")).await;
        // This one is everybody's.
        std::mem::forget(first);
        Some(Self { dialect, lent, name })
    }

    /// The database of a server that nobody else uses; see [`Lent::own`]. What the server is told beside what every one is
    /// told, such as `-c max_connections=10`, is in its own terms.
    pub(crate) async fn own(dialect: Dialect, arguments: &[&str], test: &str) -> Option<Self> {
        let lent = Lent::own(dialect.kind(), arguments, test).await?;
        Some(Self { dialect, lent, name: Place::NAME.to_owned() })
    }

    /// Where to connect: `postgres://` or `mysql://`, with user, password and this test's database.
    pub(crate) fn url(&self) -> String {
        with_name(&self.lent.place().url, &self.name)
    }

    /// The same for a client that speaks TLS: as `localhost`, for which the server has a certificate. What the client
    /// demands of it, it has to say itself.
    pub(crate) fn tls_url(&self) -> String {
        with_name(&self.lent.place().tls_url, &self.name)
    }

    /// Where to connect, as host and port.
    pub(crate) fn address(&self) -> &str {
        let (_, rest) = self.lent.place().url.split_once('@').expect("it has a user");
        rest.split_once('/').expect("it has a database").0
    }

    /// Whose it is.
    pub(crate) fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// This test's database.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Who may do everything.
    pub(crate) fn user(&self) -> &'static str {
        Place::USER
    }

    /// The user's password.
    pub(crate) fn password(&self) -> &'static str {
        Place::PASSWORD
    }

    /// The file of the authority that signed the server's certificate.
    pub(crate) fn authority(&self) -> &Path {
        self.lent.authority()
    }

    /// The server, to stop, kill, pause and start it if it is this test's alone.
    pub(crate) fn server(&self) -> &Lent {
        &self.lent
    }

    /// Runs statements with the server's own client, and returns the rows, a line each, columns apart by `|` or, from
    /// MariaDB, by tabulators.
    pub(crate) async fn sql(&self, statements: &str) -> String {
        self.try_sql(statements).await.unwrap_or_else(|error| panic!("the server can't do that: {error}"))
    }

    /// As [`sql`](Self::sql), where it may fail.
    pub(crate) async fn try_sql(&self, statements: &str) -> io::Result<String> {
        let (installation, url, sql) = (self.lent.installation().clone(), self.url(), statements.to_owned());
        let dialect = self.dialect;
        let ran = spawn_blocking(move || dialect.query(&installation, &url, &sql)).await.expect("the work ends");
        ran.map(|rows| rows.trim_end_matches('\n').to_owned())
    }

    /// Ends every connection to this test's database but the one that does it; returns how many there were.
    pub(crate) async fn cut(&self) -> usize {
        match self.dialect {
            Dialect::Postgres => {
                let others = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
                              WHERE datname = current_database() AND pid <> pg_backend_pid()";
                self.sql(others).await.parse().expect("it is a number")
            }
            Dialect::MariaDb => {
                let others = "SELECT id FROM information_schema.processlist \
                              WHERE db = database() AND id <> connection_id()";
                let ids = self.sql(others).await;
                for id in ids.lines() {
                    // It may be gone by now.
                    let _ = self.try_sql(&format!("KILL {id}")).await;
                }
                ids.lines().count()
            }
        }
    }

    /// How many connections to this test's database there are, but the one that asks.
    pub(crate) async fn connections(&self) -> usize {
        let others = match self.dialect {
            Dialect::Postgres => {
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            }
            Dialect::MariaDb => {
                "SELECT count(*) FROM information_schema.processlist WHERE db = database() AND id <> connection_id()"
            }
        };
        self.sql(others).await.parse().expect("it is a number")
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if self.lent.is_own() {
            return;
        }
        let (dialect, installation) = (self.dialect, self.lent.installation().clone());
        let first = with_name(&self.lent.place().url, Place::NAME);
        let force = if dialect == Dialect::Postgres { " WITH (FORCE)" } else { "" };
        let sql = format!("DROP DATABASE {}{force}", self.name);
        // A test that fails says enough; what is left goes with the server.
        let _ = thread::spawn(move || dialect.query(&installation, &first, &sql)).join();
    }
}

fn with_name(url: &str, name: &str) -> String {
    let (server, _) = url.rsplit_once('/').expect("it has a database");
    format!("{server}/{name}")
}
