//! Locks that are kept in Redis.

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use redis::Script;
use zato_core::{
    Error, Result,
    chrono::DateTime,
    lock::{Attempt, Claim, Grant, Holder, Keepers, Lease, LockFuture, LockStore, Locks},
};

use crate::{Redis, client::milliseconds, connector::RedisClient, key::Key};

/// The number that the last one got who was granted a lock, whichever it was: one for each name would never be deleted. In
/// a cluster it is in the same slot as the locks, for the sake of its name in braces.
const TOKEN: &str = "{locks}:token";

/// What the key of a lock begins with; its name follows.
const HELD: &str = "{locks}:held:";

/// Grants a lock to its owner, again if need be, or says who has it. The number is that of the microsecond at the least, so that
/// it grows also where the last one was deleted, or a server takes over that has not heard of it; a Lua number holds it
/// exactly until 2255.
const ACQUIRE: &str = "\
local owner = redis.call('HGET', KEYS[1], 'owner')
if owner == ARGV[1] then
    redis.call('PEXPIRE', KEYS[1], ARGV[2])
    return {1, redis.call('HGET', KEYS[1], 'token'), false, false}
end
if owner then
    return {0, 0, redis.call('HGET', KEYS[1], 'holder'), redis.call('HGET', KEYS[1], 'since')}
end
local now = redis.call('TIME')
local since = now[1]
local token = math.max(tonumber(redis.call('GET', KEYS[2]) or 0) + 1, now[1] * 1000000 + now[2])
token = string.format('%.0f', token)
redis.call('SET', KEYS[2], token)
redis.call('HSET', KEYS[1], 'owner', ARGV[1], 'token', token, 'holder', ARGV[3], 'since', since)
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return {1, token, false, false}
";

/// Has a lock last longer, if it is its owner's still.
const RENEW: &str = "\
if redis.call('HGET', KEYS[1], 'owner') == ARGV[1] then
    return redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return 0
";

/// Gives a lock back, if it is its owner's still.
const RELEASE: &str = "\
if redis.call('HGET', KEYS[1], 'owner') == ARGV[1] then
    return redis.call('DEL', KEYS[1])
end
return 0
";

static ACQUIRING: LazyLock<Script> = LazyLock::new(|| Script::new(ACQUIRE));
static RENEWING: LazyLock<Script> = LazyLock::new(|| Script::new(RENEW));
static RELEASING: LazyLock<Script> = LazyLock::new(|| Script::new(RELEASE));

impl Redis {
    /// Gives out locks that all programs share which use this server, or cluster, with the same `key_prefix`.
    ///
    /// They are as safe as what the server keeps: a replica that takes over may not have heard of the last ones, and whoever
    /// deletes all keys deletes the locks. One that is out of memory must not throw them away either: `maxmemory-policy` is
    /// to be `noeviction` (or the locks have a server of their own). Fencing tokens are numbers of microseconds, and grow
    /// through all of this as far as the clocks of the servers go alike. Keys are under `{locks}:`, and
    /// `HGETALL {locks}:held:NAME` tells who has one.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use zato_core::Result;
    /// use zato_redis::Redis;
    ///
    /// async fn close_books(redis: &Redis) -> Result<()> {
    ///     let lock = redis.locks().lock("books").ttl(Duration::from_secs(30)).acquire().await?;
    ///     // What nobody else may do at the same time.
    ///     lock.release().await
    /// }
    /// ```
    #[must_use]
    pub fn locks(&self) -> Locks {
        Locks::new(Arc::new(RedisLocks(self.clone())))
    }
}

/// The locks of a connection.
struct RedisLocks(Redis);

/// What one lock is renewed and released by.
struct RedisLease {
    redis: Redis,
    /// For a connection that is being closed, when the handle has none any more.
    client: Arc<RedisClient>,
    claim: Claim,
}

impl LockStore for RedisLocks {
    fn try_lock<'a>(&'a self, claim: &'a Claim) -> LockFuture<'a, Result<Attempt>> {
        Box::pin(self.acquire(claim))
    }

    fn keepers(&self) -> Option<Keepers> {
        Some(self.0.client().ok()?.settings.keepers.clone())
    }

    fn abandon<'a>(&'a self, claim: &'a Claim) -> LockFuture<'a, ()> {
        Box::pin(async move {
            if let Ok(client) = self.0.client() {
                // If that fails, the lock ends by itself.
                let _ = release(&self.0, &client, claim).await;
            }
        })
    }
}

impl RedisLocks {
    async fn acquire(&self, claim: &Claim) -> Result<Attempt> {
        let client = self.0.client()?;
        let prefix = &client.settings.key_prefix;
        let mut script = ACQUIRING.prepare_invoke();
        script.key(Key { prefix, name: &held(claim) }).key(Key { prefix, name: TOKEN });
        script.arg(claim.owner()).arg(milliseconds(claim.ttl())).arg(&client.target.client_name);
        let answered = script.invoke_async(&mut client.connection.clone()).await;
        let (is_granted, token, holder, since): (bool, u64, Option<String>, Option<i64>) =
            answered.map_err(|error| self.0.told(&client, error))?;
        if !is_granted {
            let since = since.and_then(|since| DateTime::from_timestamp(since, 0));
            return Ok(Attempt::Taken(Some(Holder { name: holder, since })));
        }
        let lease = RedisLease { redis: self.0.clone(), client, claim: claim.clone() };
        Ok(Attempt::Granted(Grant { fencing_token: token, lease: Box::new(lease) }))
    }
}

