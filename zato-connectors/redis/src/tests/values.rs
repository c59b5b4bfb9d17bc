use std::time::{Duration, SystemTime};

use redis::{AsyncTypedCommands as _, Script};
use serde::{Deserialize, Serialize};
use zato_core::Kind;

use super::kit::everywhere;
use crate::{RedisError, RedisErrorKind, error_of};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Rate {
    year: u16,
    amount: f64,
}

#[tokio::test]
async fn values_are_kept_under_the_prefix_and_come_back() {
    for kit in everywhere("").await {
        let redis = &kit.redis;
        assert_eq!(redis.get::<Rate>("2013").await.unwrap(), None, "{}", kit.place);
        let rate = Rate { year: 2013, amount: 0.25 };
        assert!(redis.set("2013", &rate).await.unwrap());
        assert_eq!(redis.get("2013").await.unwrap(), Some(rate));
        assert!(redis.set("text", "a \"b\"\n").await.unwrap());
        let mut raw = redis.connection().unwrap();
        assert_eq!(raw.get(raw.key("text")).await.unwrap().as_deref(), Some("a \"b\"\n"));
        assert_eq!(redis.increment("count", 5).await.unwrap(), 5);
        assert_eq!(redis.get::<i64>("count").await.unwrap(), Some(5));
        let both: Vec<Option<String>> = redis.get_many(&["count", "none", "text"]).await.unwrap();
        assert_eq!(both, [Some("5".to_owned()), None, Some("a \"b\"\n".to_owned())]);
        assert_eq!(redis.get_many::<String, &str>(&[]).await.unwrap(), Vec::<Option<String>>::new());
        assert!(redis.exists("text").await.unwrap());
        assert!(redis.delete("text").await.unwrap());
        assert!(!redis.delete("text").await.unwrap());
        assert!(!redis.exists("text").await.unwrap());
    }
}

#[tokio::test]
async fn conditions_and_expiries_are_kept_to() {
    for kit in everywhere("").await {
        let redis = &kit.redis;
        assert!(!redis.set("a", &1).only_if_present().await.unwrap(), "{}", kit.place);
        assert!(redis.set("a", &1).only_if_absent().expires_in(Duration::from_secs(60)).await.unwrap());
        assert!(!redis.set("a", &2).only_if_absent().await.unwrap());
        let left = redis.time_to_live("a").await.unwrap().unwrap();
        assert!(left <= Duration::from_secs(60) && left > Duration::from_secs(50), "{left:?}");
        assert!(redis.set("a", &3).keeps_expiry().await.unwrap());
        assert!(redis.time_to_live("a").await.unwrap().is_some());
        assert!(redis.persist("a").await.unwrap());
        assert_eq!(redis.time_to_live("a").await.unwrap(), None);
        assert!(redis.expire("a", Duration::from_secs(30)).await.unwrap());
        assert!(redis.set("a", &4).expires_at(SystemTime::now() + Duration::from_secs(90)).await.unwrap());
        assert!(redis.time_to_live("a").await.unwrap().unwrap() > Duration::from_secs(60));
        assert!(redis.set("gone", &4).expires_in(Duration::from_nanos(1)).await.unwrap());
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert_eq!(redis.get::<i64>("gone").await.unwrap(), None);
        assert!(!redis.expire("gone", Duration::from_secs(1)).await.unwrap());
        assert!(redis.set("a", &None::<i64>).await.unwrap_err().report().to_string().contains("None"));
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_value_is_told_without_it() {
    for kit in everywhere("").await {
        let redis = &kit.redis;
        redis.set("secret-key", "secret-value").await.unwrap();
        let error = redis.get::<Rate>("secret-key").await.unwrap_err();
        assert_eq!(error.kind(), Kind::Upstream, "{}", kit.place);
        assert!(error.report().to_string().contains("secret-key"), "{error:?}");
        assert!(!error.public_message().contains("secret"));
        let mut raw = redis.connection().unwrap();
        raw.lpush(raw.key("list"), "a").await.unwrap();
        let error = redis.get::<String>("list").await.unwrap_err();
        assert_eq!(error.find::<RedisError>().map(RedisError::kind), Some(RedisErrorKind::WrongType));
        let error = redis.increment("secret-key", 1).await.unwrap_err();
        assert_eq!((error.kind(), error.public_message().contains("secret")), (Kind::Internal, false));
    }
}

#[tokio::test]
async fn commands_that_want_a_connection_of_their_own_are_refused_on_the_shared_one() {
    for kit in everywhere("").await {
        let mut raw = kit.redis.connection().unwrap();
        let error = error_of(raw.blpop("a", 1.0).await.unwrap_err());
        assert!(error.report().to_string().contains("BLPOP would change"), "{error:?}");
        let error = error_of(redis::pipe().cmd("SELECT").arg(1).exec_async(&mut raw).await.unwrap_err());
        assert_eq!(error.find::<RedisError>().map(RedisError::kind), Some(RedisErrorKind::NeedsOwnConnection));
    }
}

#[tokio::test]
async fn several_commands_go_at_once() {
    for kit in everywhere("").await {
        let redis = &kit.redis;
        let mut pipeline = redis.pipeline();
        let [a, b, c] = ["a", "b", "c"].map(|name| pipeline.key(name));
        pipeline.atomic().incr(a, 1).incr(b, 2).set(c, "x").ignore();
        assert_eq!(pipeline.query::<(i64, i64)>().await.unwrap(), (1, 2), "{}", kit.place);
        let mut wrong = redis.pipeline();
        let [a, c] = ["a", "c"].map(|name| wrong.key(name));
        wrong.incr(c, 1).incr(a, 1);
        assert_eq!(wrong.query::<(i64, i64)>().await.unwrap_err().kind(), Kind::Internal);
        assert_eq!(redis.get::<i64>("a").await.unwrap(), Some(2));
    }
}

#[tokio::test]
async fn a_script_is_sent_whole_once() {
    const TEXT: &str = "return redis.call('incrby', KEYS[1], ARGV[1])";
    for kit in everywhere("").await {
        if let Some(memory) = kit.memory() {
            memory.script(TEXT, |keys, args, store| store.call(redis::cmd("INCRBY").arg(&keys[0]).arg(&args[0])));
        }
        let script = Script::new(TEXT);
        for expected in [3, 6] {
            let sum: i64 = kit.redis.script(&script).key("sum").arg(3).invoke().await.unwrap();
            assert_eq!(sum, expected, "{}", kit.place);
        }
        assert_eq!(kit.redis.get::<i64>("sum").await.unwrap(), Some(6));
    }
}
