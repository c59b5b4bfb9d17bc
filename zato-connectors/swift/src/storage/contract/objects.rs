use std::time::SystemTime;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use zato_core::{Kind, bytes::Bytes, message::ByteStream};

use super::kit::everywhere;
use crate::Metadata;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Invoice {
    id: String,
    amount: u32,
}

/// Bytes that are not the same anywhere.
fn large(bytes: usize) -> Bytes {
    (0_u32..).flat_map(u32::to_le_bytes).take(bytes).collect()
}

fn pieces(bytes: &Bytes, size: usize) -> ByteStream {
    let pieces: Vec<_> = bytes.chunks(size).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
    ByteStream::new(futures_util::stream::iter(pieces))
}

#[tokio::test]
async fn what_is_stored_comes_back_with_what_is_known_of_it() {
    for kit in everywhere("").await {
        let (storage, place, path) = (&kit.storage, kit.place, kit.path("2026/Invoice żółw.json"));
        assert!(!storage.exists(&path).await.unwrap() && !storage.delete(&path).await.unwrap(), "{place}");
        let error = storage.get(&path).bytes().await.unwrap_err();
        assert_eq!(error.kind(), Kind::NotFound, "{place}: {}", error.report());
        assert_eq!(storage.head(&path).await.unwrap_err().kind(), Kind::NotFound, "{place}");

        let stored = storage.put(&path, "{\"id\":\"123\"}").content_type("application/json").await.unwrap();
        assert_eq!(stored.bytes, 12, "{place}");
        let details = storage.head(&path).await.unwrap();
        assert_eq!((details.bytes, details.content_type.as_deref()), (12, Some("application/json")), "{place}");
        assert_eq!(details.etag, stored.etag, "{place}");
        assert!(details.etag.is_none_or(|etag| etag == "4153488ddf34b5fe258218e03bfbf381"), "{place}");
        if let Some(moment) = details.last_modified {
            let age = DateTime::<Utc>::from(SystemTime::now()) - moment;
            assert!(age.num_seconds().abs() < 60, "{place}: {age}");
        }
        assert_eq!(storage.get(&path).text().await.unwrap(), "{\"id\":\"123\"}", "{place}");
        storage.put(&path, "shorter").await.unwrap();
        assert_eq!(storage.get(&path).text().await.unwrap(), "shorter", "{place}");
        assert!(storage.delete(&path).await.unwrap() && !storage.exists(&path).await.unwrap(), "{place}");
    }
}

#[tokio::test]
async fn metadata_is_kept_or_said_not_to_be() {
    for kit in everywhere("").await {
        let (storage, place, path) = (&kit.storage, kit.place, kit.path("a"));
        let metadata = Metadata::new().with("Sent-By", "CRM").with("year", "2026");
        let put = storage.put(&path, "1").metadata(metadata.clone()).await;
        if kit.keeps_metadata {
            put.unwrap();
            assert_eq!(storage.head(&path).await.unwrap().metadata, metadata, "{place}");
            assert_eq!(storage.get(&path).stream().await.unwrap().details.metadata, metadata, "{place}");
            storage.put(&path, "2").await.unwrap();
            assert!(storage.head(&path).await.unwrap().metadata.is_empty(), "{place}: a new one has its own");
        } else {
            let error = put.unwrap_err();
            assert_eq!(error.kind(), Kind::Internal, "{place}");
            assert_eq!(error.message(), "the object storage can't keep metadata: its scheme is memory");
            assert!(!storage.exists(&path).await.unwrap(), "{place}");
        }
    }
}

#[tokio::test]
async fn models_streams_and_nothing_at_all_are_stored() {
    for kit in everywhere("").await {
        let (storage, place) = (&kit.storage, kit.place);
        let (model, nothing) = (kit.path("model"), kit.path("nothing"));
        let invoice = Invoice { id: "123".to_owned(), amount: 7 };
        storage.put_model(&model, &invoice).await.unwrap();
        assert_eq!(storage.get(&model).model::<Invoice>().await.unwrap(), invoice, "{place}");
        assert_eq!(storage.head(&model).await.unwrap().content_type.as_deref(), Some("application/json"), "{place}");
        assert_eq!(storage.get(&model).model::<Vec<u8>>().await.unwrap_err().kind(), Kind::Upstream, "{place}");
        assert_eq!(storage.put(&nothing, "").await.unwrap().bytes, 0, "{place}");
        assert_eq!(storage.get(&nothing).bytes().await.unwrap(), "", "{place}");
        let empty = ByteStream::new(futures_util::stream::empty());
        assert_eq!(storage.put_stream(&nothing, empty).await.unwrap().bytes, 0, "{place}");
        assert_eq!(storage.get(&nothing).range(..5).bytes().await.unwrap(), "", "{place}");
        storage.put(&nothing, vec![0xff]).await.unwrap();
        assert_eq!(storage.get(&nothing).text().await.unwrap_err().kind(), Kind::Upstream, "{place}");
    }
}

