//! Tokens that are fetched.

use std::{sync::atomic::Ordering, time::Duration};

use axum::{body::Bytes, http::StatusCode};
use serde_json::json;
use tokio::task::JoinSet;
use zato::{Kind, Raw, rest::Rest, testing};

use super::partner::{CANARY, Partner, config, presented, refused, started, status};

fn definition(partner: &Partner, more: &str) -> String {
    let endpoint = format!("auth_endpoint: '{}/token'", partner.address);
    format!("{{name: A, type: bearer_token, {endpoint}, username: us, password: canary-7f3e{more}}}")
}

#[tokio::test]
async fn a_hundred_callers_who_come_at_once_cause_one_fetch() {
    let partner = Partner::plain().await;
    let yaml = config(&partner.address, ", security: A, pool_size: 100", &definition(&partner, ", scopes: [a, b]"));
    let app = started(yaml).await;
    assert_eq!(partner.fetches(), 0, "nobody has called");
    let mut callers = JoinSet::new();
    for _ in 0..100 {
        let client = testing::client(&app);
        callers.spawn(async move { client.post("/relay", "{}").await.text().to_owned() });
    }
    for reply in callers.join_all().await {
        assert!(reply.contains("Bearer token-1"), "{reply}");
    }
    assert_eq!((partner.fetches(), partner.calls()), (1, 100));
    let asked = partner.state.asked.lock().unwrap().clone();
    assert_eq!(asked, ["grant_type=client_credentials&client_id=us&client_secret=canary-7f3e&scope=a+b"]);
    assert_eq!(presented(&app).await["authorization"], "Bearer token-1");
    assert_eq!(partner.fetches(), 1);
}

