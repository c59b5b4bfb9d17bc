use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use redis::AsyncTypedCommands as _;
use tokio::time;
use zato_core::{Error, Kind, Result, Retry, connection::Handle as _};

use super::kit::everywhere;
use crate::{Redis, RedisError, RedisErrorKind, error_of, memory::ScriptError, testing::FakeRedis};

async fn transfer(redis: &Redis, from: &str, to: &str, amount: i64) -> Result<()> {
    redis
        .transaction(&[from, to], async |tx| {
            let balance: i64 = tx.get(from).await?.unwrap_or(0);
            if balance < amount {
                return Err(Error::conflict("not so much"));
            }
            tx.increment(from, -amount);
            tx.increment(to, amount);
            Ok(())
        })
        .await
}

fn goes_to_another_thread<T: Send>(value: T) -> T {
    value
}

#[tokio::test]
async fn all_of_it_is_done_or_nothing() {
    for kit in everywhere("").await {
        let redis = &kit.redis;
        redis.set("a", &10).await.unwrap();
        goes_to_another_thread(transfer(redis, "a", "b", 7)).await.unwrap();
        assert_eq!(transfer(redis, "a", "b", 7).await.unwrap_err().kind(), Kind::Conflict, "{}", kit.place);
        assert_eq!(redis.get_many::<i64, _>(&["a", "b"]).await.unwrap(), [Some(3), Some(7)]);
        // A connection that a failed transaction had watches nothing for the next.
        redis.set("a", &9).await.unwrap();
        redis.transaction(&[], async |tx| tx.set("c", "done")).await.unwrap();
        assert_eq!(redis.get::<String>("c").await.unwrap().as_deref(), Some("done"));
    }
}

