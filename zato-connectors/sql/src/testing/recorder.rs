use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde::Serialize;

use crate::{
    Sql, SqlErrorKind, SqlValue,
    engine::Dialect,
    error,
    params::{Params, json},
    pool::{Done, Failed},
    statement::Statement,
};

/// Stands in for a database that remembers what it is asked, and answers what it is told: for unit tests of services that
/// are not about what is in the tables.
///
/// The next answer is that to the next statement. Without one a statement gives no rows, and has changed one. Transactions
/// are remembered as `BEGIN`, `COMMIT` and the like, and take no answer.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> zato_core::Result<()> {
/// use zato_sql::{Sql, SqlValue, params};
///
/// let recorder = Sql::recorder();
/// recorder.answer([serde_json::json!({"id": 7, "name": "Ann"})]);
///
/// let find = "SELECT id, name FROM customer WHERE id = :id";
/// let (id, name): (i64, String) = recorder.sql().one(find, params! { id: 7 }).await?;
/// assert_eq!((id, name.as_str()), (7, "Ann"));
///
/// let statements = recorder.statements();
/// assert_eq!(statements[0].text, find);
/// assert_eq!(statements[0].parameter("id"), Some(&SqlValue::I64(7)));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct SqlRecorder {
    sql: Sql,
    recording: Arc<Recording>,
}

/// A statement that a service has sent.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct RecordedStatement {
    /// Its text, as the service has it.
    pub text: String,
    /// What it was given, by name without the colon, or by number from `1`.
    pub parameters: Vec<(String, SqlValue)>,
    /// How many rows it was told to have changed.
    pub rows_affected: u64,
}

impl RecordedStatement {
    /// Returns what a parameter was given.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&SqlValue> {
        self.parameters.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }
}

impl Sql {
    /// Makes a recorder: its handle asks no database, and what is sent by it can be looked at. Has to be called in a runtime of
    /// tokio's.
    ///
    /// # Panics
    ///
    /// Outside of such a runtime.
    #[must_use]
    pub fn recorder() -> SqlRecorder {
        let (sql, recording) = (Self::sqlite_in_memory(), Arc::new(Recording::default()));
        let client = sql.client().expect("the connection of a fake is up");
        let _ = client.pool.recording.set(Arc::clone(&recording));
        SqlRecorder { sql, recording }
    }
}

impl SqlRecorder {
    /// Returns the handle.
    #[must_use]
    pub fn sql(&self) -> Sql {
        self.sql.clone()
    }

    /// Returns everything that was sent so far, in its order.
    #[must_use]
    pub fn statements(&self) -> Vec<RecordedStatement> {
        self.recording.lock().statements.clone()
    }

    /// Answers the next statement with rows: models, or objects such as `json!({"id": 7})`, whose fields are the columns.
    ///
    /// # Panics
    ///
    /// If one can't be a row, or has other columns than the first.
    #[track_caller]
    pub fn answer<T: Serialize>(&self, rows: impl IntoIterator<Item = T>) {
        let (mut names, mut values) = (Vec::new(), Vec::new());
        for row in rows {
            let row = match (&row).into_parameters() {
                Ok(row) => row.into_named(),
                Err(error) => panic!("that can't be a row: {}", error.message()),
            };
            let (columns, row): (Vec<_>, Vec<_>) = row.into_iter().unzip();
            if names.is_empty() {
                names = columns;
            } else {
                assert_eq!(names, columns, "rows have the same columns");
            }
            values.extend(row.into_iter().map(in_sqlite));
        }
        let answer = if names.is_empty() { Answer::Done(0) } else { rows_of(&names, values) };
        self.recording.lock().answers.push_back(answer);
    }

    /// Lets the next statement have changed so many rows.
    pub fn done(&self, rows_affected: u64) {
        self.recording.lock().answers.push_back(Answer::Done(rows_affected));
    }

    /// Lets the database refuse the next statement.
    pub fn fail(&self, kind: SqlErrorKind) {
        self.recording.lock().answers.push_back(Answer::Failed(kind));
    }
}

/// What a recorder remembers, and what it was told to answer.
#[derive(Default)]
pub(crate) struct Recording(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    statements: Vec<RecordedStatement>,
    answers: VecDeque<Answer>,
}

enum Answer {
    Done(u64),
    /// A statement that gives the rows by itself.
    Rows(Statement, Vec<SqlValue>),
    Failed(SqlErrorKind),
}

