//! A process that ends between any two of its requests, with a ledger of what was served.

use std::collections::BTreeMap;

use tokio::time::{Duration, sleep};

use super::{Program, Seen, channel, memory};
use crate::tests::kit::Kit;

/// Objects, each of which is to be served.
const OBJECTS: [&str; 3] = ["a", "b", "c"];

/// How many requests a program makes at the most until all are done with.
const REQUESTS: u64 = 48;

/// Serves some, is ended at a request, and serves the rest.
async fn ended_at(request: u64, is_done: bool, more: &str) -> (Kit, Vec<String>, bool) {
    let kit = memory().await;
    for name in OBJECTS {
        kit.put(name, "1").await;
    }
    let (server, seen, yaml) =
        (kit.server().unwrap().clone(), Seen::default(), channel(&kit, more).replace("100ms", "500ms"));
    let program = Program::start_with(&kit, &seen, "{}", "retries: 0").await;
    server.set_down_after(request, is_done);
    let _ = program.app.apply_yaml(&yaml).await;
    for _ in 0..100 {
        if server.is_down() {
            break;
        }
        sleep(Duration::from_millis(100)).await;
    }
    let was_ended = server.is_down();
    // What it says now nobody hears.
    program.app.stop().await;
    drop(program._kit);
    server.set_down(false);
    let program = Program::start(&kit, &seen, &yaml).await;
    sleep(Duration::from_secs(15)).await;
    program.app.stop().await;
    (kit, seen.all(), was_ended)
}

fn checked(seen: &[String], words: &str) {
    let mut times: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for line in seen {
        let mut parts = line.split(' ');
        times.entry(parts.next().unwrap()).or_default().push(parts.next().unwrap());
    }
    assert_eq!(times.keys().copied().collect::<Vec<_>>(), OBJECTS, "{words}: nothing is lost: {seen:?}");
    let repeated: Vec<_> = times.values().filter(|attempts| attempts.len() > 1).collect();
    assert!(repeated.len() <= 1, "{words}: one was in work: {seen:?}");
    // It was served, and nobody was told: that is where a repeat may be, and it is marked.
    assert!(repeated.iter().all(|attempts| ***attempts == ["1", "2"]), "{words}: {seen:?}");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_lost_and_what_was_remembered_is_not_repeated_when_objects_are_kept() {
    let mut ended = 0;
    for request in 0..REQUESTS {
        for is_done in [false, true] {
            let (kit, seen, was_ended) = ended_at(request, is_done, "pool_size: 1").await;
            checked(&seen, &format!("{request} {is_done}"));
            assert_eq!((kit.names("in").await.len(), kit.remembered().await.len()), (3, 3), "{request} {is_done}");
            ended += u32::from(was_ended);
        }
    }
    assert!(ended > 40, "{ended}");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_lost_or_left_when_objects_are_deleted() {
    for request in 0..REQUESTS {
        for is_done in [false, true] {
            let (kit, seen, _) = ended_at(request, is_done, "pool_size: 1, after_success: delete").await;
            checked(&seen, &format!("{request} {is_done}"));
            assert_eq!((kit.names("in").await.len(), kit.remembered().await.len()), (0, 0), "{request} {is_done}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_lost_or_there_twice_when_objects_are_moved() {
    for request in 0..REQUESTS {
        for is_done in [false, true] {
            let (kit, seen, _) = ended_at(request, is_done, "pool_size: 1, after_success: move, move_to: done").await;
            checked(&seen, &format!("{request} {is_done}"));
            assert_eq!((kit.names("in").await.len(), kit.remembered().await.len()), (0, 0), "{request} {is_done}");
            assert_eq!(kit.server().unwrap().objects("done"), OBJECTS, "{request} {is_done}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn answers_that_are_lost_and_connections_that_break_repeat_nothing() {
    for method in ["GET", "PUT", "HEAD", "DELETE"] {
        for skipped in 0..12 {
            let kit = memory().await;
            for name in OBJECTS {
                kit.put(name, "1").await;
            }
            let (server, seen) = (kit.server().unwrap().clone(), Seen::default());
            let yaml = channel(&kit, "pool_size: 1, after_success: delete").replace("100ms", "500ms");
            let program = Program::start(&kit, &seen, "{}").await;
            for _ in 0..skipped {
                server.delay_next(method, Duration::from_millis(1));
            }
            server.lose_next_answer(method);
            server.break_next(method, 1);
            server.fail_next(method, 503);
            program.app.apply_yaml(&yaml).await.unwrap();
            sleep(Duration::from_secs(20)).await;
            assert_eq!(seen.all(), ["a 1 1", "b 1 1", "c 1 1"], "{method} {skipped}");
            assert_eq!((kit.names("in").await.len(), kit.remembered().await.len()), (0, 0), "{method} {skipped}");
            program.app.stop().await;
        }
    }
}
