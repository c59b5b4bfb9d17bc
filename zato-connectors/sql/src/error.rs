//! From what a database says to our error, which says who is to blame and whether trying again helps.

use std::fmt;

use sqlx::error::{DatabaseError, ErrorKind};
use zato_core::{Error, Kind, Retry};

/// What a database refused, found in an error by [`Error::find`](zato_core::Error::find).
///
/// It prints what is known of it without a value or a statement; what the database said itself is in
/// [`message`](Self::message).
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "testing")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> zato_core::Result<()> {
/// use zato_core::Kind;
/// use zato_sql::{Sql, SqlError, SqlErrorKind};
///
/// let crm = Sql::sqlite_in_memory();
/// crm.execute("CREATE TABLE customer (email TEXT UNIQUE)", ()).await?;
/// crm.execute("INSERT INTO customer VALUES (?)", ("ann@example.com",)).await?;
/// let error = crm.execute("INSERT INTO customer VALUES (?)", ("ann@example.com",)).await.unwrap_err();
/// assert_eq!(error.kind(), Kind::Conflict);
/// assert_eq!(error.find::<SqlError>().map(SqlError::kind), Some(SqlErrorKind::UniqueViolation));
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "testing"))]
/// # fn main() {}
/// ```
#[derive(Debug)]
pub struct SqlError {
    kind: SqlErrorKind,
    code: Option<String>,
    constraint: Option<String>,
    table: Option<String>,
    message: String,
    /// Whether the message names what is in the statement at most, and never a value.
    is_told: bool,
    /// There was no connection yet: what the server said is about that, and no statement.
    is_of_connecting: bool,
}

/// Why a database refused something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SqlErrorKind {
    /// There is such a row already.
    UniqueViolation,
    /// The row that is named is not there, or is still named by another.
    ForeignKeyViolation,
    /// A value has to be there.
    NotNullViolation,
    /// A condition of the table does not hold.
    CheckViolation,
    /// The transaction would see what could not have been, had others come before or after it. It can be tried again.
    SerializationFailure,
    /// Two transactions waited for each other. It can be tried again.
    Deadlock,
    /// Somebody else has what is needed for too long. It can be tried again.
    LockTimeout,
    /// The connection broke, or can't be made.
    ConnectionLost,
    /// It took too long.
    Timeout,
    /// It is no statement, or none that this database knows.
    Syntax,
    /// There is no such table.
    UndefinedTable,
    /// There is no such column.
    UndefinedColumn,
    /// A value is none of its type, or too long or too large for it.
    InvalidValue,
    /// The user may not do this, or nobody may write.
    Forbidden,
    /// The database has no room, memory or connection left.
    OutOfResources,
    /// The connection broke while a transaction was being kept: nobody knows whether it was.
    OutcomeUnknown,
    /// Something else.
    Other,
}

impl SqlError {
    /// Returns why it was refused.
    #[must_use]
    pub fn kind(&self) -> SqlErrorKind {
        self.kind
    }

    /// Returns the code that the database gives it: an SQLSTATE, for SQLite the extended result code.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        self.code.as_deref()
    }

    /// Returns the constraint that does not hold, if the database names it; of SQLite its columns.
    #[must_use]
    pub fn constraint(&self) -> Option<&str> {
        self.constraint.as_deref()
    }

    /// Returns the table that it is about, if the database names it.
    #[must_use]
    pub fn table(&self) -> Option<&str> {
        self.table.as_deref()
    }

    /// Returns what the database said. There may be values and parts of the statement in it.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    fn new(kind: SqlErrorKind, message: impl Into<String>) -> Self {
        let is_told = kind == SqlErrorKind::ConnectionLost;
        Self {
            kind,
            code: None,
            constraint: None,
            table: None,
            message: message.into(),
            is_told,
            is_of_connecting: false,
        }
    }
}

impl fmt::Display for SqlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_of_connecting { &self.message } else { self.kind.words() })?;
        if let Some(code) = &self.code {
            write!(f, " ({code})")?;
        }
        if self.is_of_connecting {
            return Ok(());
        }
        for (what, name) in [("constraint", &self.constraint), ("table", &self.table)] {
            if let Some(name) = name {
                write!(f, ", {what} {name}")?;
            }
        }
        if self.is_told { write!(f, ": {}", self.message) } else { Ok(()) }
    }
}

impl std::error::Error for SqlError {}

