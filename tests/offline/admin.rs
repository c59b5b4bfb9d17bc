//! The admin listener: what operators can ask an app, and who may.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::{Value, json};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Notify,
};
use zato::{
    Invoke, Raw, Result, Running, UserConfig, http::Method, loopback::Loopback, rest::RestChannels, service, services,
    testing, testing::TestReply,
};

use crate::support::{Answer, ConfigFile, Wire, address, assert_answer, listening_app, until};

/// Gives back what it gets.
///
/// Nothing else.
#[service(name = "echo")]
async fn echo(input: Raw, #[out("Rates")] _rates: Loopback, #[config("pricing")] _pricing: UserConfig) -> Result<Raw> {
    Ok(input)
}

/// Asks the other one.
#[service(name = "ask")]
async fn ask(#[invoke] _other: Invoke<echo>) -> Result<()> {
    Ok(())
}

/// Waits until it is told to go on.
#[service(name = "gate")]
async fn gate(#[state] open: Arc<Notify>) -> Result<()> {
    open.notified().await;
    Ok(())
}

const CONFIG: &str = "
security: [{name: Operators, type: basic_auth, username: ops, password: canary-1}]
channel_rest:
  - {name: echo, url_path: /echo, service: echo, security: Operators}
  - {name: gate, url_path: /gate, service: gate, is_active: false}
outgoing_loopback:
  - {name: Rates}
  - {name: Down, refuse: closed on Sundays}
";

fn app() -> zato::App {
    testing::app("admin").services(services![echo, ask, gate]).state(Arc::new(Notify::new()))
}

async fn started() -> (Running, testing::Client) {
    let app = app().config_yaml(CONFIG).start().await.expect("the app starts");
    let client = testing::admin(&app);
    (app, client)
}

fn admin_address(app: &Running) -> Option<String> {
    let address = app.channel::<RestChannels>().and_then(RestChannels::admin_address)?;
    Some(address.strip_prefix("http://").expect("an http address").to_owned())
}

/// A page as a value, which nobody may keep.
fn page(reply: &TestReply) -> (u16, Value) {
    assert_eq!((reply.header("content-type"), reply.header("cache-control")), ("application/json", "no-store"));
    assert!(!reply.header("x-zato-cid").is_empty());
    (reply.status.as_u16(), reply.json())
}

#[tokio::test]
async fn every_page_is_listed_and_answers() {
    let (_app, client) = started().await;
    let (status, pages) = page(&client.get("/").await);
    let pages: Vec<&str> = pages.as_object().expect("pages by their paths").keys().map(String::as_str).collect();
    assert_eq!((status, pages), (200, ["/", "/config", "/graph", "/livez", "/metrics", "/readyz"].to_vec()));
    assert_eq!(page(&client.get("/livez").await), (200, json!({"status": "live"})));
    let kept = [("x-zato-cid", "kept")];
    let nothing = Answer::problem(404, "kept", "no channel answers this path");
    assert_answer(client.send(Method::GET, "/other", &kept, "").await, &nothing);
    let refused = Answer::problem(405, "kept", "the method is not allowed here").header("allow", "GET, HEAD, OPTIONS");
    assert_answer(client.send(Method::POST, "/config", &kept, "").await, &refused);
    let head = client.send(Method::HEAD, "/metrics", &[], "").await;
    assert_eq!((head.status.as_u16(), head.text()), (200, ""));
}

#[tokio::test]
async fn a_connection_that_is_down_is_told_and_makes_nobody_leave() {
    let (app, client) = started().await;
    let (status, ready) = page(&client.get("/readyz").await);
    let down = &ready["connections"][0];
    assert!(down["attempts"].as_u64() >= Some(1), "{ready}");
    let expected = json!({"section": "outgoing_loopback", "name": "Down", "state": "down", "attempts": down["attempts"],
        "since": "2026-01-01T00:00:00Z", "error": "closed on Sundays"});
    assert_eq!((status, ready), (200, json!({"status": "degraded", "generation": 1, "connections": [expected]})));
    app.apply_yaml(CONFIG.replace(", refuse: closed on Sundays", "")).await.expect("it is applied");
    let ready = json!({"status": "ready", "generation": 2, "connections": []});
    assert_eq!(page(&client.get("/readyz").await), (200, ready));
}

