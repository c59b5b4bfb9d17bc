use serde_json::json;
use tokio::time::{Duration, sleep};

use super::{Program, Seen, channel, memory, until};
use crate::{
    Metadata,
    tests::kit::{Kit, everywhere, fake},
    transport::Body,
    wire::Call,
};

/// Puts a large object of two segments.
async fn put_large(kit: &Kit, name: &str) {
    let (container, segments) = (kit.name("in"), kit.name("in_segments"));
    kit.swift.container(&segments).create().await.unwrap();
    for (segment, body) in [("1", "one and "), ("2", "two")] {
        kit.swift.object(&segments, &format!("{name}/{segment}")).put(body).await.unwrap();
    }
    let manifest = json!([{ "path": format!("/{segments}/{name}/1") }, { "path": format!("/{segments}/{name}/2") }]);
    let call = Call::object(http::Method::PUT, &container, name).unwrap().query("multipart-manifest", Some("put"));
    let call = call.header(http::HeaderName::from_static("x-object-meta-by"), http::HeaderValue::from_static("CRM"));
    let call = call.header(http::header::CONTENT_TYPE, http::HeaderValue::from_static("text/plain"));
    kit.swift.call(call.body(Body::Bytes(manifest.to_string().into()))).await.unwrap().done().await;
    assert!(kit.swift.object(&container, name).head().await.unwrap().is_large);
}

#[tokio::test]
async fn what_was_served_is_deleted_with_its_segments() {
    for kit in everywhere("").await {
        kit.container("in").await;
        kit.put("a ż", "1").await;
        put_large(&kit, "large").await;
        let program = Program::start(&kit, &Seen::default(), &channel(&kit, "after_success: delete")).await;
        assert_eq!(program.settled(2).await, ["a ż 1 1", "large 1 one and two"], "{}", kit.place);
        kit.until_names("in", &[]).await;
        kit.until_names("in_segments", &[]).await;
        sleep(Duration::from_millis(300)).await;
        assert_eq!(kit.remembered().await, [], "{}", kit.place);
        kit.put("a ż", "1").await;
        assert_eq!(program.settled(3).await.len(), 3, "{}: put again", kit.place);
        program.app.stop().await;
    }
}

#[tokio::test]
async fn what_was_served_is_moved_and_a_large_one_leaves_no_segments() {
    for kit in everywhere("").await {
        let container = kit.container("in").await;
        let metadata = Metadata::new().with("by", "CRM");
        kit.swift.object(&container, "a ż").put("1").content_type("text/x").metadata(metadata).await.unwrap();
        put_large(&kit, "large").await;
        let more = format!("after_success: move, move_to: {}, move_prefix: 2026/", kit.name("done"));
        let program = Program::start(&kit, &Seen::default(), &channel(&kit, &more)).await;
        assert_eq!(program.settled(2).await.len(), 2, "{}", kit.place);
        kit.until_names("in", &[]).await;
        kit.until_names("done", &["2026/a ż", "2026/large"]).await;
        kit.until_names("in_segments", &[]).await;
        let done = kit.name("done");
        let moved = kit.swift.object(&done, "2026/a ż").head().await.unwrap();
        assert_eq!((moved.content_type.as_deref(), moved.metadata.get("by")), (Some("text/x"), Some("CRM")));
        let large = kit.swift.object(&done, "2026/large");
        assert_eq!(large.get().text().await.unwrap(), "one and two", "{}", kit.place);
        let details = large.head().await.unwrap();
        assert!(!details.is_large && details.metadata.get("by") == Some("CRM"), "{}: {details:?}", kit.place);
        assert_eq!(details.content_type.as_deref(), Some("text/plain"), "{}", kit.place);
        assert_eq!(kit.remembered().await, [], "{}", kit.place);
        program.app.stop().await;
    }
}

/// The segments of a file are called by the file, so that it would be put together from those that were there.
#[tokio::test]
async fn what_was_moved_stays_whole_when_its_file_comes_again_and_then_another_one() {
    for kit in everywhere("segment_size: 8B").await {
        let container = kit.container("in").await;
        let mut file = tempfile::NamedTempFile::new().unwrap();
        std::io::Write::write_all(&mut file, b"one two three four").unwrap();
        let more = format!("after_success: move, move_to: {}", kit.name("done"));
        let program = Program::start(&kit, &Seen::default(), &channel(&kit, &more)).await;
        let object = kit.swift.object(&container, "a");
        object.upload_file(file.path()).await.unwrap();
        assert_eq!(program.settled(1).await, ["a 1 one two three four"], "{}", kit.place);
        kit.until_names("in", &[]).await;
        program.app.apply_yaml("{}").await.unwrap();
        object.upload_file(file.path()).await.unwrap();
        object.upload("another one that is longer").await.unwrap();
        let done = kit.name("done");
        assert_eq!(kit.swift.object(&done, "a").get().text().await.unwrap(), "one two three four", "{}", kit.place);
        program.app.stop().await;
    }
}

