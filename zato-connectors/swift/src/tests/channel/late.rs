//! Who has lost its lease, because it was suspended, and comes back with what it had in work.

use tokio::time::{Duration, sleep};

use super::{Program, SERVED, Seen, channel, memory, until};
use crate::tests::kit::everywhere;

/// What is written of an object that was dead-lettered where objects are deleted.
const TO_UNLINK: &str = "application/x-zato-to-unlink";

#[tokio::test(start_paused = true)]
async fn who_has_lost_the_lease_deletes_nothing_and_serves_nothing_more() {
    let kit = memory().await;
    let (seen, yaml) = (Seen::default(), channel(&kit, "pool_size: 1, after_success: delete"));
    let one = Program::start(&kit, &seen, &yaml).await;
    kit.put("a", "wait").await;
    kit.put("b", "1").await;
    until("it is in work", || seen.len() == 1).await;
    let minute = Duration::from_secs(60);
    kit.take_lease(minute).await;
    // Until it knows.
    sleep(Duration::from_secs(5)).await;
    one.gate.0.notify_one();
    sleep(Duration::from_secs(20)).await;
    assert_eq!(
        (seen.all(), kit.names("in").await),
        (vec!["a 1 wait".into(), "ended".into()], vec!["a".into(), "b".into()])
    );
    let remembered = kit.remembered().await;
    assert_eq!(remembered, [("a".to_owned(), "application/x-zato-to-delete".to_owned())], "whoever follows does it");
    // The other one goes.
    sleep(minute).await;
    kit.until_names("in", &[]).await;
    assert_eq!(seen.all(), ["a 1 wait", "ended", "b 1 1"]);
    one.app.stop().await;
}

#[tokio::test(start_paused = true)]
async fn who_fails_after_somebody_else_has_served_it_undoes_nothing() {
    let kit = memory().await;
    let seen = Seen::default();
    let program = Program::start(&kit, &seen, &channel(&kit, "pool_size: 1, timeout: 1h")).await;
    kit.put("a", "wait broken").await;
    until("it is in work", || seen.len() == 1).await;
    kit.take_lease(Duration::from_secs(20)).await;
    sleep(Duration::from_secs(5)).await;
    kit.mark(SERVED).await;
    program.gate.0.notify_one();
    sleep(Duration::from_secs(120)).await;
    assert_eq!(seen.all(), ["a 1 wait broken", "ended"]);
    program.app.stop().await;
}

/// As it is after a suspension: one learns late that it has served a version, when another process has served the next.
#[tokio::test]
async fn who_is_late_changes_nothing_about_another_version() {
    for kit in everywhere("").await {
        kit.container("in").await;
        kit.put("a", "wait").await;
        let (yaml, seen) = (channel(&kit, "pool_size: 1, timeout: 1h"), Seen::default());
        let one = Program::start(&kit, &seen, &yaml.replace("100ms", "1h")).await;
        until("it is in work", || seen.len() == 1).await;
        kit.take_lease(Duration::from_secs(1)).await;
        // Until it knows. It polls no more for an hour.
        sleep(Duration::from_secs(4)).await;
        kit.put("a", "anew").await;
        let other = Program::start(&kit, &Seen::default(), &yaml).await;
        assert_eq!(other.settled(1).await, ["a 1 anew"], "{}", kit.place);
        one.gate.0.notify_one();
        until("it has ended", || seen.len() == 2).await;
        assert_eq!(one.app.stop().await, Vec::<String>::new());
        kit.put("b", "1").await;
        assert_eq!(other.settled(2).await, ["a 1 anew", "b 1 1"], "{}: each version once", kit.place);
        let served = ["a", "b"].map(|name| (name.to_owned(), SERVED.to_owned()));
        assert_eq!(kit.remembered().await, served, "{}: of one version each", kit.place);
        other.app.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn who_has_served_late_what_somebody_else_has_given_up_deletes_no_segments_of_it() {
    let kit = memory().await;
    let seen = Seen::default();
    let program = Program::start(&kit, &seen, &channel(&kit, "after_success: delete, timeout: 1h")).await;
    kit.put("a", "wait").await;
    until("it is in work", || seen.len() == 1).await;
    kit.take_lease(Duration::from_secs(60)).await;
    sleep(Duration::from_secs(5)).await;
    kit.mark(TO_UNLINK).await;
    program.gate.0.notify_one();
    until("it has ended", || seen.len() == 2).await;
    sleep(Duration::from_secs(10)).await;
    assert_eq!(kit.remembered().await, [("a".to_owned(), TO_UNLINK.to_owned())]);
    program.app.stop().await;
}
