//! Who may call: the right credentials, given once; what everybody else reads, and what nobody ever reads.

use zato::{
    Context, Raw, Result,
    config::{from_tagged_node, yaml},
    http::Method,
    security::SecurityConfig,
    service, services, testing,
};

use crate::support::{Answer, ConfigFile, assert_answer, cid};

/// Looked for in everything that anybody can read.
const CANARY: &str = "canary-7f3e";

/// `partner:canary-7f3e`
const RIGHT: &str = "Basic cGFydG5lcjpjYW5hcnktN2YzZQ==";

const CONFIG: &str = "
security:
  - {name: Partner login, type: basic_auth, username: partner, password: canary-7f3e, realm: 'the \"bank\"'}
  - {name: Partner key, type: apikey, password: canary-7f3e}
  - {name: Other key, type: apikey, username: other, password: canary-7f3e, header: X-Other}
  - {name: No login, type: basic_auth, username: partner, password: canary-7f3e, is_active: false}
  - {name: No key, type: apikey, password: canary-7f3e, is_active: false}
channel_rest:
  - {name: basic, url_path: /basic, service: caller, security: Partner login}
  - {name: key, url_path: /key, service: caller, security: Partner key}
  - {name: other, url_path: /other, service: caller, security: Other key}
  - {name: no-login, url_path: /no-login, service: caller, security: No login}
  - {name: no-key, url_path: /no-key, service: caller, security: No key}
  - {name: open, url_path: /open, service: caller}
  - {name: zato-open, url_path: /zato-open, service: caller, security: zato-no-security}
";

/// Says who is calling.
#[service(name = "caller")]
async fn caller(ctx: &Context) -> Result<Raw> {
    let text = ctx.caller().map_or_else(|| "nobody".to_owned(), |it| format!("{} by {}", it.username, it.security));
    Ok(Raw::new(text).with_content_type("text/plain"))
}

async fn started() -> (zato::Running, testing::Client) {
    let app = testing::app("credentials")
        .services(services![caller])
        .config_yaml(CONFIG)
        .start()
        .await
        .expect("the app starts");
    let client = testing::client(&app);
    (app, client)
}

fn let_in(number: u64, who: &str) -> Answer {
    Answer::new(200, &cid(number), "text/plain", who)
}

fn refused(number: u64, challenge: &str) -> Answer {
    Answer::problem(401, &cid(number), "credentials are missing or wrong").header("www-authenticate", challenge)
}

type Headers<'a> = &'a [(&'a str, &'a str)];

const BASIC: &str = r#"Basic realm="the \"bank\"", charset="UTF-8""#;

const BAD_LOGINS: [Headers<'_>; 17] = [
    &[],
    &[("Authorization", "")],
    &[("Authorization", "Basic")],
    &[("Authorization", "Basic ")],
    &[("Authorization", "Basic ???")],
    &[("Authorization", "Basic cGFydG5lcjpjYW5hcnktN2YzZQ")],
    &[("Authorization", "cGFydG5lcjpjYW5hcnktN2YzZQ==")],
    &[("Authorization", "Bearer canary-7f3e")],
    &[("Authorization", "Basic cGFydG5lcjp3cm9uZw==")],
    &[("Authorization", "Basic d3Jvbmc6Y2FuYXJ5LTdmM2U=")],
    &[("Authorization", "Basic UEFSVE5FUjpjYW5hcnktN2YzZQ==")],
    &[("Authorization", "Basic cGFydG5lcjpjYW5hcnktN2Yz")],
    &[("Authorization", "Basic cGFydG5lcjpjYW5hcnktN2YzZSA=")],
    &[("Authorization", "Basic cGFydG5lcg==")],
    &[("Authorization", RIGHT), ("Authorization", RIGHT)],
    &[("Authorization", RIGHT), ("Authorization", "Basic cGFydG5lcjp3cm9uZw==")],
    &[("X-API-Key", CANARY)],
];

const BAD_KEYS: [Headers<'_>; 9] = [
    &[],
    &[("X-API-Key", "")],
    &[("X-API-Key", "wrong")],
    &[("X-API-Key", "canary-7f3")],
    &[("X-API-Key", "canary-7f3ee")],
    &[("X-API-Key", "CANARY-7F3E")],
    &[("X-API-Key", CANARY), ("X-API-Key", CANARY)],
    &[("X-Other", CANARY)],
    &[("Authorization", RIGHT)],
];

