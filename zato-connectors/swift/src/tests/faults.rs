//! A server that fails, and what becomes of who asks.

use std::time::Duration;

use tokio::time::Instant;
use zato_core::{Kind, Retry, bytes::Bytes};

use super::kit::fake;
use crate::{SwiftErrorKind, error::kind_of};

#[tokio::test(start_paused = true)]
async fn what_is_safe_is_tried_again_and_no_more_often_than_it_may() {
    let kit = fake("retries: 3").await;
    let (name, server) = (kit.container("a").await, kit.server().unwrap());
    let object = kit.swift.object(&name, "a");
    for status in [500, 502, 503, 504, 408, 429, 498] {
        server.fail_next_times("PUT", status, 3);
        let begun = Instant::now();
        assert!(object.put("1").await.is_ok(), "{status}");
        let took = begun.elapsed();
        assert!(took >= Duration::from_millis(3500) && took <= Duration::from_secs(7), "{status}: {took:?}");
        server.fail_next_times("PUT", status, 4);
        assert!(object.put("1").await.is_err(), "{status}");
    }
    for status in [403, 409, 411, 413, 422, 507] {
        let before = server.calls("PUT");
        server.fail_next("PUT", status);
        assert!(object.put("1").await.is_err(), "{status}");
        assert_eq!(server.calls("PUT") - before, 1, "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn each_status_is_the_right_error() {
    let kit = fake("retries: 0").await;
    let (name, server) = (kit.container("a").await, kit.server().unwrap());
    let object = kit.swift.object(&name, "a");
    for (status, kind, ours) in [
        (401, SwiftErrorKind::NotAuthenticated, Kind::Upstream),
        (404, SwiftErrorKind::NotFound, Kind::NotFound),
        (409, SwiftErrorKind::Conflict, Kind::Conflict),
        (413, SwiftErrorKind::TooLarge, Kind::TooLarge),
        (422, SwiftErrorKind::ChecksumMismatch, Kind::Upstream),
        (498, SwiftErrorKind::RateLimited, Kind::RateLimited),
        (503, SwiftErrorKind::NotNow, Kind::Unavailable),
        (507, SwiftErrorKind::Full, Kind::Unavailable),
    ] {
        server.fail_next_times("PUT", status, 2);
        let error = object.put("1").await.unwrap_err();
        assert_eq!((kind_of(&error), error.kind()), (Some(kind), ours), "{status}");
        let said: Vec<_> = error.context().map(|(key, _)| key).collect();
        for key in ["connection", "method", "path"] {
            assert!(said.contains(&key), "{status}: {said:?}");
        }
        let is_told = error.report().to_string().contains("(remedy: create the container first)");
        assert_eq!(is_told, status == 404, "{}", error.report());
        while object.put("1").await.is_err() {}
    }
}

#[tokio::test(start_paused = true)]
async fn an_upload_that_breaks_or_whose_answer_is_lost_is_sent_again() {
    let kit = fake("").await;
    let (name, server) = (kit.container("a").await, kit.server().unwrap());
    let object = kit.swift.object(&name, "a");
    server.break_next("PUT", 3);
    object.put("whole").await.unwrap();
    assert_eq!(server.object(&name, "a").unwrap(), "whole");
    server.lose_next_answer("PUT");
    object.put("again").await.unwrap();
    assert_eq!(server.object(&name, "a").unwrap(), "again");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_down_is_said_to_be_and_found_again() {
    let kit = fake("retries: 0").await;
    let (name, server) = (kit.container("a").await, kit.server().unwrap());
    server.set_down(true);
    let error = kit.swift.object(&name, "a").put("1").await.unwrap_err();
    let report = error.report().to_string();
    assert_eq!(error.kind(), Kind::Unavailable, "{report}");
    assert!(report.contains("(server: http://memory/v1/AUTH_test)"), "{report}");
    server.set_down(false);
    assert!(kit.swift.object(&name, "a").put("1").await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn more_than_there_are_places_wait_and_no_longer_than_they_may() {
    let kit = fake("pool_size: 2\nacquire_timeout: 1s").await;
    let (name, server) = (kit.container("a").await, kit.server().unwrap());
    let put = |number: u32| {
        let (swift, name) = (kit.swift.clone(), name.clone());
        async move { swift.object(&name, &number.to_string()).put("1").await }
    };
    server.delay_next("PUT", Duration::from_secs(5));
    server.delay_next("PUT", Duration::from_secs(5));
    let (one, two, three) = tokio::join!(put(1), put(2), put(3));
    assert!(one.is_ok() && two.is_ok());
    let error = three.unwrap_err();
    assert_eq!((kind_of(&error), error.retry()), (Some(SwiftErrorKind::TooManyWaiting), Retry::Unsent));
    let report = error.report().to_string();
    assert!(report.contains("2 are on their way, as many as \"pool_size\" allows"), "{report}");
}

/// What is read from one account and sent to another fails with what the first has said.
#[tokio::test(start_paused = true)]
async fn what_fails_at_one_connection_is_not_taken_for_a_fault_of_another_one() {
    let faults =
        [(0, Kind::Unavailable, SwiftErrorKind::ConnectionLost), (1, Kind::Upstream, SwiftErrorKind::NotAuthenticated)];
    for (is_upload, (retries, ours, kind)) in [false, true].into_iter().flat_map(|is| faults.map(|fault| (is, fault))) {
        let (from, to) = (fake(&format!("retries: {retries}")).await, fake("segment_size: 64KiB").await);
        let (source, target) = (from.container("a").await, to.container("b").await);
        let bytes = Bytes::from(vec![7; 1_000_000]);
        from.swift.object(&source, "read").put(bytes).await.unwrap();
        let (server, other) = (from.server().unwrap(), to.server().unwrap());
        server.break_next("GET", 300_000);
        let part = from.swift.object(&source, "read").get().stream().await.unwrap();
        server.forget_tokens();
        server.fail_next_times("LOGIN", 401, 9);
        let before = (other.calls("LOGIN"), other.calls("PUT"));
        let object = to.swift.object(&target, "sent");
        let sent = if is_upload { object.upload(part.stream).await } else { object.put_stream(part.stream).await };
        let error = sent.unwrap_err();
        assert_eq!((kind_of(&error), error.kind()), (None, ours), "{is_upload}: {}", error.report());
        let said = error.find::<crate::SwiftError>().map(crate::SwiftError::kind);
        assert_eq!(said, Some(kind), "whoever asks finds it");
        assert!(error.context().any(|said| said == ("container", &target)) || !is_upload, "{}", error.report());
        assert!(error.report().to_string().contains(&source), "{}", error.report());
        assert_eq!(other.calls("LOGIN"), before.0, "{is_upload}: nobody has refused the token");
        assert!(is_upload || other.calls("PUT") == before.1 + 1, "{is_upload}");
    }
}