#[tokio::test]
async fn a_token_that_is_refused_is_renewed_once_and_the_call_repeated() {
    let partner = Partner::plain().await;
    let app = started(config(&partner.address, ", security: A, pool_size: 50", &definition(&partner, ""))).await;
    assert_eq!(presented(&app).await["authorization"], "Bearer token-1");
    partner.state.oldest.store(2, Ordering::SeqCst);
    let mut callers = JoinSet::new();
    for _ in 0..50 {
        let client = testing::client(&app);
        callers.spawn(async move { client.post("/relay", r#"{"a":1}"#).await.text().to_owned() });
    }
    let expected = json!({"authorization": "Bearer token-2", "key": null, "body": "{\"a\":1}"}).to_string();
    let reply = |text: &str| serde_json::from_str::<zato::Value>(text).unwrap().to_string();
    assert!(callers.join_all().await.iter().all(|text| reply(text) == expected));
    assert_eq!(partner.fetches(), 2);

    // Whoever takes no token of ours doesn't get one fetched for every call.
    partner.state.oldest.store(u32::MAX, Ordering::SeqCst);
    let calls = partner.calls();
    for _ in 0..5 {
        assert_eq!(status(&app).await.0, 502);
    }
    assert_eq!((partner.fetches(), partner.calls()), (2, calls + 5));
}

#[tokio::test]
async fn what_can_not_be_sent_twice_is_not_and_the_next_call_has_another_token() {
    let partner = Partner::plain().await;
    let app = started(config(&partner.address, ", security: A", &definition(&partner, ""))).await;
    presented(&app).await;
    partner.state.oldest.store(2, Ordering::SeqCst);
    let (rest, ctx) = (app.out::<Rest>("Partner").unwrap(), testing::context());
    let stream = Raw::from_stream(Once(Some("streamed")));
    let response = rest.post(&ctx).raw(stream).await.unwrap();
    assert_eq!((response.status().as_u16(), partner.fetches()), (401, 1));
    assert_eq!(presented(&app).await["authorization"], "Bearer token-2");
    assert_eq!(partner.fetches(), 2);
}

/// A stream of one piece.
struct Once(Option<&'static str>);

impl zato::futures_core::Stream for Once {
    type Item = Result<Bytes, std::io::Error>;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        std::task::Poll::Ready(self.0.take().map(|piece| Ok(piece.into())))
    }
}

#[tokio::test]
async fn a_token_endpoint_that_refuses_or_fails_is_to_blame_and_is_left_alone() {
    let partner = Partner::plain().await;
    for (status_code, body, expected) in [
        (401, r#"{"error":"invalid_client","error_description":"canary-7f3e"}"#, "answered 401: invalid_client"),
        (500, "canary-7f3e", "answered 500"),
        (200, r#"{"acces_token":"canary-7f3e"}"#, "answer is no JSON object with an access_token"),
        (302, "", "answered 302"),
    ] {
        let fetches = partner.fetches();
        let refusal = (StatusCode::from_u16(status_code).unwrap(), body.to_owned());
        *partner.state.refuses.lock().unwrap() = Some(refusal);
        let logs = testing::capture_logs();
        let app = started(config(&partner.address, ", security: A", &definition(&partner, ""))).await;
        for _ in 0..3 {
            let (code, reply) = status(&app).await;
            assert_eq!(code, 502);
            assert!(!reply.contains("token endpoint") && !reply.contains(CANARY), "{reply}");
        }
        assert_eq!((partner.calls(), partner.fetches()), (0, fetches + 1), "it is left alone for a moment");
        let text = logs.text();
        assert!(text.contains(expected) && !text.contains(CANARY), "{text}");
        let warned = logs.events().into_iter().find(|event| event.message == "no token could be fetched").unwrap();
        assert_eq!(warned.fields["security"], "A");
    }
    *partner.state.refuses.lock().unwrap() = Some((StatusCode::OK, "x".repeat(65 * 1024)));
    let app = started(config(&partner.address, ", security: A", &definition(&partner, ""))).await;
    let rest: Rest = app.out("Partner").unwrap();
    let error = rest.get(&testing::context()).await.unwrap_err();
    assert!(error.report().to_string().contains("the token endpoint's answer is larger than any token"), "{error:?}");
}

#[tokio::test]
async fn a_token_endpoint_that_is_down_or_slow_is_told_apart() {
    let partner = Partner::plain().await;
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let down = definition(&partner, "").replace(&partner.address, &format!("http://{closed}"));
    let app = started(config(&partner.address, ", security: A", &down)).await;
    let (rest, ctx) = (app.out::<Rest>("Partner").unwrap(), testing::context());
    let error = rest.get(&ctx).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Upstream);
    assert!(error.report().to_string().contains("the token endpoint can't be reached"), "{error:?}");
    assert_eq!(status(&app).await.0, 502);

    // It takes connections and never answers.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", silent.local_addr().unwrap());
    let slow = definition(&partner, ", timeout: 100ms").replace(&partner.address, &address);
    let app = started(config(&partner.address, ", security: A", &slow)).await;
    assert_eq!(status(&app).await.0, 504);
    let rest: Rest = app.out("Partner").unwrap();
    let error = rest.get(&ctx).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Timeout);
    assert!(error.report().to_string().contains("the token endpoint did not answer within 100ms"), "{error:?}");
    assert!(error.retry_after().is_some_and(|pause| pause <= Duration::from_secs(1)));
    assert_eq!(partner.calls(), 0);
}

#[tokio::test]
async fn json_and_basic_are_for_servers_that_want_them() {
    let partner = Partner::plain().await;
    let more = ", data_format: json, grant_type: password, client_id_field: username, client_secret_field: password, \
                extra_fields: [audience=x]";
    presented(&started(config(&partner.address, ", security: A", &definition(&partner, more))).await).await;
    let basic = ", token_endpoint_auth_method: client_secret_basic";
    presented(&started(config(&partner.address, ", security: A", &definition(&partner, basic))).await).await;
    let asked = partner.state.asked.lock().unwrap().clone();
    assert_eq!(
        asked,
        [
            r#"{"audience":"x","grant_type":"password","password":"canary-7f3e","username":"us"}"#,
            "grant_type=client_credentials"
        ]
    );
}

#[tokio::test]
async fn what_is_wrong_with_an_endpoint_is_told() {
    let wrong = "{name: A, type: bearer_token, auth_endpoint: login, username: us, password: p}";
    let said = refused(config("http://localhost:1", "", wrong)).await;
    assert_eq!(said, "configuration:2:57: expected an address, such as https://login.example.com/oauth2/token");
}
