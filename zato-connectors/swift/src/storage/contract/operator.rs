//! The operators of opendal's, whose requests go over our wire.

use futures_util::TryStreamExt as _;
use opendal::{EntryMode, ErrorKind, Operator};
use zato_core::{Error, Kind};

use super::kit::{connection, everywhere};
use crate::{SwiftErrorKind, error::kind_of};

async fn names(operator: &Operator) -> Vec<String> {
    let lister = operator.lister_with("").recursive(true).await.unwrap();
    let files = lister.try_filter(|entry| std::future::ready(entry.metadata().mode() != EntryMode::DIR));
    let mut names: Vec<_> = files.map_ok(|entry| entry.path().to_owned()).try_collect().await.unwrap();
    names.sort();
    names
}

#[tokio::test]
async fn an_operator_sees_what_the_handle_stores_and_the_other_way_round() {
    for kit in everywhere("").await {
        let (storage, place) = (&kit.storage, kit.place);
        storage.put(&kit.path("2026/a"), "handle").await.unwrap();
        let operator = storage.operator(&kit.container()).unwrap();
        operator.check().await.unwrap_or_else(|error| panic!("{place}: {error}"));
        assert_eq!(operator.read("2026/a").await.unwrap().to_vec(), b"handle", "{place}");
        operator.write("b", "operator").await.unwrap();
        assert_eq!(storage.get(&kit.path("b")).text().await.unwrap(), "operator", "{place}");
        assert_eq!(operator.stat("b").await.unwrap().content_length(), 8, "{place}");
        assert_eq!(operator.read_with("b").range(2..5).await.unwrap().to_vec(), b"era", "{place}");
        assert_eq!(names(&operator).await, ["2026/a", "b"], "{place}");
        let missing = operator.stat("none").await.unwrap_err();
        assert_eq!(missing.kind(), ErrorKind::NotFound, "{place}: {missing}");
        if operator.info().capability().copy {
            operator.copy("b", "c").await.unwrap_or_else(|error| panic!("{place}: {error}"));
            assert_eq!(storage.get(&kit.path("c")).text().await.unwrap(), "operator", "{place}");
        }
        operator.delete_iter(["2026/a", "b", "c", "none"]).await.unwrap();
        assert_eq!(names(&operator).await, Vec::<String>::new(), "{place}");
    }
}

#[tokio::test]
async fn what_is_written_in_pieces_is_whole() {
    for kit in everywhere("").await {
        let place = kit.place;
        kit.storage.put(&kit.path("first"), "1").await.unwrap();
        let operator = kit.storage.operator(&kit.container()).unwrap();
        let bytes: Vec<u8> = (0..3_000_000_u32).flat_map(u32::to_le_bytes).collect();
        let mut writer = operator.writer_with("large").chunk(5 * 1024 * 1024).concurrent(2).await.unwrap();
        for piece in bytes.chunks(1_000_003) {
            writer.write(piece.to_vec()).await.unwrap_or_else(|error| panic!("{place}: {error}"));
        }
        writer.close().await.unwrap_or_else(|error| panic!("{place}: {error}"));
        let read = operator.read("large").await.unwrap_or_else(|error| panic!("{place}: {error}"));
        assert!(read.to_vec() == bytes, "{place}");
        let part = kit.storage.get(&kit.path("large")).range(5_242_870..5_242_890).bytes().await.unwrap();
        assert_eq!(part, bytes[5_242_870..5_242_890], "{place}");
    }
}

#[tokio::test(start_paused = true)]
async fn requests_of_an_operator_are_those_of_the_connection() {
    let kit = connection("").await;
    kit.storage.put(&kit.path("a"), "1").await.unwrap();
    let (server, operator) = (kit.server.as_ref().unwrap(), kit.storage.operator(&kit.container()).unwrap());
    server.forget_tokens();
    assert_eq!(operator.read("a").await.unwrap().to_vec(), b"1", "with a new token");
    server.fail_next_times("PUT", 503, 2);
    operator.write("b", "2").await.unwrap();
    for (status, kind) in [
        (404, ErrorKind::NotFound),
        (403, ErrorKind::PermissionDenied),
        (412, ErrorKind::ConditionNotMatch),
        (429, ErrorKind::RateLimited),
    ] {
        server.fail_next_times("PUT", status, 3);
        assert_eq!(operator.write("b", "2").await.unwrap_err().kind(), kind, "{status}");
        while operator.write("b", "2").await.is_err() {}
    }
    server.fail_next_times("GET", 503, 9);
    let error = operator.read("a").await.unwrap_err();
    let ours = Error::find_in(&error).unwrap();
    assert_eq!((ours.kind(), kind_of(ours)), (Kind::Unavailable, Some(SwiftErrorKind::NotNow)));
    assert!(error.is_persistent() && !error.to_string().contains("testing"), "{error}");
}

#[tokio::test]
async fn a_container_that_opendal_would_not_encode_is_refused() {
    let kit = connection("").await;
    for container in ["a b", "żółw", "a%"] {
        let error = kit.storage.operator(container).unwrap_err();
        assert_eq!(error.kind(), Kind::InvalidInput, "{container}");
    }
}
