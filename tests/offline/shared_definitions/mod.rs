//! What connections and channels share, by brokers of the tests' own: when it is kept, replaced, closed and faked.

pub(crate) mod broker;

use std::sync::{Arc, atomic::Ordering};

use serde_json::json;
use tokio::{sync::Notify, task::JoinSet};
use zato::{Context, Raw, Result, Running, connection::State, service, services, testing};

use self::broker::{Broker, Out, OutConnector, Queues};
use crate::support::{ConfigFile, until};

/// Does something with a broker once it is told to.
#[service(name = "later")]
async fn later(_ctx: &Context, #[out("Events")] out: Out, #[state] gate: Arc<Gate>) -> Result<Raw> {
    gate.entered.notify_one();
    gate.open.notified().await;
    Ok(Raw::new(out.broker()?.host.clone()))
}

#[derive(Default)]
struct Gate {
    entered: Notify,
    open: Notify,
}

fn app(gate: &Arc<Gate>) -> zato::App {
    let app = testing::app("brokers").definition::<Broker>().connector::<OutConnector>().channel(Queues::default());
    app.services(services![later]).state(Arc::clone(gate))
}

const USERS: &str = "\
outgoing_broker: [{name: Events, definition: main}, {name: Other, definition: other}]
channel_broker: [{name: orders, definition: main, service: later}]
";

fn config(main: &str, other: &str) -> String {
    format!("definition_broker:\n  - {{name: main, {main}}}\n  - {{name: other, {other}}}\n{USERS}")
}

async fn started(yaml: &str) -> Running {
    app(&Arc::default()).real_connections().config_yaml(yaml).start().await.expect("the app starts")
}

fn out(app: &Running, name: &str) -> Arc<Broker> {
    app.out::<Out>(name).expect("it is configured").broker().expect("it is up")
}

fn consumed(app: &Running) -> Arc<Broker> {
    let queues = app.channel::<Queues>().expect("the app has it").now();
    Arc::clone(queues.first().expect("there is one").broker.as_ref().expect("it is active"))
}

fn state(app: &Running, name: &str) -> Arc<State> {
    app.connections().into_iter().find(|status| status.name == name).expect("it is configured").state
}

#[tokio::test]
async fn connections_and_channels_share_one_until_something_about_it_changes() {
    let app = started(&config("host: a", "host: b")).await;
    let (main, other) = (out(&app, "Events"), out(&app, "Other"));
    assert_eq!((main.host.as_str(), other.host.as_str()), ("a", "b"));
    assert!(Arc::ptr_eq(&main, &consumed(&app)));

    // Something else changes: both are kept.
    app.apply_yaml(format!("{}outgoing_loopback: [{{name: Echo}}]", config("host: a", "host: b"))).await.unwrap();
    assert!(Arc::ptr_eq(&main, &out(&app, "Events")) && Arc::ptr_eq(&main, &consumed(&app)));

    // One changes: whoever stands over it is made anew, and nobody else.
    app.apply_yaml(config("host: c", "host: b")).await.unwrap();
    assert_eq!(out(&app, "Events").host, "c");
    assert!(Arc::ptr_eq(&out(&app, "Events"), &consumed(&app)) && Arc::ptr_eq(&other, &out(&app, "Other")));
    until("the old one is closed", || main.is_closed()).await;
    let now = out(&app, "Events");
    assert!(!now.is_closed() && !other.is_closed());
    app.stop().await;
    assert!(now.is_closed() && other.is_closed(), "after the connections, which `close` asserts");
}

#[tokio::test]
async fn another_password_and_another_file_are_changes_of_the_definition() {
    let file = ConfigFile::new("");
    file.write_beside("ca.pem", "1");
    let yaml = |password: &str| {
        let security = format!("security: [{{name: Login, type: basic_auth, username: u, password: {password}}}]\n");
        security + &config("host: a, security: Login", "host: b, file: ca.pem")
    };
    file.write(&yaml("one"));
    let app = app(&Arc::default()).real_connections().config_file(file.path()).start().await.expect("the app starts");
    let (main, other) = (out(&app, "Events"), out(&app, "Other"));
    assert_eq!(other.host, "b1");

    file.replace(&yaml("two"));
    until("the password is another", || !Arc::ptr_eq(&main, &out_or(&app, "Events", &main))).await;
    assert!(Arc::ptr_eq(&other, &out(&app, "Other")));

    file.write_beside("ca.pem", "2");
    until("the file is another", || out_or(&app, "Other", &other).host == "b2").await;
    until("the old ones are closed", || main.is_closed() && other.is_closed()).await;
    // It is watched although it was kept in between.
    file.write_beside("ca.pem", "3");
    until("the file is another again", || out_or(&app, "Other", &other).host == "b3").await;
}

/// The broker of a connection, or another one while it is connected.
fn out_or(app: &Running, name: &str, meanwhile: &Arc<Broker>) -> Arc<Broker> {
    app.out::<Out>(name).expect("it is configured").broker().unwrap_or_else(|_| Arc::clone(meanwhile))
}

#[tokio::test]
async fn a_request_keeps_the_definition_that_it_began_with() {
    let gate = Arc::new(Gate::default());
    let app = app(&gate).real_connections();
    let channel = "channel_rest: [{name: later, url_path: /later, service: later}]";
    let app = app.config_yaml(config("host: a", "host: b") + channel).start().await.expect("the app starts");
    let (main, client) = (out(&app, "Events"), testing::client(&app));
    let mut request = JoinSet::new();
    request.spawn(async move { client.get("/later").await });
    gate.entered.notified().await;
    app.apply_yaml(config("host: c", "host: b") + channel).await.unwrap();
    app.apply_yaml(config("host: d", "host: b") + channel).await.unwrap();
    assert!(!main.is_closed(), "somebody uses it");
    gate.open.notify_one();
    assert_eq!(request.join_next().await.expect("there is one").expect("it was not cut").text(), "a");
    until("the old one is closed", || main.is_closed()).await;
}