impl Lease for RedisLease {
    fn renew(&self, ttl: Duration) -> LockFuture<'_, Result<bool>> {
        Box::pin(async move {
            let client = self.redis.client()?;
            let mut script = RENEWING.prepare_invoke();
            script.key(Key { prefix: &client.settings.key_prefix, name: &held(&self.claim) });
            script.arg(self.claim.owner()).arg(milliseconds(ttl));
            let answered = script.invoke_async(&mut client.connection.uncounted()).await;
            answered.map_err(|error| self.redis.told(&client, error))
        })
    }

    fn release(&self) -> LockFuture<'_, Result<bool>> {
        Box::pin(async move {
            let client = self.redis.client().unwrap_or_else(|_: Error| Arc::clone(&self.client));
            release(&self.redis, &client, &self.claim).await
        })
    }
}

async fn release(redis: &Redis, client: &Arc<RedisClient>, claim: &Claim) -> Result<bool> {
    let mut script = RELEASING.prepare_invoke();
    script.key(Key { prefix: &client.settings.key_prefix, name: &held(claim) }).arg(claim.owner());
    let answered = script.invoke_async(&mut client.connection.uncounted()).await;
    answered.map_err(|error| redis.told(client, error))
}

/// Returns the key of a lock.
fn held(claim: &Claim) -> String {
    format!("{HELD}{}", claim.name())
}

/// What the server in the test's own process does in place of the scripts.
#[cfg(any(test, feature = "testing"))]
pub(crate) mod stand_in {
    use redis::{Value, cmd};

    use crate::memory::{ScriptError, ScriptStore};

    type Texts<'a> = &'a [Vec<u8>];

    type StandIn = fn(Texts<'_>, Texts<'_>, &mut ScriptStore<'_, '_>) -> Result<Value, ScriptError>;

    /// Each script with what stands in for it.
    pub(crate) const SCRIPTS: [(&str, StandIn); 3] =
        [(super::ACQUIRE, acquire), (super::RENEW, renew), (super::RELEASE, release)];

    fn words<'a, const N: usize>(texts: Texts<'a>) -> Result<[&'a [u8]; N], ScriptError> {
        let words: Vec<&[u8]> = texts.iter().map(Vec::as_slice).collect();
        words.try_into().map_err(|_| ScriptError::new("ERR the script has other keys and arguments"))
    }

    fn acquire(keys: Texts<'_>, args: Texts<'_>, store: &mut ScriptStore<'_, '_>) -> Result<Value, ScriptError> {
        let ([held, counter], [asking, ttl, name]) = (words(keys)?, words(args)?);
        let owner: Option<Vec<u8>> = store.query(cmd("HGET").arg(held).arg("owner"))?;
        let answer =
            |is_granted, token, holder, since| Value::Array(vec![Value::Int(is_granted), token, holder, since]);
        if owner.as_deref() == Some(asking) {
            store.call(cmd("PEXPIRE").arg(held).arg(ttl))?;
            let token = store.call(cmd("HGET").arg(held).arg("token"))?;
            return Ok(answer(1, token, Value::Nil, Value::Nil));
        }
        if owner.is_some() {
            let holder = store.call(cmd("HGET").arg(held).arg("holder"))?;
            let since = store.call(cmd("HGET").arg(held).arg("since"))?;
            return Ok(answer(0, Value::Int(0), holder, since));
        }
        let last: Option<i64> = store.query(cmd("GET").arg(counter))?;
        let (since, micros): (i64, i64) = store.query(&cmd("TIME"))?;
        let token = (last.unwrap_or(0) + 1).max(since * 1_000_000 + micros);
        store.call(cmd("SET").arg(counter).arg(token))?;
        let mut fields = cmd("HSET");
        fields.arg(held).arg("owner").arg(asking).arg("token").arg(token).arg("holder").arg(name);
        store.call(fields.arg("since").arg(since))?;
        store.call(cmd("PEXPIRE").arg(held).arg(ttl))?;
        Ok(answer(1, Value::Int(token), Value::Nil, Value::Nil))
    }

    fn is_owner(held: &[u8], asking: &[u8], store: &mut ScriptStore<'_, '_>) -> Result<bool, ScriptError> {
        let owner: Option<Vec<u8>> = store.query(cmd("HGET").arg(held).arg("owner"))?;
        Ok(owner.as_deref() == Some(asking))
    }

    fn renew(keys: Texts<'_>, args: Texts<'_>, store: &mut ScriptStore<'_, '_>) -> Result<Value, ScriptError> {
        let ([held], [asking, ttl]) = (words(keys)?, words(args)?);
        if is_owner(held, asking, store)? { store.call(cmd("PEXPIRE").arg(held).arg(ttl)) } else { Ok(Value::Int(0)) }
    }

    fn release(keys: Texts<'_>, args: Texts<'_>, store: &mut ScriptStore<'_, '_>) -> Result<Value, ScriptError> {
        let ([held], [asking]) = (words(keys)?, words(args)?);
        if is_owner(held, asking, store)? { store.call(cmd("DEL").arg(held)) } else { Ok(Value::Int(0)) }
    }
}