#[tokio::test]
async fn a_stop_is_told_until_the_last_request_has_ended() {
    let open = Arc::new(Notify::new());
    let config = "server: {bind: '127.0.0.1:0', admin: {bind: '127.0.0.1:0'}}\nchannel_rest: [{name: gate, url_path: /gate, service: gate}]";
    let app = listening_app("admin").services(services![gate]).state(Arc::clone(&open)).config_yaml(config);
    let app = app.start().await.expect("the app starts");
    let (public, admin) = (address(&app), admin_address(&app).expect("an admin listener"));
    let mut request = Wire::to_address(&public).await;
    request.send("GET /gate HTTP/1.1\r\nHost: a\r\n\r\n").await;
    until("the request is in work", || app.statistics()[0].in_flight == 1).await;
    let mut operator = Wire::to_address(&admin).await;
    assert_eq!(operator.get("/readyz").await.status, 200);
    let asking = async {
        let mut answer = operator.get("/readyz").await;
        while answer.status == 200 {
            answer = operator.get("/readyz").await;
        }
        let told: Value = serde_json::from_str(&answer.body).expect("JSON");
        let expected =
            json!({"status": "stopping", "since": "2026-01-01T00:00:00Z", "generation": 1, "connections": []});
        assert_eq!((answer.status, told), (503, expected));
        until("nobody is let in", || std::net::TcpStream::connect(&public).is_err()).await;
        // Others are let in here still, and the process lives.
        let mut second = Wire::to_address(&admin).await;
        assert_eq!((second.get("/livez").await.status, second.get("/metrics").await.status), (200, 200));
        open.notify_one();
        assert_eq!(request.answer().await.status, 204);
    };
    let (cut, ()) = tokio::join!(app.stop(), asking);
    assert_eq!(cut, [""; 0]);
    assert!(TcpStream::connect(&admin).await.is_err(), "it is gone with the app");
}

#[tokio::test]
async fn the_configuration_is_shown_without_its_secrets() {
    let file = ConfigFile::new(
        "server: {bind: '127.0.0.1:0', request_timeout: 5s, admin: {is_active: false, security: Operators}}
security:
  - {name: Operators, type: basic_auth, username: ops, password: canary-1}
  - {name: Partner, type: apikey, password: '${KEY}', header: X-Key}
  - {name: Plain, type: apikey, password: 4711}
  - {name: Out, type: oauth, auth_server_url: 'https://x/y', client_id: us, client_secret: canary-5, extra_fields: [a=canary-6]}
  - {name: Given, type: bearer_token, token: canary-7, extra_fields: {a: canary-8}}
outgoing_loopback: [{name: Rates, reply: '1.25'}, {name: From outside, reply: '${REPLY}'}]
",
    );
    file.write_beside("user-conf/pricing.yaml", "daily: canary-2");
    let environment = BTreeMap::from(
        [("KEY", "canary-3"), ("REPLY", "canary-4")].map(|(name, value)| (name.to_owned(), value.to_owned())),
    );
    let app = app().config_file(file.path()).environment(environment).start().await.expect("the app starts");
    let authorization = [("authorization", "Basic b3BzOmNhbmFyeS0x")];
    let reply = testing::admin(&app).send(Method::GET, "/config", &authorization, "").await;
    assert!(!reply.text().contains("canary") && !reply.text().contains("4711"), "{}", reply.text());
    let expected = json!({
        "app": "admin",
        "generation": 1,
        "applied": "2026-01-01T00:00:00+00:00",
        "sections": {
            "server": {"bind": "127.0.0.1:0", "request_timeout": "5s", "admin": {"is_active": false, "security": "Operators"}},
            "security": [
                {"name": "Operators", "type": "basic_auth", "username": "ops", "password": "******"},
                {"name": "Partner", "type": "apikey", "password": "******", "header": "X-Key"},
                {"name": "Plain", "type": "apikey", "password": "******"},
                // A key that goes by another name than ours might be one for a secret.
                {"name": "Out", "type": "oauth", "auth_server_url": "******", "client_id": "******",
                 "client_secret": "******", "extra_fields": ["******"]},
                {"name": "Given", "type": "bearer_token", "token": "******", "extra_fields": {"a": "******"}},
            ],
            "outgoing_loopback": [{"name": "Rates", "reply": "1.25"}, {"name": "From outside", "reply": "******"}],
        },
        "user_config": ["pricing"],
    });
    assert_eq!(page(&reply), (200, expected));
}

