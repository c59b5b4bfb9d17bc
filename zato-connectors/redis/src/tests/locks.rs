//! Locks, with the suite that every store of them passes.

use std::{sync::Arc, time::Duration};

use redis::AsyncTypedCommands as _;
use zato_core::{
    Kind,
    ambient::Ambient,
    connection::{Connector as _, Handle as _, Offer, Slot, Supervised},
    lock::{Locks, Taken},
    testing::lock_contract,
};

use super::kit::everywhere;
use crate::{
    RedisConnector,
    memory::Memory,
    target::Whereabouts,
    testing::{FakeRedis, prepared},
};

macro_rules! contract {
    ($($name:ident),+ $(,)?) => {
        $(
            #[tokio::test]
            async fn $name() {
                for kit in everywhere("").await {
                    lock_contract::$name(async || kit.redis.locks()).await;
                }
            }
        )+
    };
}

contract! {
    one_holder_at_a_time, tokens_grow, renewed_while_held, released_when_dropped, nothing_left_of_who_gave_up,
    one_after_the_other, names,
}

const TTL: Duration = Duration::from_millis(300);

#[tokio::test]
async fn who_is_refused_reads_who_has_it() {
    for kit in everywhere("client_name: bank").await {
        let locks = kit.redis.locks();
        let _held = locks.lock("books").acquire().await.unwrap();
        let error = locks.lock("books").wait(Duration::ZERO).acquire().await.unwrap_err();
        assert_eq!(error.kind(), Kind::Conflict);
        let holder = error.find::<Taken>().unwrap().holder.clone().unwrap();
        assert_eq!(holder.name.as_deref(), Some("bank"), "{}", kit.place);
        assert!(holder.since.is_some());
        assert!(!error.public_message().contains("bank"), "{}", error.public_message());
    }
}

#[tokio::test]
async fn a_lock_that_somebody_has_taken_away_is_lost_and_not_given_back_for_its_new_holder() {
    for kit in everywhere("").await {
        let (locks, mut raw) = (kit.redis.locks(), kit.redis.connection().unwrap());
        let lock = locks.lock("books").ttl(TTL).acquire().await.unwrap();
        raw.del(raw.key("{locks}:held:books")).await.unwrap();
        let next = locks.lock("books").try_acquire().await.unwrap().unwrap();
        assert!(next.fencing_token() > lock.fencing_token());
        lock.lost().await;
        assert!(!lock.is_held());
        assert_eq!(lock.release().await.unwrap_err().kind(), Kind::Conflict);
        assert!(locks.lock("books").try_acquire().await.unwrap().is_none(), "{}", kit.place);
        next.release().await.unwrap();
        assert!(!kit.redis.exists("{locks}:held:books").await.unwrap());
    }
}

#[tokio::test]
async fn a_lock_whose_holder_is_gone_without_a_word_goes_to_others_when_its_time_is_over() {
    for kit in everywhere("").await {
        let mut raw = kit.redis.connection().unwrap();
        let key = raw.key("{locks}:held:books");
        raw.hset(&key, "owner", "somebody").await.unwrap();
        raw.pexpire(&key, 200).await.unwrap();
        let locks = kit.redis.locks();
        assert!(locks.lock("books").try_acquire().await.unwrap().is_none());
        locks.lock("books").acquire().await.unwrap().release().await.unwrap();
    }
}

/// The holder of a lock hears of its end before the server lets it go; what nobody answers is tried again.
#[tokio::test(start_paused = true)]
async fn a_server_that_is_silent_loses_a_lock_in_time() {
    for kit in everywhere("timeout: 100ms").await {
        let Some(memory) = kit.memory() else { continue };
        let lock = kit.redis.locks().lock("books").ttl(Duration::from_secs(3)).acquire().await.unwrap();
        tokio::time::sleep(Duration::from_secs(10)).await;
        assert!(lock.is_held());
        memory.pause(Duration::from_millis(900));
        tokio::time::sleep(Duration::from_secs(3)).await;
        assert!(lock.is_held(), "it was silent for a while only");
        let begun = tokio::time::Instant::now();
        memory.pause(Duration::from_secs(60));
        lock.lost().await;
        assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    }
}

