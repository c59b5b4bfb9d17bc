//! Downloads that break off.

use std::{future::IntoFuture as _, time::Duration};

use zato_core::{Error, Kind, Retry, bytes::Bytes, message::ByteStream};

use super::kit::{everywhere, fake};
use crate::{SwiftErrorKind, error::kind_of};

fn bytes() -> Bytes {
    (0..500_000_u32).flat_map(u32::to_le_bytes).collect()
}

#[tokio::test(start_paused = true)]
async fn what_breaks_off_is_read_on_where_it_was() {
    let kit = fake("").await;
    let (name, server) = (kit.container("a").await, kit.server().unwrap());
    let object = kit.swift.object(&name, "large");
    object.put(bytes()).await.unwrap();
    for after in [0, 1, 65_536, 1_999_999] {
        let before = server.calls("GET");
        server.break_next("GET", after);
        assert_eq!(object.get().bytes().await.unwrap(), bytes(), "{after}");
        assert_eq!(server.calls("GET") - before, 2, "{after}");
    }
    server.break_next("GET", 1000);
    assert_eq!(object.get().range(500_000..1_500_000).bytes().await.unwrap(), bytes().slice(500_000..1_500_000));
}

#[tokio::test(start_paused = true)]
async fn another_object_in_its_place_is_not_read_on() {
    let kit = fake("").await;
    let (name, server) = (kit.container("a").await, kit.server().unwrap());
    let object = kit.swift.object(&name, "large");
    object.put(bytes()).await.unwrap();
    server.break_next("GET", 1_000_000);
    let mut part = object.get().stream().await.unwrap();
    object.put("another").await.unwrap();
    let error = loop {
        match part.stream.chunk().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("it was read whole"),
            Err(error) => break error,
        }
    };
    assert_eq!((error.kind(), error.message()), (Kind::Conflict, "the object was replaced while it was read"));
}

#[tokio::test(start_paused = true)]
async fn what_breaks_off_each_time_ends_after_the_retries() {
    let kit = fake("retries: 2").await;
    let (name, server) = (kit.container("a").await, kit.server().unwrap());
    let object = kit.swift.object(&name, "large");
    object.put(bytes()).await.unwrap();
    for _ in 0..3 {
        server.break_next("GET", 0);
    }
    let error = object.get().bytes().await.unwrap_err();
    assert_eq!((error.kind(), kind_of(&error)), (Kind::Unavailable, Some(SwiftErrorKind::ConnectionLost)));
}

#[tokio::test(start_paused = true)]
async fn what_arrives_otherwise_than_it_is_stored_is_told() {
    let kit = fake("").await;
    let (name, server) = (kit.container("a").await, kit.server().unwrap());
    let object = kit.swift.object(&name, "a");
    object.put(bytes()).await.unwrap();
    server.corrupt_next("GET");
    let error = object.get().bytes().await.unwrap_err();
    assert_eq!((error.kind(), kind_of(&error)), (Kind::Upstream, Some(SwiftErrorKind::ChecksumMismatch)));
}

#[tokio::test(start_paused = true)]
async fn what_has_arrived_otherwise_than_it_was_sent_does_not_stay() {
    let kit = fake("").await;
    let (name, server) = (kit.container("a").await, kit.server().unwrap());
    let object = kit.swift.object(&name, "a");
    let mismatch = |error: Error| assert_eq!(kind_of(&error), Some(SwiftErrorKind::ChecksumMismatch));
    object.put("before").await.unwrap();
    server.corrupt_next("PUT");
    mismatch(object.put("small").await.unwrap_err());
    assert_eq!(object.get().text().await.unwrap(), "before", "the server was told");

    server.corrupt_next("PUT");
    let before = server.calls("PUT");
    assert_eq!(object.put(bytes()).content_type("text/x").await.unwrap().bytes, bytes().len() as u64);
    assert_eq!((object.get().bytes().await.unwrap(), server.calls("PUT") - before), (bytes(), 2), "it was sent again");
    assert_eq!(object.head().await.unwrap().content_type.as_deref(), Some("text/x"));

    server.corrupt_next("PUT");
    server.corrupt_next("PUT");
    mismatch(object.put(bytes()).await.unwrap_err());
    assert!(!object.exists().await.unwrap(), "it is nothing that anybody wants to read");

    let stream = || ByteStream::new(futures_util::stream::iter([Ok(bytes())]));
    server.corrupt_next("PUT");
    let error = object.put_stream(stream()).await.unwrap_err();
    assert!(error.context().any(|said| said == ("stored", "deleted")), "{}", error.report());
    mismatch(error);
    assert!(!object.exists().await.unwrap());

    for puts in [object.put_stream(stream()), object.put(bytes())] {
        server.corrupt_next("PUT");
        server.delay_next("HEAD", Duration::from_secs(5));
        let (stored, replaced) = tokio::join!(puts.into_future(), async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            object.put("somebody else's").await
        });
        mismatch(stored.unwrap_err());
        replaced.unwrap();
        assert_eq!(object.get().text().await.unwrap(), "somebody else's");
    }

    server.corrupt_next("PUT");
    let absent = kit.swift.object(&name, "absent");
    mismatch(absent.put(bytes()).only_if_absent().await.unwrap_err());
    assert!(!absent.exists().await.unwrap());

    server.set_behind(true);
    server.corrupt_next("PUT");
    mismatch(object.put_stream(stream()).await.unwrap_err());
    assert!(server.object(&name, "a").is_none(), "whatever a replica says that is behind");
}

/// Whether it has a length or not, and fails, ends before that, or goes on after it.
#[tokio::test]
async fn a_stream_that_is_not_what_it_said_leaves_what_was_there() {
    for kit in everywhere("").await {
        let (place, name) = (kit.place, kit.container("a").await);
        let object = kit.swift.object(&name, "a");
        object.put("before").await.unwrap();
        let stream = |fails: bool| {
            let pieces = bytes().chunks(100_000).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect::<Vec<_>>();
            let fault = fails.then(|| Err(Error::conflict("the source is gone")));
            ByteStream::new(futures_util::stream::iter(pieces.into_iter().chain(fault)))
        };
        let length = bytes().len() as u64;
        let none = ByteStream::new(futures_util::stream::iter([Err(Error::conflict("the source is gone"))]));
        for (stream, kind) in [
            (stream(true), Kind::Conflict),
            (stream(true).with_length(length + 1), Kind::Conflict),
            (stream(false).with_length(length + 1), Kind::Internal),
            (stream(false).with_length(length - 1), Kind::Internal),
            (stream(false).with_length(0), Kind::Internal),
            (none.with_length(0), Kind::Conflict),
        ] {
            let said = stream.length();
            let error = object.put_stream(stream).await.unwrap_err();
            assert_eq!((error.kind(), error.retry()), (kind, Retry::Never), "{place} {said:?}: {}", error.report());
            assert_eq!(object.get().text().await.unwrap(), "before", "{place} {said:?}");
        }
        assert_eq!(kit.swift.container(&name).objects().collect().await.unwrap().len(), 1, "{place}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_says_nothing_more_is_given_up() {
    let kit = fake("timeout: 10s\nretries: 0").await;
    let (name, server) = (kit.container("a").await, kit.server().unwrap());
    server.delay_next("PUT", Duration::from_secs(3600));
    let error = kit.swift.object(&name, "a").put("1").await.unwrap_err();
    assert_eq!((error.kind(), kind_of(&error)), (Kind::Timeout, Some(SwiftErrorKind::Timeout)));
}
