//! Entries of caches that are kept in Redis.

mod lease;
#[cfg(any(test, feature = "testing"))]
pub(crate) mod stand_in;

use std::{sync::LazyLock, time::Duration};

use bytes::Bytes;
use redis::{Cmd, Script, Value, pipe};
use zato_core::{
    Error, Result,
    cache::{BoxFuture, EntryDetails, Lifetime, Page, Store},
};

use self::lease::{LEASES, Lease};
use crate::{
    Redis,
    client::{command, milliseconds},
    key::Key,
    link::Link,
};

/// How many keys the server looks at for one page, and how many are removed by one command.
const PAGE: usize = 500;

/// Reads a value, and has it live for so long from now on unless it lives for ever.
const READ_ON: &str = "\
local value = redis.call('GET', KEYS[1])
if value and redis.call('PTTL', KEYS[1]) >= 0 then
    redis.call('PEXPIRE', KEYS[1], ARGV[1])
end
return value";

/// Takes a lease, or prolongs it for who has it.
const LEASE: &str = "\
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then
    return 0
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1";

/// Prolongs a lease, if it is still held.
const RENEW: &str = "\
if redis.call('GET', KEYS[1]) == ARGV[1] then
    return redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return 0";

/// Writes what was computed, if the lease is still held.
const SET_LEASED: &str = "\
if redis.call('GET', KEYS[2]) ~= ARGV[1] then
    return 0
end
if ARGV[4] == 'KEEPTTL' and redis.call('EXISTS', KEYS[1]) == 1 then
    redis.call('SET', KEYS[1], ARGV[2], 'KEEPTTL')
elseif ARGV[3] == '' then
    redis.call('SET', KEYS[1], ARGV[2])
else
    redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
end
return 1";

/// Gives a lease back, if it is still held.
const RELEASE: &str = "\
if redis.call('GET', KEYS[1]) == ARGV[1] then
    return redis.call('DEL', KEYS[1])
end
return 0";

static READ_ON_SCRIPT: LazyLock<Script> = LazyLock::new(|| Script::new(READ_ON));
static LEASE_SCRIPT: LazyLock<Script> = LazyLock::new(|| Script::new(LEASE));
static RENEW_SCRIPT: LazyLock<Script> = LazyLock::new(|| Script::new(RENEW));
static SET_LEASED_SCRIPT: LazyLock<Script> = LazyLock::new(|| Script::new(SET_LEASED));
static RELEASE_SCRIPT: LazyLock<Script> = LazyLock::new(|| Script::new(RELEASE));

/// Keeps the entries of caches in Redis, as `store: redis` does in the section `cache`.
///
/// Keys are under the `key_prefix` of the connection. What a cluster can't do is look for keys by their beginnings: that
/// fails with [`Internal`](zato_core::Kind::Internal).
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use zato_core::cache::{Cache, CacheConfig};
/// use zato_redis::{Redis, RedisStore};
///
/// fn cache(redis: Redis) -> Cache {
///     let mut config = CacheConfig::new("rates");
///     config.key_prefix = Some("rates:".to_owned());
///     Cache::over(&config, Arc::new(RedisStore::new(redis)))
/// }
/// ```
#[derive(Clone, Debug)]
pub struct RedisStore(Redis);

impl RedisStore {
    /// Keeps entries where a connection leads.
    #[must_use]
    pub fn new(redis: Redis) -> Self {
        Self(redis)
    }

    /// Writes a value, and returns whether the conditions were met.
    async fn write(&self, key: &str, value: &Bytes, options: &[&str], time: Option<Duration>) -> Result<bool> {
        let client = self.0.client()?;
        let mut set = command(&client, "SET", key);
        set.arg(value.as_ref()).arg(options);
        if let Some(time) = time {
            set.arg("PX").arg(milliseconds(time));
        }
        Ok(self.0.write(&client, &set).await? != Value::Nil)
    }

    /// Writes a value as its lifetime has it.
    async fn put(&self, key: &str, value: &Bytes, lifetime: Lifetime) -> Result<()> {
        let time = match lifetime {
            Lifetime::For(time) => Some(time),
            Lifetime::Forever => None,
            Lifetime::KeptOr(time) => {
                // Between the two somebody else may set it, or its time be over: then it is as if it had just been set.
                if self.write(key, value, &["XX", "KEEPTTL"], None).await?
                    || self.write(key, value, &["NX"], time).await?
                {
                    return Ok(());
                }
                time
            }
        };
        self.write(key, value, &[], time).await.map(drop)
    }