impl SqlErrorKind {
    const fn words(self) -> &'static str {
        match self {
            Self::UniqueViolation => "there is such a row already",
            Self::ForeignKeyViolation => "a row that is named is not there, or is still named by another",
            Self::NotNullViolation => "a value is missing that has to be there",
            Self::CheckViolation => "a condition of the table does not hold",
            Self::SerializationFailure => "the transaction can't be put in order with others",
            Self::Deadlock => "two transactions waited for each other",
            Self::LockTimeout => "somebody else holds a lock for too long",
            Self::ConnectionLost => "the connection to the database is lost",
            Self::Timeout => "the statement took too long",
            Self::Syntax => "the database does not understand the statement",
            Self::UndefinedTable => "there is no such table",
            Self::UndefinedColumn => "there is no such column",
            Self::InvalidValue => "a value does not fit its type",
            Self::Forbidden => "the database does not allow this",
            Self::OutOfResources => "the database has no room left",
            Self::OutcomeUnknown => "nobody knows whether the transaction was kept",
            Self::Other => "the database refuses the statement",
        }
    }

    /// Says what the caller does next. What a model should have refused is a fault of ours; what depends on what is in the
    /// database is nobody's.
    const fn of_ours(self) -> Kind {
        match self {
            Self::UniqueViolation
            | Self::ForeignKeyViolation
            | Self::CheckViolation
            | Self::SerializationFailure
            | Self::Deadlock => Kind::Conflict,
            Self::LockTimeout | Self::ConnectionLost | Self::OutOfResources => Kind::Unavailable,
            Self::Timeout => Kind::Timeout,
            Self::OutcomeUnknown => Kind::Upstream,
            Self::NotNullViolation
            | Self::Syntax
            | Self::UndefinedTable
            | Self::UndefinedColumn
            | Self::InvalidValue
            | Self::Forbidden
            | Self::Other => Kind::Internal,
        }
    }
}

/// What is said of a database that doesn't answer.
pub(crate) const NOT_IN_TIME: &str = "it has not accepted a connection in time";

/// Tells what a database refused, or why it could not be asked.
pub(crate) fn of(error: sqlx::Error) -> Error {
    into_error(told_of(error))
}

/// Tells why no connection to a place can be made, with what the server said itself: whoever reads it keeps the program, and
/// callers read neither.
pub(crate) fn of_connecting(error: sqlx::Error, place: &dyn fmt::Display) -> Error {
    let ours = SqlError { is_of_connecting: true, ..told_of(error) };
    Error::new(ours.kind.of_ours(), format!("can't connect to {place}")).with_source(ours)
}

/// Tells the same to whoever wanted to use it: nothing was sent, whatever stands in the way.
pub(crate) fn no_connection(error: sqlx::Error, place: &dyn fmt::Display) -> Error {
    let ours = SqlError { is_of_connecting: true, ..told_of(error) };
    Error::unavailable(format!("can't connect to {place}")).with_retry(Retry::Unsent).with_source(ours)
}

fn told_of(error: sqlx::Error) -> SqlError {
    match error {
        sqlx::Error::Database(refused) => of_database(&*refused),
        sqlx::Error::Io(broken) => SqlError::new(SqlErrorKind::ConnectionLost, broken.to_string()),
        sqlx::Error::Tls(broken) => SqlError::new(SqlErrorKind::ConnectionLost, broken.to_string()),
        // The database has found other parameters than we, and is there.
        sqlx::Error::Protocol(words) if words.contains("expected") && words.contains("parameters") => {
            SqlError::new(SqlErrorKind::Syntax, words)
        }
        sqlx::Error::Protocol(words) => SqlError::new(SqlErrorKind::ConnectionLost, words),
        sqlx::Error::WorkerCrashed => SqlError::new(SqlErrorKind::ConnectionLost, "the thread of SQLite has ended"),
        sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed => {
            SqlError::new(SqlErrorKind::ConnectionLost, "no connection could be made")
        }
        other => SqlError::new(SqlErrorKind::Other, other.to_string()),
    }
}

/// Tells that a call took too long.
pub(crate) fn too_slow(limit: std::time::Duration) -> Error {
    let limit = zato_core::config::Duration(limit);
    let ours = SqlError::new(SqlErrorKind::Timeout, format!("no answer within {limit}"));
    Error::timeout(format!("no answer from the database within {limit}")).with_source(ours)
}

/// Makes the error that a recorder was told to give.
#[cfg(feature = "testing")]
pub(crate) fn scripted(kind: SqlErrorKind) -> Error {
    into_error(SqlError::new(kind, "as the recorder was told"))
}