#[tokio::test]
async fn large_ones_go_in_pieces_and_are_not_read_as_a_whole_by_accident() {
    let bytes = large(10 * 1024 * 1024 + 7);
    let length = bytes.len() as u64;
    for kit in everywhere("max_size: 11MiB").await {
        let (storage, place) = (&kit.storage, kit.place);
        let (whole, known, unknown) = (kit.path("whole"), kit.path("known"), kit.path("unknown"));
        storage.put(&whole, bytes.clone()).await.unwrap();
        let stream = pieces(&bytes, 65_521).with_length(length);
        assert_eq!(storage.put_stream(&known, stream).await.unwrap().bytes, length, "{place}");
        let put = storage.put_stream(&unknown, pieces(&bytes, 99_991)).content_type("text/x-a");
        assert_eq!(put.await.unwrap().bytes, length, "{place}");
        for path in [&whole, &known, &unknown] {
            assert!(storage.get(path).bytes().await.unwrap() == bytes, "{place} {path}");
        }
        let details = storage.head(&unknown).await.unwrap();
        assert_eq!((details.bytes, details.content_type.as_deref()), (length, Some("text/x-a")), "{place}");
        let part = storage.get(&whole).range(5_000_000..5_000_010).bytes().await.unwrap();
        assert_eq!(part, bytes.slice(5_000_000..5_000_010), "{place}");
        let error = storage.get(&whole).max_size(1024).bytes().await.unwrap_err();
        assert_eq!(error.kind(), Kind::TooLarge, "{place}");
        assert!(error.message().contains("read it as a stream"), "{place}: {}", error.message());
        storage.put(&whole, large(12 * 1024 * 1024)).await.unwrap();
        assert_eq!(storage.get(&whole).bytes().await.unwrap_err().kind(), Kind::TooLarge, "{place}");
        let mut stream = storage.get(&whole).stream().await.unwrap().stream;
        let mut read = 0;
        while let Some(piece) = stream.chunk().await.unwrap() {
            assert!(piece.len() <= 12 * 1024 * 1024, "{place}");
            read += piece.len();
        }
        assert_eq!(read, 12 * 1024 * 1024, "{place}");
    }
}

#[tokio::test]
async fn parts_are_read() {
    for kit in everywhere("").await {
        let (storage, place, path) = (&kit.storage, kit.place, kit.path("a"));
        storage.put(&path, "0123456789").await.unwrap();
        assert_eq!(storage.get(&path).range(..3).text().await.unwrap(), "012", "{place}");
        assert_eq!(storage.get(&path).range(7..).text().await.unwrap(), "789", "{place}");
        assert_eq!(storage.get(&path).range(5..=5).text().await.unwrap(), "5", "{place}");
        assert_eq!(storage.get(&path).range(8..100).text().await.unwrap(), "89", "{place}");
        assert_eq!(storage.get(&path).last(2).text().await.unwrap(), "89", "{place}");
        assert_eq!(storage.get(&path).range(2..4).stream().await.unwrap().details.bytes, 2, "{place}");
        let error = storage.get(&path).range(10..).bytes().await.unwrap_err();
        assert_eq!(error.kind(), Kind::InvalidInput, "{place}: {}", error.report());
        assert_eq!(storage.get(&path).range(3..3).bytes().await.unwrap_err().kind(), Kind::InvalidInput, "{place}");
    }
}

#[tokio::test]
async fn copies_have_all_that_the_original_has() {
    for kit in everywhere("").await {
        let (storage, place) = (&kit.storage, kit.place);
        let (from, to, far) = (kit.path("a ż%"), kit.path("2026/b ż"), kit.other("c"));
        let mut put = storage.put(&from, "copied").content_type("text/x-a");
        let metadata = Metadata::new().with("by", "me");
        if kit.keeps_metadata {
            put = put.metadata(metadata.clone());
        }
        put.await.unwrap();
        storage.put(&to, "what was there is longer").await.unwrap();
        for copy in [&to, &far] {
            storage.copy(&from, copy).await.unwrap_or_else(|error| panic!("{place}: {}", error.report()));
            assert_eq!(storage.get(copy).text().await.unwrap(), "copied", "{place}");
            let details = storage.head(copy).await.unwrap();
            assert_eq!(details.content_type.as_deref(), Some("text/x-a"), "{place} {copy}");
            assert!(!kit.keeps_metadata || details.metadata == metadata, "{place} {copy}: {details:?}");
        }
        let error = storage.copy(&kit.path("none"), &to).await.unwrap_err();
        assert_eq!(error.kind(), Kind::NotFound, "{place}: {}", error.report());
    }
}

#[tokio::test]
async fn many_are_deleted_together() {
    for kit in everywhere("").await {
        let (storage, place) = (&kit.storage, kit.place);
        let mut paths: Vec<_> = (0..7).map(|number| kit.path(&format!("{number}/ż%/?#"))).collect();
        paths.push(kit.other("a"));
        for path in &paths {
            storage.put(path, "1").await.unwrap();
        }
        let kept = kit.path("kept");
        storage.put(&kept, "1").await.unwrap();
        paths.push(kit.path("none"));
        let mut wrong = paths.clone();
        wrong.push(kit.path("a//b"));
        assert_eq!(storage.delete_many(&wrong).await.unwrap_err().kind(), Kind::InvalidInput, "{place}");
        assert!(storage.exists(&paths[0]).await.unwrap(), "{place}: none is deleted when one can't be meant");
        storage.delete_many(&paths).await.unwrap_or_else(|error| panic!("{place}: {}", error.report()));
        for path in &paths {
            assert!(!storage.exists(path).await.unwrap(), "{place} {path}");
        }
        assert!(storage.exists(&kept).await.unwrap(), "{place}");
        storage.delete_many::<&str>(&[]).await.unwrap();
        storage.delete_many(&["zs-nobody-has-it/a"]).await.unwrap_or_else(|error| {
            assert_eq!((place, error.kind()), ("S3", Kind::NotFound), "{}", error.report());
        });
    }
}
