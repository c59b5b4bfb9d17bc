use tokio::time::{Duration, sleep};
use zato_core::connection::State;

use super::{Program, SERVED, Seen, channel, memory, until};
use crate::{
    Metadata,
    tests::kit::{everywhere, fake},
};

#[tokio::test]
async fn what_is_new_or_has_changed_is_served_once_in_the_order_of_names() {
    for kit in everywhere("").await {
        kit.container("in").await;
        for name in ["b", "a/2 ż", "a/1"] {
            kit.put(name, name).await;
        }
        let program = Program::start(&kit, &Seen::default(), &channel(&kit, "pool_size: 1")).await;
        let expected = ["a/1 1 a/1", "a/2 ż 1 a/2 ż", "b 1 b"];
        assert_eq!(program.settled(3).await, expected, "{}", kit.place);
        kit.put("b", "changed").await;
        assert_eq!(program.settled(4).await[3..], ["b 1 changed"], "{}", kit.place);
        kit.put("b", "changed").await;
        assert_eq!(program.settled(5).await[4..], ["b 1 changed"], "{}: put anew", kit.place);
        let (container, metadata) = (kit.name("in"), Metadata::new().with("by", "CRM"));
        kit.swift.object(&container, "b").set_metadata(&metadata).await.unwrap();
        assert_eq!(program.settled(6).await[5..], ["b 1 changed"], "{}: its metadata is another", kit.place);
        kit.swift.object(&container, "b").delete().await.unwrap();
        assert_eq!(program.settled(6).await.len(), 6, "{}: nothing is served that is gone", kit.place);
        kit.until_remembered(&["a/1", "a/2 ż"]).await;
        kit.put("b", "changed").await;
        assert_eq!(program.settled(7).await[6..], ["b 1 changed"], "{}: deleted and put again", kit.place);
        assert_eq!(kit.remembered().await.len(), 3);
        program.app.stop().await;
    }
}

#[tokio::test]
async fn what_was_served_is_remembered_over_restarts_and_forgotten_with_the_object() {
    for kit in everywhere("").await {
        kit.container("in").await;
        let seen = Seen::default();
        for name in ["a", "b", "c"] {
            kit.put(name, name).await;
        }
        let program = Program::start(&kit, &seen, &channel(&kit, "pool_size: 4")).await;
        assert_eq!(program.settled(3).await.len(), 3);
        assert_eq!(program.app.stop().await, Vec::<String>::new());
        kit.swift.object(&kit.name("in"), "b").delete().await.unwrap();
        kit.put("d", "d").await;
        let program = Program::start(&kit, &seen, &channel(&kit, "pool_size: 4")).await;
        assert_eq!(program.settled(4).await[3..], ["d 1 d"], "{}", kit.place);
        let served = ["a", "c", "d"].map(|name| (name.to_owned(), SERVED.to_owned()));
        assert_eq!(kit.remembered().await, served, "{}", kit.place);
        program.app.stop().await;
    }
}

#[tokio::test]
async fn a_prefix_or_pattern_that_becomes_narrower_forgets_nothing() {
    for kit in everywhere("").await {
        kit.container("in").await;
        let seen = Seen::default();
        for name in ["2025/a.json", "2026/a.json", "2026/b.xml"] {
            kit.put(name, "1").await;
        }
        let program = Program::start(&kit, &seen, &channel(&kit, "pool_size: 1")).await;
        program.settled(3).await;
        for (more, added, served) in [
            ("prefix: 2026/", "2026/c.json", "2026/c.json 1 1"),
            ("prefix: 2026/, name_pattern: '*.xml'", "2026/d.xml", "2026/d.xml 1 1"),
            ("name_pattern: '????/?.json'", "2025/b.json", "2025/b.json 1 1"),
            ("pool_size: 2", "z", "z 1 1"),
        ] {
            program.app.apply_yaml(channel(&kit, more)).await.unwrap();
            let count = seen.len();
            kit.put(added, "1").await;
            assert_eq!(program.settled(count + 1).await[count..], [served], "{}: {more}", kit.place);
        }
        assert_eq!(kit.remembered().await.len(), 7, "{}", kit.place);
        program.app.stop().await;
    }
}

