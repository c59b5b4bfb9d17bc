//! Commands as they come, on both servers: what is answered is the same, whatever came before.

use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use tokio::runtime;

use super::{Peer, wire::Wire, words};

/// Commands whose answers have an order; those with two keys take both from the same few.
const COMMANDS: &[&str] = &[
    "set K V",
    "set K V nx",
    "set K V xx get",
    "get K",
    "getset K V",
    "append K V",
    "strlen K",
    "incrby K N",
    "decr K",
    "incrbyfloat K N",
    "getrange K N N",
    "setrange K 3 V",
    "del K",
    "exists K K",
    "type K",
    "expire K 100 nx",
    "persist K",
    "rename K K",
    "renamenx K K",
    "copy K K replace",
    "getdel K",
    "getex K persist",
    "mget K K",
    "mset K V K V",
    "hset K V V",
    "hget K V",
    "hdel K V V",
    "hlen K",
    "hincrby K V N",
    "hexists K V",
    "hsetnx K V V",
    "hmget K V V",
    "rpush K V V",
    "lpush K V",
    "lpushx K V",
    "lpop K",
    "rpop K 2",
    "llen K",
    "lrange K N N",
    "lindex K N",
    "lset K N V",
    "linsert K before V V",
    "lrem K N V",
    "ltrim K N N",
    "lmove K K left right",
    "rpoplpush K K",
    "lpos K V count 0",
    "sadd K V V",
    "srem K V",
    "scard K",
    "sismember K V",
    "smismember K V V",
    "smove K K V",
    "sinterstore K K K",
    "sunionstore K K K",
    "sdiffstore K K K",
    "zadd K N V N V",
    "zadd K nx ch N V",
    "zadd K gt ch N V",
    "zadd K lt N V",
    "zadd K xx incr N V",
    "zincrby K N V",
    "zrem K V",
    "zcard K",
    "zscore K V",
    "zrank K V",
    "zrevrank K V",
    "zrange K N N withscores",
    "zrange K N N byscore",
    "zrange K N N byscore rev limit 0 2",
    "zrevrange K N N",
    "zcount K N N",
    "zrangebyscore K (N N withscores",
    "zremrangebyrank K N N",
    "zremrangebyscore K N N",
    "zpopmin K",
    "zpopmax K 2",
    "xadd K 1-* V V",
    "xadd K maxlen 2 2-* V V",
    "xlen K",
    "xrange K - +",
    "xrevrange K + - count 2",
    "xdel K 1-1 2-1",
    "xtrim K maxlen 3",
    "xgroup create K V 0",
    "xgroup create K V $ mkstream",
    "xgroup destroy K V",
    "xreadgroup group V V count 2 streams K >",
    "xreadgroup group V V streams K 0",
    "xack K V 1-1 1-2 2-1",
    "xpending K V",
    "xclaim K V V 0 1-1 2-1",
    "xautoclaim K V V 0 0 count 2",
    "xinfo groups K",
    "xread count 2 streams K K 0 1-1",
    "multi",
    "exec",
    "discard",
    "watch K",
    "unwatch",
];

/// Returns commands, with the same few keys, values and numbers again and again.
fn commands() -> impl Strategy<Value = Vec<String>> {
    let picks = proptest::collection::vec(any::<u8>(), 8);
    let command = (proptest::sample::select(COMMANDS), picks).prop_map(|(template, picks)| {
        let mut picks = picks.into_iter().cycle();
        let mut pick = |from: &[&str]| from[usize::from(picks.next().unwrap_or(0)) % from.len()].to_owned();
        let words = template.split(' ').map(|word| match word {
            "K" => pick(&["KEY1", "KEY2", "KEY3"]),
            "V" => pick(&["a", "b", "c", "7"]),
            "N" => pick(&["0", "1", "2", "-1", "-2", "5"]),
            "(N" => pick(&["(0", "(1", "-inf"]),
            _ => word.to_owned(),
        });
        words.collect::<Vec<String>>().join(" ")
    });
    proptest::collection::vec(command, 1..60)
}

#[test]
fn any_commands() {
    let Some(real) = Peer::real() else { return };
    let runtime = runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut runner = TestRunner::new(Config { cases: 64, failure_persistence: None, ..Config::default() });
    let outcome = runner.run(&commands(), |commands| {
        runtime.block_on(compare(&real, &commands));
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
}

async fn compare(real: &Peer, commands: &[String]) {
    use std::hash::{BuildHasher as _, RandomState};
    let prefix = format!("t{:016x}:", RandomState::new().hash_one(0));
    let (mut memory, mut real) = (Peer::memory().connect().await, real.connect().await);
    for command in commands {
        let expected = ask(&mut real, command, &prefix).await;
        let answer = ask(&mut memory, command, &prefix).await;
        assert_eq!(answer, expected, "in memory, and in Redis, to `{command}` after {commands:?}");
    }
    ask(&mut real, "discard", &prefix).await;
    ask(&mut real, "del KEY1 KEY2 KEY3", &prefix).await;
}

async fn ask(wire: &mut Wire, command: &str, prefix: &str) -> String {
    wire.ask(&words(command, prefix)).await;
    wire.answer().await.replace(prefix, "")
}
