use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::time::{Instant, sleep};

use crate::{
    cache::{Lifetime, Store},
    error::Result,
};

/// Checks that a store does what caches expect of any, with keys of its own that begin with `prefix`: for tests of stores.
/// It takes about a second.
///
/// # Errors
///
/// What the store fails with.
///
/// # Panics
///
/// If it does something else.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use zato_core::{cache::{CacheConfig, MemoryStore}, testing};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> zato_core::Result<()> {
/// testing::store_contract(Arc::new(MemoryStore::new(&CacheConfig::new("rates"))), "rates:").await?;
/// # Ok(())
/// # }
/// ```
pub async fn store_contract(store: Arc<dyn Store>, prefix: &str) -> Result<()> {
    let suite = Suite { store: &*store, prefix };
    suite.store.ping().await?;
    suite.values_come_back_byte_for_byte().await?;
    suite.entries_end_when_they_are_told_to().await?;
    suite.reads_extend_what_they_are_told_to().await?;
    suite.a_replaced_value_keeps_its_time_if_told_to().await?;
    suite.keys_are_found_by_their_prefix_and_no_others().await?;
    if suite.store.is_shared() {
        suite.a_lease_has_one_holder().await?;
        suite.what_was_computed_is_kept_while_the_lease_is_held().await?;
    }
    suite.store.clear(prefix).await?;
    assert_eq!(suite.keys("").await?, [""; 0], "clearing removes whatever has the prefix");
    Ok(())
}

/// So short that nobody waits long for its end, and long enough for some operations on a server that is busy.
const SHORT: Duration = Duration::from_millis(200);
const LONG: Duration = Duration::from_secs(3600);

struct Suite<'a> {
    store: &'a dyn Store,
    prefix: &'a str,
}

