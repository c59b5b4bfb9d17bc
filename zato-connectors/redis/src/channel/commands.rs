//! What is asked of the server about a group.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock},
    time::Duration,
};

use redis::{Cmd, FromRedisValue, Script, Value};
use zato_core::{Result, connection::Handle};

use super::position::Position;
use crate::{
    Redis, RedisError, StreamEntry,
    client::{command, milliseconds},
    connector::RedisClient,
    key::Key,
    link::Link,
    stream::{Claimed, RedisGroup, entries},
};

/// How many ids go with one command.
const IDS: usize = 500;

/// Deletes consumers that have nothing pending and that nobody has heard of for long: in one step, since whoever is deleted
/// loses what it is given meanwhile.
const FORGET: &str = "\
local gone = {}
for _, consumer in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do
    local of = {}
    for i = 1, #consumer, 2 do of[consumer[i]] = consumer[i + 1] end
    if of.pending == 0 and of.idle >= tonumber(ARGV[3]) and of.name ~= ARGV[2] then
        redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], of.name)
        gone[#gone + 1] = of.name
    end
end
return gone
";

/// Puts an entry to another stream and acknowledges it, if it is pending for the consumer still: in one step, so that an entry
/// that was moved already, or that somebody else has claimed, is not there twice.
const MOVE: &str = "\
local id = ARGV[3]
local pending = redis.call('XPENDING', KEYS[1], ARGV[1], id, id, 1, ARGV[2])
if #pending == 0 then return 0 end
redis.call('XADD', KEYS[2], '*', unpack(ARGV, 4))
redis.call('XACK', KEYS[1], ARGV[1], id)
return 1
";

/// How many fields of an entry a script can hand on: Lua has 8000 words at the most for a call.
const HANDED_ON: usize = 3_500;

static MOVING: LazyLock<Script> = LazyLock::new(|| Script::new(MOVE));

static FORGETTING: LazyLock<Script> = LazyLock::new(|| Script::new(FORGET));

/// A consumer of a group, and what it asks of the server on the connection that all commands share.
#[derive(Clone, Debug)]
pub(super) struct Commands {
    pub(super) redis: Redis,
    pub(super) stream: Arc<str>,
    pub(super) group: Arc<str>,
    pub(super) consumer: Arc<str>,
}

impl Commands {
    fn group(&self) -> RedisGroup<'_> {
        self.redis.stream(&self.stream).group(&self.group)
    }

    /// Makes the group if it is not there.
    pub(super) async fn create(&self, after: &str) -> Result<bool> {
        self.group().create(after).await
    }

    /// Returns up to where the group has read.
    pub(super) async fn position(&self) -> Result<Option<Position>> {
        let groups = self.groups().await?;
        let ours = groups.iter().find(|group| text(group, "name").as_deref() == Some(&*self.group));
        Ok(ours.and_then(|group| text(group, "last-delivered-id")).and_then(|id| Position::parse(&id)))
    }

    /// Returns the id of the stream's last entry, if it has any.
    pub(super) async fn last(&self) -> Result<Option<Position>> {
        let answer = self.call("XREVRANGE", |command| {
            command.arg("+").arg("-").arg("COUNT").arg(1);
        });
        Ok(entries(answer.await?)?.first().and_then(|entry| Position::parse(&entry.id)))
    }

    /// Reads entries for the consumer on a connection of its own.
    pub(super) async fn read(
        &self,
        client: &RedisClient,
        link: &mut Link,
        after: &str,
        count: usize,
        block: Option<Duration>,
    ) -> redis::RedisResult<Value> {
        let mut command = Cmd::new();
        command.arg("XREADGROUP").arg("GROUP").arg(&*self.group).arg(&*self.consumer).arg("COUNT").arg(count);
        if let Some(block) = block {
            command.arg("BLOCK").arg(milliseconds(block));
        }
        let prefix = &client.settings.key_prefix;
        command.arg("STREAMS").arg(Key { prefix, name: &self.stream }).arg(after);
        let patience = client.connection.watched.rules.timeout + block.unwrap_or_default();
        let answer = tokio::time::timeout(patience, link.send(&command)).await;
        answer.unwrap_or_else(|_| Err(crate::error::late())).and_then(Value::extract_error)
    }

    /// Claims what others have left, from an id on; returns where to go on.
    pub(super) async fn claim(&self, idle: Duration, from: &str, count: usize) -> Result<Claimed> {
        self.group().claim_idle(&self.consumer, idle, from, count).await
    }

    /// Takes up an entry that is pending for the consumer, unless somebody else has claimed it; `None` if so, if it was deleted, or
    /// if it has had a sign of life since so long.
    pub(super) async fn again(&self, id: &str, idle: Duration) -> Result<Option<StreamEntry>> {
        Ok(self.group().claim(&self.consumer, idle, &[id]).await?.into_iter().next())
    }

    /// Tells how often entries were delivered that are pending for the consumer.
    pub(super) async fn deliveries(&self, id: &str) -> Result<Option<u32>> {
        let answer = self.call("XPENDING", |command| {
            command.arg(id).arg(id).arg(1);
        });
        let found: Vec<(String, String, u64, u64)> = self.redis.typed(answer.await?)?;
        let ours = found.into_iter().find(|(_, consumer, ..)| **consumer == *self.consumer);
        Ok(ours.map(|(.., deliveries)| u32::try_from(deliveries).unwrap_or(u32::MAX)))
    }

    /// Returns whether the stream has an entry.
    pub(super) async fn is_there(&self, id: &str) -> Result<bool> {
        Ok(!self.redis.stream(&self.stream).range(id, id, 1).await?.is_empty())
    }

    /// Acknowledges an entry; that may be done twice.
    pub(super) async fn ack(&self, id: &str) -> Result<()> {
        self.group().ack(&[id]).await.map(drop)
    }

    /// Puts an entry to others and acknowledges it: both or none, where the server can. Returns whether that was done: not if it
    /// is not pending for the consumer any more.
    pub(super) async fn move_to(&self, stream: &str, fields: &[(String, Vec<u8>)], id: &str) -> Result<bool> {
        let client = self.redis.client()?;
        let is_cluster = matches!(client.connection.link, Link::Cluster(_));
        if !is_cluster && fields.len() <= HANDED_ON {
            let mut script = self.redis.script(&MOVING).key(&self.stream).key(stream);
            script = script.arg(&*self.group).arg(&*self.consumer).arg(id);
            for (name, value) in fields {
                script = script.arg(name).arg(value.as_slice());
            }
            return script.invoke().await;
        }
        let prefix = &client.settings.key_prefix;
        let mut add = command(&client, "XADD", stream);
        add.arg("*");
        for (name, value) in fields {
            add.arg(name).arg(value.as_slice());
        }
        if is_cluster {
            // The streams may be on several nodes. Rather twice than not at all.
            self.redis.write(&client, &add).await?;
            return self.ack(id).await.map(|()| true);
        }
        let mut both = redis::pipe();
        both.atomic().add_command(add).ignore();
        both.cmd("XACK").arg(Key { prefix, name: &self.stream }).arg(&*self.group).arg(id).ignore();
        let answered: redis::RedisResult<()> = both.query_async(&mut client.connection.clone()).await;
        answered.map(|()| true).map_err(|error| self.redis.told(&client, error))
    }

    /// Gives a sign of life of entries, so that nobody claims them.
    pub(super) async fn touch(&self, ids: &[Arc<str>], idle: Duration) -> Result<()> {
        self.reclaim(ids, idle, |command| {
            command.arg("JUSTID");
        })
        .await
    }

    /// Lets others claim entries at once; as if they had been delivered so often, where nobody has begun with them this time.
    pub(super) async fn give_back(
        &self,
        ids: &[Arc<str>],
        claim_after: Duration,
        deliveries: Option<u32>,
    ) -> Result<()> {
        self.reclaim(ids, Duration::ZERO, |command| {
            command.arg("IDLE").arg(milliseconds(claim_after));
            if let Some(deliveries) = deliveries {
                command.arg("RETRYCOUNT").arg(deliveries);
            }
            command.arg("JUSTID");
        })
        .await
    }

    async fn reclaim(&self, ids: &[Arc<str>], idle: Duration, options: impl Fn(&mut Cmd)) -> Result<()> {
        for ids in ids.chunks(IDS) {
            let answer = self.call("XCLAIM", |command| {
                let idle = u64::try_from(idle.as_millis()).unwrap_or(u64::MAX);
                command.arg(&*self.group).arg(&*self.consumer).arg(idle);
                ids.iter().for_each(|id| {
                    command.arg(&**id);
                });
                options(command);
            });
            answer.await?;
        }
        Ok(())
    }

    /// Deletes consumers of which nobody has heard for so long and that have nothing pending; returns their names.
    pub(super) async fn forget(&self, idle: Duration) -> Result<Vec<String>> {
        let script = self.redis.script(&FORGETTING).key(&self.stream);
        script.arg(&*self.group).arg(&*self.consumer).arg(milliseconds(idle)).invoke().await
    }

    /// Deletes what every group has served, if there are more entries than that; returns how many.
    pub(super) async fn trim(&self, length: u64) -> Result<u64> {
        if self.redis.stream(&self.stream).len().await? <= length {
            return Ok(0);
        }
        let mut oldest: Option<Position> = None;
        for group in self.groups().await? {
            let Some(needed) = self.needed(&group).await? else { return Ok(0) };
            oldest = Some(oldest.map_or(needed, |oldest| oldest.min(needed)));
        }
        let Some(oldest) = oldest else { return Ok(0) };
        let answer = self.call("XTRIM", |command| {
            command.arg("MINID").arg(oldest.to_string());
        });
        self.redis.typed(answer.await?)
    }

    /// Returns the first entry that a group needs, or the last that it has read.
    async fn needed(&self, group: &HashMap<String, Value>) -> Result<Option<Position>> {
        let read = text(group, "last-delivered-id").and_then(|id| Position::parse(&id));
        let Some(name) = text(group, "name") else { return Ok(None) };
        let pending = self.redis.stream(&self.stream).group(&name).pending("-", 1).await?;
        Ok(pending.first().map_or(read, |oldest| Position::parse(&oldest.id)))
    }

    async fn groups(&self) -> Result<Vec<HashMap<String, Value>>> {
        let client = self.redis.client()?;
        let mut command = Cmd::new();
        let prefix = &client.settings.key_prefix;
        command.arg("XINFO").arg("GROUPS").arg(Key { prefix, name: &self.stream });
        self.redis.typed(self.redis.write(&client, &command).await?)
    }

    /// Sends a command about the stream, and the group where it is one about that.
    async fn call(&self, name: &str, arguments: impl FnOnce(&mut Cmd)) -> Result<Value> {
        let client = self.redis.client()?;
        let mut command = command(&client, name, &self.stream);
        if name == "XPENDING" {
            command.arg(&*self.group);
        }
        arguments(&mut command);
        self.redis.write(&client, &command).await
    }

    /// Returns whether the same entries are read, as far as names tell.
    pub(super) fn reads_as(&self, other: &Self) -> bool {
        self.stream == other.stream && self.group == other.group
    }

    /// Returns whether that is the very same consumer on the very same connection.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let is_same_slot = Arc::ptr_eq(self.redis.slot(), other.redis.slot());
        is_same_slot && self.reads_as(other) && self.consumer == other.consumer
    }
}

