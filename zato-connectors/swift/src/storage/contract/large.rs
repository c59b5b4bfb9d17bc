//! Streams that are longer than one object may be, or might be, in Swift.

use zato_core::{Kind, bytes::Bytes, message::ByteStream};

use super::kit::{Kit, in_segments};
use crate::tests::large_bytes;

/// How large the segments are here.
const SEGMENT: usize = 64 * 1024;

fn stream(number: usize) -> ByteStream {
    let all = large_bytes(SEGMENT * number + 5);
    let pieces: Vec<_> = all.chunks(9973).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
    ByteStream::new(futures_util::stream::iter(pieces))
}

/// Returns how many segments there are of the container's objects.
async fn segments(kit: &Kit) -> usize {
    let prefix = format!("{}_segments/", kit.container());
    let (mut entries, mut number) = (kit.storage.list(&prefix).entries(), 0);
    while let Some(_segment) = entries.next().await.unwrap() {
        number += 1;
    }
    number
}

#[tokio::test]
async fn a_stream_of_any_length_is_stored_and_leaves_nothing_when_it_goes() {
    for kit in in_segments().await {
        let (storage, place, path, other) = (&kit.storage, kit.place, kit.path("2026/a ż"), kit.path("b"));
        if let Some(server) = &kit.server {
            server.set_max_object_size(SEGMENT as u64 * 2);
        }
        let put = storage.put_stream(&path, stream(3)).content_type("text/x-a");
        let stored = put.await.unwrap_or_else(|error| panic!("{place}: {}", error.report()));
        assert_eq!(stored.bytes, SEGMENT as u64 * 3 + 5, "{place}");
        assert_eq!(storage.get(&path).bytes().await.unwrap(), large_bytes(SEGMENT * 3 + 5), "{place}");
        let details = storage.head(&path).await.unwrap();
        assert_eq!((details.bytes, details.content_type.as_deref()), (stored.bytes, Some("text/x-a")), "{place}");
        assert_eq!(segments(&kit).await, 4, "{place}");
        let error = storage.put_stream(&path, stream(3)).only_if_absent().await.unwrap_err();
        assert_eq!((error.kind(), segments(&kit).await), (Kind::Conflict, 4), "{place}");

        storage.copy(&path, &other).await.unwrap_or_else(|error| panic!("{place}: {}", error.report()));
        storage.put(&path, "small").await.unwrap();
        assert_eq!(storage.get(&path).text().await.unwrap(), "small", "{place}");
        assert_eq!(storage.get(&other).bytes().await.unwrap(), large_bytes(SEGMENT * 3 + 5), "{place}");
        storage.copy(&path, &other).await.unwrap();
        assert_eq!(segments(&kit).await, 0, "{place}: what was replaced");

        for deletes_many in [false, true] {
            storage.put_stream(&path, stream(1)).await.unwrap();
            assert_eq!(segments(&kit).await, 2, "{place}");
            if deletes_many {
                storage.delete_many(&[&path, &other]).await.unwrap();
            } else {
                assert!(storage.delete(&path).await.unwrap(), "{place}");
            }
            assert_eq!((storage.exists(&path).await.unwrap(), segments(&kit).await), (false, 0), "{place}");
        }
    }
}

/// One with a length is refused before it is read, by a server with another limit than others.
#[tokio::test]
async fn what_the_server_does_not_take_as_one_is_told_with_the_remedy() {
    for kit in in_segments().await {
        let Some(server) = &kit.server else { continue };
        server.set_max_object_size(SEGMENT as u64 * 2);
        let path = kit.path("a");
        let error = kit.storage.put_stream(&path, stream(3).with_length(SEGMENT as u64 * 3 + 5)).await.unwrap_err();
        assert_eq!(error.kind(), Kind::TooLarge);
        let remedy = "a stream without a length is stored in segments";
        assert!(error.context().any(|said| said == ("remedy", remedy)), "{}", error.report());
        assert!(!kit.storage.exists(&path).await.unwrap());
    }
}

/// What is known to be longer than 5 GiB is not even begun as one.
#[tokio::test]
async fn a_stream_that_says_that_it_is_longer_is_sent_in_segments() {
    for kit in in_segments().await {
        let path = kit.path("a");
        let error = kit.storage.put_stream(&path, stream(3).with_length(6 << 30)).await.unwrap_err();
        assert_ne!(error.kind(), Kind::TooLarge, "{}: {}", kit.place, error.report());
        assert!(error.context().any(|(key, _)| key == "segments"), "{}: {}", kit.place, error.report());
        assert_eq!(segments(&kit).await, 0, "{}", kit.place);
    }
}
