use tokio::time::{Duration, Instant, sleep};

use super::{Program, SERVED, Seen, channel, memory, until};
use crate::{Metadata, tests::kit::everywhere, transport::Body, wire::Call};

#[tokio::test]
async fn what_is_given_up_is_copied_to_the_dead_letters_with_the_reason() {
    for kit in everywhere("").await {
        let container = kit.container("in").await;
        let metadata = Metadata::new().with("by", "CRM").with("zato-cid", "c7");
        kit.swift.object(&container, "ż").put("bad one").content_type("text/x").metadata(metadata).await.unwrap();
        kit.put("fine", "1").await;
        let program = Program::start(&kit, &Seen::default(), &channel(&kit, "pool_size: 1")).await;
        kit.until_names("in_dead", &["ż"]).await;
        let dead = kit.name("in_dead");
        let object = kit.swift.object(&dead, "ż");
        let details = object.head().await.unwrap();
        let of = |name: &str| details.metadata.get(name).unwrap_or("none").to_owned();
        assert_eq!(
            ["by", "zato-reason", "zato-reason-kind", "zato-attempts", "zato-channel", "zato-service", "zato-cid"]
                .map(of),
            ["CRM", "nobody can use this", "invalid_input", "1", "invoices", "anything", "c7"],
            "{}",
            kit.place
        );
        assert_eq!((of("zato-from"), details.content_type.as_deref()), (format!("{container}/ż"), Some("text/x")));
        assert_eq!(object.get().text().await.unwrap(), "bad one");
        sleep(Duration::from_millis(500)).await;
        let served = ["fine", "ż"].map(|name| (name.to_owned(), SERVED.to_owned()));
        assert_eq!((kit.names("in").await, kit.remembered().await), (vec!["fine".into(), "ż".into()], served.into()));
        assert_eq!(program.seen.len(), 2, "{}", kit.place);
        program.app.stop().await;
    }
}

#[tokio::test]
async fn what_is_given_up_is_gone_where_what_was_served_is() {
    for kit in everywhere("").await {
        kit.container("in").await;
        let other = kit.container("other").await;
        kit.put("a", "bad").await;
        kit.swift.object(&other, "a").put("panic").await.unwrap();
        let containers = format!("containers: [{}, {other}], dead_letter: {}", kit.name("in"), kit.name("grave"));
        let more = format!("{containers}, after_success: delete, max_attempts: 2");
        let program = Program::start(&kit, &Seen::default(), &channel(&kit, &more)).await;
        let names = [format!("{}/a", kit.name("in")), format!("{other}/a")];
        kit.until_names("grave", &[&names[0], &names[1]]).await;
        kit.until_names("in", &[]).await;
        kit.until_names("other", &[]).await;
        let mut seen = program.seen.all();
        seen.sort_unstable();
        assert_eq!(seen, ["a 1 bad", "a 1 panic", "a 2 panic"], "{}", kit.place);
        program.app.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn other_policies_are_followed() {
    let kit = memory().await;
    kit.put("a", "bad").await;
    kit.put("b", "broken").await;
    let more = "after_success: delete, on_bad_input: ack, on_error: reject";
    let program = Program::start(&kit, &Seen::default(), &channel(&kit, more)).await;
    until("both were tried", || program.seen.len() == 2).await;
    sleep(Duration::from_secs(60)).await;
    assert_eq!(
        (kit.names("in").await, kit.names("in_dead").await.len()),
        (vec!["b".to_owned()], 0),
        "a rejected one stays"
    );
    assert_eq!((program.seen.len(), kit.remembered().await), (2, vec![("b".to_owned(), SERVED.to_owned())]));
}

#[tokio::test(start_paused = true)]
async fn dead_letters_that_can_not_be_stored_are_tried_again() {
    let kit = memory().await;
    let more = "service: invoice.take, max_message_size: 1000, retry_delay: 1s";
    let program = Program::start(&kit, &Seen::default(), &channel(&kit, more)).await;
    let begun = Instant::now();
    kit.server().unwrap().fail_next_times("HEAD", 403, 3);
    kit.put("a", "x".repeat(2_000)).await;
    kit.until_names("in_dead", &["a"]).await;
    assert!(begun.elapsed() > Duration::from_secs(1) && program.seen.len() == 0);
    let dead = kit.swift.object(&kit.name("in_dead"), "a").head().await.unwrap();
    assert_eq!(dead.metadata.get("zato-reason-kind"), Some("too_large"));
}

/// Puts a large object of one segment, whose service fails.
async fn put_large(kit: &crate::tests::kit::Kit) {
    let (container, segments) = (kit.name("in"), kit.name("segments"));
    kit.swift.container(&segments).create().await.unwrap();
    kit.swift.object(&segments, "1").put("bad in segments").await.unwrap();
    let manifest = serde_json::json!([{ "path": format!("/{segments}/1") }]).to_string();
    let call = Call::object(http::Method::PUT, &container, "a").unwrap().query("multipart-manifest", Some("put"));
    kit.swift.call(call.body(Body::Bytes(manifest.into()))).await.unwrap().done().await;
}

#[tokio::test]
async fn a_large_object_that_is_given_up_shares_its_segments_with_nobody() {
    for kit in everywhere("").await {
        let container = kit.container("in").await;
        put_large(&kit).await;
        let program = Program::start(&kit, &Seen::default(), &channel(&kit, "pool_size: 1")).await;
        kit.until_names("in_dead", &["a"]).await;
        // Both are there: whoever deletes the one with its segments leaves the other whole.
        kit.swift.object(&container, "a").delete_with_segments().await.unwrap();
        kit.until_names("segments", &[]).await;
        let dead = kit.name("in_dead");
        assert_eq!(kit.swift.object(&dead, "a").get().text().await.unwrap(), "bad in segments", "{}", kit.place);
        program.app.apply_yaml(channel(&kit, "after_success: delete")).await.unwrap();
        kit.swift.object(&dead, "a").delete().await.unwrap();
        put_large(&kit).await;
        kit.until_names("in_dead", &["a"]).await;
        kit.until_names("in", &[]).await;
        kit.until_names("segments", &["1"]).await;
        let object = kit.swift.object(&dead, "a");
        assert_eq!(object.get().text().await.unwrap(), "bad in segments", "{}", kit.place);
        let details = object.head().await.unwrap();
        assert!(!details.is_large && details.metadata.get("zato-attempts") == Some("1"), "{}: {details:?}", kit.place);
        program.app.stop().await;
    }
}
