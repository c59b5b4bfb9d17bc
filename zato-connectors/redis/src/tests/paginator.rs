//! Pages of lists and sorted sets, with the results that the reference implementation gives.

use redis::AsyncTypedCommands as _;
use zato_core::Kind;

use super::kit::{Kit, everywhere};
use crate::{InvalidPage, ListPaginator, Page, RedisPaginator, SourceType, ZSetPaginator};

async fn list(kit: &Kit, items: u32) {
    let mut raw = kit.redis.connection().unwrap();
    let items: Vec<String> = (1..=items).map(|item| item.to_string()).collect();
    raw.rpush(raw.key("list"), items).await.unwrap();
}

/// Members a to q with scores 1 to 17.
async fn zset(kit: &Kit) {
    let mut raw = kit.redis.connection().unwrap();
    let members: Vec<(u8, String)> =
        (b'a'..=b'q').zip(1..).map(|(c, score)| (score, char::from(c).to_string())).collect();
    raw.zadd_multiple(raw.key("zset"), &members).await.unwrap();
}

fn texts<const N: usize>(texts: [&str; N]) -> Vec<String> {
    texts.map(str::to_owned).into()
}

fn fault<T: std::fmt::Debug>(result: zato_core::Result<T>) -> (Kind, InvalidPage) {
    let error = result.unwrap_err();
    (error.kind(), *error.find::<InvalidPage>().unwrap())
}

const NO_RESULTS: (Kind, InvalidPage) = (Kind::NotFound, InvalidPage::EmptyPage("that page contains no results"));

#[tokio::test]
async fn a_list_has_the_pages_of_the_reference() {
    for kit in everywhere("").await {
        list(&kit, 17).await;
        let paginator = ListPaginator::new(&kit.redis, "list", 6);
        assert_eq!(paginator.count().await.unwrap(), 17, "{}", kit.place);
        assert_eq!(paginator.num_pages().await.unwrap(), 3);
        assert_eq!(Vec::from_iter(paginator.page_range().await.unwrap()), [1, 2, 3]);
        let page: Page<String> = paginator.page(3).await.unwrap();
        assert_eq!(page.object_list, texts(["13", "14", "15", "16", "17"]));
        assert!(!page.has_next() && page.has_previous() && page.has_other_pages());
        assert_eq!((page.start_index(), page.end_index(), page.len()), (13, 17, 5));
        assert_eq!((page.number, page.count, page.num_pages), (3, 17, 3));
        assert_eq!(page.next_page_number(), Err(InvalidPage::EmptyPage("that page contains no results")));
        assert_eq!(page.previous_page_number(), Ok(2));
        assert_eq!(page.to_string(), "<Page 3 of 3>");
        assert_eq!(page.into_iter().last().as_deref(), Some("17"));
        let first: Page<u32> = paginator.page("1").await.unwrap();
        assert_eq!(first.object_list, [1, 2, 3, 4, 5, 6]);
        assert_eq!((first.start_index(), first.end_index()), (1, 6));
        assert!(first.has_next() && !first.has_previous());
        assert_eq!(first.previous_page_number(), Err(InvalidPage::EmptyPage("that page number is less than 1")));
    }
}

#[tokio::test]
async fn a_sorted_set_has_the_pages_of_the_reference() {
    for kit in everywhere("").await {
        zset(&kit).await;
        let all = ZSetPaginator::new(&kit.redis, "zset", 6);
        assert_eq!((all.count().await.unwrap(), all.num_pages().await.unwrap()), (17, 3), "{}", kit.place);
        assert_eq!(all.page::<String>(3).await.unwrap().object_list, texts(["m", "n", "o", "p", "q"]));
        let some = ZSetPaginator::new(&kit.redis, "zset", 2).score_min(5).score_max(13);
        assert_eq!((some.count().await.unwrap(), some.num_pages().await.unwrap()), (9, 5));
        assert_eq!(some.page::<String>(3).await.unwrap().object_list, texts(["i", "j"]));
        assert_eq!(some.page::<String>(5).await.unwrap().object_list, texts(["m"]));
        let from = ZSetPaginator::new(&kit.redis, "zset", 20).score_min("(5");
        assert_eq!(from.page::<String>(1).await.unwrap().len(), 12);
        let to = ZSetPaginator::new(&kit.redis, "zset", 20).score_max(2.5);
        assert_eq!(to.page::<String>(1).await.unwrap().object_list, texts(["a", "b"]));
    }
}