/// Tells that nobody knows whether a transaction was kept: its end was asked for, and no answer came.
pub(crate) fn outcome_unknown(lost: &Error) -> Error {
    let ours = SqlError::new(SqlErrorKind::OutcomeUnknown, lost.message());
    let words = "the connection broke while the transaction was being kept; nobody knows whether it was";
    Error::upstream(words).with_retry(Retry::Never).with_source(ours)
}

/// Whether an error is one after which the same transaction may succeed, since all of it is undone.
pub(crate) fn is_worth_another_try(error: &Error) -> bool {
    error.find::<SqlError>().is_some_and(|told| {
        matches!(
            told.kind(),
            SqlErrorKind::SerializationFailure
                | SqlErrorKind::Deadlock
                | SqlErrorKind::LockTimeout
                | SqlErrorKind::ConnectionLost
        )
    })
}

/// Whether an error is one by which a database may have undone the whole transaction, so that the next statement would stand
/// alone. PostgreSQL refuses that one by itself.
pub(crate) fn undoes_transaction(error: &sqlx::Error) -> bool {
    let sqlx::Error::Database(refused) = error else { return false };
    match mysql_number(&**refused) {
        // InnoDB undoes all of it for a deadlock and a row that has changed, and, if it was told so, for a lock not had in
        // time (MariaDB, InnoDB System Variables, innodb_rollback_on_timeout).
        Some(number) => matches!(number, 1020 | 1205 | 1213),
        // Full, no memory, broken file, busy, interrupted (SQLite, Transaction §4).
        None => {
            is_sqlite(&**refused)
                && primary_code(refused.code().as_deref()).is_some_and(|code| matches!(code, 5 | 7 | 9 | 10 | 13))
        }
    }
}

fn primary_code(code: Option<&str>) -> Option<u32> {
    code.and_then(|code| code.parse::<u32>().ok()).map(|code| code & 0xff)
}

fn into_error(ours: SqlError) -> Error {
    let kind = ours.kind.of_ours();
    let error = Error::new(kind, ours.to_string());
    let error = match ours.kind {
        SqlErrorKind::SerializationFailure | SqlErrorKind::Deadlock => error.with_retry(Retry::Later),
        _ => error,
    };
    // What a caller may read of a conflict is that there is one: names of tables are ours.
    let error =
        if kind.is_callers() { error.with_public("the request conflicts with the current state") } else { error };
    tracing::debug!(error = ours.message, "database refused");
    error.with_source(ours)
}

/// Whether a statement was prepared for tables that have changed since.
pub(crate) fn is_stale(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Database(refused) if is_stale_plan(&**refused))
}

fn is_stale_plan(refused: &dyn DatabaseError) -> bool {
    mysql_number(refused) == Some(1615)
        || (refused.code().as_deref() == Some("0A000") && refused.message().contains("cached plan"))
}

/// Whether a refusal of a connection shows that the database is there, and only this one too many or not allowed.
pub(crate) fn shows_presence(error: &sqlx::Error) -> bool {
    let sqlx::Error::Database(refused) = error else { return false };
    !refused.code().is_some_and(|code| code.starts_with("57P") || code.starts_with("08"))
        && mysql_number(&**refused).is_none_or(|number| !says_goodbye(number))
}

/// Whether MariaDB or MySQL ends the connection with this, or has ended it (the list of their errors).
fn says_goodbye(number: u16) -> bool {
    matches!(number, 1053 | 1152 | 1158..=1161 | 1184 | 1927 | 2006 | 2013 | 3169 | 4031)
}

/// Whether PostgreSQL ends the connection with this.
#[cfg(feature = "postgres")]
fn is_farewell(refused: &dyn DatabaseError) -> bool {
    use sqlx::postgres::{PgDatabaseError, PgSeverity};
    refused
        .try_downcast_ref::<PgDatabaseError>()
        .is_some_and(|error| matches!(error.severity(), PgSeverity::Fatal | PgSeverity::Panic))
}

#[cfg(not(feature = "postgres"))]
fn is_farewell(_: &dyn DatabaseError) -> bool {
    false
}

/// Whether the connection can't be used after an error.
pub(crate) fn is_fatal(error: &sqlx::Error) -> bool {
    match error {
        // The server says goodbye: it is stopping, or somebody has ended the connection.
        sqlx::Error::Database(refused) => {
            refused.code().is_some_and(|code| code.starts_with("57P") || code.starts_with("08"))
                || mysql_number(&**refused).is_some_and(says_goodbye)
                || is_farewell(&**refused)
        }
        sqlx::Error::ColumnNotFound(_) | sqlx::Error::ColumnDecode { .. } | sqlx::Error::Encode(_) => false,
        _ => true,
    }
}

