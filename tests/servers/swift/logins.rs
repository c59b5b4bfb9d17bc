//! Logging in: at Swift and at Keystone, with TLS and without, and what becomes of tokens.

use std::time::Duration;

use tokio::task::JoinSet;
use zato::swift::{Listed, SwiftError, SwiftErrorKind};

use super::{app, config, login, started, state};
use crate::lent::{Keystone, Swift as Server, until};

#[tokio::test]
async fn tls_is_spoken_and_the_certificate_is_checked() {
    let Some(server) = Server::shared("swift::tls_is_spoken_and_the_certificate_is_checked").await else { return };
    let user = format!("    user: '{}'\n    key: '{}'\n", server.user(), server.key());
    let keys = format!("    auth_url: '{}'\n{user}", server.tls_auth_url());
    let (authority, name) = (server.authority().display(), server.container("tls"));
    for trust in [
        format!("    tls: {{ca: '{authority}'}}\n"),
        format!("    cacert: '{authority}'\n"),
        "    should_validate_cert: false\n".to_owned(),
    ] {
        let (_app, swift) = started(&format!("{keys}{trust}")).await;
        swift.container(&name).create().await.expect("it is up");
        swift.object(&name, "a").put("over TLS").await.expect("it is up");
        assert_eq!(swift.object(&name, "a").get().text().await.expect("it is there"), "over TLS");
    }
    let app = app("swift").config_yaml(config(&keys)).start().await.expect("it starts");
    // The authority is trusted by nobody who was not told so.
    until("it says why", async || state(&app).to_string().contains("ertificate").then_some(())).await;
}

#[tokio::test]
async fn who_has_the_wrong_key_is_told_so() {
    let Some(server) = Server::shared("swift::who_has_the_wrong_key_is_told_so").await else { return };
    let keys = login(&server).replace(server.key(), "wrong");
    let app = app("swift").config_yaml(config(&keys)).start().await.expect("it starts");
    until("it says why", async || state(&app).to_string().contains("does not accept who asks").then_some(())).await;
}

/// Swift's own users have tokens of a limited life.
#[tokio::test]
async fn tokens_that_end_are_noticed_by_nobody() {
    let test = "swift::tokens_that_end_are_noticed_by_nobody";
    let Some(server) = Server::told(&["--token-life", "5"], test).await else { return };
    let (_app, swift) = started(&login(&server)).await;
    swift.container("a").create().await.expect("it is up");
    let end = tokio::time::Instant::now() + Duration::from_secs(12);
    let mut number = 0;
    while tokio::time::Instant::now() < end {
        number += 1;
        swift.object("a", &number.to_string()).put("1").await.expect("a token that has ended is renewed");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let listed = swift.container("a").objects().collect().await.expect("it is up");
    assert_eq!(listed.len(), number);
}

#[tokio::test]
async fn tokens_that_are_revoked_are_noticed_by_nobody() {
    let Some(server) = Server::own("swift::tokens_that_are_revoked_are_noticed_by_nobody").await else { return };
    let (_app, swift) = started(&login(&server)).await;
    swift.container("a").create().await.expect("it is up");
    server.flush_tokens().await;
    let mut puts = JoinSet::new();
    for number in 0..20 {
        let swift = swift.clone();
        puts.spawn(async move { swift.object("a", &number.to_string()).put("1").await });
    }
    while let Some(put) = puts.join_next().await {
        put.expect("no panic").expect("the token is renewed");
    }
    assert_eq!(swift.container("a").objects().collect().await.expect("it is up").len(), 20);
}

#[tokio::test]
async fn keystone_says_where_the_account_is_by_region_and_interface() {
    let test = "swift::keystone_says_where_the_account_is_by_region_and_interface";
    let Some(keystone) = Keystone::shared(test).await else { return };
    let common = format!("    auth_version: 3\n    auth_url: '{}'\n", keystone.auth_url());
    let password = format!("{common}    user: '{}'\n    key: '{}'\n", keystone.user(), keystone.key());
    let named = format!("{password}    tenant_name: '{}'\n", keystone.project());
    let by_id = format!("{password}    project_id: '{}'\n", keystone.project_id());
    let (id, secret) = keystone.application_credential();
    let application =
        format!("{common}    application_credential_id: '{id}'\n    application_credential_secret: '{secret}'\n");
    let one = format!("    region: '{}'\n", keystone.region());
    let internal =
        format!("    custom_options: 'region_name={}\n\n      endpoint_type=internalURL'\n", keystone.region());
    let two =
        format!("    region: '{}'\n    tls: {{ca: '{}'}}\n", keystone.tls_region(), keystone.authority().display());
    let container = keystone.container("files");
    for keys in [
        format!("{named}{one}"),
        format!("{by_id}{one}"),
        format!("{application}{one}"),
        format!("{named}{internal}"),
        format!("{named}{two}"),
    ] {
        let (_app, swift) = started(&keys).await;
        swift.container(&container).create().await.expect("it is up");
        swift.object(&container, "a").put(keys.clone()).await.expect("it is up");
        assert_eq!(swift.object(&container, "a").get().text().await.expect("it is there"), keys);
    }
    for (keys, words) in [
        (format!("{named}    region: Nowhere\n"), "the catalogue has no region \"Nowhere\""),
        (named.clone(), "name one with \"region\""),
        (named.replace(keystone.key(), "wrong") + &one, "does not accept who asks"),
        (format!("{password}    tenant_name: nobody\n{one}"), "does not accept who asks"),
    ] {
        let app = app("swift").config_yaml(config(&keys)).start().await.expect("it starts");
        until("it says why", async || state(&app).to_string().contains(words).then_some(())).await;
    }
}

#[tokio::test]
async fn what_a_user_may_not_do_is_told_as_such() {
    let Some(server) = Server::shared("swift::what_a_user_may_not_do_is_told_as_such").await else { return };
    let (_app, swift) = started(&login(&server)).await;
    let container = server.container("rights");
    swift.container(&container).create().await.expect("it is up");
    let listed = swift.container(&container).objects().collect().await.expect("it is there");
    assert_eq!(listed, Vec::<Listed>::new());
    // Another account's, by its address.
    let other = server.storage_url().replace("AUTH_test", "AUTH_admin");
    let keys = format!("{}    storage_url: '{other}'\n", login(&server));
    let app = app("swift").config_yaml(config(&keys)).start().await.expect("it starts");
    until("it is up", async || state(&app).is_up().then_some(())).await;
    let others: zato::swift::Swift = app.out("main").expect("it is configured");
    let error = others.account().await.expect_err("it is another one's");
    assert_eq!(error.find::<SwiftError>().map(SwiftError::kind), Some(SwiftErrorKind::NotAllowed));
    let error = swift.object(&container, "none").get().bytes().await.expect_err("there is none");
    assert_eq!(error.find::<SwiftError>().map(SwiftError::kind), Some(SwiftErrorKind::NotFound));
}
