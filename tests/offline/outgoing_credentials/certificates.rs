//! Whom we take for the partner, and whom the partner takes for us.

use zato::{Running, rest::Rest, testing};

use super::partner::{Partner, config, presented, started_from, status};
use crate::{
    support::ConfigFile,
    tls::certificates::{Authority, Pair},
};

/// Starts an app with files beside its configuration.
async fn app(partner: &Partner, connection: &str, files: &[(&str, String)]) -> (ConfigFile, Running) {
    let file = ConfigFile::new(&config(&partner.address, connection, ""));
    for (name, text) in files {
        file.write_beside(name, text);
    }
    let app = started_from(&file).await;
    (file, app)
}

async fn error(app: &Running) -> String {
    let rest: Rest = app.out("Partner").expect("it is configured");
    rest.get(&testing::context()).await.expect_err("it can't be called").report().to_string()
}

#[tokio::test]
async fn an_authority_that_is_named_takes_the_place_of_those_of_the_system() {
    let (bank, other) = (Authority::new("bank"), Authority::new("other"));
    let partner = Partner::tls(&bank.server("partner"), None).await;
    let files = [("bank.pem", bank.pem()), ("other.pem", other.pem())];
    for tls in ["{ca: bank.pem}", "{ca: [other.pem, bank.pem], minimum_version: 1.3}"] {
        let (_file, app) = app(&partner, &format!(", tls: {tls}"), &files).await;
        assert_eq!(presented(&app).await["body"], "{\"a\":1}", "{tls}");
    }
    for connection in ["", ", tls: {ca: other.pem}"] {
        let (_file, app) = app(&partner, connection, &files).await;
        let (code, reply) = status(&app).await;
        assert!(code == 502 && !reply.contains("certificate"), "{reply}");
        let error = error(&app).await;
        assert!(error.starts_with("the partner can't be reached"), "{error}");
        assert!(error.contains("UnknownIssuer"), "{error}");
    }
}

#[tokio::test]
async fn who_is_not_the_partner_is_not_called() {
    let bank = Authority::new("bank");
    let files = [("bank.pem", bank.pem())];
    let tls = ", tls: {ca: bank.pem}";
    let partner = Partner::tls(&bank.expired_server(), None).await;
    let (_file, expired) = app(&partner, tls, &files).await;
    let said = error(&expired).await;
    assert!(said.contains("certificate expired"), "{said}");

    let mut partner = Partner::tls(&bank.server("partner"), None).await;
    partner.address = partner.address.replace("localhost", "127.0.0.1");
    let (_file, misnamed) = app(&partner, tls, &files).await;
    let said = error(&misnamed).await;
    assert!(said.contains("certificate not valid for name \"127.0.0.1\""), "{said}");

    let partner = Partner::tls(&Pair::self_signed("localhost"), None).await;
    let (_file, unknown) = app(&partner, tls, &files).await;
    let said = error(&unknown).await;
    assert!(said.contains("invalid peer certificate"), "{said}");
    assert_eq!(partner.calls(), 0);
}

#[tokio::test]
async fn without_verification_anybody_is_called_and_the_log_warns_each_time_it_begins() {
    let bank = Authority::new("bank");
    let partner = Partner::tls(&bank.expired_server(), None).await;
    let logs = testing::capture_logs();
    let warnings = || {
        let warned = logs.events().into_iter().filter(|event| event.message.starts_with("tls_verify is false"));
        warned.filter(|event| event.level.to_string() == "WARN" && event.fields["connection"] == "Partner").count()
    };
    let yaml = config(&partner.address, ", tls_verify: false", "");
    let app = super::partner::started(yaml.clone()).await;
    assert_eq!(presented(&app).await["body"], "{\"a\":1}");
    assert_eq!(warnings(), 1);
    app.apply_yaml(yaml.replace("/relay,", "/other,")).await.unwrap();
    assert_eq!(warnings(), 1, "the connection is kept");
    app.apply_yaml(yaml.replace("false", "false, timeout: 5s")).await.unwrap();
    assert_eq!(warnings(), 2, "the connection is another one");
    app.apply_yaml(config(&partner.address, "", "")).await.unwrap();
    assert_eq!((warnings(), status(&app).await.0), (2, 502));
    let plain = Partner::plain().await;
    app.apply_yaml(config(&plain.address, ", tls_verify: false", "")).await.unwrap();
    assert_eq!((warnings(), status(&app).await.0), (2, 200), "there is nothing to verify");
}

#[tokio::test]
async fn a_partner_that_wants_a_certificate_gets_ours() {
    let (bank, clients) = (Authority::new("bank"), Authority::new("clients"));
    let partner = Partner::tls(&bank.server("partner"), Some(&clients)).await;
    let us = clients.client("us");
    let files = [("bank.pem", bank.pem()), ("us.pem", us.pem.clone()), ("us.key", us.key_pem())];
    let (_file, with) = app(&partner, ", tls: {ca: bank.pem, certificate: us.pem, key: us.key}", &files).await;
    assert_eq!(presented(&with).await["body"], "{\"a\":1}");
    let (_file, without) = app(&partner, ", tls: {ca: bank.pem}", &files).await;
    assert_eq!(status(&without).await.0, 502);
    assert_eq!(partner.calls(), 1);
}

#[tokio::test]
async fn tokens_are_fetched_by_the_rules_of_the_connection_or_by_their_own() {
    let (bank, login) = (Authority::new("bank"), Authority::new("login"));
    let partner = Partner::tls(&bank.server("partner"), None).await;
    let endpoint = Partner::tls(&login.server("login"), None).await;
    for (connection, definition, expected) in [
        ("ca: [bank.pem, login.pem]", "", true),
        ("ca: bank.pem", ", tls: {ca: login.pem}", true),
        ("ca: bank.pem", "", false),
        ("ca: bank.pem", ", tls: {ca: bank.pem}", false),
    ] {
        let (address, tls) = (&endpoint.address, format!(", security: A, tls: {{{connection}}}"));
        let security = format!(
            "{{name: A, type: bearer_token, auth_endpoint: '{address}/token', username: u, password: p{definition}}}"
        );
        let file = ConfigFile::new(&config(&partner.address, &tls, &security));
        file.write_beside("bank.pem", &bank.pem());
        file.write_beside("login.pem", &login.pem());
        let app = started_from(&file).await;
        assert_eq!(status(&app).await.0 == 200, expected, "{connection} {definition}");
        if !expected {
            let said = error(&app).await;
            assert!(said.contains("the token endpoint can't be reached") && said.contains("UnknownIssuer"), "{said}");
        }
    }
}