fn of_database(error: &dyn DatabaseError) -> SqlError {
    let message = error.message().to_owned();
    let code = error.code().map(std::borrow::Cow::into_owned);
    let kind = match error.kind() {
        // The same transaction succeeds on a connection that has not prepared it yet.
        _ if is_stale_plan(error) => SqlErrorKind::SerializationFailure,
        ErrorKind::UniqueViolation => SqlErrorKind::UniqueViolation,
        ErrorKind::ForeignKeyViolation => SqlErrorKind::ForeignKeyViolation,
        ErrorKind::NotNullViolation => SqlErrorKind::NotNullViolation,
        ErrorKind::CheckViolation => SqlErrorKind::CheckViolation,
        _ => match mysql_number(error) {
            Some(number) => of_mysql(number),
            None if is_sqlite(error) => of_sqlite(code.as_deref(), &message),
            None => code.as_deref().map_or(SqlErrorKind::Other, of_sqlstate),
        },
    };
    let (mut constraint, mut table) = (error.constraint().map(str::to_owned), error.table().map(str::to_owned));
    if mysql_number(error).is_some() {
        constraint = constraint
            .or_else(|| between(&message, "for key '", '\'').or_else(|| between(&message, "CONSTRAINT `", '`')));
    } else if is_sqlite(error) && error.kind() != ErrorKind::Other {
        constraint = message.split_once("constraint failed: ").map(|(_, names)| names.to_owned());
        table = constraint.as_deref().and_then(|names| names.split_once('.')).map(|(table, _)| table.to_owned());
    }
    let is_told = match kind {
        SqlErrorKind::UndefinedTable | SqlErrorKind::UndefinedColumn | SqlErrorKind::ConnectionLost => true,
        // MariaDB and MySQL repeat the rest of the statement, the others one word.
        SqlErrorKind::Syntax => mysql_number(error).is_none(),
        _ => false,
    };
    SqlError { kind, code, constraint, table, message, is_told, is_of_connecting: false }
}

fn between(text: &str, start: &str, end: char) -> Option<String> {
    // The last: values stand before it.
    text.rsplit_once(start).and_then(|(_, rest)| rest.split_once(end)).map(|(name, _)| name.to_owned())
}

/// By the class of the code, or the code itself (PostgreSQL 17, appendix A).
fn of_sqlstate(code: &str) -> SqlErrorKind {
    match code {
        // An exclusion, such as of bookings that overlap, and RESTRICT.
        "23P01" => SqlErrorKind::UniqueViolation,
        "23001" => SqlErrorKind::ForeignKeyViolation,
        "25P03" | "25P04" => SqlErrorKind::ConnectionLost,
        "40001" => SqlErrorKind::SerializationFailure,
        "40P01" => SqlErrorKind::Deadlock,
        "55P03" => SqlErrorKind::LockTimeout,
        "57014" => SqlErrorKind::Timeout,
        "42P01" => SqlErrorKind::UndefinedTable,
        "42703" => SqlErrorKind::UndefinedColumn,
        "42501" | "25006" => SqlErrorKind::Forbidden,
        _ if code.starts_with("08") || code.starts_with("57P") => SqlErrorKind::ConnectionLost,
        _ if code.starts_with("28") => SqlErrorKind::Forbidden,
        _ if code.starts_with("22") => SqlErrorKind::InvalidValue,
        _ if code.starts_with("42") => SqlErrorKind::Syntax,
        _ if code.starts_with("53") => SqlErrorKind::OutOfResources,
        _ => SqlErrorKind::Other,
    }
}

/// By the number, of which MySQL and MariaDB have many for one SQLSTATE.
fn of_mysql(number: u16) -> SqlErrorKind {
    match number {
        1213 => SqlErrorKind::Deadlock,
        // MariaDB 11: a row has changed since the snapshot was taken.
        1020 | 3101 => SqlErrorKind::SerializationFailure,
        1205 | 3572 => SqlErrorKind::LockTimeout,
        1317 | 1969 | 3024 => SqlErrorKind::Timeout,
        // 1047: a node of Galera that is in no cluster.
        1047 => SqlErrorKind::ConnectionLost,
        number if says_goodbye(number) => SqlErrorKind::ConnectionLost,
        1064 | 1149 => SqlErrorKind::Syntax,
        1146 | 1051 => SqlErrorKind::UndefinedTable,
        1054 => SqlErrorKind::UndefinedColumn,
        1264 | 1292 | 1366 | 1406 | 1265 | 1690 | 3140 => SqlErrorKind::InvalidValue,
        1044 | 1045 | 1142 | 1143 | 1227 | 1290 | 1792 | 1836 => SqlErrorKind::Forbidden,
        1021 | 1037 | 1038 | 1040 | 1041 | 1114 | 1203 | 1461 => SqlErrorKind::OutOfResources,
        // A condition of a table in MariaDB, and in MySQL.
        4025 | 3819 => SqlErrorKind::CheckViolation,
        1048 | 1364 => SqlErrorKind::NotNullViolation,
        _ => SqlErrorKind::Other,
    }
}

