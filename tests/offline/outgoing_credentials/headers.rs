//! Credentials that are the same for every call.

use serde_json::json;
use zato::testing;

use super::partner::{CANARY, Partner, config, presented, refused, started, status};
use crate::support::{Answer, assert_answer, cid};

#[tokio::test]
async fn each_type_of_definition_is_presented_in_its_way() {
    let partner = Partner::plain().await;
    for (definition, authorization, key) in [
        ("type: basic_auth, username: us, password: 'se:cret'", Some("Basic dXM6c2U6Y3JldA=="), None),
        ("type: apikey, password: secret, header: X-Key", None, Some("secret")),
        ("type: bearer_token, token: secret", Some("Bearer secret"), None),
    ] {
        let app = started(config(&partner.address, ", security: A", &format!("{{name: A, {definition}}}"))).await;
        let expected = json!({"authorization": authorization, "key": key, "body": "{\"a\":1}"});
        assert_eq!(presented(&app).await, expected);
        let rest: zato::rest::Rest = app.out("Partner").unwrap();
        assert_eq!(rest.ping().await.unwrap().status, 200);
    }
    let app = started(config(&partner.address, ", security: zato-no-security", "")).await;
    assert_eq!(presented(&app).await, json!({"authorization": null, "key": null, "body": "{\"a\":1}"}));
}

#[tokio::test]
async fn with_an_inactive_definition_nothing_goes_out() {
    let partner = Partner::plain().await;
    for definition in
        ["type: apikey, password: k", "type: bearer_token, token: t", "type: basic_auth, username: u, password: p"]
    {
        let logs = testing::capture_logs();
        let security = format!("{{name: A, is_active: false, {definition}}}");
        let app = started(config(&partner.address, ", security: A", &security)).await;
        let reply = testing::client(&app).post("/relay", "{}").await;
        assert_answer(reply, &Answer::problem(503, &cid(1), "temporarily unavailable"));
        let failed = logs.events().into_iter().find(|event| event.message == "request failed").unwrap();
        let expected = "the security definition \"A\" is inactive, so that nothing is sent with it";
        assert!(failed.fields["error"].starts_with(expected), "{failed:?}");
    }
    assert_eq!(partner.calls(), 0);
}

#[tokio::test]
async fn what_can_not_be_presented_is_refused_with_the_remedy() {
    let said = |definition: &str| {
        refused(config("http://localhost:1", ", security: A", &format!("{{name: A, {definition}}}")))
    };
    assert_eq!(
        said("type: mtls").await,
        "configuration:3:71: the security definition \"A\" says which certificates of callers we accept; the one that \
         we present ourselves is the connection's own: write its files as \"tls.certificate\" and \"tls.key\""
    );
    assert_eq!(
        said("type: apikey, password: \"canary-7f3e\\n\"").await,
        "configuration:3:71: the secret of the security definition \"A\" can't be sent in a header: it has a line break \
         or another control character in it"
    );
}

#[tokio::test]
async fn no_secret_is_in_any_log_or_reply() {
    let partner = Partner::plain().await;
    for definition in [
        "type: basic_auth, username: us, password: canary-7f3e",
        "type: apikey, password: canary-7f3e",
        "type: bearer_token, token: canary-7f3e",
    ] {
        let logs = testing::capture_logs();
        let app = started(config(&partner.address, ", security: A", &format!("{{name: A, {definition}}}"))).await;
        // `us:canary-7f3e`
        let canaries = [CANARY, "dXM6Y2FuYXJ5LTdmM2U="];
        let replies = format!("{app:?} {:?}", app.out::<zato::rest::Rest>("Partner").unwrap());
        presented(&app).await;
        app.apply_yaml(config("http://127.0.0.1:1", ", security: A", &format!("{{name: A, {definition}}}")))
            .await
            .unwrap();
        let (code, reply) = status(&app).await;
        assert_eq!(code, 502);
        let seen = format!("{replies} {reply} {}", logs.text());
        assert!(!canaries.iter().any(|canary| seen.contains(canary)), "{seen}");
    }
}
