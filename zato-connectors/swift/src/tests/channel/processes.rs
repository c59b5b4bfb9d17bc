use std::collections::BTreeMap;

use tokio::time::{Duration, Instant, sleep};

use super::{Program, SERVED, Seen, channel, memory, until};
use crate::tests::kit::everywhere;

fn times(seen: &[String]) -> BTreeMap<String, usize> {
    let mut times = BTreeMap::new();
    for line in seen {
        *times.entry(line.split(' ').next().unwrap().to_owned()).or_default() += 1;
    }
    times
}

#[tokio::test]
async fn of_two_processes_one_polls_and_the_other_goes_on_when_it_stops() {
    for kit in everywhere("").await {
        kit.container("in").await;
        let (seen, yaml) = (Seen::default(), channel(&kit, "pool_size: 4"));
        for number in 0..15 {
            kit.put(&format!("a{number:02}"), "1").await;
        }
        let one = Program::start(&kit, &seen, &yaml).await;
        let other = Program::start(&kit, &Seen::default(), &yaml).await;
        until("all are served", || seen.len() == 15).await;
        assert_eq!(one.app.stop().await, Vec::<String>::new());
        let begun = Instant::now();
        for number in 0..15 {
            kit.put(&format!("b{number:02}"), "1").await;
        }
        assert_eq!(other.settled(15).await.len(), 15, "{}", kit.place);
        assert!(begun.elapsed() < Duration::from_secs(10), "{}: the lease was given back", kit.place);
        assert_eq!(seen.len(), 15, "{}", kit.place);
        other.app.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_process_that_is_gone_is_followed_when_its_lease_is_over() {
    let kit = memory().await;
    let (seen, yaml) = (Seen::default(), channel(&kit, "pool_size: 1"));
    let one = Program::start_with(&kit, &seen, &yaml, "retries: 0").await;
    kit.put("a", "1").await;
    until("it is served", || seen.len() == 1).await;
    // It can't say that it goes.
    kit.server().unwrap().set_down(true);
    one.app.stop().await;
    kit.server().unwrap().set_down(false);
    let begun = Instant::now();
    let other = Program::start(&kit, &seen, &yaml).await;
    kit.put("b", "1").await;
    while seen.len() < 2 {
        sleep(Duration::from_millis(100)).await;
    }
    assert!((2..=8).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
    assert_eq!(seen.all(), ["a 1 1", "b 1 1"]);
    other.app.stop().await;
}

#[tokio::test(start_paused = true)]
async fn tokens_that_end_again_and_again_repeat_nothing() {
    let kit = memory().await;
    let (seen, server) = (Seen::default(), kit.server().unwrap());
    let program = Program::start(&kit, &seen, &channel(&kit, "pool_size: 1")).await;
    kit.put("a", "wait").await;
    until("it is in work", || seen.len() == 1).await;
    server.fail_next_times("PUT", 401, 20);
    program.gate.0.notify_one();
    sleep(Duration::from_secs(60)).await;
    assert_eq!(seen.all(), ["a 1 wait", "ended"]);
    assert_eq!(kit.remembered().await, [("a".to_owned(), SERVED.to_owned())]);
    program.app.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_takes_longer_than_the_lease_is_served_once() {
    let kit = memory().await;
    let yaml = channel(&kit, "pool_size: 1, timeout: 1h");
    let (one, other) = (Seen::default(), Seen::default());
    let first = Program::start(&kit, &one, &yaml).await;
    let second = Program::start(&kit, &other, &yaml).await;
    kit.put("a", "wait").await;
    sleep(Duration::from_secs(120)).await;
    assert_eq!((one.all(), other.len()), (vec!["a 1 wait".to_owned()], 0));
    first.gate.0.notify_one();
    sleep(Duration::from_secs(10)).await;
    assert_eq!((one.len(), other.len()), (2, 0));
    first.app.stop().await;
    second.app.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_stop_waits_for_what_is_in_work_and_says_what_it_cut() {
    let kit = memory().await;
    let yaml = channel(&kit, "pool_size: 1") + "\nserver: {shutdown_timeout: 4s}";
    let seen = Seen::default();
    let program = Program::start(&kit, &seen, &yaml).await;
    kit.put("a", "wait").await;
    until("it is in work", || seen.len() == 1).await;
    let cut = program.app.stop().await;
    assert_eq!(cut[0], "1 objects of the channel \"invoices\", which come again", "{cut:?}");
    let begun = Instant::now();
    let program = Program::start(&kit, &seen, &yaml).await;
    until("it is in work", || seen.len() == 2).await;
    assert!(begun.elapsed() < Duration::from_secs(2), "the lease was given back: {:?}", begun.elapsed());
    program.gate.0.notify_one();
    until("it has ended", || seen.len() == 3).await;
    assert_eq!(seen.all(), ["a 1 wait", "a 2 wait", "ended"]);
    assert_eq!(times(&seen.all())["a"], 2);
    assert_eq!(program.app.stop().await, Vec::<String>::new());
}
