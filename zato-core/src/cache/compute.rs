//! Values that are computed where they are not there, once for all who wait.

use std::{pin::pin, time::Duration};

use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};
use tokio::time::{self, Instant};
use tracing::warn;

use super::{Cache, CacheClient, Lifetime, Part, computations::Computation, counters::count};
use crate::error::Result;

/// For how long a process may compute before it has to say that it is still there. When it is gone, others wait for so
/// long at the most.
const LEASE: Duration = Duration::from_secs(5);

/// How often who computes says that it is still there.
const RENEWAL: Duration = Duration::from_millis(1500);

/// How often one looks for what another process is computing: the first time, and at most.
const LOOK: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(200));

impl Cache {
    /// Reads a value or, if it isn't there, computes and keeps it: once for all who ask for it at the same time, in this
    /// process, and also in others where they share the store.
    ///
    /// What `compute` fails with goes to all who waited in this process, and is not kept. If the caller that computes is
    /// dropped, or panics, another one takes over. Who has waited for `coalesce_timeout` computes by itself. A store that
    /// fails, and a value that is too long for it or can't be read any more, keep nobody from the value: that is logged, and
    /// the value computed.
    ///
    /// What is [set](Cache::set) or [deleted](Cache::delete) while it is computed, in any process that shares the store, is not
    /// overwritten: what was computed goes to those who asked before, and is not kept.
    ///
    /// # Errors
    ///
    /// What `compute` fails with; [`Internal`](crate::Kind::Internal) if what it gives can't be written as JSON.
    ///
    /// # Cancel safety
    ///
    /// When dropped, `compute` is dropped where it stands, and another caller who waits takes over.
    ///
    /// # Examples
    ///
    /// ```
    /// use zato_core::{Error, cache::Cache};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> zato_core::Result<()> {
    /// let rates = Cache::fake();
    /// let failed = rates.get_or_compute::<f64, _>("2013", async || Err(Error::upstream("closed"))).await;
    /// assert!(failed.is_err());
    /// assert_eq!(rates.get_or_compute("2013", async || Ok(1.25)).await?, 1.25);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn get_or_compute<T, F>(&self, key: &str, compute: F) -> Result<T>
    where
        T: Serialize + DeserializeOwned,
        F: AsyncFnOnce() -> Result<T>,
    {
        self.get_or(key, None, compute).await
    }

    /// As [`Cache::get_or_compute`], with a time that what is computed lives for, whatever the cache's own `expiry` says.
    ///
    /// # Errors
    ///
    /// As [`Cache::get_or_compute`].
    ///
    /// # Cancel safety
    ///
    /// As [`Cache::get_or_compute`].
    pub async fn get_or_compute_for<T, F>(&self, key: &str, expires_in: Duration, compute: F) -> Result<T>
    where
        T: Serialize + DeserializeOwned,
        F: AsyncFnOnce() -> Result<T>,
    {
        self.get_or(key, Some(Lifetime::For(expires_in)), compute).await
    }

    async fn get_or<T, F>(&self, key: &str, lifetime: Option<Lifetime>, compute: F) -> Result<T>
    where
        T: Serialize + DeserializeOwned,
        F: AsyncFnOnce() -> Result<T>,
    {
        let client = &*self.slot_client()?;
        let key = &*client.full(key)?;
        if let Some(value) = client.usable(key, client.read(key).await) {
            return Ok(value);
        }
        let lifetime = lifetime.unwrap_or_else(|| client.lifetime());
        let begun = Instant::now();
        let make = async || client.load(key, lifetime, begun, compute).await;
        let (made, part) = client.flights.run(key, client.patience, make).await;
        if part == Part::Waited {
            count(&client.counters.coalesced);
        }
        client.decode(key, &made?)
    }
}

impl CacheClient {
    /// Reads what was found, if that can be used; what can't is told, and as if it were not there.
    fn usable<T: DeserializeOwned>(&self, key: &str, found: Result<Option<Bytes>>) -> Option<T> {
        let bytes = self.told(found)??;
        self.told(self.decode(key, &bytes))
    }

    /// Looks for a value that a `T` can be read from.
    async fn look_for<T: DeserializeOwned>(&self, key: &str) -> Option<Bytes> {
        let bytes = self.told(self.look(key).await)??;
        self.usable::<T>(key, Ok(Some(bytes.clone()))).map(|_| bytes)
    }

    /// Says what has failed and stops nobody.
    fn told<T>(&self, done: Result<T>) -> Option<T> {
        done.map_err(|error| warn!(cache = self.name, error = %error.report(), "cache failed, and is gone round")).ok()
    }

    /// Computes a value and keeps it, unless somebody else has meanwhile. It was `begun` to wait for others then.
    async fn load<T, F>(&self, key: &str, lifetime: Lifetime, begun: Instant, compute: F) -> Result<Bytes>
    where
        T: Serialize + DeserializeOwned,
        F: AsyncFnOnce() -> Result<T>,
    {
        // Between the caller's look and its turn another one may have come to an end.
        if let Some(bytes) = self.look_for::<T>(key).await {
            return Ok(bytes);
        }
        let others = if self.store.is_shared() { self.wait_for_others::<T>(key, begun).await } else { Others::Absent };
        let is_ours = match others {
            Others::Made(bytes) => return Ok(bytes),
            Others::Gone => true,
            Others::Absent | Others::Busy => false,
        };
        let computation = self.computations.begin(key);
        let computing = pin!(self.compute(&computation, key, lifetime, compute));
        let made = tokio::select! {
            made = computing => made,
            () = self.renew(key), if is_ours => unreachable!("it is renewed without end"),
        };
        // Whoever has changed the value has ended the lease, and another one may have it by now.
        if is_ours && computation.is_current() {
            self.told(self.store.release(key, self.holder).await);
        }
        made
    }

