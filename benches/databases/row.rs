//! A row of the table that `pgbench` works on, and the document that many of them make.

use serde::Serialize;
use sqlx::{ColumnIndex, Decode, FromRow, Row, Type};

use crate::Result;

/// An account as people would declare it without zato.
#[derive(Serialize)]
pub(crate) struct Account {
    pub(crate) aid: i32,
    pub(crate) bid: i32,
    pub(crate) abalance: i32,
    pub(crate) filler: String,
}

/// By name, as what `#[derive(FromRow)]` writes.
impl<'r, R: Row> FromRow<'r, R> for Account
where
    for<'n> &'n str: ColumnIndex<R>,
    i32: Decode<'r, R::Database> + Type<R::Database>,
    String: Decode<'r, R::Database> + Type<R::Database>,
{
    fn from_row(row: &'r R) -> sqlx::Result<Self> {
        Ok(Self {
            aid: row.try_get("aid")?,
            bid: row.try_get("bid")?,
            abalance: row.try_get("abalance")?,
            filler: row.try_get("filler")?,
        })
    }
}

/// A list in JSON, which goes out whenever there is enough of it.
#[derive(Default)]
pub(crate) struct Document {
    buffer: Vec<u8>,
    rows: u32,
    sent: usize,
}

/// How much is enough.
const CHUNK: usize = 64 * 1024;

impl Document {
    pub(crate) fn add(&mut self, row: &impl Serialize) -> Result<()> {
        self.buffer.push(if self.rows == 0 { b'[' } else { b',' });
        serde_json::to_writer(&mut self.buffer, row)?;
        self.rows += 1;
        if self.buffer.len() > CHUNK {
            self.send();
        }
        Ok(())
    }

    /// Whether there were so many rows.
    pub(crate) fn end(mut self, count: u32) -> Result<()> {
        self.buffer.push(b']');
        self.send();
        if self.rows == count && self.sent > 0 {
            Ok(())
        } else {
            Err("other rows were read than were asked for".into())
        }
    }

    /// Nobody receives it.
    fn send(&mut self) {
        self.sent += std::hint::black_box(&self.buffer).len();
        self.buffer.clear();
    }
}