/// What becomes of a statement.
pub(crate) enum Played {
    Done(Done),
    Rows(Statement, Vec<SqlValue>),
}

/// Makes of a value what SQLite, which gives the rows, can keep.
#[track_caller]
fn in_sqlite(value: SqlValue) -> SqlValue {
    match &value {
        SqlValue::Array(_) => SqlValue::Json(json(&value).expect("an array can be written as JSON")),
        _ => value,
    }
}

fn rows_of(names: &[std::borrow::Cow<'static, str>], values: Vec<SqlValue>) -> Answer {
    let columns: Vec<_> = names
        .iter()
        .enumerate()
        .map(|(index, name)| format!("column{} AS \"{}\"", index + 1, name.replace('"', "\"\"")))
        .collect();
    let row = format!("({})", vec!["?"; names.len()].join(", "));
    let rows = vec![row; values.len() / names.len()].join(", ");
    let text = format!("SELECT {} FROM (VALUES {rows})", columns.join(", "));
    let statement = Statement::translate(&text, Dialect::Sqlite).expect("the statement is ours");
    Answer::Rows(statement, values)
}

impl Recording {
    /// Remembers a statement, and says what becomes of it.
    pub(crate) fn play(&self, statement: &Statement, values: &[&SqlValue]) -> Result<Played, Failed> {
        let mut inner = self.lock();
        let answer = inner.answers.pop_front().unwrap_or(Answer::Done(1));
        let rows_affected = if let Answer::Done(rows) = &answer { *rows } else { 0 };
        let name = |place| statement.parameter(place).trim_start_matches(':').to_owned();
        let parameters = values.iter().enumerate().map(|(place, value)| (name(place), (*value).clone())).collect();
        inner.statements.push(RecordedStatement { text: statement.original().to_owned(), parameters, rows_affected });
        match answer {
            Answer::Done(rows) => Ok(Played::Done(Done::of_rows(rows))),
            Answer::Rows(statement, values) => Ok(Played::Rows(statement, values)),
            Answer::Failed(kind) => Err(Failed::Ours(error::scripted(kind))),
        }
    }

    /// Remembers statements that take no answer.
    pub(crate) fn note(&self, text: &str) {
        let recorded = RecordedStatement { text: text.to_owned(), parameters: Vec::new(), rows_affected: 0 };
        self.lock().statements.push(recorded);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Recording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recording").field("statements", &self.lock().statements.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::TryStreamExt;

    use super::*;
    use crate::params;

    #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
    struct Customer {
        id: i64,
        is_vip: bool,
        name: Option<String>,
        tags: Vec<String>,
    }

    #[tokio::test]
    async fn what_is_answered_comes_back() {
        let recorder = Sql::recorder();
        let ann = Customer { id: 1, is_vip: true, name: None, tags: vec!["a".to_owned()] };
        for _ in 0..2 {
            recorder.answer([ann.clone(), Customer { id: 2, ..ann.clone() }]);
        }
        let all: Vec<Customer> = recorder.sql().all("SELECT * FROM customer", ()).await.unwrap();
        assert_eq!(all[0], ann);
        let streamed = recorder.sql().stream::<Customer>("SELECT 1", ()).await.unwrap();
        assert_eq!(streamed.try_collect::<Vec<_>>().await.unwrap(), all);
        assert_eq!(recorder.sql().optional::<Customer>("SELECT 2", ()).await.unwrap(), None);
        recorder.done(3);
        let done = recorder.sql().execute("DELETE FROM customer", ()).await.unwrap();
        assert_eq!(done.rows_affected(), 3);
        assert_eq!(recorder.statements()[3].rows_affected, 3);
    }

    #[tokio::test]
    async fn a_deadlock_is_tried_again() {
        let recorder = Sql::recorder();
        recorder.fail(SqlErrorKind::Deadlock);
        let update = "UPDATE account SET balance = :balance";
        let sql = recorder.sql();
        sql.transaction(async |tx| tx.execute(update, params! { balance: 5 }).await.map(drop)).await.unwrap();
        let texts: Vec<_> = recorder.statements().into_iter().map(|statement| statement.text).collect();
        assert_eq!(texts, ["BEGIN IMMEDIATE", update, "ROLLBACK", "BEGIN IMMEDIATE", update, "COMMIT"]);
    }
}
