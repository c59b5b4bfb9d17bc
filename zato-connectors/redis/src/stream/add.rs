use std::{
    fmt,
    future::{Future, IntoFuture},
    pin::Pin,
};

use redis::Cmd;
use serde::Serialize;
use zato_core::Result;

use super::{PAYLOAD, RedisStream};
use crate::{key::Key, value};

/// An entry that is about to be added; awaiting it adds it, and gives its id.
///
/// # Cancel safety
///
/// A command that was not sent yet when the future is dropped never is; of one that was, nobody knows whether it was done.
///
/// # Examples
///
/// ```
/// use zato_core::Result;
/// use zato_redis::Redis;
///
/// async fn order(redis: &Redis, order: &str, tenant: &str) -> Result<String> {
///     redis.stream("orders").add(order).field("tenant", tenant).max_length(10_000).await
/// }
/// ```
#[must_use = "an entry is added when it is awaited"]
pub struct AddRequest<'a> {
    stream: RedisStream<'a>,
    fields: Result<Vec<(String, Vec<u8>)>>,
    id: Option<String>,
    max_length: Option<usize>,
}

impl<'a> RedisStream<'a> {
    /// Begins to add an entry with a value in its field `payload`: a model is JSON, a simple type text.
    ///
    /// # Errors
    ///
    /// [`Internal`](zato_core::Kind::Internal) if the value can't be kept, beside what [all verbs](crate::Redis#errors) have.
    #[doc(alias = "XADD")]
    pub fn add<T: Serialize + ?Sized>(&self, value: &T) -> AddRequest<'a> {
        let payload = value::to_bytes(value).map_err(|error| self.redis.about(error));
        let fields = payload.map(|payload| vec![(PAYLOAD.to_owned(), payload)]);
        AddRequest { stream: self.clone(), fields, id: None, max_length: None }
    }

    /// Begins to add an entry that has other fields alone.
    ///
    /// # Errors
    ///
    /// As [`add`](Self::add); [`Internal`](zato_core::Kind::Internal) if there is none in the end.
    pub fn add_fields(&self) -> AddRequest<'a> {
        AddRequest { stream: self.clone(), fields: Ok(Vec::new()), id: None, max_length: None }
    }
}

impl AddRequest<'_> {
    /// Adds a field.
    pub fn field(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        if let Ok(fields) = &mut self.fields {
            fields.push((name.to_owned(), value.as_ref().to_vec()));
        }
        self
    }

    /// Gives the entry this id, in place of one that the server makes. It must be greater than all before.
    pub fn id(mut self, id: &str) -> Self {
        self.id = Some(id.to_owned());
        self
    }

    /// Lets the oldest entries go, so that about so many are left, and not fewer.
    #[doc(alias = "MAXLEN")]
    pub fn max_length(mut self, entries: usize) -> Self {
        self.max_length = Some(entries);
        self
    }

    async fn send(self) -> Result<String> {
        let Self { stream: RedisStream { redis, key }, fields, id, max_length } = self;
        let (fields, client) = (fields?, redis.client()?);
        let bytes = fields.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>();
        let mut command = Cmd::with_capacity(6 + 2 * fields.len(), 32 + key.len() + bytes);
        command.arg("XADD").arg(Key { prefix: &client.settings.key_prefix, name: &key });
        if let Some(length) = max_length {
            command.arg("MAXLEN").arg("~").arg(length);
        }
        command.arg(id.as_deref().unwrap_or("*"));
        for (name, value) in &fields {
            command.arg(name).arg(value.as_slice());
        }
        let answer = redis.write(&client, &command).await?;
        redis.typed(answer)
    }
}

impl<'a> IntoFuture for AddRequest<'a> {
    type Output = Result<String>;
    type IntoFuture = Pin<Box<dyn Future<Output = Result<String>> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

impl fmt::Debug for AddRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AddRequest").field("stream", &self.stream).finish_non_exhaustive()
    }
}