#[tokio::test]
async fn the_graph_says_who_uses_whom() {
    let (_app, client) = started().await;
    let (status, mut graph) = page(&client.get("/graph").await);
    for service in graph["services"].as_array_mut().expect("a list") {
        let written_at = service["written_at"].take();
        assert!(written_at.as_str().is_some_and(|place| place.contains("admin.rs:")), "{written_at}");
    }
    for connection in graph["connections"].as_array_mut().expect("a list") {
        connection
            .as_object_mut()
            .expect("a map")
            .retain(|key, _| !["since", "attempts", "error"].contains(&key.as_str()));
    }
    let expected = json!({
        "generation": 1,
        "services": [
            {"name": "echo", "docs": "Gives back what it gets.", "input": "raw", "output": "raw", "written_at": null,
             "channels": [{"section": "channel_rest", "name": "echo"}],
             "needs": [
                {"kind": "connection", "section": "outgoing_loopback", "name": "Rates"},
                {"kind": "user_config", "name": "pricing"},
             ]},
            {"name": "ask", "docs": "Asks the other one.", "input": "nothing", "output": "nothing", "written_at": null,
             "channels": [], "needs": [{"kind": "service", "name": "echo"}]},
            {"name": "gate", "docs": "Waits until it is told to go on.", "input": "nothing", "output": "nothing", "written_at": null,
             "channels": [{"section": "channel_rest", "name": "gate"}],
             "needs": [{"kind": "state", "name": "alloc::sync::Arc<tokio::sync::notify::Notify>"}]},
        ],
        "channels": [
            {"section": "channel_rest", "name": "echo", "service": "echo", "security": "Operators", "is_active": true},
            {"section": "channel_rest", "name": "gate", "service": "gate", "security": null, "is_active": false},
        ],
        "connections": [
            {"section": "outgoing_loopback", "name": "Down", "state": "down", "used_by": []},
            {"section": "outgoing_loopback", "name": "Rates", "state": "up", "used_by": ["echo"]},
        ],
        "definitions": [],
    });
    assert_eq!((status, graph), (200, expected));
}

#[tokio::test]
async fn an_app_of_the_test_kit_opens_no_socket() {
    let taken = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = taken.local_addr().expect("it has an address");
    let yaml = format!("server: {{admin: {{bind: '{address}'}}}}");
    let app = testing::app("admin").config_yaml(yaml).start().await.expect("it starts");
    assert_eq!(app.channel::<RestChannels>().and_then(RestChannels::admin_address), None);
    assert_eq!(testing::admin(&app).get("/livez").await.status, 200);
}

