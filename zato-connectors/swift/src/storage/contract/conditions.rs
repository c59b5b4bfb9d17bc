use std::future::IntoFuture as _;

use futures_util::future::join_all;
use zato_core::{Kind, message::ByteStream};

use super::kit::everywhere;

#[tokio::test]
async fn what_is_to_be_stored_only_if_absent_is_stored_once() {
    for kit in everywhere("").await {
        let (storage, place, path) = (&kit.storage, kit.place, kit.path("2026/a"));
        match storage.put(&path, "first").only_if_absent().await {
            Ok(_) => {}
            // Swift's S3 can't, and says so.
            Err(error) if place == "S3" => {
                assert_eq!(error.kind(), Kind::Internal, "{}", error.report());
                continue;
            }
            Err(error) => panic!("{place}: {}", error.report()),
        }
        let error = storage.put(&path, "second").only_if_absent().await.unwrap_err();
        assert_eq!(error.kind(), Kind::Conflict, "{place}: {}", error.report());
        assert_eq!(storage.get(&path).text().await.unwrap(), "first", "{place}");
        let stream = || ByteStream::new(futures_util::stream::iter([Ok("third".into())]));
        let error = storage.put_stream(&path, stream()).only_if_absent().await.unwrap_err();
        assert_eq!(error.kind(), Kind::Conflict, "{place}: {}", error.report());
        assert!(storage.delete(&path).await.unwrap(), "{place}");
        storage.put_stream(&path, stream()).only_if_absent().await.unwrap();
        assert_eq!(storage.get(&path).text().await.unwrap(), "third", "{place}");
    }
}

#[tokio::test]
async fn of_many_who_store_at_once_one_is_the_first_and_nobody_sees_halves() {
    for kit in everywhere("").await {
        let (storage, place, path) = (&kit.storage, kit.place, kit.path("a"));
        // What a server promises is a server's own business.
        if !matches!(place, "a real Swift" | "S3") {
            let puts = (0..20).map(|number| storage.put(&path, number.to_string()).only_if_absent().into_future());
            let stored = join_all(puts).await.into_iter().filter(Result::is_ok).count();
            assert_eq!(stored, 1, "{place}");
        }
        let texts: Vec<String> = (0..8).map(|number| number.to_string().repeat(100_000 + number)).collect();
        let puts = join_all(texts.iter().map(|text| storage.put(&path, text.clone()).into_future()));
        let gets = join_all((0..8).map(|_| storage.get(&path).text()));
        let (stored, read) = tokio::join!(puts, gets);
        assert!(stored.iter().all(Result::is_ok), "{place}: {stored:?}");
        for text in read.into_iter().flatten().filter(|text| text.len() > 10) {
            assert!(texts.contains(&text), "{place}: {} bytes", text.len());
        }
    }
}