    /// Ends the lease of a key before something is done about that: whoever computes its value keeps nothing then.
    async fn overrule(&self, key: &str) -> Result<()> {
        let client = self.0.client()?;
        let unlink = command(&client, "UNLINK", &Lease::of(&client.settings.key_prefix, key).name);
        self.0.write(&client, &unlink).await.map(drop)
    }

    /// Writes what was computed where its lease may be on another node of a cluster, so that no script sees both.
    async fn set_apart(&self, key: &str, lease: &str, holder: &str, value: &Bytes, lifetime: Lifetime) -> Result<bool> {
        let held: Option<String> = self.0.get(lease).await?;
        if held.as_deref() != Some(holder) {
            return Ok(false);
        }
        self.put(key, value, lifetime).await.map(|()| true)
    }

    /// Lists some of the keys that begin with a prefix, under the prefix of the connection as they are without it.
    async fn page(&self, prefix: &str, from: Option<String>) -> Result<Page> {
        let client = self.0.client()?;
        if matches!(client.connection.link, Link::Cluster(_)) {
            let message =
                "the keys of a Redis cluster can't be searched by their beginnings; have the cache in one server";
            return Err(Error::internal(message).with("connection", self.0.name()));
        }
        let before = &client.settings.key_prefix;
        let mut scan = Cmd::new();
        scan.arg("SCAN").arg(from.as_deref().unwrap_or("0"));
        scan.arg("MATCH").arg(pattern(before, prefix)).arg("COUNT").arg(PAGE);
        let answer = self.0.read(client.clone(), &scan).await?;
        let (next, keys): (String, Vec<Vec<u8>>) = self.0.typed(answer)?;
        // A key that is no text is none of ours.
        let keys = keys.into_iter().filter_map(|key| String::from_utf8(key).ok());
        let keys = keys.filter_map(|key| key.strip_prefix(before.as_str()).map(str::to_owned));
        Ok(Page { keys: keys.collect(), next: Some(next).filter(|next| next != "0") })
    }

    /// Removes the keys that begin with a prefix, as far as they go.
    async fn remove(&self, prefix: &str, goes: impl Fn(&str) -> bool) -> Result<()> {
        let mut from = None;
        loop {
            let mut page = self.page(prefix, from).await?;
            page.keys.retain(|key| goes(key));
            for keys in page.keys.chunks(PAGE) {
                let client = self.0.client()?;
                let mut unlink = Cmd::new();
                unlink.arg("UNLINK");
                for name in keys {
                    unlink.arg(Key { prefix: &client.settings.key_prefix, name });
                }
                self.0.write(&client, &unlink).await?;
            }
            from = page.next;
            if from.is_none() {
                return Ok(());
            }
        }
    }
}

impl Store for RedisStore {
    fn get<'a>(&'a self, key: &'a str, extend: Option<Duration>) -> BoxFuture<'a, Result<Option<Bytes>>> {
        Box::pin(async move {
            let found: Option<Vec<u8>> = match extend {
                Some(time) => self.0.script(&READ_ON_SCRIPT).key(key).arg(milliseconds(time)).invoke().await?,
                None => {
                    let client = self.0.client()?;
                    let get = command(&client, "GET", key);
                    let answer = self.0.read(client, &get).await?;
                    self.0.typed(answer)?
                }
            };
            Ok(found.map(Bytes::from))
        })
    }