#[tokio::test]
async fn names_that_have_no_room_are_remembered_too() {
    for kit in everywhere("").await {
        kit.container("in").await;
        let (seen, long) = (Seen::default(), format!("{}{}", "n".repeat(1000), "ż".repeat(12)));
        for name in [long.as_str(), "short"] {
            kit.put(name, "1").await;
        }
        for _ in 0..2 {
            let program = Program::start(&kit, &seen, &channel(&kit, "pool_size: 1")).await;
            assert_eq!(program.settled(2).await, [format!("{long} 1 1"), "short 1 1".to_owned()], "{}", kit.place);
            program.app.stop().await;
        }
        kit.swift.object(&kit.name("in"), &long).delete().await.unwrap();
        let remembered =
            || async { kit.names("state").await.into_iter().filter(|name| name.contains("/long/")).count() };
        assert_eq!(remembered().await, 1, "{}", kit.place);
        let program = Program::start(&kit, &seen, &channel(&kit, "pool_size: 1")).await;
        for _ in 0..100 {
            if remembered().await == 0 {
                break;
            }
            sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(remembered().await, 0, "{}", kit.place);
        program.app.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn two_thousand_objects_are_served_in_pages_and_cost_nothing_afterwards() {
    let kit = memory().await;
    for number in 0..2_000 {
        kit.put(&format!("{number:04}"), "1").await;
    }
    let (server, seen) = (kit.server().unwrap(), Seen::default());
    let requests = || ["GET", "PUT", "HEAD", "DELETE", "POST"].map(|method| server.calls(method)).iter().sum::<u64>();
    let before = requests();
    let program = Program::start(&kit, &seen, &channel(&kit, "pool_size: 8").replace("100ms", "10s")).await;
    until("all are served", || seen.len() == 2_000).await;
    sleep(Duration::from_secs(5)).await;
    let spent = requests() - before;
    // What is remembered, the object, the attempt, that it was served.
    assert!(spent <= 4 * 2_000 + 40, "{spent}");
    let before = requests();
    sleep(Duration::from_secs(100)).await;
    let spent = requests() - before;
    // Of each of ten polls three pages of both listings, and the lease; signs of life; and the pings of two connections.
    assert!((70..=240).contains(&spent), "{spent}");
    assert_eq!(seen.len(), 2_000);
    program.app.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_younger_than_it_may_be_is_left_for_later() {
    let kit = memory().await;
    let program = Program::start(&kit, &Seen::default(), &channel(&kit, "min_age: 30s")).await;
    kit.put("a", "1").await;
    sleep(Duration::from_secs(28)).await;
    assert_eq!(program.seen.len(), 0);
    until("it is served", || program.seen.len() == 1).await;
}

#[tokio::test(start_paused = true)]
async fn a_container_that_is_not_there_is_told_of_and_waited_for() {
    let kit = fake("").await;
    let program = Program::start(&kit, &Seen::default(), &channel(&kit, "pool_size: 1")).await;
    let state = || program.app.statuses().into_iter().find(|status| status.section == "channel_swift").unwrap().state;
    until("it is known", || matches!(*state(), State::Down { .. })).await;
    let State::Down { error, .. } = &*state() else { panic!() };
    let expected = format!("there is no container \"{}\"; it is polled once there is one", kit.name("in"));
    assert!(error.contains(&expected), "{error}");
    kit.container("in").await;
    kit.put("a", "1").await;
    until("it is served", || program.seen.len() == 1).await;
    assert!(state().is_up());
}

#[tokio::test(start_paused = true)]
async fn names_that_can_not_be_asked_for_are_left_alone() {
    let kit = memory().await;
    let server = kit.server().unwrap();
    let caller = crate::memory::kit::caller(server).await;
    let container = kit.name("in");
    for name in ["a%0Ab", "a/%2e%2e/b"] {
        assert_eq!(caller.send("PUT", &format!("/{container}/{name}"), &[], "1").await.status, 201);
    }
    kit.put("z", "1").await;
    let program = Program::start(&kit, &Seen::default(), &channel(&kit, "pool_size: 1")).await;
    assert_eq!(program.settled(1).await, ["z 1 1"]);
}

#[tokio::test(start_paused = true)]
async fn several_containers_are_polled_and_a_configuration_that_changes_interrupts_nobody() {
    let kit = memory().await;
    let more = kit.container("more").await;
    let both = format!("containers: [{}, {more}], pool_size: 2", kit.name("in"));
    let program = Program::start(&kit, &Seen::default(), &channel(&kit, &both)).await;
    kit.put("a", "wait").await;
    until("it is in work", || program.seen.len() == 1).await;
    kit.swift.object(&more, "b").put("1").await.unwrap();
    until("it is served", || program.seen.len() == 2).await;
    // Another consumer of the same name, which leaves alone what the first has in work, and has its lease.
    program.app.apply_yaml(channel(&kit, &both.replace("pool_size: 2", "pool_size: 3"))).await.unwrap();
    kit.put("c", "1").await;
    until("it is served", || program.seen.len() == 3).await;
    program.gate.0.notify_one();
    until("it has ended", || program.seen.len() == 4).await;
    assert_eq!(program.seen.all(), ["a 1 wait", "b 1 1", "c 1 1", "ended"]);
    sleep(Duration::from_secs(20)).await;
    kit.put("d", "1").await;
    until("it is served", || program.seen.len() == 5).await;
    // An entry that is gone polls nothing, and lets others.
    program.app.apply_yaml("{}").await.unwrap();
    kit.put("e", "1").await;
    sleep(Duration::from_secs(20)).await;
    assert_eq!(program.seen.len(), 5);
    let leases = kit.names("state").await.into_iter().filter(|name| name.contains("/lease/")).count();
    assert_eq!(leases, 0);
}