fn text(of: &HashMap<String, Value>, name: &str) -> Option<String> {
    of.get(name).and_then(|value| String::from_redis_value(value.clone()).ok())
}

/// Returns whether the server says that there is no such group, or no such stream.
pub(super) fn is_no_group(error: &zato_core::Error) -> bool {
    let code = error.find::<RedisError>().and_then(|error| error.client_error().code());
    // The latter where the stream was deleted while somebody waited.
    matches!(code, Some("NOGROUP" | "UNBLOCKED"))
}

/// What the server in the test's own process does in place of the scripts.
#[cfg(any(test, feature = "testing"))]
pub(crate) mod stand_in {
    use std::collections::HashMap;

    use redis::{FromRedisValue, Value, cmd};

    use crate::memory::{ScriptError, ScriptStore};

    type StandIn = fn(&[Vec<u8>], &[Vec<u8>], &mut ScriptStore<'_, '_>) -> Result<Value, ScriptError>;

    pub(crate) const SCRIPTS: [(&str, StandIn); 2] = [(super::FORGET, forget), (super::MOVE, move_to)];

    fn wrong() -> ScriptError {
        ScriptError::new("ERR the script has other keys and arguments")
    }

    fn move_to(keys: &[Vec<u8>], args: &[Vec<u8>], store: &mut ScriptStore<'_, '_>) -> Result<Value, ScriptError> {
        let ([stream, to], [group, consumer, id, fields @ ..]) = (keys, args) else { return Err(wrong()) };
        let pending = cmd("XPENDING").arg(stream).arg(group).arg(id).arg(id).arg(1).arg(consumer).clone();
        if store.query::<Vec<Value>>(&pending)?.is_empty() {
            return Ok(Value::Int(0));
        }
        store.call(cmd("XADD").arg(to).arg("*").arg(fields))?;
        store.call(cmd("XACK").arg(stream).arg(group).arg(id))?;
        Ok(Value::Int(1))
    }