/// Segments that are more than that are none of the channel's business.
#[tokio::test]
async fn what_an_object_was_put_together_from_is_left_unless_it_is_called_by_it() {
    for kit in everywhere("").await {
        let (container, parts) = (kit.container("in").await, kit.container("in_segments").await);
        let program = Program::start(&kit, &Seen::default(), "{}").await;
        for after in ["move", "delete"] {
            for part in ["own", "a/1"] {
                kit.swift.object(&parts, part).put(part).await.unwrap();
            }
            let manifest = json!([{ "path": format!("/{parts}/own") }, { "path": format!("/{parts}/a/1") }]);
            let call = Call::object(http::Method::PUT, &container, "a").unwrap();
            let call = call.query("multipart-manifest", Some("put")).body(Body::Bytes(manifest.to_string().into()));
            kit.swift.call(call).await.unwrap().done().await;
            let to = if after == "move" { format!(", move_to: {}", kit.name("done")) } else { String::new() };
            program.app.apply_yaml(channel(&kit, &format!("after_success: {after}{to}"))).await.unwrap();
            kit.until_names("in", &[]).await;
            kit.until_names("in_segments", &["own"]).await;
        }
        let done = kit.name("done");
        assert_eq!(kit.swift.object(&done, "a").get().text().await.unwrap(), "owna/1", "{}", kit.place);
        program.app.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_large_object_that_is_put_anew_when_nobody_has_heard_of_the_deletion_is_served() {
    let kit = fake("segment_size: 8B").await;
    let (container, segments, server) = (kit.container("in").await, kit.name("in_segments"), kit.server().unwrap());
    let object = kit.swift.object(&container, "a");
    object.upload("one two three").await.unwrap();
    server.lose_next_answer("DELETE");
    let yaml = channel(&kit, "after_success: delete");
    let program = Program::start_with(&kit, &Seen::default(), &yaml, "starting_backoff: 10s").await;
    until("it is deleted", || server.calls("DELETE") > 0 && server.objects(&container).is_empty()).await;
    until("its segments are gone", || server.objects(&segments).is_empty()).await;
    object.upload("four five six").await.unwrap();
    until("it is served", || program.seen.len() == 2).await;
    assert_eq!(program.seen.all(), ["a 1 one two three", "a 1 four five six"]);
    kit.until_names("in", &[]).await;
    kit.until_names("in_segments", &[]).await;
    program.app.stop().await;
}

#[tokio::test]
async fn objects_of_one_name_in_two_containers_are_moved_side_by_side() {
    for kit in everywhere("").await {
        let (one, other) = (kit.container("in").await, kit.container("in2").await);
        for container in [&one, &other] {
            kit.swift.object(container, "Invoice").put(container.clone()).await.unwrap();
        }
        let containers = format!("containers: [{one}, {other}]");
        let more = format!("{containers}, after_success: move, move_to: {}, move_prefix: 2026/", kit.name("done"));
        let program = Program::start(&kit, &Seen::default(), &channel(&kit, &more)).await;
        assert_eq!(program.settled(2).await.len(), 2, "{}", kit.place);
        let moved = [&one, &other].map(|container| format!("2026/{container}/Invoice"));
        kit.until_names("done", &[moved[0].as_str(), &moved[1]]).await;
        let done = kit.name("done");
        for (container, name) in [&one, &other].into_iter().zip(&moved) {
            assert_eq!(kit.swift.object(&done, name).get().text().await.unwrap(), *container, "{}", kit.place);
        }
        program.app.stop().await;
    }
}

/// What breaks while it is read is the server's fault.
#[tokio::test]
async fn a_body_that_can_not_be_read_is_no_attempt_and_nothing_is_done_with_its_object() {
    let kit = fake("retries: 0").await;
    kit.container("in").await;
    let server = kit.server().unwrap();
    kit.put("a", "{\"id\": 1}").await;
    // Some of them are the channel's own.
    for _ in 0..6 {
        server.break_next("GET", 3);
    }
    let more = "service: invoice.take, after_success: delete, on_error: ack, on_bad_input: ack";
    let program = Program::start(&kit, &Seen::default(), &channel(&kit, more)).await;
    assert_eq!(program.settled(1).await.len(), 1);
    kit.until_names("in", &[]).await;
    program.app.stop().await;
}

#[tokio::test]
async fn a_dynamic_large_object_is_moved_and_its_segments_are_left() {
    for kit in everywhere("").await {
        let (container, segments) = (kit.container("in").await, kit.container("segments").await);
        kit.swift.object(&segments, "a/1").put("one").await.unwrap();
        let manifest = http::HeaderValue::try_from(format!("{segments}/a/")).unwrap();
        let call = Call::object(http::Method::PUT, &container, "a").unwrap().body(Body::Bytes("".into()));
        let call = call.header(http::HeaderName::from_static("x-object-manifest"), manifest);
        kit.swift.call(call).await.unwrap().done().await;
        if kit.swift.object(&container, "a").get().text().await.unwrap() != "one" {
            // The one in this process knows no dynamic ones.
            continue;
        }
        let more = format!("after_success: move, move_to: {}", kit.name("done"));
        let program = Program::start(&kit, &Seen::default(), &channel(&kit, &more)).await;
        assert_eq!(program.settled(1).await, ["a 1 one"], "{}", kit.place);
        kit.until_names("done", &["a"]).await;
        let done = kit.name("done");
        let moved = kit.swift.object(&done, "a");
        assert_eq!(moved.get().text().await.unwrap(), "one", "{}", kit.place);
        assert!(!moved.head().await.unwrap().is_large, "{}", kit.place);
        kit.until_names("in", &[]).await;
        kit.until_names("segments", &["a/1"]).await;
        program.app.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_can_not_be_moved_is_not_served_again_and_moved_as_soon_as_it_can_be() {
    let kit = memory().await;
    kit.put("a", "1").await;
    let more = format!("after_success: move, move_to: {}", kit.name("done"));
    let (server, seen) = (kit.server().unwrap(), Seen::default());
    let program = Program::start(&kit, &seen, &channel(&kit, &more)).await;
    until("it is served", || seen.len() == 1).await;
    kit.until_names("done", &["a"]).await;
    server.fail_next_times("HEAD", 403, 4);
    kit.put("b", "1").await;
    until("it is served", || seen.len() == 2).await;
    sleep(Duration::from_millis(100)).await;
    assert_eq!(kit.names("in").await, ["b"]);
    kit.until_names("done", &["a", "b"]).await;
    assert_eq!(seen.len(), 2);
    program.app.stop().await;
}

#[tokio::test(start_paused = true)]
async fn who_keeps_objects_from_now_on_keeps_those_that_were_to_be_deleted() {
    let kit = memory().await;
    kit.put("a", "1").await;
    let (server, seen) = (kit.server().unwrap(), Seen::default());
    let program = Program::start(&kit, &seen, "{}").await;
    // The container is looked at before.
    server.pass_next("HEAD", 1);
    server.fail_next_times("HEAD", 403, 1);
    program.app.apply_yaml(channel(&kit, "after_success: delete").replace("100ms", "1h")).await.unwrap();
    until("it is served", || seen.len() == 1).await;
    program.app.stop().await;
    let program = Program::start(&kit, &seen, &channel(&kit, "after_success: keep")).await;
    sleep(Duration::from_secs(60)).await;
    assert_eq!((kit.names("in").await, seen.len()), (vec!["a".to_owned()], 1));
    program.app.apply_yaml(channel(&kit, "after_success: delete")).await.unwrap();
    kit.until_names("in", &[]).await;
    // What was kept on purpose stays.
    program.app.apply_yaml(channel(&kit, "after_success: keep")).await.unwrap();
    kit.put("b", "1").await;
    until("it is served", || seen.len() == 2).await;
    sleep(Duration::from_secs(1)).await;
    program.app.apply_yaml(channel(&kit, "after_success: delete")).await.unwrap();
    sleep(Duration::from_secs(60)).await;
    assert_eq!((kit.names("in").await, seen.len()), (vec!["b".to_owned()], 2));
}

#[tokio::test(start_paused = true)]
async fn an_object_that_is_put_anew_while_it_is_served_is_neither_deleted_nor_lost() {
    let kit = memory().await;
    kit.put("a", "wait").await;
    let program = Program::start(&kit, &Seen::default(), &channel(&kit, "after_success: delete")).await;
    until("it is in work", || program.seen.len() == 1).await;
    kit.put("a", "anew").await;
    program.gate.0.notify_one();
    until("it is served", || program.seen.len() == 3).await;
    assert_eq!(program.seen.all(), ["a 1 wait", "ended", "a 1 anew"]);
    kit.until_names("in", &[]).await;
}

#[tokio::test(start_paused = true)]
async fn an_object_that_is_put_anew_stays_also_where_a_replica_does_not_know_yet() {
    let kit = memory().await;
    kit.put("a", "wait").await;
    let program = Program::start(&kit, &Seen::default(), &channel(&kit, "after_success: delete")).await;
    until("it is in work", || program.seen.len() == 1).await;
    let server = kit.server().unwrap();
    server.set_behind(true);
    kit.put("a", "anew").await;
    program.gate.0.notify_one();
    sleep(Duration::from_secs(1)).await;
    assert_eq!(kit.names("in").await, ["a"]);
    server.set_behind(false);
    until("it is served", || program.seen.len() == 3).await;
    assert_eq!(program.seen.all(), ["a 1 wait", "ended", "a 1 anew"]);
    kit.until_names("in", &[]).await;
    program.app.stop().await;
}

/// As one is that was moved here.
#[tokio::test]
async fn a_copy_of_a_large_object_is_moved_as_any_other() {
    for kit in everywhere("").await {
        let container = kit.container("in").await;
        put_large(&kit, "large").await;
        for name in ["plain", "second"] {
            kit.swift.object(&container, "large").copy_to(&container, name).await.unwrap();
        }
        kit.swift.object(&container, "large").delete_with_segments().await.unwrap();
        let more = format!("after_success: move, move_to: {}", kit.name("done"));
        let program = Program::start(&kit, &Seen::default(), &channel(&kit, &more)).await;
        kit.until_names("done", &["plain", "second"]).await;
        kit.until_names("in", &[]).await;
        program.app.stop().await;
    }
}
