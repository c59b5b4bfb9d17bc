//! One statement, many rows: inserts of several rows at once where that can be, one after the other elsewhere.

use std::time::Duration;

use zato_core::Result;

use crate::{
    engine::Dialect,
    params::{Parameters, Params},
    pool::{Done, Lease},
    statement::Statement,
    value::SqlValue,
    verbs,
};

/// How many rows are inserted at once at the most.
const AT_ONCE: usize = 256;

/// How many parameters a statement has at the most: SQLite takes 32766 (SQLite, Limits), the others more.
const PARAMETERS: usize = 32_000;

/// Executes a statement with each of the rows.
pub(crate) async fn execute<P: Params>(
    lease: &mut Lease,
    sql: &str,
    rows: impl IntoIterator<Item = P>,
    limit: Option<Duration>,
) -> Result<Done> {
    let (mut all, insert) = (Done::default(), Insert::of(sql));
    let Some(insert) = insert else {
        for row in rows {
            all.and(verbs::execute(lease, sql, row, limit).await?);
        }
        return Ok(all);
    };
    let mut waiting = Vec::new();
    for row in rows {
        waiting.push(row.into_parameters()?);
        if waiting.len() == insert.at_once {
            all.and(insert.execute(lease, &waiting, limit).await?);
            waiting.clear();
        }
    }
    // In powers of two, so that few statements are prepared, however many rows there are.
    let mut rest = waiting.as_slice();
    while let Some(exponent) = rest.len().checked_ilog2() {
        let (some, others) = rest.split_at(1 << exponent);
        all.and(insert.execute(lease, some, limit).await?);
        rest = others;
    }
    Ok(all)
}

/// An insert of one row that can be one of many.
struct Insert {
    /// Up to `VALUES`.
    head: String,
    /// The values of a row, with `?` for each parameter.
    row: Statement,
    at_once: usize,
}

impl Insert {
    /// Takes a statement that ends in `VALUES (...)`, with no more in it than parameters and plain words: of others nobody knows
    /// without understanding them.
    fn of(sql: &str) -> Option<Self> {
        let sql = sql.trim().trim_end_matches(';').trim_end();
        let upper = sql.to_ascii_uppercase();
        let end = upper.rfind("VALUES").map(|start| start + "VALUES".len())?;
        let (head, values) = sql.split_at_checked(end)?;
        let values = values.trim();
        let inner = values.strip_prefix('(')?.strip_suffix(')')?;
        let is_plain = |text: &str| {
            !text.contains(['\'', '"', '`', '\\', ';', '#']) && !text.contains("--") && !text.contains("/*")
        };
        let is_row =
            is_plain(inner) && !inner.contains(['(', ')', '$']) && !inner.contains("::") && !inner.contains("??");
        let is_head = upper.starts_with("INSERT ") && is_plain(head) && !head.contains(['?', ':', '$']);
        if !is_row || !is_head {
            return None;
        }
        let row = Statement::translate(values, Dialect::MySql).ok()?;
        let at_once = PARAMETERS.checked_div(row.places()).unwrap_or_default().min(AT_ONCE);
        // A row without parameters is the same again, which is hardly meant.
        (at_once > 1).then(|| Self { head: head.to_owned(), row, at_once })
    }

    async fn execute(&self, lease: &mut Lease, rows: &[Parameters], limit: Option<Duration>) -> Result<Done> {
        let mut values: Vec<SqlValue> = Vec::with_capacity(rows.len() * self.row.places());
        for row in rows {
            values.extend(self.row.order(row)?.into_iter().cloned());
        }
        let each = vec![self.row.text(); rows.len()].join(", ");
        verbs::execute(lease, &format!("{} {each}", self.head), values, limit).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_inserts_are_of_many_rows() {
        for sql in [
            "INSERT INTO t (a, b) VALUES (:a, :b)",
            "insert into t values (?, ?) ;",
            "INSERT INTO t\nVALUES (?, NULL, CURRENT_TIMESTAMP)",
        ] {
            assert!(Insert::of(sql).is_some(), "{sql}");
        }
        for sql in [
            "UPDATE t SET a = ? WHERE b = ?",
            "INSERT INTO t VALUES (1)",
            "INSERT INTO t SELECT ?",
            "INSERT INTO t VALUES (?, lower(?))",
            "INSERT INTO t VALUES (?) ON CONFLICT DO NOTHING",
            "INSERT INTO t VALUES (?::int)",
            "INSERT INTO t VALUES ($1)",
            "INSERT INTO t VALUES (?, ')')",
            "INSERT INTO t VALUES (?), (?)",
            "INSERT INTO t VALUES (? -- )",
            "WITH a AS (SELECT 1) INSERT INTO t VALUES (?)",
        ] {
            assert!(Insert::of(sql).is_none(), "{sql}");
        }
    }
}