    fn forget(keys: &[Vec<u8>], args: &[Vec<u8>], store: &mut ScriptStore<'_, '_>) -> Result<Value, ScriptError> {
        let ([stream], [group, ours, idle]) = (keys, args) else { return Err(wrong()) };
        let least: i64 = std::str::from_utf8(idle).ok().and_then(|text| text.parse().ok()).ok_or_else(wrong)?;
        let consumers: Vec<HashMap<String, Value>> =
            store.query(cmd("XINFO").arg("CONSUMERS").arg(stream).arg(group))?;
        let mut gone = Vec::new();
        for consumer in consumers {
            let number = |name| consumer.get(name).and_then(|value| i64::from_redis_value(Value::clone(value)).ok());
            let Some(Value::BulkString(name)) = consumer.get("name") else { continue };
            if number("pending") == Some(0) && number("idle").is_some_and(|idle| idle >= least) && name != ours {
                store.call(cmd("XGROUP").arg("DELCONSUMER").arg(stream).arg(group).arg(name))?;
                gone.push(Value::BulkString(name.clone()));
            }
        }
        Ok(Value::Array(gone))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Commands;
    use crate::tests::kit::everywhere;

    #[tokio::test]
    async fn only_whoever_has_an_entry_moves_it_and_only_once() {
        for kit in everywhere("").await {
            let stream = kit.redis.stream("entries");
            let group = stream.group("readers");
            group.create("0").await.unwrap();
            let (first, second) = (stream.add("first").await.unwrap(), stream.add("second").await.unwrap());
            assert_eq!(group.read("one").await.unwrap().len(), 2);
            let commands = |consumer: &str| Commands {
                redis: kit.redis.clone(),
                stream: "entries".into(),
                group: "readers".into(),
                consumer: consumer.into(),
            };
            let (one, other) = (commands("one"), commands("other"));
            let fields = [("why".to_owned(), b"no".to_vec())];
            assert!(one.move_to("dead", &fields, &first).await.unwrap(), "{}", kit.place);
            assert!(!one.move_to("dead", &fields, &first).await.unwrap(), "it was not heard that it is moved");
            assert_eq!(group.claim("other", Duration::ZERO, &[&second]).await.unwrap().len(), 1);
            assert!(!one.move_to("dead", &fields, &second).await.unwrap(), "it is another's");
            assert_eq!(kit.redis.stream("dead").len().await.unwrap(), 1);
            let many = vec![fields[0].clone(); 2 * super::HANDED_ON];
            assert!(other.move_to("dead", &many[..super::HANDED_ON], &second).await.unwrap());
            let third = stream.add("third").await.unwrap();
            assert_eq!(group.read("one").await.unwrap().len(), 1);
            assert!(one.move_to("dead", &many, &third).await.unwrap(), "more than a script hands on");
            assert_eq!(kit.redis.stream("dead").len().await.unwrap(), 3);
            assert_eq!(group.pending("-", 1).await.unwrap(), []);
        }
    }
}
