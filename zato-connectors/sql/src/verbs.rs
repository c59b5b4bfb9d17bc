//! What can be done with a connection, be it one of a pool or that of a transaction.

use std::{sync::Arc, time::Duration};

use tokio::time;
use zato_core::{Error, Result};

use crate::{
    call::{self, Call, Collected, Effects},
    error,
    params::Params,
    pool::{Done, Failed, Lease},
    row::FromRow,
    statement,
};

/// All rows.
pub(crate) async fn all<T: FromRow>(
    lease: &mut Lease,
    sql: &str,
    params: impl Params,
    limit: Option<Duration>,
) -> Result<Vec<T>> {
    let mut rows = Collected::up_to(usize::MAX);
    Call { sql, parameters: &params.into_parameters()?, limit }.run(lease, &mut rows).await?;
    Ok(rows.rows)
}

/// The only row, or none.
pub(crate) async fn optional<T: FromRow>(
    lease: &mut Lease,
    sql: &str,
    params: impl Params,
    limit: Option<Duration>,
) -> Result<Option<T>> {
    // The second one is one too many.
    let mut rows = Collected::up_to(2);
    Call { sql, parameters: &params.into_parameters()?, limit }.run(lease, &mut rows).await?;
    if rows.rows.len() > 1 {
        return Err(Error::internal(
            "the statement gave several rows where one was asked for; add LIMIT 1 if any will do",
        ));
    }
    Ok(rows.rows.pop())
}

/// The only row.
pub(crate) fn found<T>(row: Option<T>) -> Result<T> {
    row.ok_or_else(|| Error::not_found("the statement gave no row").with_public("not found"))
}

/// No row, and what was done.
pub(crate) async fn execute(
    lease: &mut Lease,
    sql: &str,
    params: impl Params,
    limit: Option<Duration>,
) -> Result<Done> {
    let mut effects = Effects::default();
    Call { sql, parameters: &params.into_parameters()?, limit }.run(lease, &mut effects).await?;
    Ok(effects.done)
}

/// Several statements, separated by semicolons, without parameters.
pub(crate) async fn script(lease: &mut Lease, sql: &str, limit: Option<Duration>) -> Result<Done> {
    let pool = Arc::clone(lease.pool());
    let reach = statement::reach(sql, pool.statements.dialect());
    lease.check().map_err(Failed::into_error)?;
    lease.admit(reach)?;
    if !reach.is_anything {
        return Ok(Done::default());
    }
    let begun = pool.meter.begin();
    let work = said(lease, sql, limit);
    let ended = match call::patience(limit, &pool) {
        Some(patience) => time::timeout(patience, work)
            .await
            .unwrap_or_else(|_| Err(Failed::Unended(error::too_slow(limit.unwrap_or(patience))))),
        None => work.await,
    };
    let ended = ended.map_err(Failed::into_error);
    if ended.is_err() && lease.depth() == 0 {
        // What it has begun is not known.
        lease.session_changed();
    }
    begun.end(ended.as_ref().err().map(Error::kind));
    ended
}

async fn said(lease: &mut Lease, sql: &str, limit: Option<Duration>) -> Result<Done, Failed> {
    let script = sqlx::SqlSafeStr::into_sql_str(sqlx::AssertSqlSafe(sql.to_owned()));
    let is_other = call::tell_limit(lease, limit).await?;
    let done = lease.say(script, limit).await;
    if done.is_ok() {
        lease.tables_changed().await?;
    }
    if is_other {
        call::tell_usual_limit(lease).await;
    }
    done
}