#[tokio::test]
async fn the_right_credentials_are_let_in() {
    let (_app, client) = started().await;
    let lower = RIGHT.replace("Basic", "basic");
    let good: [(&str, Headers<'_>, &str); 7] = [
        ("/basic", &[("Authorization", RIGHT)], "partner by Partner login"),
        ("/basic", &[("authorization", &lower)], "partner by Partner login"),
        ("/key", &[("X-API-Key", CANARY)], "Partner key by Partner key"),
        ("/key", &[("x-api-key", CANARY), ("Authorization", "nonsense")], "Partner key by Partner key"),
        ("/other", &[("X-Other", CANARY)], "other by Other key"),
        ("/open", &[("X-API-Key", "wrong")], "nobody"),
        ("/zato-open", &[], "nobody"),
    ];
    for (number, (path, headers, who)) in (1..).zip(good) {
        assert_answer(client.send(Method::GET, path, headers, "").await, &let_in(number, who));
    }
}

#[tokio::test]
async fn others_read_the_same_whatever_was_wrong() {
    let (_app, client) = started().await;
    let basic = BAD_LOGINS.map(|headers| ("/basic", headers, BASIC));
    let keys = BAD_KEYS.map(|headers| ("/key", headers, "ApiKey header=\"x-api-key\""));
    let others: [(&str, Headers<'_>, &str); 4] = [
        ("/other", &[("X-API-Key", CANARY)], "ApiKey header=\"x-other\""),
        ("/other", &[("X-Other", "wrong")], "ApiKey header=\"x-other\""),
        ("/no-login", &[("Authorization", RIGHT)], "Basic realm=\"zato\", charset=\"UTF-8\""),
        ("/no-key", &[("X-API-Key", CANARY)], "ApiKey header=\"x-api-key\""),
    ];
    for (number, (path, headers, challenge)) in (1..).zip(basic.into_iter().chain(keys).chain(others)) {
        let reply = client.send(Method::GET, path, headers, "").await;
        assert_answer(reply, &refused(number, challenge));
    }
}

#[tokio::test]
async fn nobody_is_asked_for_a_body_before_being_known() {
    let config = format!("server: {{max_body_size: 4}}{CONFIG}");
    let app = testing::app("credentials").services(services![caller]).config_yaml(config).start().await.unwrap();
    let client = testing::client(&app);
    assert_answer(client.post("/key", "too large").await, &refused(1, "ApiKey header=\"x-api-key\""));
    let reply = client.send(Method::POST, "/key", &[("X-API-Key", CANARY)], "too large").await;
    assert_answer(reply, &Answer::problem(413, &cid(2), "the body is larger than 4 bytes"));
}

#[tokio::test]
async fn a_method_that_is_not_allowed_needs_no_credentials() {
    let config = CONFIG.replace("/basic,", "/basic, method: GET,");
    let app = testing::app("credentials").services(services![caller]).config_yaml(config).start().await.unwrap();
    let reply = testing::client(&app).post("/basic", "").await;
    let expected =
        Answer::problem(405, &cid(1), "the method is not allowed here").header("allow", "GET, HEAD, OPTIONS");
    assert_answer(reply, &expected);
}

#[tokio::test]
async fn a_secret_is_in_no_reply_and_no_log() {
    let logs = testing::capture_logs();
    let (app, client) = started().await;
    let headers = BAD_LOGINS.iter().chain(&BAD_KEYS).copied().chain([
        &[("Authorization", RIGHT)][..],
        &[("X-API-Key", CANARY)],
        &[("X-Other", CANARY)],
    ]);
    for headers in headers {
        for path in ["/basic", "/key", "/other", "/no-login", "/no-key", "/open", "/none", "/zato/ping"] {
            let reply = client.send(Method::POST, path, headers, CANARY).await;
            assert!(!format!("{reply:?}").contains(CANARY), "{reply:?}");
        }
    }
    app.apply_yaml(CONFIG.replace("username: partner", "username: other")).await.unwrap();
    let seen = format!("{app:?} {client:?} {}", logs.text());
    assert!(!seen.contains(CANARY), "{seen}");
    app.stop().await;
    assert!(!logs.text().contains(CANARY));
}

/// Entries of `security` in which the canary stands where it does harm, or where it does not belong.
const BROKEN: [&str; 29] = [
    "{name: A, type: basic_auth, username: a, pasword: canary-7f3e}",
    "{name: A, type: basic_auth, username: a, password: [canary-7f3e]}",
    "{name: A, type: basic_auth, username: a, password: {value: canary-7f3e}}",
    "{name: A, type: basic_auth, username: a, password: canary-7f3e, password: canary-7f3e}",
    "{name: A, type: basic_auth, username: [a], password: canary-7f3e}",
    "{name: A, type: apikey, password: canary-7f3e, header: 'a b'}",
    "{name: A, type: apikey, password: canary-7f3e, is_active: maybe}",
    "{name: A, type: apikee, password: canary-7f3e}",
    "{name: A, password: canary-7f3e}",
    "{type: apikey, password: canary-7f3e}",
    "{name: A, type: apikey, password: \"canary-7f3e}",
    "{name: A, type: apikey, password: \"canary-7f3e\\q\"}",
    "{name: A, type: apikey, password: canary-7f3e${}}",
    "{name: A, type: apikey, password: *canary-7f3e}",
    "{name: A, type: apikey, password: &canary-7f3e}",
    "{name: A, type: apikey, password: !canary-7f3e}",
    "{name: A, type: apikey, password: !!canary-7f3e x}",
    "{name: A, type: apikey, password: @canary-7f3e}",
    "{name: A, type: apikey, password: %canary-7f3e}",
    "{name: A, type: apikey, password: `canary-7f3e}",
    "{name: A, type: apikey, {canary-7f3e: 1}: x}",
    "{name: A, type: bearer_token, password: canary-7f3e}",
    "{name: A, type: bearer_token, token: canary-7f3e, auth_endpoint: 'https://x'}",
    "{name: A, type: bearer_token, tokn: canary-7f3e}",
    "{name: A, type: bearer_token, token: [canary-7f3e]}",
    "{name: A, type: bearer_token, token: t, extra_fields: [canary-7f3e]}",
    "{name: A, type: bearer_token, token: t, extra_fields: canary-7f3e}",
    "{name: A, type: bearer_token, token: t, extra_fields: {a: [canary-7f3e]}}",
    "{name: A, type: bearer_token, auth_endpoint: 'https://us:canary-7f3e@x', username: u, password: p}",
];

#[tokio::test]
async fn a_secret_is_in_no_error_of_a_configuration() {
    let logs = testing::capture_logs();
    let (app, _client) = started().await;
    for entry in BROKEN {
        let text = format!("security:\n  - {entry}\n");
        let error = app.apply_yaml(text.clone()).await.expect_err(entry);
        assert!(!format!("{error} {error:?} {}", error.report()).contains(CANARY), "{entry}: {error}");
        let started = testing::app("broken").config_yaml(text).start().await.expect_err(entry);
        assert!(!format!("{started} {started:?}").contains(CANARY), "{entry}: {started}");
    }
    assert!(!logs.text().contains(CANARY), "{}", logs.text());
}

#[tokio::test]
async fn a_secret_of_the_environment_is_in_no_error_either() {
    let environment = std::collections::BTreeMap::from([("SECRET".to_owned(), CANARY.to_owned())]);
    for text in [
        "security: [{name: A, type: apikey, password: x, is_active: '${SECRET}'}]",
        "security: [{name: A, type: '${SECRET}', password: x}]",
        "server: {max_connections: '${SECRET}'}",
        "server: {error_format: '${SECRET}'}",
        "server: {request_timeout: '${SECRET}'}",
        "server: {max_body_size: '${SECRET}'}",
        "server: {log: {level: '${SECRET}=='}}",
        "channel_rest: [{name: a, url_path: /a, service: caller, method: '${SECRET}'}]",
        "channel_rest: [{name: a, url_path: /a, service: caller, data_format: '${SECRET}'}]",
    ] {
        let app = crate::support::listening_app("broken").environment(environment.clone());
        let error = app.services(services![caller]).config_yaml(text).start().await.expect_err(text);
        assert!(!format!("{error} {error:?}").contains(CANARY), "{text}: {error}");
    }
}

#[tokio::test]
async fn a_secret_comes_from_the_environment_and_changes_live() {
    let file = ConfigFile::new(
        "security: [{name: Key, type: apikey, password: '${PARTNER_KEY}'}]\n\
         channel_rest: [{name: key, url_path: /key, service: caller, security: Key}]\n",
    );
    let environment = std::collections::BTreeMap::from([("PARTNER_KEY".to_owned(), CANARY.to_owned())]);
    let app = testing::app("credentials").services(services![caller]).environment(environment);
    let app = app.config_file(file.path()).start().await.unwrap();
    let client = testing::client(&app);
    let reply = client.send(Method::GET, "/key", &[("X-API-Key", CANARY)], "").await;
    assert_answer(reply, &let_in(1, "Key by Key"));
    file.write(&std::fs::read_to_string(file.path()).unwrap().replace("${PARTNER_KEY}", "another"));
    app.reload().await.unwrap();
    let reply = client.send(Method::GET, "/key", &[("X-API-Key", CANARY)], "").await;
    assert_answer(reply, &refused(2, "ApiKey header=\"x-api-key\""));
    let reply = client.send(Method::GET, "/key", &[("X-API-Key", "another")], "").await;
    assert_answer(reply, &let_in(3, "Key by Key"));
}

#[test]
fn a_definition_does_not_print_its_secret() {
    for text in [
        "{name: A, type: basic_auth, username: a, password: canary-7f3e}",
        "{name: A, type: apikey, password: canary-7f3e}",
        "{name: A, type: bearer_token, token: canary-7f3e}",
        "{name: A, type: bearer_token, auth_endpoint: 'https://x', username: a, client_secret: canary-7f3e}",
        "{name: A, type: bearer_token, token: t, extra_fields: [a=canary-7f3e]}",
    ] {
        let node = yaml::parse("zato.yaml", text).unwrap();
        let config: SecurityConfig = from_tagged_node(&node, "type").unwrap();
        let shown = format!("{config:?} {config:#?}");
        assert!(shown.contains("******") && !shown.contains(CANARY), "{shown}");
    }
}

#[tokio::test]
async fn what_callers_can_not_satisfy_is_refused_with_the_remedy() {
    let text = "
security: [{name: Out, type: bearer_token, token: t}]
server: {admin: {bind: '127.0.0.1:0', security: Out}}
channel_rest:
  - {name: a, url_path: /a, service: caller, security: Out}
";
    let words = "the security definition \"Out\" is a bearer token that we present to others, and those of callers are not \
                 verified yet; name one of the type basic_auth, apikey or mtls";
    let said = |text: String| async move {
        let app = testing::app("credentials").services(services![caller]).config_yaml(text);
        app.start().await.expect_err("it is refused").to_string()
    };
    let expected = |place: &str| format!("the configuration can't be used:\n  configuration:{place}: {words}");
    assert_eq!(said(text.to_owned()).await, expected("3:49"));
    assert_eq!(said(text.replace(", security: Out}}", "}}")).await, expected("5:5"));
}

#[tokio::test]
async fn what_a_token_lacks_is_told_with_its_place() {
    let text = "
security:
  - {name: A, type: bearer_token}
  - {name: B, type: bearer_token, auth_endpoint: 'https://x'}
  - {name: C, type: bearer_token, token: t, username: u}
";
    let app = testing::app("credentials").config_yaml(text).start().await;
    let said = app.expect_err("it is refused").to_string();
    let expected = r#"the configuration can't be used:
  configuration:3:5: "auth_endpoint" of the security definition "A" is missing, where tokens are fetched; or "token", one that somebody gave you
  configuration:4:5: "username" of the security definition "B" is missing, the client id
  configuration:4:5: "password" of the security definition "B" is missing, the client secret
  configuration:5:55: "username" of the security definition "C" has no use beside "token", which is presented as it is; leave one of the two"#;
    assert_eq!(said, expected);
}
