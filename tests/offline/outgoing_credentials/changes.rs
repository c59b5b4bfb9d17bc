//! Credentials and certificates that change while the app runs.

use tokio::task::JoinSet;
use zato::{Running, Value, rest::Rest, testing};

use super::partner::{Partner, config, presented, started, started_from, status};
use crate::{
    support::{ConfigFile, until},
    tls::certificates::Authority,
};

/// Calls a partner that doesn't answer until it is told to.
async fn held(app: &Running, partner: &Partner) -> JoinSet<Value> {
    let (client, calls, mut call) = (testing::client(app), partner.calls(), JoinSet::new());
    call.spawn(async move {
        let reply = client.post("/relay", "{}").await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        serde_json::from_str(reply.text()).expect("JSON")
    });
    until("the partner is called", || partner.calls() > calls).await;
    call
}

#[tokio::test]
async fn a_changed_password_counts_from_the_next_call_and_cuts_nothing() {
    let partner = Partner::plain().await;
    let yaml = |password: &str, path: &str| {
        let security = format!("{{name: A, type: apikey, password: {password}, header: X-Key}}");
        config(&partner.address, &format!(", security: A, url_path: {path}"), &security)
    };
    let app = started(yaml("first", "/held")).await;
    let mut call = held(&app, &partner).await;
    app.apply_yaml(yaml("second", "/held")).await.unwrap();
    let mut next = held(&app, &partner).await;
    app.apply_yaml(yaml("third", "/at-once")).await.unwrap();
    assert_eq!(presented(&app).await["key"], "third");
    partner.state.release.notify_waiters();
    let keys = [&mut call, &mut next];
    let [first, second] = keys.map(|call| call.join_next());
    assert_eq!(first.await.unwrap().unwrap()["key"], "first");
    assert_eq!(second.await.unwrap().unwrap()["key"], "second");
}

#[tokio::test]
async fn another_identity_has_tokens_of_its_own() {
    let partner = Partner::plain().await;
    let yaml = |secret: &str, path: &str| {
        let endpoint = format!("auth_endpoint: '{}/token'", partner.address);
        let security = format!("{{name: A, type: bearer_token, {endpoint}, username: us, password: {secret}}}");
        config(&partner.address, &format!(", security: A, url_path: {path}"), &security)
    };
    let app = started(yaml("first", "/held")).await;
    let mut call = held(&app, &partner).await;
    app.apply_yaml(yaml("second", "/at-once")).await.unwrap();
    assert_eq!(presented(&app).await["authorization"], "Bearer token-2");
    partner.state.release.notify_waiters();
    assert_eq!(call.join_next().await.unwrap().unwrap()["authorization"], "Bearer token-1");
    let asked = partner.state.asked.lock().unwrap().clone();
    let expected = |secret| format!("grant_type=client_credentials&client_id=us&client_secret={secret}");
    assert_eq!(asked, [expected("first"), expected("second")]);

    // What has nothing to do with it takes no token away.
    app.apply_yaml(yaml("second", "/at-once").replace("/relay,", "/other,")).await.unwrap();
    let rest: Rest = app.out("Partner").unwrap();
    let answer = rest.get(&testing::context()).await.unwrap().value().unwrap();
    assert_eq!((&answer["authorization"], partner.fetches()), (&"Bearer token-2".into(), 2));
}

#[tokio::test]
async fn saving_an_authority_or_a_certificate_is_enough_and_cuts_nothing() {
    let (bank, clients, others) = (Authority::new("bank"), Authority::new("clients"), Authority::new("others"));
    let partner = Partner::tls(&bank.server("partner"), Some(&clients)).await;
    let tls = ", url_path: /held, tls: {ca: bank.pem, certificate: us.pem, key: us.key}";
    let file = ConfigFile::new(&config(&partner.address, tls, ""));
    let (first, stranger) = (clients.client("us"), others.client("us"));
    let put = |pair: &crate::tls::certificates::Pair| {
        file.write_beside("us.key", &pair.key_pem());
        file.write_beside("us.pem", &pair.pem);
    };
    put(&first);
    file.write_beside("bank.pem", &bank.pem());
    let app = started_from(&file).await;
    let mut call = held(&app, &partner).await;

    file.write_beside("bank.pem", &others.pem());
    until("it is applied", || app.generation() == 2).await;
    assert_eq!(status(&app).await.0, 502, "the partner's authority is no longer trusted");
    file.write_beside("bank.pem", &bank.pem());
    until("it is applied", || app.generation() == 3).await;

    put(&stranger);
    until("it is applied", || app.generation() == 4).await;
    assert_eq!(status(&app).await.0, 502, "the partner doesn't know the one who signed our certificate");
    assert_eq!(partner.calls(), 1);
    put(&clients.client("us"));
    until("it is applied", || app.generation() == 5).await;
    let mut next = held(&app, &partner).await;

    // What can't be used changes nothing.
    file.write_beside("us.pem", "-----BEGIN CERTIFICATE-----\n");
    assert!(app.reload().await.unwrap_err().to_string().contains("is cut off: a section of it has no end"));
    assert_eq!(app.generation(), 5);
    partner.state.release.notify_waiters();
    assert_eq!(call.join_next().await.unwrap().unwrap()["body"], "{}");
    assert_eq!(next.join_next().await.unwrap().unwrap()["body"], "{}");
}