impl Suite<'_> {
    fn key(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    async fn set(&self, name: &str, value: &'static [u8], lifetime: Lifetime) -> Result<()> {
        self.store.set(&self.key(name), Bytes::from_static(value), lifetime).await
    }

    async fn get(&self, name: &str) -> Result<Option<Bytes>> {
        self.store.get(&self.key(name), None).await
    }

    async fn keys(&self, prefix: &str) -> Result<Vec<String>> {
        let (mut keys, mut from) = (Vec::new(), None);
        loop {
            let page = self.store.scan(&self.key(prefix), from).await?;
            keys.extend(page.keys);
            from = page.next;
            if from.is_none() {
                keys.sort_unstable();
                keys.dedup();
                return Ok(keys);
            }
        }
    }

    async fn until_gone(&self, name: &str) -> Result<()> {
        let begun = Instant::now();
        while self.store.contains(&self.key(name)).await? {
            assert!(begun.elapsed() < LONG / 2, "{name} is still there");
            sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(self.get(name).await?, None);
        Ok(())
    }

    async fn values_come_back_byte_for_byte(&self) -> Result<()> {
        assert_eq!(self.get("a").await?, None);
        assert!(self.store.details(&self.key("a")).await?.is_none());
        for value in [&b""[..], b"{}", b"\0\xff\r\n", &[7; 70_000]] {
            self.set("a", value, Lifetime::Forever).await?;
            assert_eq!(self.get("a").await?.as_deref(), Some(value));
        }
        assert!(self.store.contains(&self.key("a")).await?);
        let details = self.store.details(&self.key("a")).await?.unwrap_or_default();
        assert_eq!((details.size, details.expires_at), (70_000, None));
        assert!(self.store.delete(&self.key("a")).await? && !self.store.delete(&self.key("a")).await?);
        assert_eq!(self.get("a").await?, None);
        Ok(())
    }

    async fn entries_end_when_they_are_told_to(&self) -> Result<()> {
        assert!(!self.store.expire(&self.key("b"), Lifetime::For(LONG)).await?);
        self.set("b", b"1", Lifetime::For(SHORT)).await?;
        assert!(self.store.details(&self.key("b")).await?.is_some_and(|details| details.expires_at.is_some()));
        self.until_gone("b").await?;
        self.set("b", b"1", Lifetime::Forever).await?;
        assert!(self.store.expire(&self.key("b"), Lifetime::For(SHORT)).await?);
        self.until_gone("b").await?;
        self.set("b", b"1", Lifetime::For(SHORT)).await?;
        assert!(self.store.expire(&self.key("b"), Lifetime::Forever).await?);
        sleep(SHORT).await;
        assert_eq!(self.get("b").await?.as_deref(), Some(&b"1"[..]), "it was made to live for ever");
        Ok(())
    }

    async fn reads_extend_what_they_are_told_to(&self) -> Result<()> {
        self.set("c", b"1", Lifetime::For(SHORT)).await?;
        for _ in 0..4 {
            sleep(SHORT / 3).await;
            let read = self.store.get(&self.key("c"), Some(SHORT)).await?;
            assert!(read.is_some(), "each read has it live on");
        }
        self.until_gone("c").await
    }

    async fn a_replaced_value_keeps_its_time_if_told_to(&self) -> Result<()> {
        self.set("d", b"1", Lifetime::For(SHORT)).await?;
        self.set("d", b"2", Lifetime::KeptOr(Some(LONG))).await?;
        assert_eq!(self.get("d").await?.as_deref(), Some(&b"2"[..]));
        self.until_gone("d").await?;
        self.set("d", b"3", Lifetime::KeptOr(Some(SHORT))).await?;
        self.until_gone("d").await?;
        self.set("d", b"4", Lifetime::Forever).await?;
        self.set("d", b"5", Lifetime::KeptOr(Some(SHORT))).await?;
        sleep(SHORT).await;
        assert_eq!(self.get("d").await?.as_deref(), Some(&b"5"[..]), "what it replaced was to live for ever");
        Ok(())
    }

    async fn keys_are_found_by_their_prefix_and_no_others(&self) -> Result<()> {
        self.store.clear(self.prefix).await?;
        for name in ["e*:1", "e*:2", "ee:1", "e?[a]:1", "e\\*:1", "f"] {
            self.set(name, b"1", Lifetime::Forever).await?;
        }
        assert_eq!(self.keys("e*:").await?, [self.key("e*:1"), self.key("e*:2")]);
        assert_eq!(self.keys("e?").await?, [self.key("e?[a]:1")]);
        assert_eq!(self.keys("e\\").await?, [self.key("e\\*:1")]);
        assert_eq!(self.keys("").await?.len(), 6);
        self.store.clear(&self.key("e*:")).await?;
        assert_eq!(self.keys("").await?.len(), 4, "others stay");
        Ok(())
    }

    async fn a_lease_has_one_holder(&self) -> Result<()> {
        let key = self.key("g");
        assert!(self.store.lease(&key, 1, SHORT).await?);
        assert!(self.store.lease(&key, 1, SHORT).await?, "who has it prolongs it");
        assert!(!self.store.lease(&key, 2, SHORT).await?);
        self.store.release(&key, 2).await?;
        assert!(!self.store.lease(&key, 2, SHORT).await?, "nobody gives back what another one has");
        self.store.release(&key, 1).await?;
        assert!(self.store.lease(&key, 2, SHORT).await?);
        let begun = Instant::now();
        while !self.store.lease(&key, 1, SHORT).await? {
            assert!(begun.elapsed() < LONG / 2, "the lease doesn't end");
            sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(self.keys("g").await?, [""; 0], "a lease is no entry");
        Ok(())
    }

    async fn what_was_computed_is_kept_while_the_lease_is_held(&self) -> Result<()> {
        let key = self.key("h");
        let keep = async |value, lifetime| self.store.set_leased(&key, 1, Bytes::from_static(value), lifetime).await;
        assert!(!keep(b"1", Lifetime::Forever).await? && !self.store.renew(&key, 1, LONG).await?);
        assert!(self.store.lease(&key, 1, SHORT).await? && self.store.renew(&key, 1, LONG).await?);
        assert!(!self.store.renew(&key, 2, LONG).await?, "somebody else has it");
        sleep(SHORT).await;
        for (value, lifetime, left) in [
            (&b"1"[..], Lifetime::For(LONG), Some(LONG)),
            (b"2", Lifetime::KeptOr(None), Some(LONG)),
            (b"3", Lifetime::Forever, None),
            (b"4", Lifetime::KeptOr(Some(LONG)), None),
        ] {
            assert!(keep(value, lifetime).await?, "{lifetime:?}");
            assert_eq!(self.get("h").await?.as_deref(), Some(value), "{lifetime:?}");
            let details = self.store.details(&key).await?.unwrap_or_default();
            assert_eq!(details.expires_at.is_some(), left.is_some(), "{lifetime:?}");
        }
        assert!(self.store.delete(&key).await?);
        assert!(!keep(b"5", Lifetime::Forever).await?, "it was deleted meanwhile");
        assert!(self.store.lease(&key, 1, LONG).await?, "nobody has it any more");
        self.set("h", b"6", Lifetime::Forever).await?;
        assert!(!keep(b"5", Lifetime::Forever).await?, "it was set meanwhile");
        assert_eq!(self.get("h").await?.as_deref(), Some(&b"6"[..]));
        assert!(self.store.lease(&key, 1, LONG).await?);
        self.store.revoke(&self.key("other")).await?;
        assert!(self.store.renew(&key, 1, LONG).await?);
        self.store.revoke(&self.key("")).await?;
        assert!(!self.store.renew(&key, 1, LONG).await?);
        Ok(())
    }
}