    async fn compute<T, F>(
        &self,
        computation: &Computation<'_>,
        key: &str,
        lifetime: Lifetime,
        compute: F,
    ) -> Result<Bytes>
    where
        T: Serialize,
        F: AsyncFnOnce() -> Result<T>,
    {
        count(&self.counters.loads);
        let value = compute().await.inspect_err(|_| count(&self.counters.load_failures))?;
        let bytes = self.encode(key, &value)?;
        if computation.is_current() {
            self.told(self.keep(computation, key, bytes.clone(), lifetime).await);
        }
        Ok(bytes)
    }

    /// Keeps what was computed, if nobody knows better.
    async fn keep(&self, computation: &Computation<'_>, key: &str, value: Bytes, lifetime: Lifetime) -> Result<()> {
        self.fits(key, &value)?;
        if self.store.is_shared() {
            return self.watched(self.store.set_leased(key, self.holder, value, lifetime).await.map(drop));
        }
        self.watched(self.store.set(key, value, lifetime).await)?;
        // Whoever has changed it between the look and the write has done so first.
        if !computation.is_current() {
            self.watched(self.store.delete(key).await)?;
        }
        Ok(())
    }

    /// Waits while another process computes a value, for as long as there is patience left.
    async fn wait_for_others<T: DeserializeOwned>(&self, key: &str, begun: Instant) -> Others {
        // Somebody in this process has the lease, and this one has waited for that for too long: it takes no part in it, or a
        // lease that was ended would begin anew for both.
        if self.computations.is_any_current(key) {
            return Others::Busy;
        }
        let (mut pause, longest) = LOOK;
        loop {
            let is_ours = self.told(self.watched(self.store.lease(key, self.holder, LEASE).await)).unwrap_or(true);
            // Also with the lease: whoever had it before may have given it back after it had kept the value.
            if let Some(bytes) = self.look_for::<T>(key).await {
                if is_ours {
                    self.told(self.store.release(key, self.holder).await);
                }
                count(&self.counters.coalesced);
                return Others::Made(bytes);
            }
            if is_ours {
                return Others::Gone;
            }
            let left = self.patience.saturating_sub(begun.elapsed());
            if left.is_zero() {
                return Others::Busy;
            }
            time::sleep(pause.min(left)).await;
            pause = (pause * 2).min(longest);
        }
    }

    /// Says again and again that this process still computes, until somebody has ended that: who asks then begins anew.
    async fn renew(&self, key: &str) {
        loop {
            time::sleep(RENEWAL).await;
            if self.told(self.store.renew(key, self.holder, LEASE).await) == Some(false) {
                self.changed(key);
                return std::future::pending().await;
            }
        }
    }
}

/// What other processes do about a value.
enum Others {
    /// There are none.
    Absent,
    /// One has kept it.
    Made(Bytes),
    /// None computes it; this one has the lease, or the store can't tell.
    Gone,
    /// One has computed it for longer than there was patience; what it makes is what is kept.
    Busy,
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

    use super::*;
    use crate::cache::CacheConfig;

    const SECOND: Duration = Duration::from_secs(1);

    /// Computes for a second what `source` was when that began.
    async fn slowly(source: &AtomicU32) -> Result<u32> {
        let read = source.load(SeqCst);
        time::sleep(SECOND).await;
        Ok(read)
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_changed_while_it_is_computed_is_not_overwritten() {
        let mut config = CacheConfig::new("balances");
        config.key_prefix = Some("balance:".to_owned());
        let cache = &Cache::in_process(&config);
        for name in ["delete", "set", "set_bytes", "clear", "delete_by_prefix"] {
            let change = async || match name {
                "delete" => cache.delete("a").await.map(drop),
                "set" => cache.set("a", &2).await,
                "set_bytes" => cache.set_bytes("a", "2".into(), None).await,
                "clear" => cache.clear().await,
                _ => cache.delete_by_prefix("a", None).await.map(drop),
            };
            cache.clear().await.unwrap();
            let source = AtomicU32::new(1);
            let changed = async {
                time::sleep(SECOND / 2).await;
                source.store(2, SeqCst);
                change().await.unwrap();
                cache.get_or_compute("a", async || slowly(&source).await).await
            };
            let old = cache.get_or_compute("a", async || slowly(&source).await);
            let (old, new) = tokio::join!(old, changed);
            assert_eq!(
                (old.unwrap(), new.unwrap()),
                (1, 2),
                "{name}: who asks after the change does not wait for the old"
            );
            assert_eq!(cache.get::<u32>("a").await.unwrap(), Some(2), "{name}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_nobody_has_changed_is_kept_also_by_who_had_no_patience_left() {
        let cache = Cache::fake();
        let stuck = time::timeout(30 * SECOND, cache.get_or_compute::<u32, _>("a", std::future::pending));
        let begun = Instant::now();
        let impatient = async {
            let made = cache.get_or_compute("a", async || Ok(2)).await;
            (made, begun.elapsed())
        };
        let (stuck, (made, waited)) = tokio::join!(stuck, impatient);
        assert!(stuck.is_err());
        assert_eq!((made.unwrap(), waited.as_secs()), (2, 15));
        assert_eq!(cache.get::<u32>("a").await.unwrap(), Some(2));
    }
}
