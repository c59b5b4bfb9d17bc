//! Large objects, and a server that fails while they are uploaded.

use std::{
    future::IntoFuture as _,
    io::Write as _,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use zato_core::{Error, Kind, Retry, bytes::Bytes, message::ByteStream};

use super::{
    kit::{Kit, fake},
    large::{bytes, segments},
};
use crate::{SwiftErrorKind, error::kind_of};

pub(super) const SEGMENT: usize = 16 * 1024;

const SMALL: &str = "segment_size: 16KiB";

/// A stream of so many segments, before each of which something is done, and before its end.
pub(super) fn watched(number: usize, mut watch: impl FnMut(usize) -> Option<Error> + Send + 'static) -> ByteStream {
    let all = bytes(SEGMENT * number);
    let pieces = (0..=number).map_while(move |index| match watch(index) {
        Some(fault) => Some(Err(fault)),
        None if index == number => None,
        None => Some(Ok(all.slice(index * SEGMENT..(index + 1) * SEGMENT))),
    });
    ByteStream::new(futures_util::stream::iter(pieces))
}

pub(super) async fn kit(keys: &str) -> (Kit, String) {
    let kit = fake(&format!("{SMALL}\n{keys}")).await;
    let name = kit.container("a").await;
    (kit, name)
}

#[tokio::test(start_paused = true)]
async fn a_fault_that_passes_is_not_noticed() {
    let (kit, name) = kit("").await;
    let server = kit.server().unwrap().clone();
    let object = kit.swift.object(&name, "large");
    let fault = move |index| {
        match index {
            2 => server.fail_next_times("PUT", 503, 3),
            4 => server.break_next("PUT", 5000),
            5 => server.lose_next_answer("PUT"),
            6 => server.forget_tokens(),
            8 => server.fail_next_times("PUT", 498, 2),
            _ => {}
        }
        None
    };
    let stored = object.upload(watched(10, fault)).await.unwrap();
    assert_eq!(stored.bytes, bytes(SEGMENT * 10).len() as u64);
    assert_eq!(object.get().bytes().await.unwrap(), bytes(SEGMENT * 10));
    assert_eq!(segments(&kit, &name).await.len(), 10);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_started_anew_meanwhile_is_waited_for() {
    let (kit, name) = kit("").await;
    let server = kit.server().unwrap().clone();
    let object = kit.swift.object(&name, "large");
    let goes_down = move |index| {
        if index == 3 {
            server.set_down(true);
        }
        None
    };
    let back = async {
        tokio::time::sleep(Duration::from_secs(8)).await;
        kit.server().unwrap().set_down(false);
    };
    let (stored, ()) = tokio::join!(async { object.upload(watched(8, goes_down)).await }, back);
    assert_eq!(stored.unwrap().bytes, (SEGMENT * 8) as u64);
    assert_eq!(object.get().bytes().await.unwrap(), bytes(SEGMENT * 8));
}

#[tokio::test(start_paused = true)]
async fn a_fault_that_stays_is_told_and_leaves_nothing() {
    for (status, kind, ours) in [
        (401, SwiftErrorKind::NotAuthenticated, Kind::Upstream),
        (403, SwiftErrorKind::NotAllowed, Kind::Upstream),
        (404, SwiftErrorKind::NotFound, Kind::NotFound),
        (409, SwiftErrorKind::Conflict, Kind::Conflict),
        (413, SwiftErrorKind::TooLarge, Kind::TooLarge),
        (422, SwiftErrorKind::ChecksumMismatch, Kind::Upstream),
        (498, SwiftErrorKind::RateLimited, Kind::RateLimited),
        (503, SwiftErrorKind::NotNow, Kind::Unavailable),
        (507, SwiftErrorKind::Full, Kind::Unavailable),
    ] {
        let (kit, name) = kit("retries: 2").await;
        let object = kit.swift.object(&name, "large");
        object.put("before").await.unwrap();
        let server = kit.server().unwrap().clone();
        let fails = move |index| {
            if index == 3 {
                server.fail_next_times("PUT", status, 20);
            }
            None
        };
        let error = object.upload(watched(8, fails)).await.unwrap_err();
        assert_eq!((kind_of(&error), error.kind()), (Some(kind), ours), "{status}");
        let said: Vec<_> = error.context().map(|(key, _)| key).collect();
        for key in ["connection", "container", "object", "segments", "path"] {
            assert!(said.contains(&key), "{status}: {said:?}");
        }
        assert_eq!(object.get().text().await.unwrap(), "before", "{status}");
        assert_eq!(segments(&kit, &name).await, Vec::<String>::new(), "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_stream_fails_with_is_told_and_leaves_nothing() {
    let (kit, name) = kit("").await;
    let object = kit.swift.object(&name, "large");
    let stream = watched(8, |index| (index == 5).then(|| Error::conflict("the source is gone")));
    let error = object.upload(stream).await.unwrap_err();
    assert_eq!((error.kind(), error.message()), (Kind::Conflict, "the source is gone"));
    assert!(segments(&kit, &name).await.is_empty() && !object.exists().await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_manifest_whose_answer_is_lost_is_looked_for() {
    for retries in [0, 5] {
        let (kit, name) = kit(&format!("retries: {retries}")).await;
        let object = kit.swift.object(&name, "large");
        object.upload(bytes(SEGMENT * 3)).await.unwrap();
        for (number, is_new) in [(4, false), (5, true)] {
            let object = kit.swift.object(&name, if is_new { "new" } else { "large" });
            let server = kit.server().unwrap().clone();
            // With one at a time the source is asked for its end when all segments are there.
            let loses = move |index| {
                if index == number {
                    server.lose_next_answer("PUT");
                }
                None
            };
            let upload = object.upload(watched(number, loses)).parallelism(1);
            let stored = if is_new { upload.only_if_absent().await } else { upload.await };
            assert_eq!(stored.unwrap().bytes, (SEGMENT * number) as u64, "{retries}");
            assert_eq!(object.get().bytes().await.unwrap(), bytes(SEGMENT * number), "{retries}");
        }
        assert_eq!(segments(&kit, &name).await.len(), 4 + 5, "{retries}: those of the first are gone");
    }
}

#[tokio::test(start_paused = true)]
async fn a_manifest_that_is_not_stored_leaves_what_was_there() {
    for (status, is_certain) in [(413, true), (409, true), (503, false), (507, false)] {
        let (kit, name) = kit("retries: 0").await;
        let object = kit.swift.object(&name, "large");
        object.upload(bytes(SEGMENT * 3)).await.unwrap();
        let server = kit.server().unwrap().clone();
        let fails = move |index| {
            if index == 4 {
                server.fail_next("PUT", status);
            }
            None
        };
        let error = object.upload(watched(4, fails)).parallelism(1).await.unwrap_err();
        assert_eq!(
            error.find::<crate::SwiftError>().and_then(crate::SwiftError::status).map(|s| s.as_u16()),
            Some(status)
        );
        assert_eq!(object.get().bytes().await.unwrap(), bytes(SEGMENT * 3), "{status}");
        let left = if is_certain { 3 } else { 3 + 4 };
        assert_eq!(segments(&kit, &name).await.len(), left, "{status}: what may be put into place yet is left");
    }
}

#[tokio::test(start_paused = true)]
async fn no_more_is_read_of_a_stream_than_there_is_room_for() {
    let (kit, name) = kit("segment_parallelism: 3\npool_size: 10").await;
    let server = kit.server().unwrap().clone();
    for _ in 0..4 {
        server.delay_next("PUT", Duration::from_secs(5));
    }
    let asked = Arc::new(Mutex::new(Vec::new()));
    let notes = Arc::clone(&asked);
    let begun = tokio::time::Instant::now();
    let stream = watched(9, move |index| {
        notes.lock().unwrap().push((index, begun.elapsed().as_secs()));
        None
    });
    // The container of the segments takes the first.
    kit.swift.object(&name, "large").upload(stream).await.unwrap();
    let asked = asked.lock().unwrap();
    let early: Vec<_> = asked.iter().filter(|(_, when)| *when < 10).map(|(index, _)| *index).collect();
    assert_eq!(early, [0, 1, 2], "{asked:?}");
}

#[tokio::test(start_paused = true)]
async fn more_uploads_than_there_are_places_wait_as_long_as_something_moves() {
    let (kit, name) = kit("pool_size: 2\nacquire_timeout: 1s").await;
    let server = kit.server().unwrap().clone();
    kit.swift.container(&format!("{name}_segments")).create().await.unwrap();
    for _ in 0..30 {
        server.delay_next("PUT", Duration::from_millis(800));
    }
    let one = |object: &'static str| {
        let (swift, name) = (kit.swift.clone(), name.clone());
        async move { swift.object(&name, object).upload(bytes(SEGMENT * 8)).await }
    };
    let (first, second) = tokio::join!(one("first"), one("second"));
    first.unwrap();
    second.unwrap();

    // A stream that nobody reads keeps its place, and nothing moves.
    kit.swift.object(&name, "read").put(bytes(3_000_000)).await.unwrap();
    let kept = [
        kit.swift.object(&name, "read").get().stream().await.unwrap(),
        kit.swift.object(&name, "read").get().stream().await.unwrap(),
    ];
    let error = kit.swift.object(&name, "third").upload(Bytes::from_static(b"small")).await.unwrap_err();
    assert_eq!((kind_of(&error), error.retry()), (Some(SwiftErrorKind::TooManyWaiting), Retry::Unsent));
    drop(kept);
}

#[tokio::test(start_paused = true)]
async fn a_large_object_that_breaks_off_is_read_on() {
    let (kit, name) = kit("").await;
    let server = kit.server().unwrap();
    let object = kit.swift.object(&name, "large");
    object.upload(bytes(SEGMENT * 30)).await.unwrap();
    for after in [1, 100_000, 300_000] {
        server.break_next("GET", after);
        assert_eq!(object.get().bytes().await.unwrap(), bytes(SEGMENT * 30), "{after}");
    }
    server.break_next("GET", 100_000);
    let mut part = object.get().stream().await.unwrap();
    part.stream.chunk().await.unwrap();
    object.upload(bytes(SEGMENT * 20)).await.unwrap();
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
async fn a_manifest_that_breaks_off_is_read_once_more() {
    let (kit, name) = kit("").await;
    let object = kit.swift.object(&name, "large");
    object.upload(bytes(SEGMENT * 3)).await.unwrap();
    kit.server().unwrap().break_next("GET", 10);
    assert_eq!(object.segments().await.unwrap().unwrap().len(), 3);
    kit.server().unwrap().break_next("GET", 10);
    object.upload(bytes(SEGMENT * 4)).await.unwrap();
    assert_eq!(segments(&kit, &name).await.len(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_stream_whose_segments_would_need_too_much_memory_is_refused_before_anything_is_sent() {
    let (kit, name) = kit("").await;
    let before = kit.server().unwrap().calls("PUT");
    let stream = watched(3, |_| None).with_length(400 << 30);
    let error = kit.swift.object(&name, "large").upload(stream).await.unwrap_err();
    assert_eq!(error.kind(), Kind::TooLarge);
    assert!(error.message().contains("segment_size of 429916160, or upload a file"), "{}", error.message());
    assert_eq!(kit.server().unwrap().calls("PUT"), before);
}

/// Before its checksum is worked out, and while it is sent.
#[tokio::test(start_paused = true)]
async fn a_small_file_that_is_changed_meanwhile_is_told_as_a_large_one() {
    for (number, verb, is_longer) in [(1, "HEAD", true), (1, "HEAD", false), (1, "PUT", false), (3, "PUT", false)] {
        let (kit, name) = kit("retries: 0\nsegment_parallelism: 1").await;
        let object = kit.swift.object(&name, "file");
        object.put("before").await.unwrap();
        kit.container("a_segments").await;
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(&bytes(SEGMENT * number)).unwrap();
        kit.server().unwrap().delay_next(verb, Duration::from_secs(5));
        let (stored, ()) = tokio::join!(object.upload_file(file.path()).into_future(), async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            let mut changed = std::fs::OpenOptions::new().write(true).append(is_longer).open(file.path()).unwrap();
            changed.write_all(b"changed").unwrap();
            changed.set_modified(SystemTime::now() + Duration::from_secs(60)).unwrap();
        });
        let error = stored.unwrap_err();
        assert_eq!(error.kind(), Kind::Conflict, "{number} {verb}: {}", error.report());
        assert_eq!(object.get().text().await.unwrap(), "before", "{number} {verb}");
    }
}
