use std::time::Duration;

use tokio::time::{self, Instant};
use zato_core::{
    Kind, Retry,
    connection::{Handle as _, State},
};

use crate::{Redis, RedisError, RedisErrorKind, testing::FakeRedis};

async fn until_down(redis: &Redis) {
    while redis.slot().state().is_up() {
        time::sleep(Duration::from_millis(1)).await;
    }
}

fn kind(error: &zato_core::Error) -> Option<RedisErrorKind> {
    error.find::<RedisError>().map(RedisError::kind)
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_the_server_closes_is_made_anew() {
    let fake = FakeRedis::with_config("").await;
    let redis = fake.redis();
    redis.set("a", &1).await.unwrap();
    fake.memory().refuse(true);
    fake.memory().disconnect_all();
    until_down(&redis).await;
    let begun = Instant::now();
    let error = redis.get::<i64>("a").await.unwrap_err();
    assert_eq!((error.kind(), begun.elapsed()), (Kind::Unavailable, Duration::ZERO));
    let State::Down { error, .. } = &*redis.slot().state() else { panic!() };
    assert!(error.contains("the server has closed the connection") || error.contains("no connection"), "{error}");
    fake.memory().refuse(false);
    redis.slot().until_up().await;
    assert_eq!(redis.get::<i64>("a").await.unwrap(), Some(1));
}

#[tokio::test(start_paused = true)]
async fn what_became_of_a_write_is_not_known_and_a_read_is_asked_again() {
    let fake = FakeRedis::with_config("").await;
    let redis = fake.redis();
    fake.memory().disconnect_next("incrby");
    let error = redis.increment("a", 1).await.unwrap_err();
    assert_eq!((kind(&error), error.retry()), (Some(RedisErrorKind::ConnectionLost), Retry::Never));
    redis.slot().until_up().await;
    assert_eq!(redis.get::<i64>("a").await.unwrap(), Some(1));
    // It has been up for long enough to be connected anew at once.
    time::sleep(Duration::from_secs(60)).await;
    fake.memory().disconnect_next("get");
    assert_eq!(redis.get::<i64>("a").await.unwrap(), Some(1));
}

#[tokio::test(start_paused = true)]
async fn a_slow_server_is_waited_for_so_long_and_no_longer() {
    let fake = FakeRedis::with_config("timeout: 2s").await;
    let redis = fake.redis();
    fake.memory().pause(Duration::from_secs(3));
    let begun = Instant::now();
    let error = redis.set("a", &1).await.unwrap_err();
    assert_eq!(
        (kind(&error), error.kind(), error.retry()),
        (Some(RedisErrorKind::Timeout), Kind::Timeout, Retry::Never)
    );
    assert_eq!(begun.elapsed().as_secs(), 2);
    let error = redis.get::<i64>("a").await;
    assert_eq!(error.unwrap(), Some(1), "the answer to the first is not taken for that to the second");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_gives_no_sign_of_life_is_connected_anew() {
    let fake = FakeRedis::with_config("timeout: 2s").await;
    let redis = fake.redis();
    fake.memory().pause(Duration::from_secs(3));
    assert_eq!(redis.ping().await.unwrap_err().kind(), Kind::Timeout);
    until_down(&redis).await;
    redis.slot().until_up().await;
    assert_eq!(redis.slot().counts().0, 1);
    assert!(redis.ping().await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_replica_is_left_for_the_master_and_one_on_purpose_is_not() {
    let fake = FakeRedis::with_config("").await;
    let redis = fake.redis();
    fake.memory().set_readonly(true);
    let error = redis.set("a", &1).await.unwrap_err();
    assert_eq!(
        (kind(&error), error.kind(), error.retry()),
        (Some(RedisErrorKind::ReadOnly), Kind::Unavailable, Retry::Unsent)
    );
    assert!(redis.get::<i64>("a").await.is_ok(), "a young connection stays");
    time::sleep(Duration::from_secs(60)).await;
    assert!(redis.set("a", &1).await.is_err());
    fake.memory().set_readonly(false);
    while redis.slot().counts().0 == 0 {
        time::sleep(Duration::from_millis(1)).await;
    }
    assert!(redis.set("a", &1).await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_server_without_memory_is_read_from() {
    let fake = FakeRedis::with_config("").await;
    let redis = fake.redis();
    fake.memory().set_out_of_memory(true);
    let error = redis.set("a", &1).await.unwrap_err();
    assert_eq!((kind(&error), error.kind()), (Some(RedisErrorKind::OutOfMemory), Kind::Unavailable));
    assert_eq!(redis.get::<i64>("a").await.unwrap(), None);
    assert!(redis.slot().state().is_up());
}

#[tokio::test(start_paused = true)]
async fn a_server_that_loads_its_data_is_not_up() {
    let fake = FakeRedis::with_config("").await;
    let redis = fake.redis();
    for _ in 0..2 {
        fake.memory().fail_next("ping", "LOADING Redis is loading the dataset in memory");
    }
    fake.memory().disconnect_all();
    until_down(&redis).await;
    redis.slot().until_up().await;
    assert_eq!(redis.slot().counts(), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn no_more_are_on_their_way_than_allowed() {
    let fake = FakeRedis::with_config("max_in_flight: 2").await;
    let redis = fake.redis();
    fake.memory().pause(Duration::from_secs(1));
    let calls = (0..3).map(|number| {
        let redis = redis.clone();
        async move { redis.set("a", &number).await }
    });
    let ends = futures_util::future::join_all(calls).await;
    let refused: Vec<_> = ends.iter().filter_map(|end| end.as_ref().err()).collect();
    assert_eq!(refused.len(), 1);
    assert_eq!((kind(refused[0]), refused[0].retry()), (Some(RedisErrorKind::TooManyInFlight), Retry::Unsent));
    assert!(redis.set("a", &1).await.is_ok());
}

#[tokio::test]
async fn what_is_done_is_counted() {
    let fake = FakeRedis::with_config("").await;
    let redis = fake.redis();
    redis.set("a", "text").await.unwrap();
    redis.increment("a", 1).await.unwrap_err();
    fake.memory().set_out_of_memory(true);
    redis.set("a", "text").await.unwrap_err();
    let _news = redis.subscribe(["news"]).await.unwrap();
    let _own = redis.dedicated().await.unwrap();
    let mut exposition = zato_core::metrics::Exposition::default();
    let client = redis.client().unwrap();
    <crate::RedisConnector as zato_core::connection::Connector>::metrics(&client, &[("name", "a")], &mut exposition);
    let text = exposition.to_string();
    for line in [
        "zato_redis_in_flight_commands{name=\"a\"} 0",
        "zato_redis_command_duration_seconds_count{name=\"a\"} 3",
        "zato_redis_failed_commands_total{name=\"a\",fault=\"refused\"} 1",
        "zato_redis_failed_commands_total{name=\"a\",fault=\"out_of_memory\"} 1",
        "zato_redis_own_connections{name=\"a\",state=\"used\"} 1",
        "zato_redis_own_connections{name=\"a\",state=\"subscription\"} 1",
        "zato_redis_waiting_calls{name=\"a\"} 0",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}: {text}");
    }
}
