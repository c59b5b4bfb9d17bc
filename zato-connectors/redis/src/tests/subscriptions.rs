use std::time::Duration;

use redis::AsyncTypedCommands as _;
use tokio::time;
use zato_core::{Kind, connection::Handle as _};

use super::kit::{everywhere, unique};
use crate::{Redis, Subscription, SubscriptionEvent, testing::FakeRedis};

#[tokio::test]
async fn who_listens_is_told_in_the_order_of_publishing() {
    for kit in everywhere("").await {
        let (redis, channel) = (&kit.redis, unique());
        let mut exactly = redis.subscribe([channel.as_str()]).await.unwrap();
        let mut like = redis.subscribe_to_patterns([format!("{channel}*")]).await.unwrap();
        for number in 0..3 {
            assert_eq!(redis.publish(&channel, &number).await.unwrap(), 2, "{}", kit.place);
        }
        redis.publish(&format!("{channel}.more"), "text").await.unwrap();
        for number in 0..3 {
            let message = exactly.next().await.unwrap();
            assert_eq!((message.value::<i32>().unwrap(), &message.pattern), (number, &None));
            let message = like.next().await.unwrap();
            assert_eq!(
                (message.channel.as_str(), message.pattern.as_deref()),
                (&*channel, Some(&*format!("{channel}*")))
            );
        }
        assert_eq!(like.next().await.unwrap().value::<String>().unwrap(), "text");
        // Nothing is lost by one who stops waiting.
        assert!(time::timeout(Duration::from_millis(20), exactly.next()).await.is_err());
        redis.publish(&channel, &9).await.unwrap();
        assert_eq!(exactly.next().await.unwrap().value::<i32>().unwrap(), 9);
        assert!(redis.subscribe(Vec::<String>::new()).await.is_err());
    }
}

#[tokio::test]
async fn a_subscription_that_was_cut_listens_again_and_tells() {
    for kit in everywhere("ping_interval: 1s").await {
        let (redis, channel) = (&kit.redis, unique());
        let mut news = redis.subscribe([channel.as_str()]).await.unwrap();
        cut(&kit, redis).await;
        assert!(matches!(news.next_event().await, Some(SubscriptionEvent::Resubscribed)), "{}", kit.place);
        while redis.publish(&channel, "back").await.unwrap_or(0) == 0 {
            time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(news.next().await.unwrap().value::<String>().unwrap(), "back");
    }
}

/// Cuts subscriptions alone.
async fn cut(kit: &super::kit::Kit, redis: &Redis) {
    match kit.memory() {
        Some(memory) => memory.disconnect_all(),
        None => {
            let mut raw = redis.connection().unwrap();
            let clients = redis::cmd("CLIENT").arg("LIST").query_async::<String>(&mut raw).await.unwrap();
            let name = format!("name={} ", kit.name);
            let ours = clients.lines().filter(|line| line.contains(&name) && !line.contains(" sub=0 "));
            for line in ours {
                let id = line.split_whitespace().find_map(|word| word.strip_prefix("id=")).unwrap();
                redis::cmd("CLIENT").arg("KILL").arg("ID").arg(id).exec_async(&mut raw).await.unwrap();
            }
            let _ = raw.ping().await;
        }
    }
}

#[tokio::test]
async fn there_are_no_more_subscriptions_than_allowed() {
    let fake = FakeRedis::with_config("max_subscriptions: 1").await;
    let one = fake.redis().subscribe(["a"]).await.unwrap();
    let error = fake.redis().subscribe(["a"]).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable);
    assert!(error.message().contains("max_subscriptions"), "{error}");
    drop(one);
    assert!(fake.redis().subscribe(["a"]).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn one_whose_server_is_silent_is_made_anew() {
    let fake = FakeRedis::with_config("ping_interval: 5s").await;
    let mut news = fake.redis().subscribe(["a"]).await.unwrap();
    fake.memory().pause(Duration::from_secs(14));
    assert!(matches!(news.next_event().await, Some(SubscriptionEvent::Resubscribed)));
}

/// Waits as who has something else to do, too.
async fn in_between(news: &mut Subscription) -> Option<SubscriptionEvent> {
    let mut tick = time::interval(Duration::from_millis(100));
    loop {
        tokio::select! {
            event = news.next_event() => return event,
            _ = tick.tick() => {}
        }
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_is_waited_for_in_between_is_made_anew_as_well() {
    let fake = FakeRedis::with_config("ping_interval: 5s").await;
    let mut news = fake.redis().subscribe(["a"]).await.unwrap();
    assert!(time::timeout(Duration::from_secs(60), in_between(&mut news)).await.is_err(), "it lives");
    fake.memory().pause(Duration::from_secs(14));
    let event = time::timeout(Duration::from_secs(60), in_between(&mut news)).await;
    assert!(matches!(event, Ok(Some(SubscriptionEvent::Resubscribed))), "{event:?}");
    // Pauses are longer than the time that anybody waits at once by then.
    fake.memory().refuse(true);
    fake.memory().disconnect_all();
    assert!(time::timeout(Duration::from_secs(60), in_between(&mut news)).await.is_err());
    fake.memory().refuse(false);
    let event = time::timeout(Duration::from_secs(60), in_between(&mut news)).await;
    assert!(matches!(event, Ok(Some(SubscriptionEvent::Resubscribed))), "{event:?}");
}

#[tokio::test]
async fn one_whose_connection_is_closed_ends_whatever_is_published() {
    let fake = FakeRedis::with_config("").await;
    let redis = fake.redis();
    let mut news = redis.subscribe(["a"]).await.unwrap();
    for number in 0..10 {
        redis.publish("a", &number).await.unwrap();
    }
    assert!(news.next().await.is_some());
    let waiting = async {
        redis.slot().closed().await;
        news.next().await
    };
    redis.slot().close();
    assert!(time::timeout(Duration::from_secs(10), waiting).await.unwrap().is_none());
}
