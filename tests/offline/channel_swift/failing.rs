//! What can't be served, or not at once.

use tokio::time::{Duration, Instant};

use super::{Kit, channel, until};

/// What the metadata of dead letters says.
const WHY: [&str; 4] = ["zato-reason", "zato-reason-kind", "zato-attempts", "zato-from"];

#[tokio::test(start_paused = true)]
async fn what_can_not_be_read_goes_to_the_dead_letters_with_the_place() {
    let kit = Kit::new().await;
    let _app = kit.started(&channel("service: invoice.take, max_message_size: 1000")).await;
    let large = format!(r#"{{"id": 1, "customer": "{}"}}"#, "x".repeat(2000));
    for (name, body, reason, kind) in [
        (
            "a",
            r#"{"id": "x", "customer": "shop"}"#,
            "the input can't be used; /id: expected an integer of 0 or more, got a string",
            "invalid_input",
        ),
        ("b", r#"{"id": 0, "customer": "shop"}"#, "no invoice has the number 0", "invalid_input"),
        ("c", &large, "the object has 2025 bytes, of which the channel takes 1000", "too_large"),
    ] {
        kit.put(name, body).await;
        let from = format!("CRM/{name}");
        assert_eq!(kit.dead(name, WHY).await, [reason, kind, "1", &from]);
        assert_eq!(kit.fake.server().object("CRM_dead", name).expect("it is there"), body, "a copy");
    }
    assert_eq!(kit.settled(1).await, ["0 of shop 1"], "what can't be read reaches no service");
    assert_eq!(kit.names("CRM").len(), 3, "they are kept where they were");
}

#[tokio::test(start_paused = true)]
async fn a_service_that_panics_is_too_slow_or_can_not_be_used_now_is_tried_again() {
    for (id, kind) in [(13, "internal"), (14, "timeout"), (15, "unavailable")] {
        let kit = Kit::new().await;
        let more = "service: invoice.take, timeout: 2s, retry_delay: [1s, 3m], max_attempts: 3, after_success: delete";
        let _app = kit.started(&channel(more)).await;
        let begun = Instant::now();
        kit.put("a", format!(r#"{{"id": {id}, "customer": "shop"}}"#)).await;
        let [_, of_kind, attempts, _] = kit.dead("a", WHY).await;
        assert_eq!((of_kind.as_str(), attempts.as_str()), (kind, "3"));
        assert_eq!(kit.seen.all(), [1, 2, 3].map(|attempt| format!("{id} of shop {attempt}")));
        assert!(begun.elapsed() > Duration::from_secs(181), "it has waited: {:?}", begun.elapsed());
        until("it is gone where what was served is", || kit.names("CRM").is_empty()).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_fails_is_settled_as_configured_and_what_succeeds_in_the_end_was_served() {
    for (policy, left, dead) in [("reject", 1, 0), ("ack", 0, 0), ("dead_letter", 0, 1)] {
        let kit = Kit::new().await;
        let more = format!("service: invoice.take, on_error: {policy}, after_success: delete");
        let _app = kit.started(&channel(&more)).await;
        kit.put("a", r#"{"id": 15, "customer": "shop"}"#).await;
        assert_eq!(kit.settled(1).await, ["15 of shop 1"], "{policy}");
        assert_eq!((kit.names("CRM").len(), kit.names("CRM_dead").len()), (left, dead), "{policy}");
    }
    let kit = Kit::new().await;
    let _app = kit.started(&channel("service: invoice.take, retry_delay: 10s, after_success: delete")).await;
    kit.put("a", r#"{"id": 16, "customer": "shop"}"#).await;
    kit.put("b", r#"{"id": 1, "customer": "shop"}"#).await;
    until("it is tried once more", || kit.seen.len() == 4).await;
    assert_eq!(kit.settled(4).await, ["16 of shop 1", "1 of shop 1", "16 of shop 2", "16 of shop 3"]);
    assert_eq!((kit.names("CRM").len(), kit.names("CRM_dead").len()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_service_may_settle_its_objects_itself() {
    let kit = Kit::new().await;
    let _app = kit.started(&channel("service: by.hand, data_format: raw")).await;
    for body in ["ack", "again", "dead", "dropped"] {
        kit.put(body, body).await;
    }
    let mut seen = kit.settled(6).await;
    seen.sort_unstable();
    assert_eq!(seen, ["ack 1", "again 1", "again 2", "dead 1", "dropped 1", "dropped 2"]);
    assert_eq!(kit.dead("dead", WHY).await, ["nobody knows", "service", "1", "CRM/dead"]);
}
