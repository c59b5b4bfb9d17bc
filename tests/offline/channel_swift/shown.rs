//! What operators see of channels, and what is said of those that can't be used.

use serde_json::json;
use zato::{services, testing};

use super::{Kit, fast, until};

#[tokio::test(start_paused = true)]
async fn channels_are_shown_with_the_connections_and_counted() {
    let kit = Kit::new().await;
    let yaml = "outgoing_swift:
  - {name: Real, auth_url: 'http://swift.test/auth/v1.0', user: 'a:b', key: c}
  - {name: 'Off', is_active: false, auth_url: 'http://swift.test/auth/v1.0', user: 'a:b', key: c}
channel_swift:
  - {name: invoices, connection: Invoices, containers: CRM, service: fast, data_format: raw, interval: 1s}
  - {name: missing, connection: Invoices, containers: [CRM, nowhere], service: fast, data_format: raw, interval: 1s}
  - {name: real, connection: Real, containers: CRM, service: fast, data_format: raw}
  - {name: 'off', connection: 'Off', containers: CRM, service: fast, data_format: raw}
  - {name: idle, is_active: false, connection: Invoices, containers: CRM, service: fast, data_format: raw}";
    let app = kit.started(yaml).await;
    kit.put("a", "1").await;
    kit.settled(2).await;
    let state = |name: &str| {
        let statuses = app.statuses();
        let found = statuses.iter().find(|status| status.section == "channel_swift" && status.name == name);
        found.map(|status| status.state.word()).expect("it is there")
    };
    let states = ["invoices", "missing", "real", "off", "idle"].map(state);
    assert_eq!(states, ["up", "down", "unfaked", "inactive", "inactive"]);
    let admin = testing::admin(&app);
    let ready = admin.get("/readyz").await.json();
    let of_missing = ready["connections"].as_array().expect("a list").iter().find(|entry| entry["name"] == "missing");
    let of_missing = of_missing.unwrap_or_else(|| panic!("{ready}"));
    assert_eq!((&of_missing["section"], &of_missing["state"]), (&json!("channel_swift"), &json!("down")));
    let error = of_missing["error"].as_str().expect("it says why");
    assert!(error.contains("there is no container \"nowhere\""), "{error}");
    let metrics = admin.get("/metrics").await.text().to_owned();
    for line in [
        "zato_channel_messages_total{section=\"channel_swift\",channel=\"invoices\",outcome=\"acked\"} 1\n",
        "zato_channel_messages_in_work{section=\"channel_swift\",channel=\"invoices\"} 0\n",
    ] {
        assert!(metrics.contains(line), "{line} in {metrics}");
    }
    kit.swift.container("nowhere").create().await.expect("it is made");
    until("it is polled", || state("missing") == "up").await;
}

#[tokio::test]
async fn what_is_wrong_with_an_entry_is_told_with_its_key_and_a_remedy() {
    let kit = Kit::new().await;
    for (keys, said) in [
        ("conection: Invoices", "did you mean \"connection\"?"),
        ("connection: Invoice", "no outgoing_swift named \"Invoice\""),
        ("service: fsat", "no service named \"fsat\"; did you mean \"fast\"?"),
        ("containers: []", "there is none to poll; add one"),
        ("containers: CRM/2026", "the name of the container has a slash"),
        ("containers: {a: b}", "expected the name of a container, or a list of them"),
        ("pool_size: 0", "is_active: false switches it off"),
        ("interval: 1ms", "the server would be asked without end; give it a second or two"),
        ("lease: 1s", "others would take over what is in work; give it 30s, or 5s at the least"),
        ("after_success: move", "nobody says where to; add a container"),
        ("move_to: done", "nothing is moved; add after_success: move"),
        ("after_success: archive", "unknown value \"archive\"; known: delete, keep, move"),
        ("after_success: move, move_to: CRM", "a prefix and another move_prefix tell them apart"),
        ("dead_letter: CRM", "the channel polls this container, from where objects would come back for ever"),
        ("state: CRM", "the channel polls this container, and would serve what it remembers"),
        ("on_bad_input: requeue", "choose dead_letter, reject or ack"),
        ("data_format: soap", "SOAP is spoken by channel_soap"),
        ("max_attempts: 0", "a message is tried once at least"),
    ] {
        let key = keys.split(':').next().unwrap_or_default();
        let others = ["connection: Invoices", "containers: CRM", "service: fast"];
        let others = others.into_iter().filter(|other| !other.starts_with(key) && key != "conection");
        let pairs: Vec<_> = others.chain([keys]).collect();
        let yaml = format!("channel_swift: [{{name: a, {}}}]", pairs.join(", "));
        let app = testing::app("bank").services(services![fast]).state(kit.seen.clone());
        let error = app.fake("Invoices", &kit.swift).config_yaml(&yaml).start().await.expect_err(keys);
        let report = error.report().to_string();
        assert!(report.contains(said), "{keys}: {report}");
    }
}