#[tokio::test]
async fn whatever_stands_over_an_inactive_one_is_inactive() {
    let app = started(&config("host: a, is_active: false", "host: b")).await;
    assert_eq!((&*state(&app, "Events"), state(&app, "Other").is_up()), (&State::Inactive, true));
    assert_eq!(app.channel::<Queues>().unwrap().now()[0].broker.as_ref().unwrap_err(), &"inactive");
    app.apply_yaml(config("host: a", "host: b")).await.unwrap();
    assert!(state(&app, "Events").is_up());
    let main = consumed(&app);
    app.apply_yaml(config("host: a, is_active: false", "host: b")).await.unwrap();
    assert_eq!(*state(&app, "Events"), State::Inactive);
    until("it is closed", || main.is_closed()).await;
}

#[tokio::test]
async fn what_is_wrong_is_told_with_its_place() {
    let app = started(&config("host: a", "host: b")).await;
    let main = out(&app, "Events");
    for (yaml, told) in [
        (
            config("host: a", "host: b")
                .replace("{name: Events, definition: main}", "{name: Events, definition: mian}"),
            "configuration:4:46: no definition_broker named \"mian\"; did you mean \"main\"? (main, other)",
        ),
        (config("host: ''", "host: b"), "configuration:2:24: a broker has a host"),
        (
            config("host: a, frame_max: 1, hots: b", "host: b"),
            "configuration:2:41: unknown key \"hots\"; did you mean \"host\"? (file, host, is_active, name, security)",
        ),
        (
            config("host: a, security: Nobody", "host: b"),
            "configuration:2:37: no security definition named \"Nobody\"; none is defined",
        ),
        (
            config("host: a", "host: b") + "def_broker: [{name: main, host: c}]",
            "configuration:6:14: \"definition_broker\" has two entries named \"main\"; the first is at configuration:2:5",
        ),
    ] {
        let error = app.apply_yaml(yaml).await.unwrap_err().to_string();
        assert_eq!(error, format!("the configuration can't be used:\n  {told}"));
    }
    assert!(Arc::ptr_eq(&main, &out(&app, "Events")), "nothing has changed");
}

#[tokio::test]
async fn an_app_of_the_test_kit_uses_nothing_but_fakes() {
    let fake = Broker::new("fake");
    let yaml = config("host: '', security: nobody has it", "host: b");
    let app = app(&Arc::default()).config_yaml(yaml).fake_definition("main", Arc::clone(&fake)).start().await.unwrap();
    assert!(Arc::ptr_eq(&fake, &out(&app, "Events")) && Arc::ptr_eq(&fake, &consumed(&app)));
    assert_eq!((fake.links.load(Ordering::SeqCst), &*state(&app, "Other")), (1, &State::Unfaked));
    let over_other = "outgoing_broker: [{name: Events, definition: main}]\n\
                      definition_broker: [{name: other, host: b}]\n\
                      channel_broker: [{name: orders, definition: other, service: later}]";
    app.apply_yaml(over_other).await.expect("a fake need not be configured");
    assert_eq!(app.channel::<Queues>().unwrap().now()[0].broker.as_ref().unwrap_err(), &"unfaked");
    assert!(Arc::ptr_eq(&fake, &out(&app, "Events")) && !fake.is_closed());
    app.stop().await;
    assert!(fake.is_closed());
}

#[tokio::test]
async fn operators_see_links_and_who_stands_over_what() {
    let app = app(&Arc::default()).real_connections();
    let app = app.config_yaml(config("host: a", "host: b, is_active: false")).start().await.expect("the app starts");
    let admin = testing::admin(&app);
    let mut graph = admin.get("/graph").await.json();
    let definitions = graph["definitions"].take();
    let link = json!({"section": "definition_broker", "name": "main", "link": "publishing", "state": "connecting"});
    assert_eq!(
        definitions,
        json!([
            {"section": "definition_broker", "name": "main", "is_active": true, "links": [link], "used_by": [
                {"section": "outgoing_broker", "name": "Events"},
                {"section": "channel_broker", "name": "orders"},
            ]},
            {"section": "definition_broker", "name": "other", "is_active": false, "links": [], "used_by": [
                {"section": "outgoing_broker", "name": "Other"},
            ]},
        ])
    );
    let consumer = json!({"section": "channel_broker", "name": "orders", "state": "connecting"});
    assert_eq!(graph["channels"][0]["links"], json!([consumer]));
    let ready = admin.get("/readyz").await.json();
    assert_eq!(ready, json!({"status": "degraded", "generation": 1, "connections": [link, consumer]}));
    let statuses = app.statuses();
    let told: Vec<_> = statuses.iter().map(|status| (status.section, status.name.as_str(), status.link)).collect();
    assert_eq!(
        told,
        [
            ("outgoing_broker", "Events", None),
            ("outgoing_broker", "Other", None),
            ("definition_broker", "main", Some("publishing")),
            ("channel_broker", "orders", None),
        ]
    );
    let metrics = admin.get("/metrics").await;
    for line in [
        "broker_links{section=\"definition_broker\",name=\"main\"} 1",
        "zato_connection_up{section=\"definition_broker\",name=\"main\",link=\"publishing\"} 0",
        "zato_connection_up{section=\"channel_broker\",name=\"orders\"} 0",
        "zato_connection_failures_total{section=\"definition_broker\",name=\"main\",link=\"publishing\"} 2",
    ] {
        assert!(metrics.text().lines().any(|known| known == line), "{line} in {}", metrics.text());
    }
}
