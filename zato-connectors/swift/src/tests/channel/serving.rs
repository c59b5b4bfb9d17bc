use tokio::time::{Duration, Instant, sleep};
use zato_core::connection::State;

use super::{Program, SERVED, Seen, channel, memory, until};
use crate::{Metadata, tests::kit::everywhere};

#[tokio::test]
async fn a_model_is_read_and_what_is_known_of_an_object_is_there() {
    for kit in everywhere("").await {
        let container = kit.container("in").await;
        let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let metadata = Metadata::new().with("by", "CRM").with("zato-cid", "c1").with("traceparent", trace);
        kit.swift.object(&container, "7").put(r#"{"id": 7}"#).metadata(metadata).await.unwrap();
        let program = Program::start(&kit, &Seen::default(), &channel(&kit, "service: invoice.take")).await;
        assert_eq!(program.settled(1).await, [format!("7 {container} CRM c1 true")], "{}", kit.place);
        program.app.stop().await;
    }
}

#[tokio::test]
async fn content_is_read_where_it_is_wanted() {
    for kit in everywhere("").await {
        kit.container("in").await;
        kit.put("a.json", "1").await;
        kit.put("a.zip", "2").await;
        let seen = Seen::default();
        let program = Program::start(&kit, &seen, &channel(&kit, "get_data_patt: '*.json'")).await;
        assert_eq!(program.settled(2).await, ["a.json 1 1", "a.zip 1 "], "{}", kit.place);
        program.app.apply_yaml(channel(&kit, "get_data: false")).await.unwrap();
        kit.put("b.json", "3").await;
        assert_eq!(program.settled(3).await[2..], ["b.json 1 "], "{}", kit.place);
        program.app.stop().await;
    }
}

#[tokio::test]
async fn a_large_object_is_streamed_to_who_takes_that() {
    for kit in everywhere("").await {
        kit.container("in").await;
        kit.put("a", "x".repeat(3_000_000)).await;
        let seen = Seen::default();
        let program = Program::start(&kit, &seen, &channel(&kit, "max_message_size: 1MB")).await;
        assert_eq!(program.settled(1).await, ["a 1 3000000 bytes"], "{}", kit.place);
        program.app.stop().await;
    }
}

#[tokio::test]
async fn what_fails_comes_again_while_others_are_served() {
    for kit in everywhere("").await {
        kit.container("in").await;
        for (name, body) in [("a", "once"), ("b", "1"), ("c", "2")] {
            kit.put(name, body).await;
        }
        let seen = Seen::default();
        let program = Program::start(&kit, &seen, &channel(&kit, "pool_size: 1, retry_delay: 2s")).await;
        let begun = Instant::now();
        assert_eq!(program.settled(4).await, ["a 1 once", "b 1 1", "c 1 2", "a 2 once"], "{}", kit.place);
        assert!(begun.elapsed() >= Duration::from_secs(2), "{}: {:?}", kit.place, begun.elapsed());
        assert!(kit.remembered().await.iter().all(|(_, kind)| kind == SERVED), "{}", kit.place);
        program.app.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_may_settle_its_objects_itself() {
    let kit = memory().await;
    for body in ["ack", "dead", "again", "dropped"] {
        kit.put(body, body).await;
    }
    let program = Program::start(&kit, &Seen::default(), &channel(&kit, "service: by.hand, pool_size: 1")).await;
    until("all are settled", || program.seen.len() == 6).await;
    sleep(Duration::from_secs(10)).await;
    let mut seen = program.seen.all();
    seen.sort_unstable();
    assert_eq!(seen, ["ack 1", "again 1", "again 2", "dead 1", "dropped 1", "dropped 2"]);
    let dead = kit.swift.object(&kit.name("in_dead"), "dead").head().await.unwrap();
    assert_eq!(dead.metadata.get("zato-reason"), Some("nobody knows"));
    assert!(kit.remembered().await.iter().all(|(_, kind)| kind == SERVED));
}

#[tokio::test(start_paused = true)]
async fn attempts_and_their_pauses_are_counted_over_restarts() {
    let kit = memory().await;
    kit.put("a", "broken").await;
    let (seen, yaml) = (Seen::default(), channel(&kit, "retry_delay: [1m, 10m], max_attempts: 3"));
    let program = Program::start(&kit, &seen, &yaml).await;
    until("it was tried", || seen.len() == 1).await;
    let begun = Instant::now();
    sleep(Duration::from_secs(1)).await;
    program.app.stop().await;
    let program = Program::start(&kit, &seen, &yaml).await;
    while seen.len() < 2 {
        sleep(Duration::from_millis(100)).await;
    }
    assert!((60..=63).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
    program.app.stop().await;
    let _program = Program::start(&kit, &seen, &yaml).await;
    while seen.len() < 3 {
        sleep(Duration::from_millis(100)).await;
    }
    assert!((660..=665).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
    kit.until_names("in_dead", &["a"]).await;
    assert_eq!(seen.all(), ["a 1 broken", "a 2 broken", "a 3 broken"]);
}

#[tokio::test(start_paused = true)]
async fn a_token_that_dies_and_a_server_that_goes_and_comes_back_lose_nothing() {
    let kit = memory().await;
    let (server, seen) = (kit.server().unwrap().clone(), Seen::default());
    let program = Program::start(&kit, &seen, &channel(&kit, "pool_size: 2")).await;
    for round in 0..6_u32 {
        kit.put(&round.to_string(), "1").await;
        match round % 3 {
            0 => server.forget_tokens(),
            1 => {
                server.set_down(true);
                sleep(Duration::from_secs(120)).await;
                server.set_down(false);
            }
            _ => {
                for method in ["GET", "PUT", "HEAD"] {
                    server.fail_next_times(method, 503, 20);
                }
            }
        }
        sleep(Duration::from_secs(300)).await;
    }
    let mut all = seen.all();
    all.sort_unstable();
    assert_eq!(all, (0..6).map(|round| format!("{round} 1 1")).collect::<Vec<_>>());
    let state = program.app.statuses().into_iter().find(|status| status.section == "channel_swift").unwrap().state;
    assert!(matches!(*state, State::Up { .. }), "{state}");
}

#[tokio::test(start_paused = true)]
async fn an_object_that_can_not_be_read_whole_is_given_up_and_others_are_served() {
    let kit = memory().await;
    let caller = crate::memory::kit::caller(kit.server().unwrap()).await;
    let (container, segments) = (kit.name("in"), kit.container("segments").await);
    kit.swift.object(&segments, "1").put("part").await.unwrap();
    let manifest = serde_json::json!([{ "path": format!("/{segments}/1") }]).to_string();
    let path = format!("/{container}/a?multipart-manifest=put");
    assert_eq!(caller.send("PUT", &path, &[], manifest).await.status, 201);
    kit.swift.object(&segments, "1").delete().await.unwrap();
    kit.put("b", "1").await;
    let seen = Seen::default();
    let program =
        Program::start(&kit, &seen, &channel(&kit, "pool_size: 1, max_attempts: 2, on_exhausted: reject")).await;
    until("the other is served", || seen.len() == 1).await;
    assert_eq!(seen.all(), ["b 1 1"]);
    sleep(Duration::from_secs(600)).await;
    assert!(kit.remembered().await.iter().all(|(_, kind)| kind == SERVED), "{:?}", kit.remembered().await);
    program.app.stop().await;
}