#[tokio::test]
async fn the_listener_follows_the_configuration() {
    let bound = |admin: &str| format!("server: {{bind: '127.0.0.1:0'{admin}}}");
    let app = listening_app("admin").config_yaml(bound("")).start().await.expect("the app starts");
    assert_eq!(admin_address(&app), None);
    let public = address(&app);
    for path in ["/livez", "/readyz", "/metrics", "/config", "/graph", "/"] {
        assert_eq!(Wire::to_address(&public).await.get(path).await.status, 404, "{path} is not for callers");
    }

    app.apply_yaml(bound(", admin: {bind: '127.0.0.1:0'}")).await.expect("it is applied");
    let first = admin_address(&app).expect("an admin listener");
    assert_eq!(Wire::to_address(&first).await.get("/livez").await.status, 200);
    app.apply_yaml(bound(", request_timeout: 1s, admin: {bind: '127.0.0.1:0'}")).await.expect("it is applied");
    assert_eq!(admin_address(&app).as_ref(), Some(&first), "it stays where it is");

    app.apply_yaml(bound(", admin: {bind: 'localhost:0'}")).await.expect("it is applied");
    let second = admin_address(&app).expect("an admin listener");
    assert_ne!(first, second);
    until("the first one is gone", || std::net::TcpStream::connect(&first).is_err()).await;

    let same = second.replace("127.0.0.1", "localhost");
    if same != second {
        app.apply_yaml(bound(&format!(", admin: {{bind: '{same}'}}"))).await.expect("it is applied");
        assert_eq!(admin_address(&app).as_ref(), Some(&second), "the same in other words");
    }

    app.apply_yaml(bound(", admin: {is_active: false}")).await.expect("it is applied");
    assert_eq!(admin_address(&app), None);
    until("the second one is gone", || std::net::TcpStream::connect(&second).is_err()).await;
}

#[tokio::test]
async fn who_may_ask_can_be_said() {
    let config = format!("{CONFIG}\nserver: {{admin: {{is_active: false, security: Operators}}}}");
    let app = app().config_yaml(config).start().await.expect("the app starts");
    let client = testing::admin(&app);
    for path in ["/", "/metrics", "/config", "/graph"] {
        let refused = client.get(path).await;
        let challenge = refused.header("www-authenticate");
        assert_eq!((refused.status.as_u16(), challenge), (401, "Basic realm=\"zato\", charset=\"UTF-8\""));
        let authorization = [("authorization", "Basic b3BzOmNhbmFyeS0x")];
        assert_eq!(client.send(Method::GET, path, &authorization, "").await.status, 200, "{path}");
    }
    assert_eq!(page(&client.get("/livez").await), (200, json!({"status": "live"})), "a probe has no password");
    let ready = json!({"status": "degraded", "generation": 1, "connections": 1});
    assert_eq!(page(&client.get("/readyz").await), (200, ready), "nor does it learn names");
}

#[tokio::test]
async fn a_listener_that_can_not_be_is_refused_with_its_place() {
    let taken = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let taken = taken.local_addr().expect("an address");
    for (server, said) in [
        (
            "bind: '127.0.0.1:1', admin: {bind: '127.0.0.1:1'}".to_owned(),
            "configuration:1:45: the admin listener and the channels can't both listen on \"127.0.0.1:1\"",
        ),
        (
            "admin: {security: Operator}".to_owned(),
            "configuration:1:28: no security definition named \"Operator\"; did you mean \"Operators\"?",
        ),
        (
            format!("admin: {{bind: '{taken}'}}"),
            "stop what listens there, or choose another server.admin.bind, such as 127.0.0.1:17011",
        ),
        (
            "admin: {security: Cards}".to_owned(),
            "configuration:1:28: the admin listener speaks no TLS, so that nobody can present the certificate that \"Cards\" \
             wants; name a definition of another type",
        ),
        ("admin: {bind: somewhere}".to_owned(), "the admin listener can't listen on \"somewhere\": "),
        ("admin: {port: 1}".to_owned(), "configuration:1:18: unknown key \"port\""),
    ] {
        let security = "security: [{name: Operators, type: basic_auth, username: ops, password: canary-1},\n  \
                        {name: Cards, type: mtls, client_cert_common_name: operator}]";
        let config = CONFIG
            .replace("security: [{name: Operators, type: basic_auth, username: ops, password: canary-1}]", security);
        // Nested in another server, an app has its admin listener all the same.
        let app = app().channel(RestChannels::nested()).config_yaml(format!("server: {{{server}}}\n{config}"));
        let refused = app.start().await;
        let refused = refused.expect_err(&server).to_string();
        assert!(refused.contains(said), "{refused}");
    }
}