/// By the primary result code, which is the low byte (SQLite, Result and Error Codes).
fn of_sqlite(code: Option<&str>, message: &str) -> SqlErrorKind {
    let code: u32 = code.and_then(|code| code.parse().ok()).unwrap_or(1);
    match code & 0xff {
        1 if message.starts_with("no such table") => SqlErrorKind::UndefinedTable,
        1 if message.starts_with("no such column") || message.contains("has no column named") => {
            SqlErrorKind::UndefinedColumn
        }
        1 => SqlErrorKind::Syntax,
        3 | 8 | 23 => SqlErrorKind::Forbidden,
        5 | 6 => SqlErrorKind::LockTimeout,
        7 | 13 => SqlErrorKind::OutOfResources,
        9 => SqlErrorKind::Timeout,
        // A type of a STRICT table.
        _ if code == 3091 => SqlErrorKind::InvalidValue,
        18 | 20 | 25 => SqlErrorKind::InvalidValue,
        10 | 11 | 14 | 26 => SqlErrorKind::ConnectionLost,
        _ => SqlErrorKind::Other,
    }
}

#[cfg(feature = "mysql")]
fn mysql_number(error: &dyn DatabaseError) -> Option<u16> {
    error.try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>().map(sqlx::mysql::MySqlDatabaseError::number)
}

#[cfg(not(feature = "mysql"))]
fn mysql_number(_: &dyn DatabaseError) -> Option<u16> {
    None
}

#[cfg(feature = "sqlite")]
fn is_sqlite(error: &dyn DatabaseError) -> bool {
    error.try_downcast_ref::<sqlx::sqlite::SqliteError>().is_some()
}

#[cfg(not(feature = "sqlite"))]
fn is_sqlite(_: &dyn DatabaseError) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_tell_what_can_be_tried_again() {
        for (kind, retry) in [
            (of_sqlstate("40001"), Retry::Later),
            (of_sqlstate("40P01"), Retry::Later),
            (of_mysql(1213), Retry::Later),
            (of_sqlite(Some("5"), ""), Retry::Later),
            (of_sqlstate("57P01"), Retry::Later),
            (of_sqlstate("42601"), Retry::Never),
            (of_mysql(1406), Retry::Never),
        ] {
            assert_eq!(into_error(SqlError::new(kind, "x")).retry(), retry, "{kind:?}");
        }
        assert_eq!(of_sqlite(Some("261"), ""), SqlErrorKind::LockTimeout);
        assert_eq!(of_sqlite(Some("1"), "no such table: x"), SqlErrorKind::UndefinedTable);
    }

    #[test]
    fn what_is_our_own_fault_is_not_done_again() {
        let words = "prepared statement expected 1 parameters but 2 parameters were provided";
        let error = of(sqlx::Error::Protocol(words.to_owned()));
        assert_eq!((error.kind(), error.retry()), (Kind::Internal, Retry::Never));
        assert!(!is_worth_another_try(&error));
        assert!(is_worth_another_try(&of(sqlx::Error::Protocol("unexpected message".to_owned()))));
    }

    #[test]
    fn what_cannot_be_reached_is_named() {
        let refused = || sqlx::Error::Io(std::io::Error::other("refused"));
        for error in
            [of_connecting(refused(), &"the database at a:1"), no_connection(refused(), &"the database at a:1")]
        {
            assert_eq!(error.report().to_string(), "can't connect to the database at a:1: refused");
            assert_eq!(error.kind(), Kind::Unavailable);
            assert_eq!(error.find::<SqlError>().map(SqlError::kind), Some(SqlErrorKind::ConnectionLost));
            assert!(!error.public_message().contains("a:1"));
        }
    }

    #[test]
    fn nobody_reads_what_the_database_said() {
        let said = "Duplicate entry 'ann@example.com' for key 'email'";
        let error = into_error(SqlError::new(SqlErrorKind::UniqueViolation, said));
        assert_eq!(error.public_message(), "the request conflicts with the current state");
        assert!(!error.report().to_string().contains("ann@example.com"));
        assert_eq!(error.find::<SqlError>().map(SqlError::message), Some(said));
    }
}