#[tokio::test]
async fn a_last_page_of_orphans_joins_the_one_before() {
    for kit in everywhere("").await {
        list(&kit, 14).await;
        for (orphans, pages, last) in [(0, 3, 2), (1, 3, 2), (2, 2, 8), (100, 1, 14)] {
            let paginator = ListPaginator::new(&kit.redis, "list", 6).orphans(orphans);
            assert_eq!(paginator.num_pages().await.unwrap(), pages, "{orphans} orphans {}", kit.place);
            let page: Page<u32> = paginator.page(pages).await.unwrap();
            assert_eq!((page.len(), page.end_index(), page.has_next()), (last, 14, false));
            assert_eq!(fault(paginator.page::<u32>(pages + 1).await), NO_RESULTS);
        }
        list(&kit, 1).await;
        let scored = ZSetPaginator::new(&kit.redis, "missing", 6).score_min(1).orphans(3);
        assert_eq!(scored.page::<String>(1).await.unwrap().len(), 0);
    }
}

#[tokio::test]
async fn nothing_has_a_first_page_if_it_may() {
    for kit in everywhere("").await {
        let allowed = ListPaginator::new(&kit.redis, "list", 6);
        let page: Page<String> = allowed.page(1).await.unwrap();
        assert!(page.is_empty() && !page.has_other_pages());
        assert_eq!((page.start_index(), page.end_index(), page.num_pages), (0, 0, 1));
        assert_eq!(fault(allowed.page::<String>(2).await), NO_RESULTS);
        let refused = ListPaginator::new(&kit.redis, "list", 6).allow_empty_first_page(false);
        assert_eq!(refused.num_pages().await.unwrap(), 0);
        assert!(refused.page_range().await.unwrap().is_empty());
        assert_eq!(fault(refused.page::<String>(1).await), NO_RESULTS);
    }
}

#[tokio::test]
async fn what_is_no_page_is_told_apart() {
    for kit in everywhere("").await {
        list(&kit, 3).await;
        let paginator = ListPaginator::new(&kit.redis, "list", 2);
        for number in ["x", "", "1.5", "last"] {
            let found = fault(paginator.page::<u32>(number).await);
            assert_eq!(found, (Kind::InvalidInput, InvalidPage::PageNotAnInteger), "{number:?}");
        }
        for number in [0, -1, i64::MIN] {
            let found = fault(paginator.page::<u32>(number).await);
            assert_eq!(found, (Kind::NotFound, InvalidPage::EmptyPage("that page number is less than 1")));
        }
        assert_eq!(fault(paginator.page::<u32>(u64::MAX).await), NO_RESULTS);
        assert_eq!(ListPaginator::new(&kit.redis, "list", 0).page::<u32>(1).await.unwrap_err().kind(), Kind::Internal);
        assert_eq!(ListPaginator::new(&kit.redis, "list", u64::MAX).page::<u32>(1).await.unwrap().len(), 3);
        let error = ZSetPaginator::new(&kit.redis, "list", 2).page::<u32>(1).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Internal, "WRONGTYPE");
        let error = ListPaginator::new(&kit.redis, "list", 2).page::<bool>(1).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Upstream);
    }
}

#[tokio::test]
async fn a_source_is_known_by_its_type() {
    for kit in everywhere("").await {
        list(&kit, 3).await;
        zset(&kit).await;
        let list = RedisPaginator::of_type(&kit.redis, "list", 2, "list".parse().unwrap());
        assert_eq!(list.page::<u32>(2).await.unwrap().object_list, [3]);
        let zset = RedisPaginator::of_type(&kit.redis, "zset", 16, "zset".parse().unwrap());
        assert_eq!(zset.page::<String>(2).await.unwrap().object_list, texts(["q"]));
    }
    let error = "hash".parse::<SourceType>().unwrap_err();
    assert_eq!(error.message(), "no such type of source; there are list and zset");
}

#[tokio::test]
async fn no_page_but_the_one_that_is_asked_for_is_read() {
    for kit in everywhere("").await {
        let Some(memory) = kit.memory() else { continue };
        zset(&kit).await;
        let paginator = ZSetPaginator::new(&kit.redis, "zset", 2).score_min(5).score_max(13);
        for number in 1..=5 {
            paginator.page::<String>(number).await.unwrap();
        }
        assert_eq!((memory.calls("zcount"), memory.calls("zrangebyscore")), (1, 5));
    }
}

#[tokio::test]
async fn a_page_is_an_object_of_json() {
    for kit in everywhere("").await {
        list(&kit, 3).await;
        let page: Page<u32> = ListPaginator::new(&kit.redis, "list", 2).page(2).await.unwrap();
        let expected = serde_json::json!({
            "object_list": [3], "number": 2, "count": 3, "num_pages": 2, "start_index": 3, "end_index": 3,
            "has_next": false, "has_previous": true, "next_page_number": null, "previous_page_number": 1,
        });
        assert_eq!(serde_json::to_value(&page).unwrap(), expected);
    }
}
