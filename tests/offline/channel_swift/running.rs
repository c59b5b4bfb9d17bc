//! Configurations that change, programs that stop, servers that go.

use tokio::time::{Duration, sleep};

use super::{Kit, channel, until};

#[tokio::test(start_paused = true)]
async fn a_configuration_that_changes_under_load_loses_nothing_and_repeats_nothing() {
    let kit = Kit::new().await;
    let app = kit.started(&channel("service: fast, data_format: raw, pool_size: 4")).await;
    for number in 0..300_u32 {
        kit.put(&format!("{number:03}"), "1").await;
        if number % 50 == 25 {
            // Now another time for the service alone, now other terms, which make another consumer.
            let more = format!("timeout: {number}s, pool_size: {}", 1 + number / 100);
            let yaml = channel(&format!("service: fast, data_format: raw, {more}"));
            app.apply_yaml(yaml).await.expect("it is sound");
        }
    }
    let expected: Vec<_> = (0..300).map(|number| format!("{number:03} 1 1")).collect();
    let mut seen = kit.settled(300).await;
    seen.sort_unstable();
    assert_eq!(seen, expected);
    // An entry that is gone polls nothing.
    app.apply_yaml("{}").await.expect("it is sound");
    kit.put("more", "1").await;
    let of_channels = app.statuses().iter().filter(|status| status.section == "channel_swift").count();
    assert_eq!((kit.settled(300).await.len(), of_channels), (300, 0));
}

#[tokio::test(start_paused = true)]
async fn a_stop_waits_for_what_is_in_hand_and_says_what_it_cut() {
    let kit = Kit::new().await;
    let yaml = channel("service: slow, data_format: raw, timeout: 1h") + "\nserver: {shutdown_timeout: 20s}";
    let app = kit.started(&yaml).await;
    kit.put("a", "1").await;
    until("it is in work", || kit.seen.len() == 1).await;
    kit.put("b", "2").await;
    let open = async {
        sleep(Duration::from_secs(10)).await;
        kit.gate.0.notify_one();
    };
    let (cut, ()) = tokio::join!(app.stop(), open);
    assert_eq!((cut, kit.seen.all()), (Vec::new(), vec!["begun 1 1".to_owned(), "ended".to_owned()]));
    let app = kit.started(&yaml).await;
    until("the other one is in work", || kit.seen.len() == 3).await;
    let cut = app.stop().await;
    assert_eq!(cut[0], "1 objects of the channel \"invoices\", which come again", "{cut:?}");
    let _app = kit.started(&channel("service: fast, data_format: raw")).await;
    assert_eq!(kit.settled(4).await[2..], ["begun 2 1", "b 2 2"], "one that comes again says so");
}

#[tokio::test(start_paused = true)]
async fn of_two_programs_one_polls_and_the_other_goes_on() {
    let kit = Kit::new().await;
    let other = Kit::over(kit.fake.server().clone()).await;
    let yaml = channel("service: fast, data_format: raw, lease: 10s");
    let (one, _other) = (kit.started(&yaml).await, other.started(&yaml).await);
    for name in ["a", "b"] {
        kit.put(name, "1").await;
    }
    assert_eq!(kit.settled(2).await, ["a 1 1", "b 1 1"]);
    assert_eq!(one.stop().await, Vec::<String>::new());
    kit.put("c", "1").await;
    assert_eq!(other.settled(1).await, ["c 1 1"], "it knows what the first has served");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_goes_and_comes_back_loses_nothing() {
    let kit = Kit::new().await;
    let _app = kit.started(&channel("service: fast, data_format: raw, after_success: delete")).await;
    for round in 0..5_u32 {
        kit.put(&round.to_string(), "1").await;
        kit.fake.server().set_down_after(u64::from(round * 2), round % 2 == 0);
        sleep(Duration::from_secs(20)).await;
        kit.fake.server().set_down(false);
        sleep(Duration::from_secs(60)).await;
    }
    let seen = kit.settled(5).await;
    for round in 0..5 {
        let times: Vec<_> = seen.iter().filter(|line| line.starts_with(&format!("{round} "))).collect();
        assert!(!times.is_empty(), "{round} is lost: {seen:?}");
        assert!(times.iter().skip(1).all(|line| !line.ends_with(" 1")), "a repeat is marked: {seen:?}");
    }
    assert_eq!(kit.names("CRM").len(), 0);
}
