//! Objects that can't be moved or deleted, and what becomes of the others.

use http::{HeaderValue, Method};
use tokio::time::{Duration, sleep};

use super::{Program, Seen, channel};
use crate::{
    tests::kit::{Kit, everywhere},
    wire::Call,
};

/// Has a container take no more than so many bytes.
async fn limit(kit: &Kit, container: &str, bytes: &'static str) {
    let call = Call::container(Method::POST, &kit.name(container)).unwrap();
    let name = http::HeaderName::from_static("x-container-meta-quota-bytes");
    kit.swift.call(call.header(name, HeaderValue::from_static(bytes))).await.unwrap().done().await;
}

#[tokio::test]
async fn one_that_can_not_be_moved_holds_up_no_others() {
    for kit in everywhere("").await {
        kit.container("in").await;
        kit.container("done").await;
        limit(&kit, "done", "20").await;
        kit.put("a large", "x".repeat(100)).await;
        let more = format!("pool_size: 1, after_success: move, move_to: {}", kit.name("done"));
        let program = Program::start(&kit, &Seen::default(), &channel(&kit, &more)).await;
        assert_eq!(program.settled(1).await, ["a large 1 100 bytes"], "{}", kit.place);
        // Until its pause is a long one.
        sleep(Duration::from_secs(4)).await;
        for name in ["b", "c", "d"] {
            kit.put(name, "1").await;
            sleep(Duration::from_millis(500)).await;
        }
        kit.until_names("in", &["a large"]).await;
        assert_eq!(kit.names("done").await, ["b", "c", "d"], "{}", kit.place);
        limit(&kit, "done", "2000").await;
        kit.until_names("in", &[]).await;
        assert_eq!(program.seen.len(), 4, "{}: each once", kit.place);
        program.app.stop().await;
    }
}
