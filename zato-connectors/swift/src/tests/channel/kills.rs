//! A process that ends between any two of its requests, with a ledger of what was served.

use std::collections::{BTreeMap, BTreeSet};

use tokio::time::{Duration, sleep};

use super::{Program, Seen, channel, memory};
use crate::tests::kit::Kit;

/// Objects, each of which is to be served.
const OBJECTS: [&str; 3] = ["a", "b", "c"];

/// How many requests a program makes at the most until all are done with.
const REQUESTS: u64 = 48;

/// What a program had done when it was ended, and what became of it afterwards.
struct Ended {
    kit: Kit,
    /// How many were given to the service before the end.
    before: usize,
    /// Whether the last of all was remembered, and left nothing to do, before the end.
    was_done: bool,
    seen: Vec<String>,
}

/// Serves some, is ended at a request, and serves the rest.
async fn ended_at(request: u64, is_done: bool, more: &str) -> Ended {
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
    assert!(server.is_down(), "there was no request {request}");
    let before = seen.len();
    let left =
        if more.contains("after_success") { server.objects(&kit.name("in")).len() } else { OBJECTS.len() - before };
    // What it says now nobody hears.
    program.app.stop().await;
    drop(program._kit);
    server.set_down(false);
    let program = Program::start(&kit, &seen, &yaml).await;
    sleep(Duration::from_secs(15)).await;
    program.app.stop().await;
    Ended { kit, before, was_done: left == 0, seen: seen.all() }
}

/// Ends a program at each of its requests, compares what was served, and has the rest compared.
async fn ended_everywhere(more: &str, check: impl AsyncFn(&Kit, &str)) {
    let (mut befores, mut was_done) = (BTreeSet::new(), false);
    for request in 0..REQUESTS {
        for is_done in [false, true] {
            let (ended, words) = (ended_at(request, is_done, more).await, format!("{request} {is_done}"));
            checked(&ended.seen, &words);
            check(&ended.kit, &words).await;
            befores.insert(ended.before);
            was_done = ended.was_done;
        }
    }
    assert_eq!(befores.into_iter().collect::<Vec<_>>(), [0, 1, 2, 3], "it was ended before and after each of them");
    assert!(was_done, "the last of the requests was not among them");
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
    ended_everywhere("pool_size: 1", async |kit, words| {
        assert_eq!((kit.names("in").await.len(), kit.remembered().await.len()), (3, 3), "{words}");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn nothing_is_lost_or_left_when_objects_are_deleted() {
    ended_everywhere("pool_size: 1, after_success: delete", async |kit, words| {
        assert_eq!((kit.names("in").await.len(), kit.remembered().await.len()), (0, 0), "{words}");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn nothing_is_lost_or_there_twice_when_objects_are_moved() {
    ended_everywhere("pool_size: 1, after_success: move, move_to: done", async |kit, words| {
        assert_eq!((kit.names("in").await.len(), kit.remembered().await.len()), (0, 0), "{words}");
        assert_eq!(kit.server().unwrap().objects("done"), OBJECTS, "{words}");
    })
    .await;
}

/// Has a request of a method go wrong after so many of them; returns whether there were as many.
async fn with_one_fault(method: &str, passed: u32, what: &str) -> bool {
    let kit = memory().await;
    for name in OBJECTS {
        kit.put(name, "1").await;
    }
    let (server, seen) = (kit.server().unwrap().clone(), Seen::default());
    let yaml = channel(&kit, "pool_size: 1, after_success: delete").replace("100ms", "500ms");
    let program = Program::start(&kit, &seen, "{}").await;
    server.pass_next(method, passed);
    match what {
        "lost" => server.lose_next_answer(method),
        "broken" => server.break_next(method, 1),
        _ => server.fail_next(method, 503),
    }
    program.app.apply_yaml(&yaml).await.unwrap();
    sleep(Duration::from_secs(20)).await;
    let was_met = !server.has_planned(method);
    assert_eq!(seen.all(), ["a 1 1", "b 1 1", "c 1 1"], "{method} {passed} {what}");
    assert_eq!((kit.names("in").await.len(), kit.remembered().await.len()), (0, 0), "{method} {passed} {what}");
    program.app.stop().await;
    was_met
}

#[tokio::test(start_paused = true)]
async fn answers_that_are_lost_and_connections_that_break_repeat_nothing() {
    for (method, least) in [("GET", 16), ("PUT", 8), ("HEAD", 3), ("DELETE", 6)] {
        for what in ["lost", "broken", "refused"] {
            for passed in 0..16 {
                if !with_one_fault(method, passed, what).await {
                    assert!(passed >= least, "there are {least} {method} at the least, and {passed} came");
                    break;
                }
            }
        }
    }
}