/// An answer that is lost leaves no lock behind that nobody has.
#[tokio::test(start_paused = true)]
async fn a_claim_whose_answer_is_lost_is_the_same_when_it_is_repeated() {
    for kit in everywhere("").await {
        let Some(memory) = kit.memory() else { continue };
        let locks = kit.redis.locks();
        locks.lock("first").acquire().await.unwrap().release().await.unwrap();
        memory.disconnect_next("evalsha");
        let lock =
            locks.lock("books").ttl(Duration::from_secs(60)).wait(Duration::from_secs(10)).acquire().await.unwrap();
        assert_eq!(memory.calls("hset"), 2, "it is the one that was granted already");
        lock.release().await.unwrap();
    }
}

#[tokio::test]
async fn a_connection_offers_its_locks() {
    for kit in everywhere("").await {
        let mut asked: Option<Locks> = None;
        RedisConnector::offer(kit.redis.slot(), &mut Offer::asking(&mut asked));
        let _held = asked.unwrap().lock("books").acquire().await.unwrap();
        assert!(kit.redis.locks().lock("books").try_acquire().await.unwrap().is_none());
    }
}

#[tokio::test]
async fn a_connection_that_is_closed_releases_what_nobody_holds_any_more() {
    for kit in everywhere("").await {
        let client = kit.redis.client().unwrap();
        drop(kit.redis.locks().lock("books").acquire().await.unwrap());
        let held = kit.redis.locks().lock("other").acquire().await.unwrap();
        RedisConnector::close(Arc::clone(&client)).await;
        assert!(!kit.redis.exists("{locks}:held:books").await.unwrap(), "{}", kit.place);
        held.lost().await;
    }
}

#[tokio::test]
async fn tokens_grow_where_the_last_one_is_forgotten() {
    for kit in everywhere("").await {
        let locks = kit.redis.locks();
        let first = locks.lock("books").acquire().await.unwrap();
        let token = first.fencing_token();
        first.release().await.unwrap();
        assert!(kit.redis.delete("{locks}:token").await.unwrap());
        // A token begins with the time, of which the server in memory counts milliseconds.
        tokio::time::sleep(Duration::from_millis(2)).await;
        let second = locks.lock("books").acquire().await.unwrap().fencing_token();
        assert!(second > token, "{}: {second} after {token}", kit.place);
        // A clock that went back is made up for.
        kit.redis.set("{locks}:token", &(second + 3_600_000_000)).await.unwrap();
        let third = locks.lock("others").acquire().await.unwrap();
        assert_eq!(third.fencing_token(), second + 3_600_000_001, "{}", kit.place);
    }
}

#[tokio::test(start_paused = true)]
async fn locks_that_were_offered_before_the_connection_was_there_end_with_it() {
    let mut prepared = prepared("name: late").unwrap();
    Arc::get_mut(&mut prepared.target).unwrap().whereabouts = Whereabouts::Memory(Memory::new());
    let supervised = Supervised::new::<RedisConnector>("late", prepared, None, Ambient::default());
    let slot: Arc<Slot<RedisConnector>> = supervised.connection().into_any().downcast().unwrap();
    let mut asked: Option<Locks> = None;
    RedisConnector::offer(&slot, &mut Offer::asking(&mut asked));
    supervised.begin().await;
    supervised.tried().await;
    let held = asked.unwrap().lock("books").acquire().await.unwrap();
    RedisConnector::close(slot.client().unwrap()).await;
    assert!(tokio::time::timeout(Duration::from_secs(1), held.lost()).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn locks_are_kept_however_much_there_is_to_do() {
    let fake = FakeRedis::with_config("max_in_flight: 1").await;
    let redis = fake.redis();
    let lock = redis.locks().lock("books").ttl(Duration::from_secs(3)).acquire().await.unwrap();
    let busy = async {
        loop {
            fake.memory().pause(Duration::from_millis(500));
            let _ = redis.set("a", &1).await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(30), busy).await.is_err());
    assert!(lock.is_held());
    assert!(redis.slot().state().is_up());
}
