use std::{
    collections::VecDeque,
    fmt,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use futures_core::Stream;
use futures_util::StreamExt;
use tokio::time;
use zato_core::{Error, Result};

use crate::{
    call, error,
    params::{Parameters, Params},
    pool::{Failed, Lease, Step, read_past},
    row::{Columns, FromRow, NativeRow, NativeRowOf},
    statement::Statement,
};

/// How many rows are read ahead at the most, if they have come already.
const AHEAD: usize = 64;

/// The rows of a statement, one after the other: a [`Stream`], and the connection that it needs.
///
/// See [`Sql::stream`](crate::Sql::stream).
///
/// # Examples
///
/// ```
/// use futures_util::TryStreamExt;
/// use zato_sql::Sql;
///
/// async fn names(crm: &Sql) -> zato_core::Result<Vec<String>> {
///     crm.stream::<String>("SELECT name FROM customer", ()).await?.try_collect().await
/// }
/// ```
#[must_use = "nothing is read until it is polled"]
pub struct Rows<T> {
    /// Reads from the connection, which it owns, into what is shared.
    work: Option<Pin<Box<dyn Future<Output = Result<()>> + Send>>>,
    read: Arc<Mutex<VecDeque<T>>>,
    /// What it ended with, which comes behind the last row.
    failed: Option<Error>,
    name: String,
}

impl<T: FromRow> Rows<T> {
    /// Prepares to read; the statement is sent when the first row is asked for.
    pub(crate) fn start(
        mut lease: Lease,
        sql: &str,
        params: impl Params,
        limit: Option<Duration>,
        name: &str,
    ) -> Result<Self> {
        let statement = lease.pool().statements.get(sql)?;
        let parameters = params.into_parameters()?;
        statement.order(&parameters)?;
        lease.admit(statement.reach())?;
        let read = Arc::new(Mutex::new(VecDeque::new()));
        let work = Box::pin(work(lease, statement, parameters, limit, Arc::clone(&read)));
        Ok(Self { work: Some(work), read, failed: None, name: name.to_owned() })
    }

    /// Returns the next row; `None` after the last.
    ///
    /// # Errors
    ///
    /// As [`Sql::all`](crate::Sql::all). Nothing comes after one.
    ///
    /// # Cancel safety
    ///
    /// May be dropped at any time; no row is lost.
    pub async fn next(&mut self) -> Result<Option<T>> {
        StreamExt::next(self).await.transpose()
    }
}

/// Reads rows, as many ahead as there is room for.
async fn work<T: FromRow>(
    mut lease: Lease,
    statement: Arc<Statement>,
    parameters: Parameters,
    limit: Option<Duration>,
    read: Arc<Mutex<VecDeque<T>>>,
) -> Result<()> {
    let pool = Arc::clone(lease.pool());
    let begun = pool.meter.begin();
    let is_other = call::tell_limit(&mut lease, limit).await.map_err(Failed::into_error)?;
    let mut ended = attempt(&mut lease, &statement, &parameters, limit, &read).await;
    if ended.as_ref().is_err_and(Failed::is_stale) && !lease.is_busy() {
        // It is refused before there is a row.
        ended = match lease.forget_statements().await {
            Ok(()) => attempt(&mut lease, &statement, &parameters, limit, &read).await,
            Err(failed) => Err(failed),
        };
    }
    if is_other && in_time(pool.limits.statement_timeout, call::tell_usual_limit(&mut lease)).await.is_err() {
        lease.give_up();
    }
    let ended = ended.map_err(Failed::into_error);
    let took = begun.end(ended.as_ref().err().map(Error::kind));
    call::note(&pool, &statement, took, ended.as_ref().err());
    ended
}

async fn attempt<T: FromRow>(
    lease: &mut Lease,
    statement: &Statement,
    parameters: &Parameters,
    limit: Option<Duration>,
    read: &Mutex<VecDeque<T>>,
) -> Result<(), Failed> {
    let ended = receive(lease, statement, parameters, limit, read).await;
    match &ended {
        Ok(()) => lease.ended(),
        Err(failed) => lease.failed(failed),
    }
    ended
}

async fn receive<T: FromRow>(
    lease: &mut Lease,
    statement: &Statement,
    parameters: &Parameters,
    limit: Option<Duration>,
    read: &Mutex<VecDeque<T>>,
) -> Result<(), Failed> {
    let values = statement.order(parameters)?;
    #[cfg(feature = "testing")]
    let played = match lease.pool().recording.get().map(|recording| recording.play(statement, &values)).transpose()? {
        Some(crate::testing::Played::Done(_)) => return Ok(()),
        Some(crate::testing::Played::Rows(statement, values)) => Some((statement, values)),
        None => None,
    };
    #[cfg(feature = "testing")]
    let (statement, values) = match &played {
        Some((statement, values)) => (statement, values.iter().collect()),
        None => (statement, values),
    };
    let started = lease.begin_work(limit).start(statement, &values);
    let mut steps = in_time(limit, started).await??;
    let mut columns: Option<Arc<Columns>> = None;
    let mut is_done = false;
    while let Some(step) = in_time(limit, steps.next()).await? {
        match step? {
            Step::Row(native) => {
                let columns = Arc::clone(columns.get_or_insert_with(|| Arc::new(NativeRow::columns(&native))));
                match T::from_native(NativeRowOf { native, columns }) {
                    Ok(row) => room(read, row).await,
                    Err(error) => {
                        let is_ended = read_past(&mut steps).await?;
                        return Err(if is_ended { Failed::Ours(error) } else { Failed::Unended(error) });
                    }
                }
            }
            Step::Done(_) => is_done = true,
        }
    }
    drop(steps);
    if is_done || !lease.says_when_done() || !statement.reach().is_anything {
        Ok(())
    } else {
        Err(Failed::Theirs(sqlx::Error::WorkerCrashed))
    }
}

/// Each row may take as long as a statement; how long its reader takes is not counted.
async fn in_time<F: Future>(limit: Option<Duration>, work: F) -> Result<F::Output, Failed> {
    match limit {
        // At once for rows that have come already, for which no clock is looked at.
        Some(limit) => {
            let mut work = std::pin::pin!(work);
            match futures_util::poll!(work.as_mut()) {
                Poll::Ready(output) => Ok(output),
                Poll::Pending => time::timeout(limit, work).await.map_err(|_| Failed::Unended(error::too_slow(limit))),
            }
        }
        None => Ok(work.await),
    }
}

/// Adds a row, and waits while there are enough. It is polled by whoever takes one away, so that nobody has to be woken.
async fn room<T>(read: &Mutex<VecDeque<T>>, row: T) {
    read.lock().unwrap_or_else(PoisonError::into_inner).push_back(row);
    std::future::poll_fn(|_| {
        if read.lock().unwrap_or_else(PoisonError::into_inner).len() < AHEAD { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

impl<T> Rows<T> {
    fn ahead(&self) -> Option<T> {
        self.read.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }
}

impl<T: FromRow> Stream for Rows<T> {
    type Item = Result<T>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<T>>> {
        if let Some(row) = self.ahead() {
            return Poll::Ready(Some(Ok(row)));
        }
        if let Some(work) = &mut self.work {
            match work.as_mut().poll(context) {
                Poll::Pending => {}
                Poll::Ready(ended) => {
                    self.work = None;
                    let name = self.name.clone();
                    self.failed = ended.err().map(|error| error.with("connection", name));
                }
            }
        }
        match (self.ahead(), &self.work) {
            (Some(row), _) => Poll::Ready(Some(Ok(row))),
            (None, Some(_)) => Poll::Pending,
            (None, None) => Poll::Ready(self.failed.take().map(Err)),
        }
    }
}

impl<T> Unpin for Rows<T> {}

impl<T> fmt::Debug for Rows<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rows").field("connection", &self.name).finish_non_exhaustive()
    }
}
