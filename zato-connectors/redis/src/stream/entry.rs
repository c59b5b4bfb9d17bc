use std::{fmt, time::Duration};

use redis::Value;
use serde::de::DeserializeOwned;
use zato_core::{Error, Result, Retry, bytes::Bytes};

use crate::value;

/// The field that a value is in which [`RedisStream::add`](super::RedisStream::add) was given.
pub const PAYLOAD: &str = "payload";

/// An entry of a stream.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StreamEntry {
    /// Its id, such as `1526569495631-0`: when it was added, in milliseconds since 1970, and a number among those.
    pub id: String,
    /// Its fields, in their order. Of an entry that was deleted after a consumer had been given it there are none.
    pub fields: Vec<(String, Bytes)>,
}

impl StreamEntry {
    /// Returns the value of a field; the first, if there are several of the name.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&Bytes> {
        self.fields.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// Returns the value that was added: a model is JSON, a simple type text.
    ///
    /// # Errors
    ///
    /// [`Upstream`](zato_core::Kind::Upstream) if there is none (it has no field `payload`), or it is no such value.
    pub fn value<T: DeserializeOwned>(&self) -> Result<T> {
        let payload = self.field(PAYLOAD).ok_or_else(|| {
            let error = Error::upstream("the entry of the stream has no field \"payload\"").with_retry(Retry::Never);
            error.with("id", &self.id)
        })?;
        value::from_bytes(payload).map_err(|error| error.with("id", &self.id))
    }

    /// Returns when it was added, as a time since 1970, if its id was made by the server.
    #[must_use]
    pub fn added(&self) -> Option<Duration> {
        let (millis, _) = self.id.split_once('-')?;
        millis.parse().ok().map(Duration::from_millis)
    }
}

/// Says which, and not what it says.
impl fmt::Debug for StreamEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields: Vec<(&str, usize)> = self.fields.iter().map(|(name, value)| (name.as_str(), value.len())).collect();
        f.debug_struct("StreamEntry").field("id", &self.id).field("bytes_by_field", &fields).finish()
    }
}

/// Reads entries, as `XRANGE` and `XCLAIM` answer with. Of those that were deleted meanwhile some servers say nil.
pub(crate) fn entries(answer: Value) -> Result<Vec<StreamEntry>> {
    match answer {
        Value::Nil => Ok(Vec::new()),
        Value::Array(entries) => entries
            .into_iter()
            .filter(|entry| *entry != Value::Nil)
            .map(|value| entry(value).ok_or_else(strange))
            .collect(),
        _ => Err(strange()),
    }
}

/// Reads the entries of the one stream that `XREAD` was asked for.
pub(crate) fn entries_of_streams(answer: Value) -> Result<Vec<StreamEntry>> {
    let of_stream = match answer {
        Value::Nil => None,
        // RESP3 has a map here.
        Value::Map(streams) => streams.into_iter().next().map(|(_, entries)| entries),
        Value::Array(streams) => match streams.into_iter().next() {
            Some(Value::Array(stream)) => Some(stream.into_iter().nth(1).ok_or_else(strange)?),
            None => None,
            Some(_) => return Err(strange()),
        },
        _ => return Err(strange()),
    };
    of_stream.map_or(Ok(Vec::new()), entries)
}

fn entry(value: Value) -> Option<StreamEntry> {
    let Value::Array(parts) = value else { return None };
    let mut parts = parts.into_iter();
    let id = text(parts.next()?)?;
    let fields = match parts.next()? {
        Value::Nil => Vec::new(),
        Value::Array(flat) => pairs(flat)?,
        Value::Map(pairs) => {
            pairs.into_iter().map(|(name, value)| Some((text(name)?, bytes(value)?))).collect::<Option<_>>()?
        }
        _ => return None,
    };
    Some(StreamEntry { id, fields })
}

fn pairs(flat: Vec<Value>) -> Option<Vec<(String, Bytes)>> {
    let mut fields = Vec::with_capacity(flat.len() / 2);
    let mut flat = flat.into_iter();
    while let Some(name) = flat.next() {
        fields.push((text(name)?, bytes(flat.next()?)?));
    }
    Some(fields)
}

pub(super) fn text(value: Value) -> Option<String> {
    bytes(value).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

fn bytes(value: Value) -> Option<Bytes> {
    match value {
        Value::BulkString(bytes) => Some(Bytes::from(bytes)),
        Value::SimpleString(text) => Some(Bytes::from(text)),
        Value::Okay => Some(Bytes::from_static(b"OK")),
        Value::Int(number) => Some(Bytes::from(number.to_string())),
        _ => None,
    }
}

pub(super) fn strange() -> Error {
    Error::upstream("the server's answer is not one about a stream").with_retry(Retry::Never)
}
