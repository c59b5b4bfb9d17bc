use std::time::Duration;

use redis::AsyncTypedCommands as _;
use tokio::time;
use zato_core::{Kind, Retry};

use super::kit::everywhere;
use crate::{error_of, testing::FakeRedis};

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_connection_is_told_how_many_there_are() {
    let fake = FakeRedis::with_config("pool_size: 2\nacquire_timeout: 3s").await;
    let redis = fake.redis();
    let held = (redis.dedicated().await.unwrap(), redis.dedicated().await.unwrap());
    let error = redis.dedicated().await.unwrap_err();
    assert_eq!((error.kind(), error.retry()), (Kind::Unavailable, Retry::Unsent));
    assert!(error.message().starts_with("no connection of its own within 3s: 2 of 2 are in use"), "{error}");
    drop(held);
    assert!(redis.dedicated().await.is_ok());
}

#[tokio::test]
async fn a_connection_whose_command_was_dropped_serves_nobody_else() {
    for kit in everywhere("pool_size: 1").await {
        let redis = &kit.redis;
        let mut own = redis.dedicated().await.unwrap();
        let waiting = own.blpop(own.key("none"), 30.0);
        assert!(time::timeout(Duration::from_millis(30), waiting).await.is_err());
        drop(own);
        let mut own = redis.dedicated().await.unwrap();
        own.ping().await.unwrap();
        let clean = own;
        drop(clean);
        let (used, idle, _) = redis.client().unwrap().pool.counts();
        assert_eq!((used, idle), (0, 1), "{}: one that was used as it should be stays", kit.place);
    }
}

#[tokio::test(start_paused = true)]
async fn commands_that_wait_have_the_timeout_beside() {
    let fake = FakeRedis::with_config("timeout: 1s").await;
    let redis = fake.redis();
    let mut own = redis.dedicated().await.unwrap();
    assert_eq!(own.blpop("none", 5.0).await.unwrap(), None);
    fake.memory().pause(Duration::from_secs(60));
    let begun = time::Instant::now();
    assert!(own.blpop("none", 5.0).await.unwrap_err().is_timeout());
    assert_eq!(begun.elapsed().as_secs(), 6);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_the_server_has_closed_is_not_handed_out() {
    let fake = FakeRedis::with_config("").await;
    let redis = fake.redis();
    let mut own = redis.dedicated().await.unwrap();
    own.ping().await.unwrap();
    drop(own);
    let before = redis.client().unwrap();
    fake.memory().disconnect_all();
    time::sleep(Duration::from_millis(1)).await;
    let mut own = before.pool.get().await.unwrap();
    own.ping().await.unwrap();
}

#[tokio::test]
async fn what_would_mix_up_answers_is_sent_on_no_connection() {
    for kit in everywhere("pool_size: 1").await {
        let redis = &kit.redis;
        let mut reply = redis::cmd("CLIENT");
        reply.arg("REPLY").arg("SKIP");
        let mut all = redis::pipe();
        all.add_command(reply.clone());
        let mut own = redis.dedicated().await.unwrap();
        for refused in [
            reply.exec_async(&mut redis.connection().unwrap()).await,
            reply.exec_async(&mut own).await,
            all.exec_async(&mut own).await,
        ] {
            let report = error_of(refused.unwrap_err()).report().to_string();
            assert!(report.contains("after CLIENT REPLY"), "{}: {report}", kit.place);
        }
        own.ping().await.unwrap();
        // What changes the connection is not refused on one's own, which nobody else gets then.
        let _ = redis::cmd("CLIENT").arg("NO-EVICT").arg("ON").exec_async(&mut own).await;
        drop(own);
        assert_eq!(redis.client().unwrap().pool.counts(), (0, 0, 0), "{}", kit.place);
    }
}

#[tokio::test(start_paused = true)]
async fn a_pipeline_that_waits_has_the_timeout_beside() {
    let fake = FakeRedis::with_config("timeout: 1s").await;
    let mut own = fake.redis().dedicated().await.unwrap();
    let (begun, mut pipeline) = (time::Instant::now(), redis::pipe());
    pipeline.cmd("BLPOP").arg("none").arg(3).cmd("BLPOP").arg("none").arg(4);
    pipeline.exec_async(&mut own).await.unwrap();
    assert_eq!(begun.elapsed().as_secs(), 7);
    assert!(own.blpop("none", 1e19).await.is_err(), "the server refuses it");
}

#[tokio::test(start_paused = true)]
async fn who_waits_without_an_end_is_told_of_a_server_that_is_gone() {
    let fake = FakeRedis::with_config("timeout: 1s").await;
    let redis = fake.redis();
    let mut own = redis.dedicated().await.unwrap();
    let waiting = own.blpop("none", 0.0);
    let silent = async {
        time::sleep(Duration::from_secs(10)).await;
        fake.memory().pause(Duration::from_secs(3600));
        let _ = redis.ping().await;
    };
    let (waited, ()) = time::timeout(Duration::from_secs(60), async { tokio::join!(waiting, silent) }).await.unwrap();
    assert!(waited.is_err());
}
