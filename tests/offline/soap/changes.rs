//! SOAP channels while the configuration changes.

use tokio::task::JoinSet;
use zato::{Result, soap::Version};

use super::{envelope, fault_11, post, started};
use crate::support::assert_answer;

#[tokio::test]
async fn a_change_swaps_rest_and_soap_channels_in_one_step_and_loses_no_request() -> Result<()> {
    let config = |generation: usize| {
        // What one section gives up, the other takes over, so that there is a moment for nobody to find neither.
        let (rest, soap) = if generation.is_multiple_of(2) { ("/a", "/b") } else { ("/b", "/a") };
        format!(
            "
channel_rest: [{{name: rest-{generation}, url_path: {rest}, service: rate.get, method: POST}}]
channel_soap: [{{name: soap-{generation}, url_path: {soap}, service: rate.get}}]
"
        )
    };
    let (app, client) = started(&config(0)).await;
    let mut clients = JoinSet::new();
    for _ in 0..4 {
        let client = client.clone();
        clients.spawn(async move {
            let body = envelope(Version::V11, "", "<GetRate><day>Monday</day></GetRate>");
            for _ in 0..100 {
                for path in ["/a", "/b"] {
                    let reply = post(&client, path, Version::V11, body.clone()).await;
                    // An envelope is malformed JSON, which a REST channel says; neither ever says that nothing is there.
                    let is_soap = reply.status == 200 && reply.body.contains("GetRateResponse");
                    let is_rest = reply.status == 400 && reply.body.contains("malformed JSON");
                    assert!(is_soap || is_rest, "{reply}");
                    tokio::task::yield_now().await;
                }
            }
        });
    }
    for generation in 1..=20 {
        app.apply_yaml(&config(generation)).await?;
        tokio::task::yield_now().await;
    }
    clients.join_all().await;
    Ok(())
}

#[tokio::test]
async fn every_key_takes_effect_while_the_program_runs() -> Result<()> {
    let config = |more: &str| format!("channel_soap: [{{name: s, url_path: /s, service: seen{more}}}]");
    let (app, client) = started(&config("")).await;
    let header = "<k:K xmlns:k=\"urn:k\" s:mustUnderstand=\"1\"/>";
    let ask = || post(&client, "/s", Version::V11, envelope(Version::V11, header, "<Ask/>"));
    assert_eq!(ask().await.status, 500);
    app.apply_yaml(config(", understood_headers: 'urn:k'")).await?;
    assert_eq!(ask().await.status, 200);
    app.apply_yaml(config(", understood_headers: 'urn:k', operation: Other")).await?;
    assert_answer(ask().await, &fault_11(500, 3, "Client", "no such operation here; there is Other", ""));
    app.apply_yaml(config(", is_active: false")).await?;
    assert_eq!(ask().await.status, 404);
    Ok(())
}