    fn set<'a>(&'a self, key: &'a str, value: Bytes, lifetime: Lifetime) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            self.overrule(key).await?;
            self.put(key, &value, lifetime).await
        })
    }

    fn delete<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<bool>> {
        Box::pin(async move {
            self.overrule(key).await?;
            self.0.delete(key).await
        })
    }

    fn expire<'a>(&'a self, key: &'a str, lifetime: Lifetime) -> BoxFuture<'a, Result<bool>> {
        Box::pin(async move {
            match lifetime {
                Lifetime::For(time) => self.0.expire(key, time).await,
                // It says that it has changed nothing about one that lives for ever already.
                Lifetime::Forever => Ok(self.0.persist(key).await? || self.0.exists(key).await?),
                Lifetime::KeptOr(_) => self.0.exists(key).await,
            }
        })
    }

    fn contains<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<bool>> {
        Box::pin(self.0.exists(key))
    }

    fn details<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<EntryDetails>>> {
        Box::pin(async move {
            let client = self.0.client()?;
            let key = Key { prefix: &client.settings.key_prefix, name: key };
            let mut asked = pipe();
            asked.cmd("STRLEN").arg(key).cmd("PTTL").arg(key);
            let answered = asked.query_async(&mut client.connection.clone()).await;
            let (size, left): (u64, i64) = answered.map_err(|error| self.0.told(&client, error))?;
            // -2 is what there is not, -1 what lives for ever.
            if left == -2 {
                return Ok(None);
            }
            let mut details = EntryDetails::of_size(size);
            let left = u64::try_from(left).ok().map(Duration::from_millis);
            details.expires_at = left.map(|left| client.settings.ambient.now() + left);
            Ok(Some(details))
        })
    }

    fn scan<'a>(&'a self, prefix: &'a str, from: Option<String>) -> BoxFuture<'a, Result<Page>> {
        Box::pin(self.page(prefix, from))
    }

    fn clear<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, Result<()>> {
        Box::pin(self.remove(prefix, |_| true))
    }

    fn ping(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move { self.0.ping().await.map(drop) })
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn lease<'a>(&'a self, key: &'a str, holder: u128, time: Duration) -> BoxFuture<'a, Result<bool>> {
        Box::pin(self.held(&LEASE_SCRIPT, key, holder, time))
    }

    fn renew<'a>(&'a self, key: &'a str, holder: u128, time: Duration) -> BoxFuture<'a, Result<bool>> {
        Box::pin(self.held(&RENEW_SCRIPT, key, holder, time))
    }

    fn set_leased<'a>(
        &'a self,
        key: &'a str,
        holder: u128,
        value: Bytes,
        lifetime: Lifetime,
    ) -> BoxFuture<'a, Result<bool>> {
        Box::pin(async move {
            let (lease, is_cluster) = {
                let client = self.0.client()?;
                (Lease::of(&client.settings.key_prefix, key), client.connection.link.is_cluster())
            };
            if is_cluster && !lease.is_beside_its_key {
                return self.set_apart(key, &lease.name, &name(holder), &value, lifetime).await;
            }
            let (time, keeps) = match lifetime {
                Lifetime::For(time) => (Some(time), ""),
                Lifetime::Forever => (None, ""),
                Lifetime::KeptOr(time) => (time, "KEEPTTL"),
            };
            let time = time.map_or(String::new(), |time| milliseconds(time).to_string());
            let set = self.0.script(&SET_LEASED_SCRIPT).key(key).key(&lease.name);
            set.arg(name(holder)).arg(value.as_ref()).arg(time).arg(keeps).invoke().await
        })
    }

    fn release<'a>(&'a self, key: &'a str, holder: u128) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move { self.held(&RELEASE_SCRIPT, key, holder, Duration::ZERO).await.map(drop) })
    }

    fn revoke<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let before = self.0.client()?.settings.key_prefix.clone();
            self.remove(LEASES, |lease| Lease::is_under(lease, &before, prefix)).await
        })
    }
}

impl RedisStore {
    /// Does something about the lease of a key, and returns whether `holder` has it, or had it.
    async fn held(&self, script: &Script, key: &str, holder: u128, time: Duration) -> Result<bool> {
        let lease = Lease::of(&self.0.client()?.settings.key_prefix, key);
        self.0.script(script).key(&lease.name).arg(name(holder)).arg(milliseconds(time)).invoke().await
    }
}

/// Returns who holds a lease as it stands there.
fn name(holder: u128) -> String {
    format!("{holder:032x}")
}

/// Returns the pattern of keys that begin with two texts, whatever is in them.
fn pattern(before: &str, prefix: &str) -> String {
    let mut pattern = String::with_capacity(before.len() + prefix.len() + 1);
    for character in before.chars().chain(prefix.chars()) {
        if matches!(character, '*' | '?' | '[' | ']' | '\\' | '^' | '-') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern.push('*');
    pattern
}
