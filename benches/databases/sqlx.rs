//! The floor of SQL: sqlx at its best. Statements are prepared once for a connection, which the library does by itself, and
//! connections are tested only after they were idle, which it has to be told.

use std::time::{Duration, Instant};

use futures_util::TryStreamExt as _;
use sqlx::{
    ColumnIndex, Database, Decode, Encode, Executor, FromRow, IntoArguments, Pool, Type,
    pool::PoolOptions,
    postgres::{PgConnectOptions, Postgres},
    sqlite::{Sqlite, SqliteConnectOptions},
};

use crate::{
    Result, TASKS, obey,
    row::Account,
    table::{CONNECTIONS, MANY, ONE, ROWS, aid, file},
    talk::Orders,
    tasks::share,
};

/// After how long an idle connection is tested before it is used.
const TEST_AFTER: Duration = Duration::from_secs(30);

/// Does a job as often as it is told.
pub(crate) async fn serve(job: &str, url: &str, mut orders: Orders) -> Result<()> {
    match file(url) {
        Some(file) => {
            let options = SqliteConnectOptions::new().filename(file);
            work(job, &pool::<Sqlite>().connect_with(options).await?, &mut orders).await
        }
        None => {
            let options: PgConnectOptions = url.parse()?;
            work(job, &pool::<Postgres>().connect_with(options).await?, &mut orders).await
        }
    }
}

fn pool<D: Database>() -> PoolOptions<D> {
    use sqlx::Connection as _;

    PoolOptions::new().max_connections(CONNECTIONS).test_before_acquire(false).before_acquire(
        |connection: &mut D::Connection, meta| {
            Box::pin(async move {
                if meta.idle_for > TEST_AFTER {
                    connection.ping().await?;
                }
                Ok(true)
            })
        },
    )
}

async fn work<D: Database>(job: &str, pool: &Pool<D>, orders: &mut Orders) -> Result<()>
where
    for<'q> i32: Encode<'q, D> + Decode<'q, D> + Type<D>,
    for<'q> i64: Encode<'q, D> + Type<D>,
    for<'q> String: Decode<'q, D> + Type<D>,
    for<'p> &'p Pool<D>: Executor<'p, Database = D>,
    for<'r> Account: FromRow<'r, D::Row>,
    for<'s> &'s str: ColumnIndex<D::Row>,
    D::Arguments: IntoArguments<D>,
{
    let is_one = job.starts_with("sql-one");
    let work = async |count| {
        if is_one {
            share(TASKS, count, |first, pieces| one_by_one(pool.clone(), first, pieces)).await
        } else {
            let start = Instant::now();
            let mut left = count;
            while left > 0 {
                let rows = left.min(ROWS);
                stream(pool, rows).await?;
                left -= rows;
            }
            Ok(start.elapsed())
        }
    };
    obey(orders, work).await
}

async fn one_by_one<D: Database>(pool: Pool<D>, first: u32, pieces: u32) -> Result<()>
where
    for<'q> i32: Encode<'q, D> + Type<D>,
    for<'p> &'p Pool<D>: Executor<'p, Database = D>,
    for<'r> Account: FromRow<'r, D::Row>,
    D::Arguments: IntoArguments<D>,
{
    for piece in first..first + pieces {
        let account: Account = sqlx::query_as(ONE).bind(aid(piece)).fetch_one(&pool).await?;
        if account.aid != aid(piece) {
            return Err("another row was read than was asked for".into());
        }
    }
    Ok(())
}

/// Writes rows as a list in JSON, which goes out whenever there is enough of it.
async fn stream<D: Database>(pool: &Pool<D>, count: u32) -> Result<()>
where
    for<'q> i64: Encode<'q, D> + Type<D>,
    for<'p> &'p Pool<D>: Executor<'p, Database = D>,
    for<'r> Account: FromRow<'r, D::Row>,
    D::Arguments: IntoArguments<D>,
{
    let mut rows = sqlx::query_as::<_, Account>(MANY).bind(i64::from(count)).fetch(pool);
    let mut document = crate::row::Document::default();
    while let Some(account) = rows.try_next().await? {
        document.add(&account)?;
    }
    document.end(count)
}
