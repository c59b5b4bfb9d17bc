use std::{
    fmt,
    future::{Future, IntoFuture},
    time::Duration,
};

use serde::Serialize;

use super::{BoxFuture, Cache, Lifetime};
use crate::error::Result;

/// A value that is about to be put into a cache; see [`Cache::set`]. It is put when this is awaited.
///
/// ```
/// use std::time::Duration;
/// use zato_core::cache::Cache;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> zato_core::Result<()> {
/// let cache = Cache::fake();
/// cache.set("2013", &1.25).expires_in(Duration::from_secs(60)).await?;
/// cache.set("always", &1).never_expires().await?;
/// # Ok(())
/// # }
/// ```
#[must_use = "nothing is set until this is awaited"]
pub struct SetRequest<'a, T: ?Sized> {
    cache: &'a Cache,
    key: &'a str,
    value: &'a T,
    lifetime: Option<Lifetime>,
}

impl<'a, T: Serialize + ?Sized> SetRequest<'a, T> {
    pub(super) fn new(cache: &'a Cache, key: &'a str, value: &'a T) -> Self {
        Self { cache, key, value, lifetime: None }
    }

    /// Says how long the entry lives, whatever the cache's own `expiry` says.
    pub fn expires_in(mut self, after: Duration) -> Self {
        self.lifetime = Some(Lifetime::For(after));
        self
    }

    /// Has the entry live for ever, whatever the cache's own `expiry` says.
    pub fn never_expires(mut self) -> Self {
        self.lifetime = Some(Lifetime::Forever);
        self
    }

    /// Puts the value.
    ///
    /// # Errors
    ///
    /// `value too long: 33 > 6 bytes` where `max_item_size` is less; what the store fails with.
    ///
    /// # Cancel safety
    ///
    /// When dropped, the value was put or not.
    pub fn send(self) -> impl Future<Output = Result<()>> + Send + 'a {
        let encoded = self.cache.slot_client().and_then(|client| {
            let bytes = client.encode(self.key, self.value)?;
            Ok((client.full(self.key)?, bytes, client))
        });
        let lifetime = self.lifetime;
        async move {
            let (key, bytes, client) = encoded?;
            client.write(&key, bytes, lifetime.unwrap_or_else(|| client.lifetime())).await
        }
    }
}

impl<'a, T: Serialize + ?Sized> IntoFuture for SetRequest<'a, T> {
    type Output = Result<()>;
    type IntoFuture = BoxFuture<'a, Result<()>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

impl<T: ?Sized> fmt::Debug for SetRequest<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SetRequest")
            .field("cache", self.cache)
            .field("lifetime", &self.lifetime)
            .finish_non_exhaustive()
    }
}
