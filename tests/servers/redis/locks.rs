//! Locks whose holders are suspended.

use std::{collections::BTreeMap, time::Duration};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpStream,
    time::timeout,
};
use zato::{
    Result,
    redis::{
        Redis,
        redis_rs::{AsyncTypedCommands as _, Script},
    },
};

use super::started;
use crate::{
    fencing::{Guarded, play, suspend_holders},
    lent::{Part, Redis as Server},
};

/// How many locks there are.
const NAMES: usize = 16;

/// Writes unless a larger token was seen, and notes which grant has come with which token.
const WRITE: &str = "\
redis.call('SADD', 'grants', ARGV[2])
redis.call('SADD', 'tokens', KEYS[1] .. ' ' .. ARGV[1] .. ' ' .. ARGV[2])
if tonumber(ARGV[1]) < tonumber(redis.call('GET', KEYS[1]) or 0) then
    redis.call('SADD', 'refused', ARGV[2])
    return 0
end
redis.call('SET', KEYS[1], ARGV[1])
return 1
";

struct Account {
    redis: Redis,
    write: Script,
}

impl Account {
    fn new(redis: Redis) -> Self {
        Self { redis, write: Script::new(WRITE) }
    }

    async fn members(&self, set: &str) -> Vec<String> {
        let mut connection = self.redis.connection().expect("it is up");
        connection.smembers(set).await.expect("it is up").into_iter().collect()
    }
}

impl Guarded for Account {
    const TTL: Duration = Duration::from_millis(150);

    async fn write(&self, name: &str, token: u64, grant: &str) -> Result<bool> {
        self.redis.script(&self.write).key(&format!("account:{name}")).arg(token).arg(grant).invoke().await
    }

    async fn fault(&self, words: &str) {
        let mut connection = self.redis.connection().expect("it is up");
        connection.sadd("faults", words).await.expect("it is up");
    }

    async fn grants(&self) -> (usize, usize) {
        let mut connection = self.redis.connection().expect("it is up");
        let mut count = async |set| connection.scard(set).await.expect("it is up");
        (count("grants").await, count("refused").await)
    }
}

/// What the server has done about locks, in its own order.
struct Grants(BufReader<TcpStream>);

impl Grants {
    async fn of(server: &Server) -> Self {
        let mut connection = TcpStream::connect(server.address()).await.expect("it is up");
        connection.write_all(b"MONITOR\r\n").await.expect("it is up");
        let mut lines = BufReader::new(connection);
        lines.read_line(&mut String::new()).await.expect("it is up");
        Self(lines)
    }

    /// The names and tokens of all grants until now.
    async fn all(mut self, server: &Server) -> Vec<(String, u64)> {
        server.command(&["ECHO", "this is all"]).await;
        let (mut found, mut line) = (Vec::new(), String::new());
        while !line.contains("this is all") {
            line.clear();
            timeout(Duration::from_secs(30), self.0.read_line(&mut line)).await.expect("in time").expect("it is up");
            // "HSET" "{locks}:held:NAME" "owner" OWNER "token" TOKEN ..., as the script does it.
            let words: Vec<&str> = line.split('"').skip(1).step_by(2).collect();
            if let ["HSET", key, "owner", _, "token", token, ..] = words.as_slice() {
                found.push(((*key).to_owned(), token.parse().expect("a token is a number")));
            }
        }
        found
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_was_suspended_with_a_lock_is_found_out_by_its_token() {
    let test = "redis::locks::whoever_was_suspended_with_a_lock_is_found_out_by_its_token";
    if let Some(told) = Part::told() {
        let (who, url) = told.split_once(' ').expect("two words");
        let (_app, redis) = started(&format!("    url: {url}\n")).await;
        return play(who, &redis.locks(), &Account::new(redis), NAMES).await;
    }
    let Some(server) = Server::own(test).await else { return };
    let (_app, redis) = started(&format!("    url: {}\n", server.url())).await;
    let (account, grants) = (Account::new(redis), Grants::of(&server).await);
    suspend_holders(test, |number| format!("part-{number} {}", server.url()), &account).await;
    assert_eq!(account.members("faults").await, [""; 0]);
    let mut last = 0;
    let grants = grants.all(&server).await;
    for (name, token) in &grants {
        assert!(*token > last, "{name} was granted with {token} after one with {last}");
        last = *token;
    }
    let mut of_tokens = BTreeMap::<String, u32>::new();
    for line in account.members("tokens").await {
        let (token, _) = line.rsplit_once(' ').expect("three words");
        *of_tokens.entry(token.to_owned()).or_default() += 1;
    }
    assert!(of_tokens.values().all(|grants| *grants == 1), "two grants with one token: {of_tokens:?}");
    assert!(of_tokens.len() <= grants.len(), "{} tokens of {} grants", of_tokens.len(), grants.len());
}
