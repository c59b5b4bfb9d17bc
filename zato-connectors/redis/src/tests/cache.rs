//! Caches that are kept in Redis.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
    time::Duration,
};

use futures_util::future::join_all;
use tokio::time::{Instant, sleep, timeout};
use zato_core::{
    cache::{Cache, CacheConfig, Store},
    testing::store_contract,
};

use super::kit::everywhere;
use crate::RedisStore;

#[tokio::test]
async fn the_store_keeps_the_contract_on_every_server() {
    let kits = everywhere("").await;
    let suites = kits.iter().map(async |kit| {
        let kept = store_contract(Arc::new(RedisStore::new(kit.redis.clone())), "a*[b]\\:").await;
        assert!(kept.is_ok(), "{}: {kept:?}", kit.place);
    });
    join_all(suites).await;
}

/// Two caches, as two processes have them.
fn processes(redis: &crate::Redis) -> [Cache; 2] {
    [(), ()].map(|()| {
        let mut config = CacheConfig::new("rates");
        config.key_prefix = Some("rates:".to_owned());
        Cache::over(&config, Arc::new(RedisStore::new(redis.clone())))
    })
}

#[tokio::test]
async fn of_two_processes_one_computes_and_the_other_waits_for_that() {
    for kit in everywhere("").await {
        let [one, other] = processes(&kit.redis);
        let computed = AtomicU32::new(0);
        let compute = async || {
            computed.fetch_add(1, SeqCst);
            sleep(Duration::from_millis(100)).await;
            Ok(42)
        };
        let (first, second) = tokio::join!(one.get_or_compute("a", compute), other.get_or_compute("a", compute));
        assert_eq!((first.unwrap(), second.unwrap(), computed.load(SeqCst)), (42, 42, 1), "{}", kit.place);
        assert_eq!(one.keys().await.unwrap(), ["a"], "{}", kit.place);
        let taken = timeout(Duration::from_secs(2), other.get_or_compute("b", async || Ok(1))).await;
        assert_eq!(taken.expect("nobody has the lease").unwrap(), 1, "{}", kit.place);
    }
}

#[tokio::test]
async fn when_a_process_dies_that_computes_another_takes_over_soon() {
    let fake = crate::Redis::fake().await;
    let [one, other] = processes(&fake.redis());
    let dies = one.get_or_compute::<u8, _>("a", async || std::future::pending().await);
    assert!(timeout(Duration::from_millis(50), dies).await.is_err());
    // Only the time of the lease is waited for; it is cut short here.
    let store = RedisStore::new(fake.redis());
    assert!(!store.lease("rates:a", 7, Duration::from_secs(1)).await.unwrap(), "the dead one still has it");
    fake.redis().expire("zato:lease:{rates:a}", Duration::from_millis(50)).await.unwrap();
    let begun = Instant::now();
    assert_eq!(other.get_or_compute("a", async || Ok(2)).await.unwrap(), 2);
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    // In the same process, who waits takes over at once.
    let dies = one.get_or_compute::<u8, _>("b", async || std::future::pending().await);
    let (_, taken) = tokio::join!(timeout(Duration::from_millis(50), dies), one.get_or_compute("b", async || Ok(3)));
    assert_eq!(taken.unwrap(), 3);
}

#[tokio::test]
async fn a_server_that_is_down_keeps_nobody_from_a_value() {
    let fake = crate::Redis::fake().await;
    let [cache, _] = processes(&fake.redis());
    cache.set("a", &1).await.unwrap();
    // As often as it is asked: by the caller, when it has its turn, and with the lease.
    for command in ["get", "get", "get", "set", "evalsha", "evalsha"] {
        fake.memory().fail_next(command, "LOADING Redis is loading the dataset in memory");
    }
    assert_eq!(cache.get_or_compute("a", async || Ok(2)).await.unwrap(), 2);
    assert!(cache.statistics().await.unwrap().errors > 0);
}

#[tokio::test]
async fn a_cache_that_is_cleared_leaves_what_is_not_its_own() {
    let fake = crate::Redis::fake().await;
    let redis = fake.redis();
    redis.set("account:1", &1).await.unwrap();
    let mut config = CacheConfig::new("rates");
    for prefix in [None, Some(String::new())] {
        config.key_prefix = prefix;
        let cache = Cache::over(&config, Arc::new(RedisStore::new(redis.clone())));
        cache.set("a", &2).await.unwrap();
        assert_eq!(cache.keys().await.unwrap(), ["a"]);
        cache.clear().await.unwrap();
        assert_eq!(cache.keys().await.unwrap(), [""; 0]);
        assert_eq!(redis.get::<u8>("account:1").await.unwrap(), Some(1));
    }
}

#[tokio::test(start_paused = true)]
async fn what_another_process_changes_while_it_is_computed_is_not_overwritten() {
    let fake = crate::Redis::fake().await;
    let [one, other] = processes(&fake.redis());
    for name in ["delete", "set", "delete_by_prefix", "clear"] {
        // The braces of a key say where it lies.
        for key in ["a", "a{b}c"] {
            let source = AtomicU32::new(1);
            let compute = async || {
                let read = source.load(SeqCst);
                sleep(Duration::from_secs(4)).await;
                Ok(read)
            };
            let change = async {
                sleep(Duration::from_secs(3)).await;
                source.store(2, SeqCst);
                match name {
                    "delete" => other.delete(key).await.map(drop),
                    "set" => other.set(key, &2).await,
                    "clear" => other.clear().await,
                    _ => other.delete_by_prefix("a", None).await.map(drop),
                }
            };
            let (old, changed) = tokio::join!(one.get_or_compute(key, compute), change);
            changed.unwrap();
            assert_eq!(old.unwrap(), 1, "{name} {key}");
            assert_eq!(one.get_or_compute(key, compute).await.unwrap(), 2, "{name} {key}");
            assert_eq!(other.get::<u32>(key).await.unwrap(), Some(2), "{name} {key}");
            one.clear().await.unwrap();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_twice_for_what_another_process_computes() {
    let fake = crate::Redis::fake().await;
    let [one, other] = processes(&fake.redis());
    let hangs = timeout(Duration::from_secs(60), one.get_or_compute::<u8, _>("a", std::future::pending));
    let begun = Instant::now();
    let first = async {
        sleep(Duration::from_secs(1)).await;
        // It goes away before its turn to compute has come, so that the next one begins to wait for the other process.
        let gone = other.get_or_compute::<u8, _>("a", std::future::pending);
        assert!(timeout(Duration::from_secs(9), gone).await.is_err());
    };
    let second = async {
        sleep(Duration::from_secs(2)).await;
        (other.get_or_compute("a", async || Ok(2)).await, begun.elapsed())
    };
    let (_, (), (made, waited)) = tokio::join!(hangs, first, second);
    assert_eq!(made.unwrap(), 2);
    assert_eq!(waited.as_secs(), 17, "it came after 2 seconds, and has patience for 15");
}