#[tokio::test]
async fn one_that_somebody_came_before_is_run_again() {
    for kit in everywhere("").await {
        let (redis, runs) = (&kit.redis, AtomicU32::new(0));
        redis.set("a", &1).await.unwrap();
        let seen: i64 = redis
            .transaction(&["a"], async |tx| {
                let seen: i64 = tx.get("a").await?.unwrap_or(0);
                if runs.fetch_add(1, Ordering::SeqCst) < 2 {
                    redis.increment("a", 10).await?;
                }
                tx.set("seen", &seen)?;
                Ok(seen)
            })
            .await
            .unwrap();
        assert_eq!((seen, runs.load(Ordering::SeqCst)), (21, 3), "{}", kit.place);
        assert_eq!(redis.get::<i64>("seen").await.unwrap(), Some(21));
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_others_always_come_before_is_a_conflict() {
    let fake = FakeRedis::with_config("").await;
    let redis = &fake.redis();
    let always = redis.transaction(&["a"], async |tx| {
        redis.increment("a", 1).await?;
        tx.set("b", "never")
    });
    assert_eq!(always.await.unwrap_err().kind(), Kind::Conflict);
    assert_eq!(redis.get::<i64>("a").await.unwrap(), Some(100));
    assert!(!redis.exists("b").await.unwrap());
}

#[tokio::test]
async fn many_at_once_make_and_lose_no_money() {
    for kit in everywhere("pool_size: 4").await {
        let redis = &kit.redis;
        redis.set("a", &1000).await.unwrap();
        redis.set("b", &1000).await.unwrap();
        let transfers = (0..32_u32).map(async |number| {
            let (from, to) = if number % 2 == 0 { ("a", "b") } else { ("b", "a") };
            transfer(redis, from, to, i64::from(number)).await
        });
        let done = futures_util::future::join_all(transfers).await;
        assert!(done.iter().all(Result::is_ok), "{}: {done:?}", kit.place);
        assert_eq!(redis.get_many::<i64, _>(&["a", "b"]).await.unwrap(), [Some(1016), Some(984)]);
    }
}

#[tokio::test]
async fn what_a_closure_leaves_undone_is_seen_by_nobody() {
    for kit in everywhere("pool_size: 1").await {
        let redis = &kit.redis;
        let mut own = redis.dedicated().await.unwrap();
        redis::cmd("WATCH").arg(own.key("a")).exec_async(&mut own).await.unwrap();
        drop(own);
        redis.set("a", &1).await.unwrap();
        // On the same connection this would be a conflict.
        let mut own = redis.dedicated().await.unwrap();
        let mut pipeline = redis::pipe();
        let done: Option<Vec<i64>> = pipeline.atomic().incr(own.key("a"), 1).query_async(&mut own).await.unwrap();
        assert_eq!(done, Some(vec![2]), "{}", kit.place);
        drop(own);
        let mut raw = redis.connection().unwrap();
        assert_eq!(raw.get(raw.key("a")).await.unwrap().as_deref(), Some("2"));
    }
}

#[tokio::test]
async fn one_that_would_change_its_connection_is_refused() {
    for kit in everywhere("pool_size: 1").await {
        let redis = &kit.redis;
        let queued = redis.transaction(&["a"], async |tx| {
            tx.queue(|commands| {
                commands.cmd("SELECT").arg(1);
            });
            tx.set("a", "there")
        });
        let report = queued.await.unwrap_err().report().to_string();
        assert!(report.contains("SELECT changes the connection"), "{report}");
        let at_once = redis.transaction(&["a"], async |mut tx| {
            redis::cmd("SELECT").arg(1).exec_async(&mut tx).await.map_err(error_of)
        });
        assert!(at_once.await.is_err());
        let ended = redis.transaction(&["a"], async |mut tx| {
            redis::pipe().atomic().cmd("PING").exec_async(&mut tx).await.map_err(error_of)
        });
        assert!(ended.await.is_err());
        redis.transaction(&["a"], async |tx| tx.set("a", "here")).await.unwrap();
        assert_eq!(redis.get::<String>("a").await.unwrap().as_deref(), Some("here"), "{}", kit.place);
    }
}

fn kind(error: &Error) -> Option<RedisErrorKind> {
    error.find::<RedisError>().map(RedisError::kind)
}

#[tokio::test]
async fn one_of_which_a_part_was_done_says_so() {
    for kit in everywhere("").await {
        let redis = &kit.redis;
        redis.set("text", "abc").await.unwrap();
        let partly = redis.transaction(&["a"], async |tx| {
            tx.set("a", &1)?;
            tx.increment("text", 1);
            Ok(())
        });
        let error = partly.await.unwrap_err();
        assert_eq!((kind(&error), error.retry()), (Some(RedisErrorKind::PartlyDone), Retry::Never), "{}", kit.place);
        assert_eq!(redis.get::<i64>("a").await.unwrap(), Some(1));
        let not_at_all = redis.transaction(&["a"], async |tx| {
            tx.increment("text", 1);
            Ok(())
        });
        assert_eq!(kind(&not_at_all.await.unwrap_err()), Some(RedisErrorKind::Refused));
        let mut pipeline = redis.pipeline();
        let (a, text) = (pipeline.key("a"), pipeline.key("text"));
        pipeline.atomic().incr(a, 1).incr(text, 1);
        let error = pipeline.query::<()>().await.unwrap_err();
        assert_eq!(kind(&error), Some(RedisErrorKind::PartlyDone), "{}", kit.place);
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_a_server_has_given_up_says_why_and_a_replica_is_left() {
    let fake = FakeRedis::with_config("").await;
    let redis = &fake.redis();
    let write = async || redis.transaction(&["a"], async |tx| tx.set("a", &1)).await.unwrap_err();
    fake.memory().set_out_of_memory(true);
    let error = write().await;
    assert_eq!((kind(&error), error.kind()), (Some(RedisErrorKind::OutOfMemory), Kind::Unavailable));
    fake.memory().set_out_of_memory(false);
    fake.memory().set_readonly(true);
    time::sleep(Duration::from_secs(60)).await;
    let error = write().await;
    assert_eq!((kind(&error), error.retry()), (Some(RedisErrorKind::ReadOnly), Retry::Unsent));
    fake.memory().set_readonly(false);
    while redis.slot().counts().0 == 0 {
        time::sleep(Duration::from_millis(1)).await;
    }
}

/// A pipeline or a script of which a part was done must not be sent again by anybody who does that with what was never sent.
#[tokio::test]
async fn what_may_have_been_done_in_part_is_not_said_to_be_unsent() {
    let fake = FakeRedis::with_config("").await;
    let redis = &fake.redis();
    let write = async || {
        let mut pipeline = redis.pipeline();
        pipeline.incr("a", 1).incr("b", 1);
        pipeline.query::<()>().await.unwrap_err()
    };
    fake.memory().fail_next("incrby", "READONLY You can't write against a read only replica.");
    let error = write().await;
    assert_eq!((kind(&error), error.retry()), (Some(RedisErrorKind::ReadOnly), Retry::Never));
    fake.memory().set_readonly(true);
    assert_eq!(write().await.retry(), Retry::Unsent);
    fake.memory().set_readonly(false);
    let source = "redis.call('incr', KEYS[1]) return redis.call('set', KEYS[2], ARGV[1])";
    fake.memory().script(source, |_, _, _| Err(ScriptError::new("OOM command not allowed")));
    let script = redis::Script::new(source);
    let error = redis.script(&script).key("a").key("b").arg(1).invoke::<()>().await.unwrap_err();
    assert_eq!((kind(&error), error.retry()), (Some(RedisErrorKind::OutOfMemory), Retry::Never));
}
