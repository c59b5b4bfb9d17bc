use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use zato_core::Kind;

use super::kit::everywhere;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Order {
    id: u32,
}

#[tokio::test]
async fn what_is_added_is_read_in_its_order() {
    for kit in everywhere("").await {
        let orders = kit.redis.stream("orders");
        let first = orders.add(&Order { id: 1 }).await.unwrap();
        orders.add(&Order { id: 2 }).field("tenant", "bank").await.unwrap();
        orders.add_fields().field("a", "1").field("b", "2").field("a", "3").await.unwrap();
        assert_eq!(orders.len().await.unwrap(), 3, "{}", kit.place);
        let entries = orders.read("0").await.unwrap();
        assert_eq!(entries[0].value::<Order>().unwrap(), Order { id: 1 });
        assert_eq!(entries[1].field("tenant").map(|value| &value[..]), Some(&b"bank"[..]));
        assert!(entries[0].added().is_some());
        let names: Vec<_> = entries[2].fields.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["a", "b", "a"]);
        assert_eq!(entries[2].value::<Order>().unwrap_err().kind(), Kind::Upstream);
        assert_eq!(orders.read(&first).count(1).await.unwrap()[0].id, entries[1].id);
        assert_eq!(orders.range("-", "+", 2).await.unwrap(), entries[..2]);
        assert_eq!(orders.delete(&[&first]).await.unwrap(), 1);
        assert_eq!(orders.trim(1000).await.unwrap(), 0);
        assert_eq!(kit.redis.stream("none").read("0").await.unwrap(), []);
        assert_eq!(kit.redis.stream("none").add_fields().await.unwrap_err().kind(), Kind::Internal);
    }
}

#[tokio::test]
async fn who_waits_is_given_what_comes() {
    for kit in everywhere("").await {
        let orders = kit.redis.stream("orders");
        let begun = Instant::now();
        assert_eq!(orders.read("$").wait(Duration::from_millis(60)).await.unwrap(), [], "{}", kit.place);
        assert!(begun.elapsed() >= Duration::from_millis(50));
        let waiting = orders.read("$").wait(Duration::from_secs(10));
        let adding = async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            orders.add(&Order { id: 7 }).await
        };
        let (found, added) = tokio::join!(waiting, adding);
        assert_eq!(found.unwrap()[0].id, added.unwrap());
    }
}

#[tokio::test]
async fn a_group_gives_each_entry_to_one_and_again_to_who_claims_it() {
    for kit in everywhere("").await {
        let orders = kit.redis.stream("orders");
        let group = orders.group("office");
        assert!(group.create("0").await.unwrap(), "{}", kit.place);
        assert!(!group.create("0").await.unwrap());
        for id in 1..=3 {
            orders.add(&Order { id }).await.unwrap();
        }
        let of_one = group.read("one").count(2).await.unwrap();
        let of_two = group.read("two").await.unwrap();
        assert_eq!((of_one.len(), of_two.len()), (2, 1));
        assert_eq!(group.read("two").wait(Duration::from_millis(20)).await.unwrap(), []);
        assert_eq!(group.ack(&[&of_one[0].id]).await.unwrap(), 1);
        assert_eq!(group.ack(&[&of_one[0].id]).await.unwrap(), 0);
        let pending = group.pending("-", 10).await.unwrap();
        assert_eq!(pending.len(), 2);
        assert_eq!((pending[0].consumer.as_str(), pending[0].deliveries), ("one", 1));
        let claimed = group.claim("two", Duration::ZERO, &[&of_one[1].id]).await.unwrap();
        assert_eq!(claimed, [of_one[1].clone()]);
        assert_eq!(group.claim("two", Duration::from_secs(60), &[&of_one[1].id]).await.unwrap(), []);
        let claimed = group.claim_idle("three", Duration::ZERO, "0-0", 10).await.unwrap();
        assert_eq!((claimed.entries.len(), claimed.next.as_str()), (2, "0-0"));
        assert_eq!(group.read_pending("three", "0").await.unwrap(), claimed.entries);
        orders.add(&Order { id: 4 }).await.unwrap();
        assert_eq!(group.read("four").without_ack().await.unwrap().len(), 1);
        assert_eq!(group.pending("-", 10).await.unwrap().len(), 2);
        let error = orders.group("none").read("one").await.unwrap_err();
        assert_eq!(error.kind(), Kind::Internal);
    }
}

/// Redis 7 lets go of what can't be had any more; who isn't told has lost messages without knowing.
#[tokio::test]
async fn who_claims_is_told_what_was_trimmed_before_anybody_had_served_it() {
    for kit in everywhere("").await {
        let orders = kit.redis.stream("orders");
        let group = orders.group("office");
        group.create("0").await.unwrap();
        let id = orders.add(&Order { id: 1 }).await.unwrap();
        assert_eq!(group.read("one").await.unwrap().len(), 1);
        let mut raw = kit.redis.connection().unwrap();
        redis::cmd("XDEL").arg(raw.key("orders")).arg(&id).exec_async(&mut raw).await.unwrap();
        let claimed = group.claim_idle("two", Duration::ZERO, "0-0", 10).await.unwrap();
        assert_eq!((claimed.entries, claimed.deleted), (vec![], vec![id]), "{}", kit.place);
    }
}
